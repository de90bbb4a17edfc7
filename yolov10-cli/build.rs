//! Lets the program say which commit it was built from.

use std::path::Path;
use std::process::Command;

/// Every commit and checkout changes this file.
const LOG: &str = "../.git/logs/HEAD";

fn main() {
    let git = Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .output();
    let hash = git
        .ok()
        .filter(|output| output.status.success())
        .map(|output| output.stdout);
    let hash = hash.and_then(|hash| String::from_utf8(hash).ok());
    let commit = hash.as_deref().map_or("unknown", str::trim);
    println!("cargo::rustc-env=YOLO10_BURN_COMMIT={commit}");
    println!("cargo::rerun-if-changed=build.rs");
    if Path::new(LOG).exists() {
        println!("cargo::rerun-if-changed={LOG}");
    }
}
