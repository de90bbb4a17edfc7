//! The layout of the crates: no rings, nothing that imports what is above it in `docs/architecture.md`, and `unsafe` only
//! where that page says.

mod imports;
mod map;
mod modules;
mod rings;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use map::Map;

/// The rings that have a reason: crate, folder, who imports, from whom, why.
const KEPT: &[(&str, &str, &str, &str, &str)] = &[
    ("yolov10-model", "", "error", "picture", "the error of a picture that is too large names the budget"),
    ("yolov10-media", "sources", "decoder", imports::OWN, ITEMS),
    ("yolov10-media", "sources", "expand", imports::OWN, ITEMS),
    ("yolov10-media", "sources", "frames", imports::OWN, ITEMS),
    ("yolov10-media", "sources", "sequence", imports::OWN, ITEMS),
    ("yolov10-media", "sources", "source", imports::OWN, ITEMS),
    ("yolov10-media", "sources", "walk", imports::OWN, ITEMS),
    ("yolov10-media", "sources", "source", "expand", "a list that a server sends is expanded when its turn comes"),
    ("yolov10-media", "sources", "source", "frames", "what opens a source says whether it has frames"),
];
const ITEMS: &str = "an item is defined beside `Sources`, which yields items";

/// A file of the repository, in whose root cargo runs this.
fn read(file: impl AsRef<Path>) -> String {
    let file = file.as_ref();
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The crates' folders, as the workspace lists them.
fn crates() -> Vec<String> {
    let manifest = read("Cargo.toml");
    let (_, members) = manifest.split_once("\nmembers = [").expect("a workspace has members");
    let (members, _) = members.split_once(']').expect("the list of members ends");
    members.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The source files in a folder and below it.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let found = paths.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    found.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// The root files of a crate.
fn roots(name: &str) -> impl Iterator<Item = PathBuf> {
    ["lib.rs", "main.rs"].map(|file| Path::new(name).join("src").join(file)).into_iter().filter(|file| file.exists())
}

fn modules_of(root: &Path) -> Vec<modules::Module> {
    modules::read(root, &|file| fs::read_to_string(file).ok())
}

#[test]
fn no_two_files_or_folders_of_a_crate_import_each_other_in_a_ring() {
    let mut found = String::new();
    let mut kept = KEPT.to_vec();
    for name in crates() {
        for root in roots(&name) {
            for (path, mut folder) in imports::folders(&modules_of(&root)) {
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
    assert!(kept.is_empty(), "listed as kept, but gone: {kept:?}");
}

#[test]
fn what_sits_below_never_imports_what_sits_above_it_in_the_map() {
    let page = read("docs/architecture.md");
    let mut found = Vec::new();
    // A crate of bytes alone has no modules, and no block.
    let has_modules = |name: &String| roots(name).any(|root| !modules_of(&root)[0].children.is_empty());
    for name in crates().into_iter().filter(has_modules) {
        let map = Map::read(&page, &name);
        let mut files = Vec::new();
        for root in roots(&name) {
            let modules = modules_of(&root);
            files.extend(modules[0].children.keys().cloned());
            let Some(top) = imports::folders(&modules).remove(&Vec::new()) else { continue };
            let offends = |(from, to): &(String, String)| map.is_below(from, to);
            let offences = top.imports.into_iter().filter(|(ends, _)| offends(ends));
            found.extend(offences.map(|((from, _), names)| format!("{name}: {from} imports {names:?}")));
        }
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        found.extend(map.differences(&files).into_iter().map(|difference| format!("{name}: {difference}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_crate_depends_only_on_those_below_it() {
    let crates = crates();
    let map = Map::read(&read("docs/architecture.md"), "Crates");
    let mut found = map.differences(&crates.iter().map(String::as_str).collect::<Vec<_>>());
    for name in &crates {
        let manifest = read(Path::new(name).join("Cargo.toml"));
        let sections = manifest.split("\n[").filter(|section| section.starts_with("dependencies]"));
        let used = sections.flat_map(str::lines).filter_map(|line| line.split(['.', ' ', '=']).next());
        let above = used.filter(|used| crates.iter().any(|name| name == used) && !map.is_below(used, name));
        found.extend(above.map(|used| format!("{name} depends on {used}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn unsafe_code_is_allowed_only_where_the_page_says() {
    let page = read("docs/architecture.md");
    let map = Map::read(&page, "unsafe");
    let allowing: Vec<String> = crates()
        .iter()
        .flat_map(|name| sources(&Path::new(name).join("src")))
        .filter(|file| read(file).contains("unsafe_code"))
        .map(|file| file.display().to_string())
        .collect();
    let found = map.differences_of_files(&allowing);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The rings of a crate that consists of these files, described.
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
    let ring = |parent: &str| {
        rings_of(&[("lib.rs", "mod a;"), ("a/mod.rs", parent), ("a/child.rs", "pub fn f(_: super::Shared) {}")])
    };
    assert_eq!(ring("mod child; struct Shared; pub fn g() { child::f() }"), "");
    assert_eq!(ring("mod child; pub struct Shared; pub use child::f;"), "", "it hands on what it does not use");
    let ring = ring("mod child; pub struct Shared; pub fn g() { child::f() }");
    assert_eq!(ring, "    (the folder's own file) imports child::f\n    child imports Shared\n");
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

#[test]
fn a_map_has_its_names_from_top_to_bottom() {
    let map = Map::read("## `x`\n\nText.\n\n```text\nabove       First.\nb, folder/  Second.\n```\n", "x");
    assert!(map.is_below("folder", "above") && !map.is_below("above", "folder") && !map.is_below("b", "folder"));
    assert_eq!(map.differences(&["above", "b", "c"]), ["c is not in the map", "folder is only in the map"]);
}
