//! Lets the program say which commit it was built from, and for which target.

use std::env;
use std::fs;
use std::process::Command;

fn main() {
    // A package of a registry lies in nobody's repository, or in that of whoever has unpacked it.
    let commit = packaged().or_else(|| git(&["rev-parse", "--short=12", "HEAD"]));
    let commit = commit.as_deref().unwrap_or("unknown");
    println!("cargo::rustc-env=YOLO10_BURN_COMMIT={commit}");
    println!("cargo::rustc-env=YOLO10_BURN_TARGET={}", env::var("TARGET").expect("cargo says it"));
    println!("cargo::rerun-if-changed=build.rs");
    // Every commit and checkout changes this file. Where it is depends on whether this is a linked worktree.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
}

/// The commit that cargo has put into a package.
fn packaged() -> Option<String> {
    let information = fs::read_to_string(".cargo_vcs_info.json").ok()?;
    let (_, commit) = information.split_once("\"sha1\": \"")?;
    commit.get(..12).map(str::to_owned)
}

/// What git says, in a line; `None` outside a repository.
fn git(words: &[&str]) -> Option<String> {
    let output = Command::new("git").args(words).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| said.trim().to_owned())
}
