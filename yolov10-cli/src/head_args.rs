//! The options of `run` and `val` that choose one of the two heads.

use clap::ValueEnum;
use yolov10_model::selection::{Assignment, Suppression};

use crate::message;

/// The two heads, named as in ultralytics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Head {
    /// One box per object, without NMS.
    One2one,
    /// Several boxes per object, filtered by NMS.
    One2many,
}

/// Which head, and how its boxes are filtered.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct HeadArgs {
    /// The head that finds the objects; one2many needs a .pt, or weights converted without --one2one-only.
    #[arg(long, value_enum, default_value_t = Head::One2one)]
    pub head: Head,
    /// NMS drops a box that overlaps a better one by more than this IoU, 0 to 1 [default: 0.7]; one2many only.
    #[arg(long, value_parser = parse_share)]
    pub iou: Option<f32>,
    /// NMS across classes; one2many only.
    #[arg(long)]
    pub agnostic_nms: bool,
}

impl HeadArgs {
    /// The same choice in the library's terms.
    pub fn assignment(self) -> Assignment {
        match self.head {
            Head::One2one => Assignment::OneToOne,
            Head::One2many => Assignment::OneToMany(Suppression {
                iou: self.iou.unwrap_or(Suppression::default().iou),
                class_agnostic: self.agnostic_nms,
                ..Suppression::default()
            }),
        }
    }

    /// Prints notes about options that have no effect.
    pub fn note_what_has_no_effect(self) {
        let given = [("--iou", self.iou.is_some()), ("--agnostic-nms", self.agnostic_nms)];
        for (option, _) in given.into_iter().filter(|(_, given)| *given && self.head == Head::One2one) {
            message::note(format_args!("{option} has no effect: the one-to-one head needs no suppression of overlaps"));
        }
    }
}

/// Parses a score or an overlap, from 0 to 1.
pub fn parse_share(text: &str) -> Result<f32, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "expected a number from 0 to 1".to_owned())
}
