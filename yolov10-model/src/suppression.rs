//! The one-to-many head's way to detections: the classes of each anchor, then greedy non-maximum suppression.
//!
//! YOLOv10 does without (arXiv:2405.14458 §3.2); this is for comparing with detectors that don't.

use crate::detection::Detection;

/// Boxes considered at most, as in the reference: the best by score.
const CONSIDERED: usize = 30_000;

/// How boxes that overlap are thinned out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Suppression {
    /// A box goes where one with a higher score overlaps it by more than this IoU, 0..1.
    pub iou: f32,
    /// Boxes of different classes suppress each other, too.
    pub class_agnostic: bool,
    /// Each class of an anchor that scores enough is a detection of its own, as in `yolo val`; the best one alone, as in
    /// `yolo predict`, if not.
    pub multi_label: bool,
}

impl Default for Suppression {
    fn default() -> Self {
        Self { iou: 0.7, class_agnostic: false, multi_label: false }
    }
}

impl Suppression {
    /// The detections that stay, best first, `most` of them at most.
    pub(crate) fn apply(self, mut found: Vec<Detection>, most: usize) -> Vec<Detection> {
        // A stable sort: among equal scores the order of the anchors decides.
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        found.truncate(CONSIDERED);
        let mut kept: Vec<Detection> = Vec::with_capacity(most.min(found.len()));
        for candidate in found {
            if kept.len() == most {
                break;
            }
            let rival = |better: &&Detection| self.class_agnostic || better.class == candidate.class;
            let overlaps = |better: &Detection| better.rect.iou(&candidate.rect) > self.iou;
            if !kept.iter().filter(rival).any(overlaps) {
                kept.push(candidate);
            }
        }
        kept
    }
}

/// Which of the dual heads finds the objects.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Assignment {
    /// One box per object: nothing to suppress.
    #[default]
    OneToOne,
    /// Several boxes per object, thinned out; the weight file must have kept this head.
    OneToMany(Suppression),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::Rect;

    fn found(class: usize, score: f32, x1: f32) -> Detection {
        let rect = Rect { x1, y1: 0.0, x2: x1 + 10.0, y2: 10.0 };
        Detection { class, score, rect }
    }

    #[test]
    fn the_better_of_two_overlapping_boxes_of_a_class_stays() {
        // Moved by 1 of 10 pixels: IoU 9/11; by 4: 6/14.
        let all = vec![found(0, 0.5, 1.0), found(0, 0.9, 0.0), found(0, 0.6, 4.0), found(1, 0.4, 1.0)];
        let scores = |suppression: Suppression, most| -> Vec<f32> {
            suppression.apply(all.clone(), most).iter().map(|kept| kept.score).collect()
        };
        let default = Suppression::default();
        assert_eq!(scores(default, 300), [0.9, 0.6, 0.4]);
        assert_eq!(scores(default, 2), [0.9, 0.6]);
        assert_eq!(scores(Suppression { class_agnostic: true, ..default }, 300), [0.9, 0.6]);
        assert_eq!(scores(Suppression { iou: 0.4, ..default }, 300), [0.9, 0.4]);
        assert_eq!(scores(Suppression { iou: 0.9, ..default }, 300), [0.9, 0.6, 0.5, 0.4]);
    }
}
