//! Every command of the README and of `docs/` runs, so that none of them can fail unseen.
//!
//! They run in a folder that has what they name. A GPU is not there: what asks for one has to say so in a line.

#![cfg(unix)]

mod support;

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};
use support::{Said, WEIGHTS, Workplace};

/// The commands that are run here; others have tests of their own.
const COMMANDS: [&str; 11] =
    ["run", "predict", "convert", "info", "val", "bench", "memory", "tune", "doctor", "completions", "man"];

/// A line of a document, and the exit code that it shows, if it shows one.
struct Line {
    document: String,
    text: String,
    code: Option<i32>,
}

/// The lines of code blocks that run the program.
fn lines() -> Vec<Line> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let documents = fs::read_dir(root.join("docs")).expect("a folder").map(|entry| entry.expect("an entry").path());
    let documents = documents.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let mut found = Vec::new();
    for document in documents.chain([root.join("README.md")]) {
        let text = fs::read_to_string(&document).expect("a document");
        let mut is_code = false;
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            if line.starts_with("```") {
                is_code = !is_code && ["```console", "```sh"].contains(&line);
                continue;
            }
            let line =
                if is_code { line.strip_prefix("$ ").unwrap_or(line) } else { line.strip_prefix("    ").unwrap_or("") };
            let Some(command) = line.strip_prefix("yolo10-burn ").and_then(|rest| rest.split(' ').next()) else {
                continue;
            };
            if (COMMANDS.contains(&command) || command.starts_with("--")) && !line.contains("..") {
                let shown = lines.clone().skip_while(|line| !line.starts_with("$ ")).take(2).collect::<Vec<_>>();
                let code = (shown.first() == Some(&"$ echo $?")).then(|| shown[1].parse().expect("an exit code"));
                found.push(Line { document: document.display().to_string(), text: line.to_owned(), code });
            }
        }
    }
    found
}

/// The demo's weights in f32, which is what `convert` writes: it passes them on.
fn single_precision() -> Vec<u8> {
    let (_, header) = SafeTensors::read_metadata(WEIGHTS).expect("a safetensors file");
    let metadata: Option<HashMap<String, String>> = header.metadata().clone();
    let file = SafeTensors::deserialize(WEIGHTS).expect("a safetensors file");
    let wide: Vec<(String, Vec<usize>, Vec<u8>)> = file
        .iter()
        .map(|(name, tensor)| {
            let halves = tensor.data().chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
            let bytes = halves.flat_map(|half| widened(half).to_le_bytes()).collect();
            (name.to_owned(), tensor.shape().to_vec(), bytes)
        })
        .collect();
    let views = wide.iter().map(|(name, shape, bytes)| {
        (name, TensorView::new(Dtype::F32, shape.clone(), bytes).expect("four bytes for each number"))
    });
    serialize(views, metadata).expect("a safetensors file")
}

/// A half precision number in single precision (IEEE 754: 5 bits of exponent, 10 of fraction).
fn widened(half: u16) -> f32 {
    let (exponent, fraction) = (i32::from(half >> 10 & 31), f32::from(half & 1023));
    let magnitude = match exponent {
        0 => fraction * 2f32.powi(-24),
        exponent => (1024.0 + fraction) * 2f32.powi(exponent - 25),
    };
    if half >> 15 == 1 { -magnitude } else { magnitude }
}

/// Everything that the documents name.
fn workplace() -> Workplace {
    let place = Workplace::new();
    let weights = single_precision();
    for name in ["yolov10n.pt", "yolov10s.pt", "yolov10m.pt", "yolov10n-demo.pt", "best.pt", "yolov10n.safetensors"] {
        place.file(name, &weights);
    }
    for name in ["street.jpg", "picture.jpg", "bus.jpg", "pictures/a.jpg", "photos/a.jpg", "folder/a.jpg"] {
        place.street(name);
    }
    place.file("folder/b.jpg", b"no picture");
    place.file("list.txt", b"bus.jpg\npicture.jpg\n");
    for set in ["scenes/scenes.yaml", "scenes.yaml", "coco.yaml"] {
        place.file(set, b"val: images\nnc: 80\n");
    }
    for folder in ["", "scenes/"] {
        place.street(&format!("{folder}images/street.jpg"));
        place.file(&format!("{folder}labels/street.txt"), b"0 0.5 0.5 0.1 0.1\n");
    }
    place
}

#[test]
fn every_command_of_the_documents_runs() {
    let lines = lines();
    assert!(lines.len() > 15, "{} commands found", lines.len());
    let program = Path::new(env!("CARGO_BIN_EXE_yolo10-burn"));
    let folder = program.parent().expect("it lies in a folder").display();
    let path = format!("{folder}:{}", std::env::var("PATH").expect("a path"));
    for Line { document, text, code } in lines {
        let place = workplace();
        let (command, _comment) = text.split_once("  #").unwrap_or((&text, ""));
        // The shortest measurement: what is shown is that it runs.
        let short = match command {
            bench if bench.starts_with("yolo10-burn bench") && !bench.contains("--iterations") => {
                " --iterations 1 --warmup 0"
            }
            memory if memory.starts_with("yolo10-burn memory") && !memory.contains("--cycles") => " --cycles 2",
            _ => "",
        };
        let mut shell = Command::new("bash");
        shell.args(["-c", &format!("{}{short}", command.trim())]).current_dir(place.path(".")).env("PATH", &path);
        let said: Said = shell.env("YOLO10_BURN_CACHE", place.path("cache")).output().expect("bash starts").into();
        let needs_gpu = ["cuda", "wgpu"].iter().any(|device| command.contains(device));
        let expected = if needs_gpu { 2 } else { code.unwrap_or(0) };
        assert_eq!(said.code, Some(expected), "{document}: {text}: {said:?}");
        if needs_gpu {
            assert!(said.stderr.lines().last().is_some_and(|line| line.starts_with("error: ")), "{text}: {said:?}");
        }
    }
}
