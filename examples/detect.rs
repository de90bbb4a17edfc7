//! The library in ten lines, as in the README: `cargo run --release --example detect -- WEIGHTS PICTURE`.

#![expect(clippy::print_stdout, reason = "what it finds goes to the terminal")]

use std::path::PathBuf;
use std::sync::Arc;

use yolo10_burn::{Detector, Options, Weights, open_picture};

fn main() -> Result<(), yolo10_burn::Error> {
    let mut paths = std::env::args_os().skip(1).map(PathBuf::from);
    let assets = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets");
    let weights = paths.next().unwrap_or(assets.join("yolov10n-demo.safetensors"));
    let picture = paths.next().unwrap_or(assets.join("street.jpg"));

    let weights = Arc::new(Weights::open(&weights)?);
    let mut detector = Detector::new(&weights, &Options::default())?;
    for found in detector.detect(&open_picture(&picture)?)? {
        println!("{} {:.2} at {:?}", detector.class_names()[found.class], found.score, found.rect);
    }
    Ok(()) // the detector is dropped: weights, workspace and threads are gone
}
