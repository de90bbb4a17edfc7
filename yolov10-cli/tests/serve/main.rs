//! `serve`, asked from outside: what it answers, what it refuses, and that memory is back when it says so.

mod client;
mod life;
mod limits;
mod memory;
mod protocol;
mod streams;

use std::path::{Path, PathBuf};

/// A drawn street scene of 1280x896 pixels.
const STREET: &[u8] = include_bytes!("../../../assets/street.jpg");

fn weights() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/yolov10n-demo.safetensors")
}

/// The objects that the demo's weights find in it above 0.25.
const OBJECTS: usize = 9;

/// The words that serve the demo's weights under this name.
fn model(name: &str) -> String {
    format!("--model={name}={}", weights().display())
}
