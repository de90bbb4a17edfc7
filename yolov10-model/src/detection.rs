//! What a detector finds.

/// A rectangle in pixels of the picture, measured from its top left corner.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Rect {
    /// Left edge.
    pub x1: f32,
    /// Top edge.
    pub y1: f32,
    /// Right edge.
    pub x2: f32,
    /// Bottom edge.
    pub y2: f32,
}

impl Rect {
    /// x2 - x1.
    pub fn width(&self) -> f32 {
        self.x2 - self.x1
    }

    /// y2 - y1.
    pub fn height(&self) -> f32 {
        self.y2 - self.y1
    }

    /// In square pixels; 0 for a rectangle that is turned inside out.
    pub fn area(&self) -> f32 {
        self.width().max(0.0) * self.height().max(0.0)
    }

    /// Whether all edges are finite.
    pub(crate) fn is_finite(&self) -> bool {
        [self.x1, self.y1, self.x2, self.y2].into_iter().all(f32::is_finite)
    }

    /// The area of the intersection divided by that of the union, 0..1.
    pub fn iou(&self, other: &Self) -> f32 {
        let shared = Self {
            x1: self.x1.max(other.x1),
            y1: self.y1.max(other.y1),
            x2: self.x2.min(other.x2),
            y2: self.y2.min(other.y2),
        };
        let union = self.area() + other.area() - shared.area();
        if union > 0.0 { shared.area() / union } else { 0.0 }
    }
}

/// One object found in a picture. Plain data: it keeps nothing of the detector alive.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Detection {
    /// Index into the detector's class names.
    pub class: usize,
    /// Confidence, 0..1.
    pub score: f32,
    /// Where it is, within the picture.
    pub rect: Rect,
}
