//! The output of a run: a line per picture and a summary on stdout, or a JSON object per picture; failures on stderr.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Result;
use yolov10_media::{About, Sources, StageMilliseconds, milliseconds};
use yolov10_model::speed::Speed;
use yolov10_model::{Detection, Size};

use super::Item;
use super::args::Args;
use super::full_disk::is_full_disk;
use super::json;
use super::searched::Searched;
use crate::message;
use crate::progress::Progress;

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// A line per picture and a summary.
    Text,
    /// An object per picture.
    Json,
    /// Nothing.
    Quiet,
}

/// Prints results, and counts them.
pub struct Reporter<'a> {
    format: Format,
    class_names: &'a [String],
    sources: usize,
    /// How many sources come before these in their list.
    before: usize,
    progress: Progress,
    tally: Tally,
    /// The last picture reported.
    last: Option<About>,
    /// Whether files are written, so that the run goes on even if nobody reads its output.
    writes_files: bool,
    /// Nobody reads the results any more.
    is_closed: bool,
    /// The full disk has been reported.
    is_full: bool,
}

/// Totals of a run.
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
    /// A reporter for a run over these sources.
    pub fn new(args: &Args, class_names: &'a [String], sources: &Sources) -> Self {
        let (sources, before) = (sources.len(), sources.before());
        let format = match (args.json, args.quiet || args.shards.list.is_some()) {
            (true, _) => Format::Json,
            (false, true) => Format::Quiet,
            (false, false) => Format::Text,
        };
        let progress = if args.quiet { Progress::hidden() } else { Progress::new(sources) };
        Self {
            format,
            class_names,
            sources,
            before,
            progress,
            tally: Tally::default(),
            last: None,
            writes_files: args.saving.writes_files(),
            is_closed: false,
            is_full: false,
        }
    }

    /// Prints the result of one picture.
    pub fn report(&mut self, item: &Item<Searched>) -> Result<()> {
        let about = &item.about;
        let line = match &item.value {
            Ok(searched) => {
                self.tally.add(searched);
                if let Some(damage) = about.damage.as_ref().filter(|_| !matches!(self.format, Format::Quiet)) {
                    self.progress.pause(|| message::note(format_args!("{}: damaged: {damage}", about.name)));
                }
                match self.format {
                    Format::Text => Some(self.text_line(about, searched)),
                    Format::Json => Some(json::picture_line(about, searched, self.class_names)?),
                    Format::Quiet => None,
                }
            }
            Err(error) => {
                let place = about.frame.map_or(String::new(), |frame| format!(" (frame {})", frame.number));
                self.report_failure(&format!("{}{place}: ", about.name), error);
                match self.format {
                    Format::Json => Some(json::error_line(about, &format!("{error:#}"))?),
                    Format::Text | Format::Quiet => None,
                }
            }
        };
        line.map_or(Ok(()), |line| self.say(&line))?;
        self.progress.reached(about.index - self.before);
        self.last = Some(about.clone());
        Ok(())
    }

    /// Reports that a file of several pictures could not be written.
    pub fn report_full_disk(&mut self, error: &anyhow::Error) {
        self.report_failure("", error);
    }

    /// Counts a failure and prints it; a full disk is printed once.
    fn report_failure(&mut self, of: &str, error: &anyhow::Error) {
        self.tally.failures += 1;
        let is_full = is_full_disk(error);
        if !(is_full && self.is_full) {
            self.progress.pause(|| message::error(format_args!("{of}{error:#}")));
        }
        self.is_full |= is_full;
    }

    /// Prints how far the run got.
    pub fn report_interruption(&self) {
        let (sources, before) = (self.sources, self.before);
        self.progress.pause(|| match &self.last {
            None => message::note(format_args!("interrupted after 0 of {sources}")),
            Some(About { index, frame: None, .. }) => {
                message::note(format_args!("interrupted after {} of {sources}", index - before));
            }
            Some(About { index, frame: Some(frame), .. }) => {
                let index = index - before;
                let total = frame.total.map_or(String::new(), |total| format!(" of {total}"));
                let number = frame.number;
                message::note(format_args!("interrupted after frame {number}{total}, in source {index} of {sources}"));
            }
        });
    }

    /// Prints a line of results. If the run writes files and the reader is gone, only the lines stop.
    fn say(&mut self, line: &str) -> Result<()> {
        if self.is_closed {
            return Ok(());
        }
        match self.progress.pause(|| message::result(line)) {
            Err(error) if self.writes_files && message::is_closed_pipe(&error) => {
                self.is_closed = true;
                Ok(())
            }
            said => said,
        }
    }

    /// Prints the totals and where the files are; returns the totals.
    pub fn finish(mut self, summary: &[String]) -> Result<Tally> {
        self.progress.finish();
        if let (Format::Text, Some(input)) = (self.format, self.tally.input) {
            let StageMilliseconds { preprocess, inference, postprocess } =
                self.tally.speed.per(self.tally.pictures as usize).into();
            let Size { height, width } = input;
            self.say(&format!(
                "Speed: {preprocess:.1}ms preprocess, {inference:.1}ms inference, {postprocess:.1}ms postprocess \
                 per image at shape (1, 3, {height}, {width})"
            ))?;
        }
        for line in summary {
            match self.format {
                Format::Text => self.say(line)?,
                // On stderr, as stdout has only JSON objects.
                Format::Json => message::remark(line),
                Format::Quiet => (),
            }
        }
        Ok(self.tally)
    }

    /// `image 1/4 bus.jpg: 640x480 4 persons, 1 bus, 23.4ms`, as ultralytics prints it.
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
