//! What `val` writes: predictions, and plots under the names that `yolo val` gives them.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Result;
use detection_metrics::coco::write_predictions;
use detection_metrics::plots::{Cells, Plot, Plots};
use detection_metrics::{Curve, Evaluation};
use image::RgbImage;
use yolov10_media::FONT;

use super::Results;
use super::args::Args;
use crate::output::{OutputFile, RunFolder, save_picture};

/// What is written, and where.
pub struct Files<'a> {
    wanted: &'a Args,
    folder: Option<RunFolder>,
}

impl<'a> Files<'a> {
    /// Makes the run's folder, if anything goes into it.
    pub fn prepare(args: &'a Args) -> Result<Self> {
        let folder = (args.save_json || args.plots).then(|| args.folder.open()).transpose()?;
        Ok(Self { wanted: args, folder })
    }

    /// Writes what is wanted.
    pub fn write(&self, results: &Results, class_names: &[String]) -> Result<()> {
        let Some(folder) = self.folder.as_ref().map(RunFolder::path) else {
            return Ok(());
        };
        if self.wanted.save_json {
            let mut file = OutputFile::create(&folder.join("predictions.json"))?;
            write_predictions(&mut file, &results.predictions)?;
            file.keep()?;
        }
        if self.wanted.plots {
            save_plots(folder, &results.evaluation, class_names)?;
        }
        Ok(())
    }

    /// Says where everything went.
    pub fn summarize(&self) -> Result<()> {
        if let Some(folder) = &self.folder {
            writeln!(io::stdout(), "Results saved to {}", folder.path().display())?;
        }
        Ok(())
    }
}

fn save_plots(folder: &Path, evaluation: &Evaluation, class_names: &[String]) -> Result<()> {
    let plots = Plots::new(FONT)?;
    for (name, curve) in [
        ("BoxPR_curve", Curve::PrecisionAtRecall),
        ("BoxF1_curve", Curve::F1),
        ("BoxP_curve", Curve::Precision),
        ("BoxR_curve", Curve::Recall),
    ] {
        save_plot(folder, name, plots.curves(curve, evaluation, class_names)?)?;
    }
    for (name, cells) in [("confusion_matrix", Cells::Counts), ("confusion_matrix_normalized", Cells::Shares)] {
        save_plot(folder, name, plots.confusion(cells, evaluation, class_names)?)?;
    }
    Ok(())
}

fn save_plot(folder: &Path, name: &str, plot: Plot) -> Result<()> {
    let picture = RgbImage::from_raw(plot.width, plot.height, plot.rgb).expect("a plot is width times height");
    save_picture(&folder.join(format!("{name}.png")), &picture)
}
