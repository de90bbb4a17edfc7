//! The layout of the crates: no rings, and nothing below that imports what is above it.

mod imports;
mod modules;
mod rings;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The crates' folders, in the repository's, in which cargo runs this.
const CRATES: [&str; 6] =
    ["detection-metrics", "weights-convert", "yolov10-cli", "yolov10-cpu", "yolov10-media", "yolov10-model"];

/// The rings that are there for a reason: crate, folder, who imports, from whom, why.
const KEPT: [(&str, &str, &str, &str, &str); 0] = [];

fn roots(name: &str) -> impl Iterator<Item = PathBuf> {
    ["lib.rs", "main.rs"].map(|file| Path::new(name).join("src").join(file)).into_iter().filter(|file| file.exists())
}

#[test]
fn no_two_files_or_folders_of_a_crate_import_each_other_in_a_ring() {
    let mut found = String::new();
    let mut kept = KEPT.to_vec();
    for name in CRATES {
        for root in roots(name) {
            for (path, mut folder) in imports::folders(&modules::read(&root, &|file| fs::read_to_string(file).ok())) {
                let path = path.join("/");
                kept.retain(|&(its_crate, its_folder, from, to, _)| {
                    let here = its_crate == name && its_folder == path;
                    !(here && folder.imports.remove(&(from.to_owned(), to.to_owned())).is_some())
                });
                for ring in rings::rings(&folder) {
                    found += &format!("{name}/src/{path}:\n{}", rings::describe(&folder, &ring));
                }
            }
        }
    }
    assert!(found.is_empty(), "files that import each other in a ring:\n{found}");
    assert!(kept.is_empty(), "listed as kept, but there no more: {kept:?}");
}

/// The rings of the crate that these files make, described.
fn rings_of(files: &[(&str, &str)]) -> String {
    let files: BTreeMap<&Path, &str> = files.iter().map(|&(name, text)| (Path::new(name), text)).collect();
    let modules = modules::read(Path::new("lib.rs"), &|file| files.get(file).map(|&text| text.to_owned()));
    let mut described = String::new();
    for folder in imports::folders(&modules).values() {
        rings::rings(folder).iter().for_each(|ring| described += &rings::describe(folder, ring));
    }
    described
}

#[test]
fn a_ring_is_found_through_re_exports_trees_inline_paths_and_macros() {
    let ring = rings_of(&[
        ("lib.rs", "mod a; mod b; mod c; pub use c::Third;"),
        ("a.rs", "use crate::{b::{self, inner::*}}; pub struct First; fn f(_: b::Second, _: Fourth) {}"),
        ("b/mod.rs", "pub mod inner; pub struct Second(crate::Third);"),
        ("b/inner.rs", "pub struct Fourth;"),
        ("c.rs", "#[cfg(unix)] macro_rules! m { () => { crate::a::First } } pub struct Third;"),
    ]);
    assert_eq!(ring, "    a imports b::Second, b::inner::Fourth\n    b imports c::Third\n    c imports a::First\n");
}

#[test]
fn a_parent_is_in_a_ring_with_its_child_unless_it_keeps_for_the_two_what_the_child_uses() {
    let ring = |visibility: &str| {
        let parent = format!("mod child; {visibility} struct Shared; pub fn f() {{ child::f() }}");
        rings_of(&[("lib.rs", "mod a;"), ("a/mod.rs", &parent), ("a/child.rs", "pub fn f(_: super::Shared) {}")])
    };
    assert_eq!(ring(""), "");
    assert_eq!(ring("pub"), "    (the folder's own file) imports child::f\n    child imports Shared\n");
}

#[test]
fn test_code_makes_no_ring() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "pub fn f() { crate::b::g() }"),
        ("b.rs", "pub fn g() {} #[cfg(all(test, unix))] mod tests { use crate::a::f; } #[cfg(test)] use crate::a::f;"),
    ];
    assert_eq!(rings_of(&files), "");
}
