//! `run`: pictures in, detections out.
//!
//! ```text
//! sources -> decode (lanes) -> detect -> write files (lanes) -> report, in the order of the sources
//! ```

mod args;
mod files;
mod full_disk;
mod json;
mod notes;
mod report;
mod run_detector;
mod search;
mod searched;
mod shard;
mod shard_args;

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use detection_metrics::read_class_names;
use yolov10_media::{Depth, Sources, milliseconds};
use yolov10_model::Selection;
use yolov10_model::isolation::is_worker;

pub use args::Args;
use args::SelectionArgs;
use files::{Files, Gathered};
use full_disk::is_full_disk;
use report::{Reporter, Tally};
use run_detector::RunDetector;
use search::{Next, Search};
use shard::{Rows, Split};

use crate::interrupt::Interrupt;
use crate::outcome::Outcome;
use crate::setup::{GRAPHS_REFUSED, Setup};
use crate::{demo, message};

/// An item on its way through the stages.
type Item<T> = yolov10_media::Item<T, anyhow::Error>;

/// Searches every source that `args` names.
pub fn run(args: &Args) -> Result<Outcome> {
    if args.quiet {
        message::keep_quiet();
    }
    let mut setups = args.engine.setups(args.selection.head.assignment());
    let names = args.names.as_deref().map(read_class_names).transpose()?;
    setups.iter_mut().for_each(|setup| setup.names.clone_from(&names));
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
    let split = Split::open(args, &setups)?;
    if let Some(split) = &split
        && split.is_done()?
    {
        return Ok(Outcome::Done);
    }
    notes::what_is_built_in(args, &setup);
    notes::what_the_control_group_allows(&setup);
    notes::what_has_no_effect(args);
    let started = Instant::now();
    let weights = setup.load_weights()?;
    let class_names = weights.class_names().to_vec();
    let selection = selection(&args.selection, &class_names)?;
    let artist = args.drawing.artist(&class_names)?;
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
        notes::what_is_loaded(&setup, &weights, started.elapsed());
    }
    // The detector has its own copy.
    drop(weights);
    if !args.saving.no_save && !args.drawing.hide_labels {
        notes::what_can_not_be_written(artist.missing_letters());
    }
    let sources = split.as_ref().map_or_else(|| sources(args), Split::sources).every(args.vid_stride);
    let passed_over = notes::what_is_passed_over(&sources);
    // Not earlier: while loading weights or waiting for a list, a signal simply ends the program.
    let interrupt = Interrupt::catch()?;
    let budget = args.budget.budget();
    let sources = sources.within(budget).waiting(args.patience(interrupt.cancel()));
    let reporter = Reporter::new(args, &class_names, &sources);
    let files = Files::prepare(args, &class_names, artist, &sources, &interrupt)?;
    let search = Search { detectors: &mut detectors, sources, batch: args.batch, budget, interrupt: interrupt.clone() };
    let rows = split.as_ref().map(|split| split.start(args, &class_names)).transpose()?;
    let tally = search_all(search, &files, reporter, rows, &interrupt)?;
    if let Some(passed_over) = passed_over {
        message::note(passed_over);
    }
    if detectors.iter().any(RunDetector::graphs_refused) {
        message::note(GRAPHS_REFUSED);
    }
    if args.memory || args.memory_json {
        detectors.into_iter().try_for_each(|detector| say_what_is_held(detector, args))?;
    }
    Ok(match (tally, interrupt.signal()) {
        (_, Some(signal)) => Outcome::Interrupted { signal },
        // A shard with broken pictures is done: another try would find the same.
        (_, None) if split.is_some() => Outcome::Done,
        (tally, None) if tally.failures > 0 => Outcome::Failed,
        (tally, None) if tally.objects == 0 && args.fail_empty => Outcome::NothingFound,
        _ => Outcome::Done,
    })
}

/// Searches, writes and reports until the end, a signal or a full disk.
fn search_all(
    search: Search,
    files: &Files,
    mut reporter: Reporter,
    mut rows: Option<Rows>,
    interrupt: &Interrupt,
) -> Result<Tally> {
    let mut gathered = Gathered::create(files)?;
    search.each(files, |item| {
        let item = gathered.add(item)?;
        let index = item.about.index;
        let is_full = item.value.as_ref().is_err_and(is_full_disk);
        reporter.report(&item)?;
        if let Some(rows) = &mut rows {
            rows.add(item)?;
        }
        Ok(match gathered.has_given_up(index) {
            _ if is_full => Next::Nothing,
            true => Next::Source,
            false => Next::Picture,
        })
    })?;
    match gathered.keep() {
        Err(error) if is_full_disk(&error) => reporter.report_full_disk(&error),
        kept => kept?,
    }
    match rows {
        _ if interrupt.is_pressed() => reporter.report_interruption(),
        Some(rows) => rows.keep()?,
        None => (),
    }
    reporter.finish(&files.summary())
}

/// The named sources, or the built-in picture.
fn sources(args: &Args) -> Sources {
    let named = args.named_sources();
    if named.is_empty() {
        return Sources::picture(demo::PICTURE_NAME, demo::PICTURE);
    }
    let depth = if args.recursive { Depth::Everything } else { Depth::Folder };
    Sources::expand(named, depth)
}

/// Prints what the detector held at the end, and checks that it gave everything back.
fn say_what_is_held(mut detector: RunDetector, args: &Args) -> Result<()> {
    let held = detector.memory()?;
    let freed = detector.close()?;
    if args.memory_json {
        message::line(serde_json::to_string(&freed)?);
    }
    if !args.memory {
        return Ok(());
    }
    message::line(format_args!(
        "\nmemory held after the last picture, in bytes\n{held}released {} bytes in {:.2} ms, {} left",
        freed.released,
        milliseconds(freed.took),
        freed.residue
    ));
    Ok(())
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

/// The class with this number or name.
fn find_class(class: &str, class_names: &[String]) -> Result<usize> {
    // Lists may be written as Python prints them.
    let class = class.trim().trim_matches(['[', ']', '(', ')', '"', '\'']).trim();
    let by_number = class.parse().ok().filter(|number| *number < class_names.len());
    let by_name = || class_names.iter().position(|name| name.eq_ignore_ascii_case(class));
    by_number.or_else(by_name).with_context(|| {
        format!(
            "class {class}: expected a number from 0 to {} or a name of the weights",
            class_names.len().saturating_sub(1)
        )
    })
}
