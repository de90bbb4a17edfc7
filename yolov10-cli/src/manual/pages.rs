//! Manual pages: the help of the options, and the usual sections.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use clap::Command;
use clap_mangen::Man;
use weights_convert::WholeFile;

use crate::outcome::EXIT_CODES;

/// What a page of this program has in its head.
const HEAD: &str = ".TH yolo10-burn";

/// The most common uses of each command, and their command lines.
const EXAMPLES: [(&str, &[(&str, &str)]); 13] = [
    ("yolo10-burn", &[("yolo10-burn run", "Search the built-in picture."), ("yolo10-burn help run", "All options.")]),
    (
        "run",
        &[
            ("yolo10-burn run --weights yolov10n.pt street.jpg", "Find objects, and draw them."),
            ("yolo10-burn run --weights best.pt --json --no-save photos/ > found.jsonl", "A JSON object per picture."),
            (
                "yolo10-burn run --weights n --save-txt --classes person,car clip.mp4",
                "Label files of a video's frames.",
            ),
            ("yolo10-burn predict model=yolov10n.pt source=street.jpg conf=0.5", "The same in ultralytics' syntax."),
        ],
    ),
    (
        "merge",
        &[("yolo10-burn merge results", "One file of all parts that run --shard I/N --out results has written.")],
    ),
    (
        "serve",
        &[
            ("yolo10-burn serve", "The built-in demo, with a page to try it."),
            ("yolo10-burn serve --model street=best.pt --memory-budget 2GB", "A model by name, within a budget."),
        ],
    ),
    ("convert", &[("yolo10-burn convert yolov10n.pt", "To yolov10n.safetensors, which loads faster.")]),
    ("info", &[("yolo10-burn info yolov10n.pt --layers", "What the weights hold, layer by layer.")]),
    (
        "val",
        &[
            ("yolo10-burn val --data coco.yaml --weights yolov10n.pt", "The table of yolo val."),
            ("yolo10-burn val --data instances_val2017.json --weights n", "And COCO's own figures."),
        ],
    ),
    ("bench", &[("yolo10-burn bench --weights n,s --threads 1,2", "A row per combination.")]),
    ("memory", &[("yolo10-burn memory --weights n --cycles 100", "What is held when, and whether it comes back.")]),
    ("tune", &[("yolo10-burn tune --device cuda --picture 1080,1920 --batch 1,8", "Once, before the real pictures.")]),
    ("doctor", &[("yolo10-burn doctor", "What this machine offers.")]),
    ("completions", &[("yolo10-burn completions bash > /etc/bash_completion.d/yolo10-burn", "For all users.")]),
    ("man", &[("yolo10-burn man /usr/local/share/man/man1", "For all users.")]),
];

const ENVIRONMENT: [(&str, &str); 4] = [
    ("YOLO10_BURN_CACHE", "The folder for downloaded weights and a GPU's compiled kernels."),
    ("YOLO10_BURN_RELEASE", "Another address to download the authors' weights from."),
    ("XDG_CACHE_HOME", "Where the cache folder is created if YOLO10_BURN_CACHE is not set; otherwise in ~/.cache."),
    ("CUBECL_AUTOTUNE_LEVEL", "How many kernels are tried on a GPU: minimal, balanced, extensive or full."),
];

const FILES: [(&str, &str); 3] = [
    ("~/.cache/yolo10-burn", "Downloaded weights, and in kernels/ a GPU's compiled kernels."),
    ("runs/detect/predict, predict2, ..", "Where run writes by default."),
    (".yolo10-burn", "In each of these folders: the files that this program wrote there, and may replace."),
];

/// Writes a page for the program and for each of its commands.
pub fn write(folder: &Path, program: Command) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let mut program = program.disable_help_subcommand(true);
    program.build();
    let commands = program.get_subcommands().filter(|command| !command.is_hide_set());
    for command in commands.chain([&program]) {
        let man = Man::new(command.clone());
        let path = folder.join(man.get_filename());
        check(&path)?;
        let page = page(&man, command.get_name()).with_context(|| path.display().to_string())?;
        WholeFile::write(&path, &page)?;
    }
    Ok(())
}

/// Whether there is nothing at `path`, or a page of this program.
fn check(path: &Path) -> Result<()> {
    let name = || path.display().to_string();
    if path.symlink_metadata().is_ok() {
        let is_ours = fs::read_to_string(path).with_context(name)?.contains(HEAD);
        ensure!(is_ours, "{}: was not made by this program, and is not replaced; name another folder", name());
    }
    Ok(())
}

fn page(man: &Man, name: &str) -> Result<Vec<u8>> {
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if name == "yolo10-burn" {
        man.render_subcommands_section(&mut page)?;
    }
    let examples = EXAMPLES.iter().find(|(command, _)| *command == name).map_or(&[][..], |(_, examples)| examples);
    let codes: Vec<(&str, &str)> = EXIT_CODES.lines().filter_map(|line| line.trim().split_once("  ")).collect();
    for (title, entries) in
        [("EXAMPLES", examples), ("ENVIRONMENT", &ENVIRONMENT), ("FILES", &FILES), ("EXIT STATUS", &codes)]
    {
        if !entries.is_empty() {
            page.extend(section(title, entries).into_bytes());
        }
    }
    if name == "yolo10-burn" {
        man.render_version_section(&mut page)?;
    }
    Ok(page)
}

/// A section of entries, each with its explanation.
fn section(title: &str, entries: &[(&str, &str)]) -> String {
    let entries = entries.iter().map(|(entry, text)| format!(".TP\n\\fB{}\\fR\n{}\n", plain(entry), plain(text)));
    format!(".SH \"{title}\"\n{}", entries.collect::<String>())
}

/// Escapes whatever is special to troff.
fn plain(text: &str) -> String {
    let text = text.trim().replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}
