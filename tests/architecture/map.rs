//! The maps in `docs/architecture.md`.

use std::path::Path;

/// The names in a block of the page, from top to bottom; those on one line are side by side.
pub struct Map(Vec<Vec<String>>);

impl Map {
    /// The block below the heading `title`, in which each line has names, two spaces or more, and a description.
    pub fn read(page: &str, title: &str) -> Self {
        let is_heading = |line: &&str| line.starts_with('#') && line.trim_matches(['#', ' ', '`']) == title;
        let mut lines = page.lines().skip_while(|line| !is_heading(line)).skip(1);
        let block = lines.by_ref().skip_while(|line| !line.starts_with("```")).skip(1);
        let names = |line: &str| line.split("  ").next().unwrap_or_default().split(", ").map(name).collect();
        let map: Vec<_> = block.take_while(|line| !line.starts_with("```")).map(names).collect();
        assert!(!map.is_empty(), "the page has no map below the heading {title}");
        Self(map)
    }

    /// Which of `names` the map lacks, and what it has beyond them.
    pub fn differences(&self, names: &[&str]) -> Vec<String> {
        let mapped: Vec<&String> = self.0.iter().flatten().collect();
        let missing = names.iter().filter(|name| !mapped.iter().any(|mapped| mapped == *name));
        let surplus = mapped.iter().filter(|mapped| !names.contains(&mapped.as_str()));
        let missing = missing.map(|name| format!("{name} is not in the map"));
        missing.chain(surplus.map(|name| format!("{name} is only in the map"))).collect()
    }

    /// The same for files, each of which is in the map under its own name or that of a folder.
    pub fn differences_of_files(&self, files: &[String]) -> Vec<String> {
        let entry = |file: &String| self.0.iter().flatten().find(|name| Path::new(file).starts_with(name));
        let entries: Vec<&str> = files.iter().map(|file| entry(file).unwrap_or(file).as_str()).collect();
        self.differences(&entries)
    }

    /// Whether `from` is below `to`.
    pub fn is_below(&self, from: &str, to: &str) -> bool {
        let line = |name| self.0.iter().position(|names| names.iter().any(|mapped| mapped == name));
        line(from) > line(to)
    }
}

/// Folders may be written with a slash.
fn name(text: &str) -> String {
    text.trim().trim_end_matches('/').to_owned()
}
