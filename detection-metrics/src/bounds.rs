//! Where something is: a box, given by its corners.

/// A box by its corners, measured from the picture's top left corner, in pixels or as fractions of the picture's sides.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Bounds {
    /// Left edge.
    pub x1: f64,
    /// Top edge.
    pub y1: f64,
    /// Right edge.
    pub x2: f64,
    /// Bottom edge.
    pub y2: f64,
}

impl Bounds {
    /// The box around a centre.
    pub fn around([x, y]: [f64; 2], [width, height]: [f64; 2]) -> Self {
        Self { x1: x - width / 2.0, y1: y - height / 2.0, x2: x + width / 2.0, y2: y + height / 2.0 }
    }

    /// COCO's form: left, top, width, height.
    pub fn to_xywh(self) -> [f64; 4] {
        [self.x1, self.y1, self.x2 - self.x1, self.y2 - self.y1]
    }

    /// From COCO's form: left, top, width, height.
    pub fn from_xywh([x, y, width, height]: [f64; 4]) -> Self {
        Self { x1: x, y1: y, x2: x + width, y2: y + height }
    }

    fn area(self) -> f64 {
        (self.x2 - self.x1).max(0.0) * (self.y2 - self.y1).max(0.0)
    }

    /// Area of the intersection over area of the union, 0..1; 0 for two boxes without area.
    pub fn iou(self, other: Self) -> f64 {
        let shared = Self {
            x1: self.x1.max(other.x1),
            y1: self.y1.max(other.y1),
            x2: self.x2.min(other.x2),
            y2: self.y2.min(other.y2),
        }
        .area();
        let union = self.area() + other.area() - shared;
        if union > 0.0 { shared / union } else { 0.0 }
    }
}

/// Something that a detector found.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Detection {
    /// Index into the class names.
    pub class: usize,
    /// Confidence, 0..1.
    pub score: f32,
    /// Where it is.
    pub bounds: Bounds,
}

/// Something that is there.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Label {
    /// Index into the class names.
    pub class: usize,
    /// Where it is.
    pub bounds: Bounds,
}
