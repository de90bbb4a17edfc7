//! Which detections are kept.

use crate::score::logit;
pub use crate::suppression::{Assignment, Suppression};

/// The most detections per picture by default.
pub const MAX_DETECTIONS: usize = 300;

/// Which detections to keep.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// Scores must be above this, 0..1.
    pub confidence: f32,
    /// At most this many detections are kept, the best ones.
    pub max_detections: usize,
    /// Only these classes; all if `None`.
    pub classes: Option<Vec<usize>>,
    /// Which head finds them.
    pub assignment: Assignment,
}

impl Default for Selection {
    fn default() -> Self {
        Self { confidence: 0.25, max_detections: MAX_DETECTIONS, classes: None, assignment: Assignment::OneToOne }
    }
}

impl Selection {
    /// How many of the best anchors are worth looking at.
    pub(crate) fn ranked(&self) -> usize {
        match (self.assignment, &self.classes) {
            (Assignment::OneToMany(_), _) => usize::MAX,
            (Assignment::OneToOne, None) => self.max_detections,
            // With a class filter the reference ranks its usual 300 and cuts after the filter.
            (Assignment::OneToOne, Some(_)) => self.max_detections.max(MAX_DETECTIONS),
        }
    }

    /// What an anchor's best logit must reach.
    pub(crate) fn threshold(&self) -> f32 {
        logit(self.confidence)
    }

    /// Whether detections of this class are kept.
    pub(crate) fn wants(&self, class: usize) -> bool {
        let wanted = |classes: &Vec<usize>| classes.contains(&class);
        self.classes.as_ref().is_none_or(wanted)
    }
}
