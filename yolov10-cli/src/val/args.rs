//! The options of `val`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::ValueEnum;

use crate::budget_args::BudgetArgs;
use crate::engine_args::EngineArgs;
use crate::folder_args::FolderArgs;
use crate::head_args::{HeadArgs, parse_share};

/// Default: measure detections with scores above this.
const USUAL_CONFIDENCE: f32 = 0.001;
/// Default: count detections with scores above this in the confusion matrix.
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
    /// Names for the weights' classes: a text file with a name on each line, or a data set's .yaml [default: those of the weights].
    #[arg(long, value_name = "FILE")]
    pub names: Option<PathBuf>,
    /// Which part of a .yaml data set to use.
    #[arg(long, value_enum, default_value_t)]
    pub split: Split,
    /// The folder with the pictures of COCO annotations [default: beside them, or where COCO puts its own].
    #[arg(long, value_name = "FOLDER")]
    pub images: Option<PathBuf>,
    #[command(flatten)]
    pub budget: BudgetArgs,
    /// How many pictures share one input size; the third digit of the figures depends on it.
    #[arg(long, value_name = "N", default_value = "16")]
    pub batch: NonZeroUsize,
    /// Measure detections with a score above this, 0 to 1; the confusion matrix counts those above 0.25, or above this if it is set.
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
    /// Print no rows for individual classes.
    #[arg(long, short)]
    pub quiet: bool,
}

impl Args {
    /// The confusion matrix counts scores above this: as in the reference, what `run` would show unless `--conf` is set.
    pub fn confusion_above(&self) -> f32 {
        if self.conf == USUAL_CONFIDENCE { CONFUSION_CONFIDENCE } else { self.conf }
    }
}

/// A part of a data set.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Split {
    /// The training pictures.
    Train,
    /// The validation pictures.
    #[default]
    Val,
    /// The test pictures.
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
