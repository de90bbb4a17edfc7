//! Needs nothing done: it is there for the features of `[build-dependencies]`.
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
