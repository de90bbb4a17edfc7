//! Greedy non-maximum suppression, for the one-to-many head.
//!
//! YOLOv10 does not need it (arXiv:2405.14458 §3.2); it is here for comparison with detectors that do.

use crate::detection::{Detection, Rect};

/// The most boxes that are considered, as in the reference: those with the best scores.
const CONSIDERED: usize = 30_000;

/// By how many pixels the boxes of one class are moved away from those of the class before, as in the reference.
const CLASS_DISTANCE: f32 = 7680.0;

/// How boxes that overlap are dropped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Suppression {
    /// A box is dropped if one with a higher score overlaps it by more than this IoU, 0..1.
    pub iou: f32,
    /// Whether boxes of different classes suppress each other, too.
    pub class_agnostic: bool,
    /// Whether each class of an anchor that scores enough is a detection of its own, as in `yolo val`; otherwise only the
    /// best one is, as in `yolo predict`.
    pub multi_label: bool,
}

impl Default for Suppression {
    fn default() -> Self {
        Self { iou: 0.7, class_agnostic: false, multi_label: false }
    }
}

impl Suppression {
    /// The detections that remain, best first, at most `most` of them.
    pub(crate) fn apply(self, mut found: Vec<Detection>, most: usize) -> Vec<Detection> {
        // A stable sort: among equal scores the order of the anchors decides.
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        found.truncate(CONSIDERED);
        let mut kept: Vec<(Detection, Rect)> = Vec::with_capacity(most.min(found.len()));
        for candidate in found {
            if kept.len() == most {
                break;
            }
            let rect = self.compared(&candidate);
            let rival = |better: &Detection| self.class_agnostic || better.class == candidate.class;
            let overlaps = |better: &Rect| better.iou(&rect) > self.iou;
            if !kept.iter().any(|(better, its_rect)| rival(better) && overlaps(its_rect)) {
                kept.push((candidate, rect));
            }
        }
        kept.into_iter().map(|(found, _)| found).collect()
    }

    /// The box that is compared with others: the reference keeps classes apart by moving their boxes away from each other,
    /// and f32 rounds the moved boxes, by a sixteenth of a pixel for the last of 80 classes.
    fn compared(self, Detection { class, rect, .. }: &Detection) -> Rect {
        if self.class_agnostic {
            return *rect;
        }
        let away = *class as f32 * CLASS_DISTANCE;
        Rect { x1: rect.x1 + away, y1: rect.y1 + away, x2: rect.x2 + away, y2: rect.y2 + away }
    }
}

/// Which of the dual heads finds the objects.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Assignment {
    /// One box per object: nothing to suppress.
    #[default]
    OneToOne,
    /// Several boxes per object, which are then suppressed; the weight file must have kept this head.
    OneToMany(Suppression),
}

#[cfg(test)]
mod tests {
    use super::*;

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
