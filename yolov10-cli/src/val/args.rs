//! The options of `val`.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

use clap::ValueEnum;
use yolov10_model::picture::Budget;

use crate::engine_args::EngineArgs;
use crate::folder_args::FolderArgs;
use crate::head_args::{HeadArgs, parse_share};

/// Scores of detections that are measured are above this,
const USUAL_CONFIDENCE: f32 = 0.001;
/// and above this in the confusion matrix.
const CONFUSION_CONFIDENCE: f32 = 0.25;

/// Measure a detector on a data set: precision, recall, mAP and confusion matrix, as `yolo val` and COCO compute them.
#[derive(clap::Args, Debug)]
#[command(mut_arg("name", |name| name.required(false).default_value("val")))]
pub struct Args {
    /// An ultralytics data set file (.yaml), or COCO annotations (.json), which add COCO's own figures.
    #[arg(long, value_name = "FILE")]
    pub data: PathBuf,
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Which pictures of a .yaml to use.
    #[arg(long, value_enum, default_value_t)]
    pub split: Split,
    /// Where the pictures of COCO annotations are [default: beside them, or where COCO has its own].
    #[arg(long, value_name = "FOLDER")]
    pub images: Option<PathBuf>,
    /// Read pictures of up to N million pixels, and what memory that takes [default: 210, and 1 GB].
    #[arg(long, value_name = "MILLIONS")]
    pub max_pixels: Option<NonZeroU64>,
    /// How many pictures share one input size. The third digit of the figures depends on it.
    #[arg(long, value_name = "N", default_value = "16")]
    pub batch: NonZeroUsize,
    /// Scores must be above this, 0 to 1; the confusion matrix counts what is above 0.25, or above this if it is named.
    #[arg(long, default_value_t = USUAL_CONFIDENCE, value_parser = parse_share)]
    pub conf: f32,
    #[command(flatten)]
    pub head: HeadArgs,
    /// Keep at most this many detections per picture, the best ones.
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_det: u32,
    /// Write all detections to predictions.json, in COCO's results format.
    #[arg(long)]
    pub save_json: bool,
    /// Draw the curves and the confusion matrix.
    #[arg(long)]
    pub plots: bool,
    #[command(flatten)]
    pub folder: FolderArgs,
    /// Print one JSON object on stdout instead of the table.
    #[arg(long)]
    pub json: bool,
    /// Print no rows for single classes.
    #[arg(long, short)]
    pub quiet: bool,
}

impl Args {
    /// What the confusion matrix counts: as in the reference, detections that `run` would show, unless a score is named.
    pub fn confusion_above(&self) -> f32 {
        if self.conf == USUAL_CONFIDENCE { CONFUSION_CONFIDENCE } else { self.conf }
    }

    /// What decoding one picture may take.
    pub fn budget(&self) -> Budget {
        self.max_pixels
            .map_or(Budget::default(), |millions| Budget::of_pixels(millions.get().saturating_mul(1_000_000)))
    }
}

/// A part of a data set.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Split {
    /// What the detector was trained on.
    Train,
    /// What it was tuned on.
    #[default]
    Val,
    /// What nobody has looked at before.
    Test,
}

impl From<Split> for detection_metrics::Split {
    fn from(split: Split) -> Self {
        match split {
            Split::Train => Self::Train,
            Split::Val => Self::Val,
            Split::Test => Self::Test,
        }
    }
}
