//! The options of `run`.

use std::fs;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use yolov10_media::{Artist, Cancel, Label, Patience, Style};

use super::shard_args::ShardArgs;
use crate::budget_args::BudgetArgs;
use crate::engine_args::EngineArgs;
use crate::folder_args::FolderArgs;
use crate::head_args::{HeadArgs, parse_share};
use crate::message;
use crate::output::Scores;

/// Find objects in pictures.
#[derive(clap::Args, Debug)]
#[command(mut_arg("name", |name| name.required(false).default_value("predict")))]
pub struct Args {
    /// Files, folders, "patterns*", .txt or .csv lists, http(s) addresses, or - for a picture, video or list on stdin [default: the built-in picture].
    ///
    /// With ffmpeg installed also videos, rtsp:// streams and cameras by number. conf=0.5 means --conf 0.5; source= and model= work too.
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,
    /// The same as SOURCE.
    #[arg(long, value_name = "SOURCE")]
    pub source: Vec<PathBuf>,
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Names for the classes: a text file with a name on each line, or a data set's .yaml [default: those of the weights].
    #[arg(long, value_name = "FILE")]
    pub names: Option<PathBuf>,
    /// Pictures per call: more keep a GPU busy; the results are the same.
    #[arg(long, value_name = "N", default_value = "1")]
    pub batch: NonZeroUsize,
    /// Search subfolders too.
    #[arg(long)]
    pub recursive: bool,
    #[command(flatten)]
    pub budget: BudgetArgs,
    /// Give up a camera, stream or server that sends nothing for this long.
    #[arg(long, value_name = "SECONDS", default_value = "20")]
    pub stream_timeout: NonZeroU64,
    /// Reconnect to a stream that broke off, up to this many times in a row.
    #[arg(long, value_name = "TIMES", default_value_t = 0)]
    pub reconnect: usize,
    /// Take every Nth frame of videos and animations.
    #[arg(long, value_name = "N", default_value = "1")]
    pub vid_stride: NonZeroUsize,
    /// Print one JSON object per picture on stdout, each on its own line.
    #[arg(long)]
    pub json: bool,
    /// Print nothing but errors.
    #[arg(long, short)]
    pub quiet: bool,
    /// Print what is loaded and which files are written, on stderr.
    #[arg(long, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Exit with 1 if nothing is found in any picture.
    #[arg(long)]
    pub fail_empty: bool,
    /// Print at the end, on stderr, how much memory was held and how much was given back.
    #[arg(long)]
    pub memory: bool,
    /// The same as a line of JSON, for programs.
    #[arg(long)]
    pub memory_json: bool,
    /// Run the detector in a worker process: all of its memory is given back when it ends, and a crash is just an error.
    #[arg(long)]
    pub isolate: bool,
    #[command(flatten)]
    pub selection: SelectionArgs,
    #[command(flatten)]
    pub saving: SavingArgs,
    #[command(flatten)]
    pub drawing: DrawingArgs,
    #[command(flatten)]
    pub shards: ShardArgs,
}

/// Which detections count.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Detections")]
pub struct SelectionArgs {
    /// Keep detections with a score above this, 0 to 1.
    #[arg(long, default_value_t = 0.25, value_parser = parse_share)]
    pub conf: f32,
    /// Keep at most this many detections per picture, the best ones.
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_det: u32,
    /// Keep only these classes, by number or name: 0,2 or person,"traffic light".
    #[arg(long, value_name = "CLASS,..", value_delimiter = ',')]
    pub classes: Vec<String>,
    #[command(flatten)]
    pub head: HeadArgs,
}

/// What is written.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Files")]
pub struct SavingArgs {
    /// Write annotated pictures and videos (the default).
    #[arg(long, overrides_with = "no_save")]
    pub save: bool,
    /// Write no annotated pictures and videos.
    #[arg(long)]
    pub no_save: bool,
    /// Write a YOLO label file for each picture, labels/*.txt.
    #[arg(long)]
    pub save_txt: bool,
    /// Add the scores to the label files.
    #[arg(long)]
    pub save_conf: bool,
    /// Write the frames of videos and animations as pictures, NAME_frames/*.jpg.
    #[arg(long)]
    pub save_frames: bool,
    /// Write each object as a picture, crops/CLASS/*.jpg.
    #[arg(long)]
    pub save_crop: bool,
    /// Write all detections to predictions.csv.
    #[arg(long)]
    pub save_csv: bool,
    /// Write all detections to predictions.json, in COCO's results format.
    #[arg(long)]
    pub save_json: bool,
    #[command(flatten)]
    pub folder: FolderArgs,
}

/// How annotated pictures look.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Annotated pictures")]
pub struct DrawingArgs {
    /// Width of lines in pixels [default: depends on the picture's size].
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub line_width: Option<u32>,
    /// Draw boxes without names or scores.
    #[arg(long)]
    pub hide_labels: bool,
    /// Draw names without scores.
    #[arg(long)]
    pub hide_conf: bool,
    /// The font of names and scores, .ttf or .otf, for scripts that the built-in one lacks.
    #[arg(long, value_name = "FILE")]
    pub font: Option<PathBuf>,
}

impl Args {
    /// How long to wait for sources; `cancel` ends every wait.
    pub fn patience(&self, cancel: Cancel) -> Patience {
        Patience {
            limit: Duration::from_secs(self.stream_timeout.get()),
            reconnects: self.reconnect,
            cancel,
            notices: Some(Arc::new(|name, notice| message::note(format_args!("{name}: {notice}")))),
        }
    }

    /// All sources, as arguments or as options.
    pub fn named_sources(&self) -> Vec<&Path> {
        self.sources.iter().chain(&self.source).map(PathBuf::as_path).collect()
    }
}

impl SavingArgs {
    /// Whether the run writes files.
    pub fn writes_files(&self) -> bool {
        !self.no_save || self.save_txt || self.save_frames || self.save_crop || self.save_csv || self.save_json
    }

    pub fn scores(&self) -> Scores {
        if self.save_conf { Scores::Written } else { Scores::LeftOut }
    }
}

impl DrawingArgs {
    /// Draws detections of these classes.
    pub fn artist(&self, class_names: &[String]) -> Result<Artist> {
        let artist = Artist::new(self.style(), class_names);
        let Some(font) = &self.font else {
            return Ok(artist);
        };
        let name = || font.display().to_string();
        // A device may have no end.
        ensure!(fs::metadata(font).with_context(name)?.is_file(), "{}: expected a file, found something else", name());
        artist.with_font(fs::read(font).with_context(name)?).with_context(name)
    }

    fn style(&self) -> Style {
        let label = match (self.hide_labels, self.hide_conf) {
            (true, _) => Label::Nothing,
            (false, true) => Label::Name,
            (false, false) => Label::NameAndScore,
        };
        Style { line_width: self.line_width, label }
    }
}
