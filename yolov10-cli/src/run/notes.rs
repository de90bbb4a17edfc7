//! Notes of a run on stderr: which built-in data it uses, which options have no effect, what it loaded.

use std::time::Duration;

use yolov10_media::Sources;
use yolov10_model::options::physical_cores;
use yolov10_model::{Device, Weights};

use super::args::{Args, DrawingArgs, SavingArgs};
use crate::control_group::Limits;
use crate::setup::Setup;
use crate::{demo, message};

/// Notes the built-in data that is used because nothing was named.
pub fn what_is_built_in(args: &Args, setup: &Setup) {
    if setup.weights.is_none() {
        message::note(format_args!(
            "no --weights: using the {}, which knows drawn street scenes and little else; \
             --weights n downloads the authors' COCO weights, --weights best.pt takes your own",
            demo::WEIGHTS_NAME
        ));
    }
    if args.named_sources().is_empty() && args.shards.list.is_none() {
        message::note(format_args!(
            "no SOURCE: searching the built-in picture {}; try: yolo10-burn run --weights yolov10n.pt picture.jpg",
            demo::PICTURE_NAME
        ));
    }
}

/// That the number of threads is the control group's doing.
pub fn what_the_control_group_allows(setup: &Setup) {
    let is_chosen = setup.options.cpu.threads.is_some() || setup.options.device != Device::Cpu;
    if let Some(quota) = Limits::here().deciding_quota().filter(|_| !is_chosen) {
        let threads = physical_cores();
        let threads = if threads.get() == 1 { "1 thread".to_owned() } else { format!("{threads} threads") };
        message::note(format_args!(
            "{threads}, as the control group allows {quota} processors; --threads N changes it"
        ));
    }
}

/// Notes options that have no effect.
pub fn what_has_no_effect(args: &Args) {
    args.selection.head.note_what_has_no_effect();
    let SavingArgs { no_save, save_txt, save_conf, .. } = args.saving;
    let DrawingArgs { line_width, hide_labels, hide_conf, font } = &args.drawing;
    let drawn = line_width.is_some() || *hide_labels || *hide_conf || font.is_some();
    for (is_vain, note) in [
        (save_conf && !save_txt, "--save-conf has no effect without --save-txt"),
        (args.isolate && args.batch.get() > 1, "--batch has no effect with --isolate: a worker gets one at a time"),
        (no_save && drawn, "--line-width, --hide-labels, --hide-conf and --font have no effect with --no-save"),
        (
            args.saving.folder.is_reused() && !args.saving.writes_files(),
            "--exist-ok has no effect: no files are written",
        ),
        (*hide_labels && *hide_conf, "--hide-conf has no effect with --hide-labels"),
    ] {
        if is_vain {
            message::note(note);
        }
    }
}

/// Notes the first name that the font can't write, if there is one.
pub fn what_can_not_be_written<'a>(mut missing: impl Iterator<Item = (&'a str, char)>) {
    if let Some((name, character)) = missing.next() {
        let more = missing.count();
        let others = if more > 0 { format!(" and {more} more classes") } else { String::new() };
        message::note(format_args!(
            "the font has no letter {character} of {name}{others}: boxes stand for it; --font FILE names another one"
        ));
    }
}

/// `skipped 3 files: 2 .heic, 1 .txt`, if there were any.
pub fn what_is_passed_over(sources: &Sources) -> Option<String> {
    let kinds = sources.passed_over();
    let total: usize = kinds.values().sum();
    let plural = if total == 1 { "" } else { "s" };
    let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    (total > 0).then(|| format!("skipped {total} file{plural}: {}", kinds.join(", ")))
}

/// Notes the weights, and how long loading took.
pub fn what_is_loaded(setup: &Setup, weights: &Weights, time: Duration) {
    let variant = weights.metadata().get("variant").map_or("custom", String::as_str);
    let (name, device) = (setup.weights_name(), setup.options.device);
    let (classes, time) = (weights.class_names().len(), time.as_millis());
    message::note(format_args!("{name}: YOLOv10 {variant}, {classes} classes, on {device}, loaded in {time} ms"));
}
