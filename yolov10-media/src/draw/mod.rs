//! Detections as people see them: each with a box, a name and a score, in the colour of its class.
//!
//! Boxes come first, and labels go on top of them all, each where it covers no other label, if there is such a place.

mod palette;
mod text;

use image::{Rgb, RgbImage};
use yolov10_model::{Detection, Rect};

use crate::error::Error;
use palette::{class_color, ink_on};
pub use text::FONT;
use text::Lettering;

/// A line is this share of the picture's mean side, and no thinner than two pixels: as in the reference.
const LINE_SHARE: f32 = 0.003;
const THINNEST_LINE: u32 = 2;
/// Letters are this many lines high,
const LETTER_LINES: f32 = 8.0;
/// but take no more than this share of a small picture's height,
const LETTER_SHARE: f32 = 1.0 / 16.0;
/// and are never smaller than this, in pixels.
const SMALLEST_LETTER: f32 = 8.0;
/// Space around a label's text, as a share of the letters' height.
const PADDING: f32 = 0.15;

/// What a label says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Label {
    /// No label.
    Nothing,
    /// The class.
    Name,
    /// The class and the score.
    #[default]
    NameAndScore,
}

/// How detections are drawn.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// Width of lines in pixels; by the picture's size if `None`.
    pub line_width: Option<u32>,
    /// What labels say.
    pub label: Label,
}

/// Draws detections into pictures.
#[derive(Clone)]
pub struct Artist {
    style: Style,
    class_names: Vec<String>,
    lettering: Lettering,
}

/// Whole pixels from `left`, `top` up to but not including `right`, `bottom`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Area {
    left: i64,
    top: i64,
    right: i64,
    bottom: i64,
}

impl Artist {
    /// An artist for detections of these classes.
    pub fn new(style: Style, class_names: &[String]) -> Self {
        Self { style, class_names: class_names.to_vec(), lettering: Lettering::new() }
    }

    /// The same with the letters of a font file, TrueType or OpenType.
    ///
    /// # Errors
    /// It is not such a file.
    pub fn with_font(self, file: Vec<u8>) -> Result<Self, Error> {
        Ok(Self { lettering: Lettering::of(file).map_err(|_| Error::NotAFont)?, ..self })
    }

    /// The classes whose names have a character that the font lacks: name and character.
    pub fn missing_letters(&self) -> impl Iterator<Item = (&str, char)> {
        self.class_names.iter().filter_map(|name| Some((name.as_str(), self.lettering.missing(name)?)))
    }

    /// Draws `detections`, which are best first; the best are on top. A class without a name is labelled with its number.
    pub fn draw(&self, picture: &mut RgbImage, detections: &[Detection]) {
        let line = i64::from(self.line_width(picture));
        for detection in detections.iter().rev() {
            draw_box(picture, outline(picture, &detection.rect, line), line, class_color(detection.class));
        }
        if self.style.label == Label::Nothing {
            return;
        }
        // The best choose their places first, and are drawn last.
        let mut labels: Vec<Placed> = Vec::with_capacity(detections.len());
        for detection in detections {
            let label = self.place(picture, detection, &labels);
            labels.push(label);
        }
        for Placed { text, letters, area, color } in labels.iter().rev() {
            fill(picture, *area, *color);
            let corner = [area.left + padding(*letters), area.top + padding(*letters) / 2];
            self.lettering.write(picture, text, *letters, corner, ink_on(*color));
        }
    }

    /// A label on top of its box, or where it covers no other label: inside, below, or inside at the bottom; always within
    /// the picture. If all places are taken, where it covers the least.
    fn place(&self, picture: &RgbImage, detection: &Detection, others: &[Placed]) -> Placed {
        let name = self.class_names.get(detection.class).map_or_else(|| detection.class.to_string(), String::clone);
        let text = match self.style.label {
            Label::NameAndScore => format!("{name} {:.2}", detection.score),
            Label::Name | Label::Nothing => name,
        };
        let line = i64::from(self.line_width(picture));
        let outline = outline(picture, &detection.rect, line);
        let (width, height) = picture.dimensions();
        let largest = (height as f32 * LETTER_SHARE).max(SMALLEST_LETTER);
        let wanted = (line as f32 * LETTER_LINES).min(largest);
        let spare = width as f32 - 2.0 * PADDING * wanted;
        let fitting = wanted * spare / self.lettering.width(&text, wanted);
        let letters = wanted.min(fitting.max(SMALLEST_LETTER));
        let label_width = self.lettering.width(&text, letters).ceil() as i64 + 2 * padding(letters);
        let label_height = self.lettering.height(letters).ceil() as i64 + padding(letters);
        let at = |left: i64, top: i64| {
            let left = left.min(i64::from(width) - label_width).max(0);
            let top = top.min(i64::from(height) - label_height).max(0);
            Area { left, top, right: left + label_width, bottom: top + label_height }
        };
        let (above, below) = (outline.top - label_height, outline.bottom);
        let has_room = |top: i64| (0..=i64::from(height) - label_height).contains(&top);
        let tops = [above, outline.top, below, outline.bottom - label_height];
        let places = tops.into_iter().filter(|top| has_room(*top)).map(|top| at(outline.left, top));
        let covered = |place: &Area| others.iter().map(|other| place.overlap(&other.area)).sum::<i64>();
        let area = places.min_by_key(covered).unwrap_or_else(|| at(outline.left, outline.top));
        Placed { text, letters, area, color: class_color(detection.class) }
    }

    fn line_width(&self, picture: &RgbImage) -> u32 {
        let mean_side = (picture.width() + picture.height()) as f32 / 2.0;
        self.style.line_width.unwrap_or(((mean_side * LINE_SHARE).round() as u32).max(THINNEST_LINE))
    }
}

/// A label and where it goes.
struct Placed {
    text: String,
    /// Height of its letters.
    letters: f32,
    area: Area,
    color: Rgb<u8>,
}

impl Area {
    /// How many pixels both cover.
    fn overlap(&self, other: &Self) -> i64 {
        let columns = (self.right.min(other.right) - self.left.max(other.left)).max(0);
        let rows = (self.bottom.min(other.bottom) - self.top.max(other.top)).max(0);
        columns * rows
    }
}

/// Space around the text of a label, in pixels.
fn padding(letters: f32) -> i64 {
    (letters * PADDING).round() as i64
}

fn draw_box(picture: &mut RgbImage, outline: Area, line: i64, color: Rgb<u8>) {
    let Area { left, top, right, bottom } = outline;
    for side in [
        Area { bottom: top + line, ..outline },
        Area { top: bottom - line, ..outline },
        Area { right: left + line, ..outline },
        Area { left: right - line, ..outline },
    ] {
        fill(picture, side, color);
    }
}

/// The outer edge of a box's line, whose middle runs along the box; moved inside the picture.
fn outline(picture: &RgbImage, rect: &Rect, line: i64) -> Area {
    let (width, height) = (i64::from(picture.width()), i64::from(picture.height()));
    let low = |edge: f32| (edge.round() as i64 - line / 2).max(0);
    let high = |edge: f32, length: i64| (edge.round() as i64 + line - line / 2).min(length);
    Area { left: low(rect.x1), top: low(rect.y1), right: high(rect.x2, width), bottom: high(rect.y2, height) }
}

/// Colours the part of `area` that is within the picture.
fn fill(picture: &mut RgbImage, area: Area, color: Rgb<u8>) {
    let inside = |edge: i64, length: u32| edge.clamp(0, i64::from(length)) as u32;
    let (width, height) = picture.dimensions();
    let columns =
        3 * inside(area.left, width) as usize..3 * inside(area.right, width).max(inside(area.left, width)) as usize;
    let rows = inside(area.top, height) as usize..inside(area.bottom, height) as usize;
    for row in picture.chunks_exact_mut(3 * width as usize).take(rows.end).skip(rows.start) {
        row[columns.clone()].as_chunks_mut().0.fill(color.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREY: Rgb<u8> = Rgb([128; 3]);

    fn drawn(size: [u32; 2], rect: Rect, label: Label) -> RgbImage {
        let names = ["traffic light".to_owned()];
        let mut picture = RgbImage::from_pixel(size[0], size[1], GREY);
        let style = Style { line_width: None, label };
        Artist::new(style, &names).draw(&mut picture, &[Detection { class: 0, score: 0.5, rect }]);
        picture
    }

    #[test]
    fn the_line_runs_along_the_box() {
        let rect = Rect { x1: 20.0, y1: 30.0, x2: 60.0, y2: 80.0 };
        let picture = drawn([100, 100], rect, Label::Nothing);
        let color = class_color(0);
        for y in 0..100 {
            for x in 0..100 {
                let within = |low, high, value| (low..high).contains(&value);
                let is_line = within(19, 61, x) && within(29, 81, y) && !(within(21, 59, x) && within(31, 79, y));
                assert_eq!(*picture.get_pixel(x, y) == color, is_line, "at {x}, {y}");
            }
        }
    }

    #[test]
    fn a_label_lies_within_the_picture_wherever_the_box_is() {
        for (x, y) in [(-9.0, -9.0), (90.0, -9.0), (-9.0, 90.0), (90.0, 90.0), (40.0, 40.0)] {
            for size in [[64, 48], [640, 480], [100, 100]] {
                let rect = Rect { x1: x, y1: y, x2: x + 20.0, y2: y + 20.0 };
                let [bare, labelled] = [Label::Nothing, Label::NameAndScore].map(|label| drawn(size, rect, label));
                let inked = bare.pixels().zip(labelled.pixels()).filter(|(bare, labelled)| bare != labelled).count();
                // The letters of "traffic light 0.50" alone cover more than half of 60 times 9 pixels at the least.
                assert!(inked > 300, "{inked} pixels of a label at {x}, {y} in {size:?}");
            }
        }
    }

    #[test]
    fn labels_do_not_cover_each_other_where_there_is_room() {
        let names = ["traffic light".to_owned()];
        let artist = Artist::new(Style::default(), &names);
        let picture = RgbImage::from_pixel(640, 480, GREY);
        let rect = Rect { x1: 200.0, y1: 200.0, x2: 400.0, y2: 300.0 };
        let mut placed: Vec<Placed> = Vec::new();
        for score in [0.9, 0.8, 0.7, 0.6] {
            let label = artist.place(&picture, &Detection { class: 0, score, rect }, &placed);
            assert!(placed.iter().all(|other| label.area.overlap(&other.area) == 0), "{score}");
            placed.push(label);
        }
        assert_eq!(placed[0].area.bottom, 199, "the best one has its place on top of the box");
    }

    #[test]
    fn a_label_lies_on_top_of_every_box() {
        let names = ["a".to_owned()];
        let artist = Artist::new(Style::default(), &names);
        let detections = [
            Detection { class: 0, score: 0.9, rect: Rect { x1: 10.0, y1: 10.0, x2: 90.0, y2: 60.0 } },
            Detection { class: 0, score: 0.5, rect: Rect { x1: 20.0, y1: 70.0, x2: 90.0, y2: 95.0 } },
        ];
        let mut picture = RgbImage::from_pixel(100, 100, GREY);
        let second = artist.place(&picture, &detections[1], &[artist.place(&picture, &detections[0], &[])]);
        artist.draw(&mut picture, &detections);
        // The second label lies on the first box's lower line, and is complete nevertheless.
        let Area { left, bottom, .. } = second.area;
        assert_eq!(*picture.get_pixel(left as u32, bottom as u32 - 1), class_color(0));
        let mut alone = RgbImage::from_pixel(100, 100, GREY);
        artist.draw(&mut alone, &detections[1..]);
        let of_label = |picture: &RgbImage| {
            let Area { left, top, right, bottom } = second.area;
            let pixels = (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y)));
            pixels.map(|(x, y)| *picture.get_pixel(x as u32, y as u32)).collect::<Vec<_>>()
        };
        assert_eq!(of_label(&picture), of_label(&alone));
    }

    #[test]
    fn names_that_the_font_can_not_write_are_told() {
        let names = ["person", "人", "caf\u{e9}", "\u{1f600}"].map(str::to_owned);
        let artist = Artist::new(Style::default(), &names);
        assert_eq!(artist.missing_letters().collect::<Vec<_>>(), [("人", '人'), ("\u{1f600}", '\u{1f600}')]);
        assert!(artist.clone().with_font(b"no font".to_vec()).is_err());
        assert!(artist.with_font(FONT.to_vec()).is_ok());
    }

    #[test]
    fn a_class_without_a_name_is_labelled_with_its_number() {
        let detection = Detection { class: 7, score: 0.5, rect: Rect { x1: 10.0, y1: 40.0, x2: 60.0, y2: 80.0 } };
        let picture = RgbImage::from_pixel(100, 100, GREY);
        let label = Artist::new(Style::default(), &[]).place(&picture, &detection, &[]);
        assert_eq!(label.text, "7 0.50");
    }

    #[test]
    fn a_box_outside_and_a_picture_of_one_pixel_do_no_harm() {
        let outside = Rect { x1: -50.0, y1: -50.0, x2: -10.0, y2: -10.0 };
        drawn([1, 1], outside, Label::NameAndScore);
        drawn([1, 5000], Rect { x1: 0.0, y1: 0.0, x2: 1.0, y2: 5000.0 }, Label::NameAndScore);
    }
}
