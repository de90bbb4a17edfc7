//! Rings among the entries of a folder.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::imports::Folder;

/// The rings of a folder, each as the entries that reach each other.
pub fn rings(folder: &Folder) -> Vec<BTreeSet<&str>> {
    let entries: BTreeSet<&str> = folder.imports.keys().flat_map(|(from, to)| [from.as_str(), to]).collect();
    let mut rings: Vec<BTreeSet<&str>> = Vec::new();
    for &entry in &entries {
        let there = reached(folder, entry);
        let ring: BTreeSet<&str> = there.into_iter().filter(|other| reached(folder, other).contains(entry)).collect();
        if ring.len() > 1 && !rings.contains(&ring) {
            rings.push(ring);
        }
    }
    rings
}

/// The entries that `start` imports, by however many steps.
fn reached<'a>(folder: &'a Folder, start: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![start];
    while let Some(entry) = open.pop() {
        for (_, to) in folder.imports.keys().filter(|(from, _)| from == entry) {
            if reached.insert(to.as_str()) {
                open.push(to);
            }
        }
    }
    reached
}

/// A ring in words: every import in it, with the names.
pub fn describe(folder: &Folder, ring: &BTreeSet<&str>) -> String {
    let mut text = String::new();
    for ((from, to), names) in &folder.imports {
        if ring.contains(from.as_str()) && ring.contains(to.as_str()) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            writeln!(text, "    {from} imports {}", names.join(", ")).expect("a string takes what is written");
        }
    }
    text
}
