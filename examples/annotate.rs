//! Draws the detections in the pictures of a folder: `cargo run --release --example annotate -- [FOLDER [OUTPUT]]`.
//!
//! FOLDER may be anything that `yolo10-burn run` takes: a file, a pattern, a list, an address, a video.

#![expect(clippy::print_stdout, reason = "what it finds goes to the terminal")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use yolo10_burn::media::{Artist, Depth, Item, Sources, Style};
use yolo10_burn::{Detector, Options, Weights};

fn main() -> anyhow::Result<()> {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    let mut paths = std::env::args_os().skip(1).map(PathBuf::from);
    let folder = paths.next().unwrap_or(assets.clone());
    let output = paths.next().unwrap_or(std::env::temp_dir());

    let weights = Arc::new(Weights::open(&assets.join("yolov10n-demo.safetensors"))?);
    let mut detector = Detector::new(&weights, &Options::default())?;
    let artist = Artist::new(Style::default(), detector.class_names());
    for Item { about, value } in Sources::expand([folder], Depth::Folder).pictures() {
        let mut picture = match value {
            Ok(picture) => picture,
            Err(error) => {
                eprintln!("{}: {error}", about.name);
                continue;
            }
        };
        let found = detector.detect(&picture)?;
        artist.draw(&mut picture, &found);
        let annotated = output.join(format!("{}-annotated.png", about.file_stem()));
        picture.save(&annotated)?;
        println!("{}: {} objects in {}", about.name, found.len(), annotated.display());
    }
    Ok(())
}
