//! Refuses the feature `cuda` outside a clone, where the crates that it is patched with are missing: docs/install.md.

use std::env;
use std::path::Path;

fn main() {
    const VENDORED: &str = "../vendor/cubecl-cuda";
    println!("cargo::rerun-if-changed=build.rs");
    // The path is wanted at build time, and `env!` would keep that of the machine that compiled this script.
    let package = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    if env::var_os("CARGO_FEATURE_CUDA").is_some() && !Path::new(&package).join(VENDORED).is_dir() {
        println!(
            "cargo::error=the feature cuda is built from a clone of yolo10-burn only, whose [patch.crates-io] changes \
             cubecl-cuda and cubecl-llvm; a package of a registry cannot"
        );
    }
}
