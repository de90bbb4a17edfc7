//! `val`: measures a detector on a data set.
//!
//! ```text
//! data set -> placements -> decode (lanes) -> detect -> compare with the labels -> figures
//! ```
//!
//! Boxes are compared in the network's input, as in the reference.

mod args;
mod data;
mod files;
mod placement;
mod table;

use std::num::NonZeroUsize;
use std::thread;

use anyhow::{Context, Result, ensure};
use detection_metrics::coco::{self, Prediction, Summary};
use detection_metrics::{Detection, Evaluation, Evaluator, Label, read_class_names};
use image::RgbImage;
use yolov10_model::letterbox::Fit;
use yolov10_model::selection::{Assignment, Suppression};
use yolov10_model::speed::Speed;
use yolov10_model::{Detector, Selection, Size, Weights, picture};

pub use args::Args;
use data::Data;
use files::Files;
use placement::{Layout, Placement, placements};
use table::{Report, Rows};

use crate::interrupt::Interrupt;
use crate::outcome::Outcome;
use crate::output::measurable;
use crate::pipeline::{batches, lanes, spawn, stage};
use crate::progress::Progress;
use crate::setup::Setup;
use crate::{demo, message};

/// Measures the detector that `args` names.
pub fn val(args: &Args) -> Result<Outcome> {
    let mut setup = args.engine.setup(multi_label(args.head.assignment()))?;
    setup.names = args.names.as_deref().map(read_class_names).transpose()?;
    note_what_has_no_effect(args, &setup);
    let weights = setup.load_weights()?;
    let class_names = weights.class_names().to_vec();
    let side = input_side(&setup, &weights)?;
    let data = data::open(args, &class_names)?;
    setup.options.selection =
        Selection { confidence: args.conf, max_detections: args.max_det as usize, ..setup.options.selection };
    let detector = setup.detector(&weights)?;
    // The detector has its own copy.
    drop(weights);
    // Not earlier: while loading weights, Ctrl-C simply ends the program.
    let interrupt = Interrupt::catch()?;
    let files = Files::prepare(args, &data, &interrupt)?;
    let layout = match setup.options.fit {
        Fit::Minimal => Layout::Rect { batch: args.batch.get() },
        Fit::Full => Layout::Square,
    };
    let places = placements(&data.sizes, side, layout);
    let measured = Measurement::new(args, &data, class_names.len())?.run(detector, places, &interrupt)?;
    if let Some(signal) = interrupt.signal() {
        message::note(format_args!("interrupted after {} of {}", measured.looked_at(), data.samples.len()));
        return Ok(Outcome::Interrupted { signal });
    }
    let results = measured.finish()?;
    files.write(&results, &class_names)?;
    let report = Report { results: &results, class_names: &class_names };
    if args.json {
        message::result(report.json()?)?;
    } else {
        let rows = if args.quiet { Rows::Mean } else { Rows::Classes };
        report.lines(rows).iter().try_for_each(message::result)?;
    }
    if let Some(line) = files.summary() {
        if args.json { message::line(line) } else { message::result(line)? }
    }
    Ok(if results.broken > 0 { Outcome::Failed } else { Outcome::Done })
}

/// The results of a measurement.
struct Results {
    pub evaluation: Evaluation,
    /// COCO's figures, if there are annotations.
    pub coco: Option<Summary>,
    /// Every detection, if requested; otherwise empty.
    pub predictions: Vec<Prediction>,
    /// Pictures left out because they or their labels are broken.
    pub broken: usize,
    /// Mean times per picture.
    pub speed: Speed,
}

/// A measurement in progress.
struct Measurement<'a> {
    data: &'a Data,
    /// Pictures per call of the detector.
    batch: NonZeroUsize,
    evaluator: Evaluator,
    /// Only if requested: a data set has hundreds of thousands.
    predictions: Option<Vec<Prediction>>,
    pictures: u32,
    /// Pictures with a valid header but broken data.
    broken: usize,
    speed: Speed,
}

impl<'a> Measurement<'a> {
    fn new(args: &Args, data: &'a Data, classes: usize) -> Result<Self> {
        Ok(Self {
            data,
            batch: args.batch,
            evaluator: Evaluator::new(classes, args.confusion_above())?,
            predictions: (args.save_json || data.annotations.is_some()).then(Vec::new),
            pictures: 0,
            broken: 0,
            speed: Speed::default(),
        })
    }

    /// Searches every picture, until Ctrl-C.
    fn run(mut self, mut detector: Detector, places: Vec<Placement>, interrupt: &Interrupt) -> Result<Self> {
        let data = self.data;
        let progress = Progress::new(places.len());
        thread::scope(|scope| {
            let decode = |place: Placement| (place, open_sized(data, &place));
            let (mut to_decoders, decoded) = stage(scope, lanes(), decode)?;
            spawn(scope, move || {
                let mut wanted = places.into_iter().take_while(|_| !interrupt.is_pressed());
                wanted.try_for_each(|place| to_decoders.deal(place))
            })?;
            let mut done = 0;
            for batch in batches(decoded, self.batch) {
                done += batch.len();
                self.add(&mut detector, batch, &progress)?;
                progress.reached(done);
            }
            Ok(())
        })
        .inspect(|()| progress.finish())
        .map(|()| self)
    }

    /// Searches a batch and compares the detections with the labels; prints which pictures are broken.
    fn add(
        &mut self,
        detector: &mut Detector,
        batch: Vec<(Placement, Result<RgbImage>)>,
        progress: &Progress,
    ) -> Result<()> {
        let mut sound = Vec::with_capacity(batch.len());
        for (place, picture) in batch {
            match picture {
                Ok(picture) => sound.push((place, picture)),
                Err(error) => {
                    progress.pause(|| message::error(format_args!("{error:#}")));
                    self.broken += 1;
                }
            }
        }
        let pictures: Vec<_> = sound.iter().map(|(place, picture)| (picture, &place.letterbox)).collect();
        let found = detector.detect_batch_in_input(&pictures)?;
        for ((place, _), found) in sound.iter().zip(found) {
            let found: Vec<Detection> = found.iter().map(measurable).collect();
            self.compare(place, &found)?;
        }
        let pictures = sound.len() as u32;
        self.speed = self.speed + detector.speed() * pictures;
        self.pictures += pictures;
        Ok(())
    }

    /// Compares the detections in one picture with its labels.
    fn compare(&mut self, place: &Placement, found: &[Detection]) -> Result<()> {
        let sample = &self.data.samples[place.index];
        let Size { height, width } = place.letterbox.image;
        let labels = sample.labels_in_shares([height, width]).into_iter();
        let labels: Vec<Label> = labels.map(|label| Label { bounds: place.to_input(label.bounds), ..label }).collect();
        self.evaluator.add(found, &labels)?;
        if let Some(predictions) = &mut self.predictions {
            predictions.extend(found.iter().filter_map(|found| {
                let category_id = self.data.category_ids[found.class]?;
                let in_picture = Detection { bounds: place.to_image(found.bounds), ..*found };
                Some(Prediction::new(&sample.image, sample.id.clone(), category_id, &in_picture))
            }));
        }
        Ok(())
    }

    /// Pictures processed so far.
    fn looked_at(&self) -> usize {
        self.pictures as usize + self.broken
    }

    fn finish(self) -> Result<Results> {
        let predictions = self.predictions.unwrap_or_default();
        let against = |annotations| coco::evaluate(annotations, &predictions);
        let coco = self.data.annotations.as_ref().map(against).transpose()?;
        Ok(Results {
            evaluation: self.evaluator.finish(),
            coco,
            predictions,
            broken: self.data.broken + self.broken,
            speed: self.speed.per(self.pictures as usize),
        })
    }
}

/// Opens the picture; its size must match its header.
fn open_sized(data: &Data, place: &Placement) -> Result<RgbImage> {
    let path = &data.samples[place.index].image;
    let picture = picture::open(path, &data.budget).with_context(|| path.display().to_string())?.pixels;
    let [found, expected] = [Size::of(&picture), place.letterbox.image];
    ensure!(found == expected, "{}: expected {expected} as the header says, found {found}", path.display());
    Ok(picture)
}

/// The approximate longer side of the input, in pixels.
fn input_side(setup: &Setup, weights: &Weights) -> Result<usize> {
    if let Some(Size { height, width }) = setup.options.input {
        ensure!(height == width, "--imgsz {height},{width}: val takes one side, each batch gets a shape of its own");
    }
    let input = setup.options.input.map_or(weights.input_size(), Size::to_stride);
    Ok(input.height.max(input.width))
}

/// `yolo val` counts every class of a box that scores enough as a detection, `yolo predict` only the best one.
fn multi_label(assignment: Assignment) -> Assignment {
    match assignment {
        Assignment::OneToMany(suppression) => Assignment::OneToMany(Suppression { multi_label: true, ..suppression }),
        Assignment::OneToOne => Assignment::OneToOne,
    }
}

fn note_what_has_no_effect(args: &Args, setup: &Setup) {
    if setup.weights.is_none() {
        message::note(format_args!("no --weights: measuring the {}", demo::WEIGHTS_NAME));
    }
    args.head.note_what_has_no_effect();
}
