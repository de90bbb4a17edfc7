//! The files of `val`: predictions, and plots with the names that `yolo val` uses.

use anyhow::{Context, Result};
use detection_metrics::coco::write_predictions;
use detection_metrics::plots::{Cells, Plot, Plots};
use detection_metrics::{Curve, Evaluation};
use image::RgbImage;
use yolov10_media::FONT;

use super::Results;
use super::args::Args;
use super::data::Data;
use crate::interrupt::Interrupt;
use crate::output::{RunFolder, save_picture};

/// What to write, and where.
pub struct Files<'a> {
    wanted: &'a Args,
    folder: Option<RunFolder>,
}

impl<'a> Files<'a> {
    /// Makes the run's folder if there are files to write.
    pub fn prepare(args: &'a Args, data: &Data, interrupt: &Interrupt) -> Result<Self> {
        let mut folder = (args.save_json || args.plots).then(|| args.folder.open()).transpose()?;
        if let Some(folder) = &mut folder {
            interrupt.guard(folder);
            folder.protect(data.samples.iter().map(|sample| sample.image.as_path()).chain([args.data.as_path()]));
        }
        Ok(Self { wanted: args, folder })
    }

    /// Writes the requested files.
    pub fn write(&self, results: &Results, class_names: &[String]) -> Result<()> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        if self.wanted.save_json {
            let mut file = folder.file("predictions.json")?;
            write_predictions(&mut file, &results.predictions).with_context(|| file.path().display().to_string())?;
            file.keep()?;
        }
        if self.wanted.plots {
            save_plots(folder, &results.evaluation, class_names)?;
        }
        Ok(())
    }

    /// A sentence that says where the files are; `None` if nothing was written.
    pub fn summary(&self) -> Option<String> {
        let folder = self.folder.as_ref().filter(|folder| !folder.is_untouched())?;
        Some(format!("Results saved to {}", folder.path().display()))
    }
}

fn save_plots(folder: &RunFolder, evaluation: &Evaluation, class_names: &[String]) -> Result<()> {
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

fn save_plot(folder: &RunFolder, name: &str, plot: Plot) -> Result<()> {
    let picture = RgbImage::from_raw(plot.width, plot.height, plot.rgb).expect("a plot is width times height");
    save_picture(folder, &format!("{name}.png"), &picture)
}
