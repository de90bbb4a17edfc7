//! Detections as a person sees them: a box, a name and a score each, in the colour of the class.

mod palette;
mod text;

use image::{Rgb, RgbImage};
use yolov10_model::{Detection, Rect};

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
    /// There is none.
    Nothing,
    /// The class.
    Name,
    /// The class and how sure the network is.
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

    /// Draws all of `detections`, the best last: it lies on top.
    ///
    /// # Panics
    /// A detection is of a class without a name.
    pub fn draw(&self, picture: &mut RgbImage, detections: &[Detection]) {
        for detection in detections.iter().rev() {
            self.draw_one(picture, detection);
        }
    }

    fn draw_one(&self, picture: &mut RgbImage, detection: &Detection) {
        let color = class_color(detection.class);
        let line = i64::from(self.line_width(picture));
        let outline = outline(picture, &detection.rect, line);
        let Area { left, top, right, bottom } = outline;
        for side in [
            Area { bottom: top + line, ..outline },
            Area { top: bottom - line, ..outline },
            Area { right: left + line, ..outline },
            Area { left: right - line, ..outline },
        ] {
            fill(picture, side, color);
        }
        let name = &self.class_names[detection.class];
        match self.style.label {
            Label::Nothing => (),
            Label::Name => self.draw_label(picture, outline, name, color),
            Label::NameAndScore => {
                self.draw_label(picture, outline, &format!("{name} {:.2}", detection.score), color);
            }
        }
    }

    /// On top of the box, or inside where there is no room; always within the picture.
    fn draw_label(&self, picture: &mut RgbImage, outline: Area, text: &str, color: Rgb<u8>) {
        let (width, height) = picture.dimensions();
        let largest = (height as f32 * LETTER_SHARE).max(SMALLEST_LETTER);
        let wanted = (self.line_width(picture) as f32 * LETTER_LINES).min(largest);
        let spare = width as f32 - 2.0 * PADDING * wanted;
        let fitting = wanted * spare / self.lettering.width(text, wanted);
        let letters = wanted.min(fitting.max(SMALLEST_LETTER));
        let padding = (letters * PADDING).round() as i64;
        let label_width = self.lettering.width(text, letters).ceil() as i64 + 2 * padding;
        let label_height = self.lettering.height(letters).ceil() as i64 + padding;
        let left = outline.left.min(i64::from(width) - label_width).max(0);
        let above = outline.top - label_height;
        let top = if above >= 0 { above } else { outline.top };
        let top = top.min(i64::from(height) - label_height).max(0);
        let area = Area { left, top, right: left + label_width, bottom: top + label_height };
        fill(picture, area, color);
        self.lettering.write(picture, text, letters, [left + padding, top + padding / 2], ink_on(color));
    }

    fn line_width(&self, picture: &RgbImage) -> u32 {
        let mean_side = (picture.width() + picture.height()) as f32 / 2.0;
        self.style.line_width.unwrap_or(((mean_side * LINE_SHARE).round() as u32).max(THINNEST_LINE))
    }
}

/// The outer edge of a box's line, whose middle runs along the box, moved inside the picture.
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
    for y in inside(area.top, height)..inside(area.bottom, height) {
        for x in inside(area.left, width)..inside(area.right, width) {
            picture.put_pixel(x, y, color);
        }
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
    fn a_box_outside_and_a_picture_of_one_pixel_do_no_harm() {
        let outside = Rect { x1: -50.0, y1: -50.0, x2: -10.0, y2: -10.0 };
        drawn([1, 1], outside, Label::NameAndScore);
        drawn([1, 5000], Rect { x1: 0.0, y1: 0.0, x2: 1.0, y2: 5000.0 }, Label::NameAndScore);
    }
}
