//! What a run says: a line per picture and a summary on stdout, or a JSON object per picture; failures on stderr.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Result;
use yolov10_media::About;
use yolov10_model::speed::Speed;
use yolov10_model::{Detection, Size};

use super::Item;
use super::json;
use super::searched::Searched;
use crate::message;
use crate::milliseconds::{StageMilliseconds, milliseconds};
use crate::progress::Progress;

/// How results are said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A line per picture and a summary.
    Text,
    /// An object per picture.
    Json,
    /// Nothing.
    Quiet,
}

/// Says what came out, and counts.
pub struct Reporter<'a> {
    form: Form,
    class_names: &'a [String],
    sources: usize,
    progress: Progress,
    tally: Tally,
}

/// The sums over a run.
#[derive(Debug, Default)]
pub struct Tally {
    /// Pictures searched.
    pub pictures: u32,
    /// Pictures that failed.
    pub failures: usize,
    /// Objects found.
    pub objects: usize,
    /// The time of all pictures together.
    speed: Speed,
    /// The input of the last picture.
    input: Option<Size>,
}

impl<'a> Reporter<'a> {
    /// A reporter of a run over so many sources.
    pub fn new(form: Form, class_names: &'a [String], sources: usize) -> Self {
        Self { form, class_names, sources, progress: Progress::new(sources), tally: Tally::default() }
    }

    /// Says what came of one picture.
    pub fn report(&mut self, item: &Item<Searched>) -> Result<()> {
        let about = &item.about;
        let line = match &item.value {
            Ok(searched) => {
                self.tally.add(searched);
                if let Some(damage) = about.damage.as_ref().filter(|_| !matches!(self.form, Form::Quiet)) {
                    self.progress.pause(|| message::note(format_args!("{}: damaged: {damage}", about.name)));
                }
                match self.form {
                    Form::Text => Some(self.text_line(about, searched)),
                    Form::Json => Some(json::picture_line(about, searched, self.class_names)?),
                    Form::Quiet => None,
                }
            }
            Err(error) => {
                self.tally.failures += 1;
                let place = about.frame.map_or(String::new(), |frame| format!(" (frame {})", frame.number));
                let error = format!("{error:#}");
                self.progress.pause(|| message::error(format_args!("{}{place}: {error}", about.name)));
                match self.form {
                    Form::Json => Some(json::error_line(about, &error)?),
                    Form::Text | Form::Quiet => None,
                }
            }
        };
        if let Some(line) = line {
            self.progress.pause(|| message::result(line))?;
        }
        self.progress.reached(about.index);
        Ok(())
    }

    /// Ends the lines, and gives the sums.
    pub fn finish(self) -> Result<Tally> {
        self.progress.finish();
        if let (Form::Text, Some(input)) = (self.form, self.tally.input) {
            let StageMilliseconds { preprocess, inference, postprocess } =
                (self.tally.speed / self.tally.pictures).into();
            let Size { height, width } = input;
            message::result(format_args!(
                "Speed: {preprocess:.1}ms preprocess, {inference:.1}ms inference, {postprocess:.1}ms postprocess \
                 per image at shape (1, 3, {height}, {width})"
            ))?;
        }
        Ok(self.tally)
    }

    /// `image 1/4 bus.jpg: 640x480 4 persons, 1 bus, 23.4ms`, as ultralytics has it.
    fn text_line(&self, about: &About, searched: &Searched) -> String {
        let About { index, name, .. } = about;
        let place = match about.frame {
            None => format!("image {index}/{}", self.sources),
            Some(frame) => {
                let total = frame.total.map_or(String::new(), |total| format!("/{total}"));
                format!("video {index}/{} (frame {}{total})", self.sources, frame.number)
            }
        };
        let found = self.count(&searched.detections);
        format!("{place} {name}: {} {found}, {:.1}ms", searched.input, milliseconds(searched.speed.inference))
    }

    /// `4 persons, 1 bus`, in the order of the classes.
    fn count(&self, detections: &[Detection]) -> String {
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        for detection in detections {
            *counts.entry(detection.class).or_default() += 1;
        }
        let mut text = String::new();
        for (class, count) in counts {
            let separator = if text.is_empty() { "" } else { ", " };
            let plural = if count > 1 { "s" } else { "" };
            write!(text, "{separator}{count} {}{plural}", self.class_names[class]).expect("a string takes everything");
        }
        if text.is_empty() { "(no detections)".to_owned() } else { text }
    }
}

impl Tally {
    fn add(&mut self, searched: &Searched) {
        self.pictures += 1;
        self.objects += searched.detections.len();
        self.input = Some(searched.input);
        self.speed = self.speed + searched.speed;
    }
}
