//! Where `yolo val` places each picture in the network's input.
//!
//! By default ("rect") pictures are sorted by shape and split into batches; a batch's input is just large enough for
//! its pictures and half a stride more. A picture's border, and with it the figures' third digit, thus depends on the
//! batch size.
//! The reference resizes twice, but the second time changes nothing: the result of the first always fits the input.

use detection_metrics::Bounds;
use yolov10_model::Size;
use yolov10_model::letterbox::Letterbox;

/// Border beyond the pictures of a batch, in strides.
const BORDER: f64 = 0.5;

/// Where one picture lies in the network's input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placement {
    /// Index of the picture among those given.
    pub index: usize,
    /// Its place in the input.
    pub letterbox: Letterbox,
}

impl Placement {
    /// Maps a box from shares of the picture's sides to pixels of the input.
    pub fn to_input(self, shares: Bounds) -> Bounds {
        let Letterbox { scaled, top, left, .. } = self.letterbox;
        let x = |x: f64| x * scaled.width as f64 + left as f64;
        let y = |y: f64| y * scaled.height as f64 + top as f64;
        Bounds { x1: x(shares.x1), y1: y(shares.y1), x2: x(shares.x2), y2: y(shares.y2) }
    }

    /// Maps a box from pixels of the input to pixels of the picture, clipped at its edges.
    pub fn to_image(self, input: Bounds) -> Bounds {
        let gain = |scaled: usize, image: usize| scaled as f64 / image as f64;
        let Letterbox { image, scaled, top, left, .. } = self.letterbox;
        let gain_x = gain(scaled.width, image.width);
        let gain_y = gain(scaled.height, image.height);
        let x = |x: f64| ((x - left as f64) / gain_x).clamp(0.0, image.width as f64);
        let y = |y: f64| ((y - top as f64) / gain_y).clamp(0.0, image.height as f64);
        Bounds { x1: x(input.x1), y1: y(input.y1), x2: x(input.x2), y2: y(input.y2) }
    }
}

/// How the input of a picture is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Just large enough for the pictures of a batch, which have similar shapes.
    Rect {
        /// Pictures in a batch.
        batch: usize,
    },
    /// The same square for all.
    Square,
}

/// Places pictures of these sizes, none of them empty, in inputs whose longer side is about `side` pixels; in the order
/// in which they are searched, for rect from the widest picture to the tallest.
///
/// Pictures of equal shape keep their order. The reference's sort does not, so if a batch ends among them, it may give
/// the larger border to a different one.
pub fn placements(images: &[Size], side: usize, layout: Layout) -> Vec<Placement> {
    let mut order: Vec<usize> = (0..images.len()).collect();
    let batch = match layout {
        Layout::Rect { batch } => {
            order.sort_by(|&a, &b| shape(images[a]).total_cmp(&shape(images[b])));
            batch.max(1)
        }
        Layout::Square => 1,
    };
    let place_batch = |members: &[usize]| -> Vec<Placement> {
        let input = match layout {
            Layout::Rect { .. } => {
                let [widest, tallest] = [members[0], members[members.len() - 1]];
                input_of_batch(images[widest], images[tallest], side)
            }
            Layout::Square => Size::square(side).to_stride(),
        };
        members.iter().map(|&index| place(index, images[index], input, side)).collect()
    };
    order.chunks(batch).flat_map(place_batch).collect()
}

/// The input for pictures between the `widest` and the `tallest`.
fn input_of_batch(widest: Size, tallest: Size, side: usize) -> Size {
    let (tallest, widest) = (shape(tallest), shape(widest));
    let (height, width) = if tallest < 1.0 {
        (tallest, 1.0)
    } else if widest > 1.0 {
        (1.0, 1.0 / widest)
    } else {
        (1.0, 1.0)
    };
    let strides = |share: f64| (share * side as f64 / Size::STRIDE as f64 + BORDER).ceil() as usize;
    let pixels = |share: f64| strides(share) * Size::STRIDE;
    Size { height: pixels(height), width: pixels(width) }
}

/// Rows per column.
fn shape(size: Size) -> f64 {
    size.height as f64 / size.width as f64
}

fn place(index: usize, image: Size, input: Size, side: usize) -> Placement {
    let gain = side as f64 / image.height.max(image.width) as f64;
    let scale = |length: usize| ((length as f64 * gain).ceil() as usize).min(side);
    let scaled = Size { height: scale(image.height), width: scale(image.width) };
    let (top, left) = ((input.height - scaled.height) / 2, (input.width - scaled.width) / 2);
    Placement { index, letterbox: Letterbox { image, scaled, input, top, left } }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// The reference's input side, pixels.
    const SIDE: usize = 640;
    /// The reference's boxes are f32, up to 1280 pixels.
    const ROUNDING: f64 = 1e-3;

    /// What `reference.py` beside the file wrote.
    #[derive(Deserialize)]
    struct Reference {
        rect: Vec<Rect>,
    }

    #[derive(Deserialize)]
    struct Rect {
        /// Height and width.
        sizes: Vec<[usize; 2]>,
        batch: usize,
        /// As shares of the picture.
        label: [f64; 4],
        /// In pixels of the input.
        #[serde(rename = "box")]
        found: [f64; 4],
        placements: Vec<Placed>,
    }

    #[derive(Deserialize)]
    struct Placed {
        index: usize,
        input: [usize; 2],
        top: usize,
        left: usize,
        /// The label, in pixels of the input.
        label: [f64; 4],
        /// The box, in pixels of the picture.
        image: [f64; 4],
    }

    fn corners([x1, y1, x2, y2]: [f64; 4]) -> Bounds {
        Bounds { x1, y1, x2, y2 }
    }

    fn assert_same_box(what: &str, found: Bounds, expected: [f64; 4]) {
        for (found, expected) in [found.x1, found.y1, found.x2, found.y2].into_iter().zip(expected) {
            assert!((found - expected).abs() <= ROUNDING, "{what}: expected {expected}, found {found}");
        }
    }

    #[test]
    fn pictures_lie_in_the_input_as_in_ultralytics_val() {
        let reference: Reference =
            serde_json::from_str(include_str!("../../../detection-metrics/tests/reference.json"))
                .expect("as it is written");
        for rect in reference.rect {
            let sizes: Vec<Size> = rect.sizes.iter().map(|&[height, width]| Size { height, width }).collect();
            let found = placements(&sizes, SIDE, Layout::Rect { batch: rect.batch });
            assert_eq!(found.len(), rect.placements.len());
            for (found, expected) in found.into_iter().zip(&rect.placements) {
                let what = format!("picture {} in batches of {}", expected.index, rect.batch);
                let Letterbox { input, top, left, .. } = found.letterbox;
                let place = (found.index, [input.height, input.width], top, left);
                assert_eq!(place, (expected.index, expected.input, expected.top, expected.left), "{what}");
                assert_same_box(&what, found.to_input(corners(rect.label)), expected.label);
                assert_same_box(&what, found.to_image(corners(rect.found)), expected.image);
            }
        }
    }
}
