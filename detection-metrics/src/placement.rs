//! Where `ultralytics val` lays each picture in the network's input.
//!
//! By default ("rect") pictures are sorted by shape and cut into batches; a batch's input is just large enough for
//! its pictures and half a stride more. A picture's border, and with it the figures' third digit, thus depends on the
//! batch size.
//! The reference resizes twice, but the second time never has anything to do: the input always holds the first result.

use crate::bounds::Bounds;

/// The largest stride of the network, in pixels.
const STRIDE: usize = 32;
/// Border beyond the pictures of a batch, in strides.
const BORDER: f64 = 0.5;

/// Height and width in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Size {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Size {
    fn shape(self) -> f64 {
        self.height as f64 / self.width as f64
    }

    fn longer(self) -> usize {
        self.height.max(self.width)
    }
}

/// Where one picture lies in the network's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Placement {
    /// Which picture, by its place among those given.
    pub index: usize,
    /// The picture as it came.
    pub image: Size,
    /// The picture inside the input.
    pub scaled: Size,
    /// The input.
    pub input: Size,
    /// Rows of border above the picture.
    pub top: usize,
    /// Columns of border left of the picture.
    pub left: usize,
}

impl Placement {
    /// A box in shares of the picture's sides, in pixels of the input.
    pub fn to_input(&self, shares: Bounds) -> Bounds {
        let x = |x: f64| x * self.scaled.width as f64 + self.left as f64;
        let y = |y: f64| y * self.scaled.height as f64 + self.top as f64;
        Bounds { x1: x(shares.x1), y1: y(shares.y1), x2: x(shares.x2), y2: y(shares.y2) }
    }

    /// A box in pixels of the input, in pixels of the picture and cut off at its edges.
    pub fn to_image(&self, input: Bounds) -> Bounds {
        let gain = |scaled: usize, image: usize| scaled as f64 / image as f64;
        let gain_x = gain(self.scaled.width, self.image.width);
        let gain_y = gain(self.scaled.height, self.image.height);
        let x = |x: f64| ((x - self.left as f64) / gain_x).clamp(0.0, self.image.width as f64);
        let y = |y: f64| ((y - self.top as f64) / gain_y).clamp(0.0, self.image.height as f64);
        Bounds { x1: x(input.x1), y1: y(input.y1), x2: x(input.x2), y2: y(input.y2) }
    }
}

/// How the input of a picture is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Just large enough for the pictures of a batch, which are alike.
    Rect {
        /// Pictures in a batch.
        batch: usize,
    },
    /// The same square for all.
    Square,
}

/// Lays pictures of these sizes, none of them empty, in inputs whose longer side is about `side` pixels; in the order
/// in which they are looked at, for rect from the widest picture to the tallest.
///
/// Pictures of one shape keep their order. The reference's sort does not, so that where a batch ends among them
/// another one of them may get the larger border there.
pub fn placements(images: &[Size], side: usize, layout: Layout) -> Vec<Placement> {
    let mut order: Vec<usize> = (0..images.len()).collect();
    let batch = match layout {
        Layout::Rect { batch } => {
            order.sort_by(|&a, &b| images[a].shape().total_cmp(&images[b].shape()));
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
            Layout::Square => {
                let side = side.next_multiple_of(STRIDE);
                Size { height: side, width: side }
            }
        };
        members.iter().map(|&index| place(index, images[index], input, side)).collect()
    };
    order.chunks(batch).flat_map(place_batch).collect()
}

/// The input for pictures between the `widest` and the `tallest`.
fn input_of_batch(widest: Size, tallest: Size, side: usize) -> Size {
    let (height, width) = if tallest.shape() < 1.0 {
        (tallest.shape(), 1.0)
    } else if widest.shape() > 1.0 {
        (1.0, 1.0 / widest.shape())
    } else {
        (1.0, 1.0)
    };
    let strides = |share: f64| (share * side as f64 / STRIDE as f64 + BORDER).ceil() as usize;
    let pixels = |share: f64| strides(share) * STRIDE;
    Size { height: pixels(height), width: pixels(width) }
}

fn place(index: usize, image: Size, input: Size, side: usize) -> Placement {
    let gain = side as f64 / image.longer() as f64;
    let scale = |length: usize| ((length as f64 * gain).ceil() as usize).min(side);
    let scaled = Size { height: scale(image.height), width: scale(image.width) };
    Placement {
        index,
        image,
        scaled,
        input,
        top: (input.height - scaled.height) / 2,
        left: (input.width - scaled.width) / 2,
    }
}
