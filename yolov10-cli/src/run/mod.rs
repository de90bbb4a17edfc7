//! `run`: pictures in, detections out.
//!
//! ```text
//! sources -> decode (lanes) -> detect -> write files (lanes) -> report, in the order of the sources
//! ```

mod args;
mod files;
mod json;
mod report;
mod run_detector;
mod search;
mod searched;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use yolov10_media::{Depth, Patience, Sources};
use yolov10_model::isolation::is_worker;
use yolov10_model::picture::Budget;
use yolov10_model::{Selection, Weights};

pub use args::Args;
use args::SelectionArgs;
use files::{Files, Gathered};
use report::{Form, Reporter};
use run_detector::RunDetector;
use search::Search;

use crate::interrupt::Interrupt;
use crate::milliseconds::milliseconds;
use crate::outcome::Outcome;
use crate::setup::{GRAPHS_REFUSED, Setup};
use crate::{demo, message};

/// Something on its way through the stages.
type Item<T> = yolov10_media::Item<T, anyhow::Error>;

/// Searches every source that `args` names.
pub fn run(args: &Args) -> Result<Outcome> {
    let setups = args.engine.setups(args.selection.head.assignment());
    let setup = setups.first().expect("there is a device").clone();
    ensure!(!args.isolate || setups.len() == 1, "--isolate: expected one device, found {}", setups.len());
    if is_worker() {
        run_detector::work(|| {
            let weights = setup.load_weights()?;
            let selection = selection(&args.selection, weights.class_names())?;
            selecting(&setup, selection).detector(&weights)
        })?;
        return Ok(Outcome::Done);
    }
    note_what_is_built_in(args, &setup);
    if !args.quiet {
        args.selection.head.note_what_has_no_effect();
    }
    let started = Instant::now();
    let weights = setup.load_weights()?;
    let class_names = weights.class_names().to_vec();
    let selection = selection(&args.selection, &class_names)?;
    let mut detectors = if args.isolate {
        vec![RunDetector::isolated()?]
    } else {
        let here = |setup: &Setup| {
            let detector = selecting(setup, selection.clone()).detector(&weights)?;
            Ok(RunDetector::Here(detector.into()))
        };
        setups.iter().map(here).collect::<Result<_>>()?
    };
    if args.verbose {
        note_what_is_loaded(&setup, &weights, started.elapsed());
    }
    // The detector has its own copy.
    drop(weights);
    let sources = sources(args).every(args.vid_stride);
    let passed_over = passed_over(&sources);
    // Not before: while weights are loaded or a list is awaited, Ctrl-C simply ends the program.
    let interrupt = Interrupt::catch()?;
    let sources = sources.within(budget(args)).waiting(patience(args, &interrupt));
    let form = match (args.json, args.quiet) {
        (true, _) => Form::Json,
        (false, true) => Form::Quiet,
        (false, false) => Form::Text,
    };
    let mut reporter = Reporter::new(form, &class_names, sources.len());
    let files = Files::prepare(args, &class_names)?;
    let mut gathered = Gathered::create(&files)?;
    let budget = budget(args);
    let search = Search { detectors: &mut detectors, sources, batch: args.batch, budget, interrupt: interrupt.clone() };
    search.each(&files, |item| {
        let item = gathered.add(item)?;
        reporter.report(&item)
    })?;
    gathered.keep()?;
    let tally = reporter.finish()?;
    files.summarize(form)?;
    if let Some(passed_over) = passed_over.filter(|_| !args.quiet) {
        message::note(passed_over);
    }
    if detectors.iter().any(RunDetector::graphs_refused) && !args.quiet {
        message::note(GRAPHS_REFUSED);
    }
    if args.memory {
        detectors.into_iter().try_for_each(say_what_is_held)?;
    }
    Ok(match tally {
        _ if interrupt.is_pressed() => Outcome::Interrupted,
        tally if tally.failures > 0 => Outcome::Failed,
        tally if tally.objects == 0 && args.fail_empty => Outcome::NothingFound,
        _ => Outcome::Done,
    })
}

/// The sources named, or the built-in picture.
fn sources(args: &Args) -> Sources {
    if args.sources.is_empty() {
        return Sources::picture(demo::PICTURE_NAME, demo::PICTURE);
    }
    let depth = if args.recursive { Depth::Everything } else { Depth::Folder };
    Sources::expand(&args.sources, depth)
}

/// What decoding one picture may take.
fn budget(args: &Args) -> Budget {
    args.max_pixels.map_or(Budget::default(), |millions| Budget::of_pixels(millions.get().saturating_mul(1_000_000)))
}

fn patience(args: &Args, interrupt: &Interrupt) -> Patience {
    let is_quiet = args.quiet;
    Patience {
        limit: Duration::from_secs(args.stream_timeout.get()),
        reconnects: args.reconnect,
        cancel: interrupt.cancel(),
        notices: (!is_quiet).then_some(Arc::new(|name, notice| message::note(format_args!("{name}: {notice}")))),
    }
}

/// `passed over 3 files: 2 .heic, 1 .txt`, if there were any.
fn passed_over(sources: &Sources) -> Option<String> {
    let kinds = sources.passed_over();
    let total: usize = kinds.values().sum();
    let plural = if total == 1 { "" } else { "s" };
    let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    (total > 0).then(|| format!("passed over {total} file{plural}: {}", kinds.join(", ")))
}

/// What the detector held at the end, and that it gave it back.
fn say_what_is_held(mut detector: RunDetector) -> Result<()> {
    let held = detector.memory()?;
    let freed = detector.close()?;
    message::line(format_args!(
        "\nmemory held after the last picture, in bytes\n{held}released {} bytes in {:.2} ms, {} left",
        freed.released,
        milliseconds(freed.took),
        freed.residue
    ));
    Ok(())
}

fn note_what_is_loaded(setup: &Setup, weights: &Weights, time: Duration) {
    let variant = weights.metadata().get("variant").map_or("custom", String::as_str);
    let (name, device) = (setup.weights_name(), setup.options.device);
    let (classes, time) = (weights.class_names().len(), time.as_millis());
    message::note(format_args!("{name}: YOLOv10 {variant}, {classes} classes, on {device}, loaded in {time} ms"));
}

fn note_what_is_built_in(args: &Args, setup: &Setup) {
    if args.quiet {
        return;
    }
    if setup.weights.is_none() {
        message::note(format_args!(
            "no --weights: using the {}, which knows drawn street scenes and little else; \
             pass real ones with --weights yolov10n.pt",
            demo::WEIGHTS_NAME
        ));
    }
    if args.sources.is_empty() {
        message::note(format_args!(
            "no SOURCE: searching the built-in picture {}; try: yolo10-burn run --weights yolov10n.pt picture.jpg",
            demo::PICTURE_NAME
        ));
    }
}

/// The setup with this selection.
fn selecting(setup: &Setup, selection: Selection) -> Setup {
    let mut setup = setup.clone();
    setup.options.selection = selection;
    setup
}

fn selection(args: &SelectionArgs, class_names: &[String]) -> Result<Selection> {
    let classes = args.classes.iter().map(|class| find_class(class, class_names)).collect::<Result<Vec<_>>>()?;
    Ok(Selection {
        confidence: args.conf,
        max_detections: args.max_det as usize,
        classes: (!classes.is_empty()).then_some(classes),
        assignment: args.head.assignment(),
    })
}

/// The class of a number or a name.
fn find_class(class: &str, class_names: &[String]) -> Result<usize> {
    // Lists may come as Python prints them.
    let class = class.trim().trim_matches(['[', ']', '(', ')', '"', '\'']).trim();
    let by_number = class.parse().ok().filter(|number| *number < class_names.len());
    let by_name = || class_names.iter().position(|name| name.eq_ignore_ascii_case(class));
    by_number.or_else(by_name).with_context(|| {
        format!("class {class}: expected a number from 0 to {} or a name of the weights", class_names.len() - 1)
    })
}
