//! The files in a folder, by name; every folder is entered once, whatever links lead to it.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Depth;

/// What a walk found: a file, or a path that could not be read.
pub type Found = Result<PathBuf, (PathBuf, io::Error)>;

/// The files below `folder` in the order of their names; links are followed, hidden files left out.
///
/// Two names of a file are two files, as two names of a picture in a data set are two samples. A folder to which several
/// links lead is walked by its own name, or by the first link if it lies elsewhere: otherwise a link to a folder that
/// contains it would count its files again and again.
pub fn files(folder: &Path, depth: Depth) -> Vec<Found> {
    let mut walk = Walk { entered: HashSet::new(), links: Vec::new(), found: Vec::new() };
    walk.enter(folder, depth);
    // Linked folders come after all real ones, so that these keep their names.
    while let Some(link) = (!walk.links.is_empty()).then(|| walk.links.remove(0)) {
        walk.enter(&link, depth);
    }
    let path = |found: &Found| found.as_ref().map_or_else(|(path, _)| path.clone(), PathBuf::clone);
    walk.found.sort_by_cached_key(path);
    walk.found
}

struct Walk {
    entered: HashSet<Identity>,
    links: Vec<PathBuf>,
    found: Vec<Found>,
}

/// Device and inode; if there are none, the path without links.
#[cfg(unix)]
type Identity = (u64, u64);
#[cfg(not(unix))]
type Identity = PathBuf;

impl Walk {
    fn enter(&mut self, folder: &Path, depth: Depth) {
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            match identity(&folder).and_then(|identity| Ok((identity, fs::read_dir(&folder)?))) {
                Ok((identity, entries)) => {
                    if self.entered.insert(identity) {
                        entries.for_each(|entry| self.look_at(entry, &folder, depth, &mut folders));
                    }
                }
                Err(error) => self.found.push(Err((folder, error))),
            }
        }
    }

    fn look_at(&mut self, entry: io::Result<fs::DirEntry>, folder: &Path, depth: Depth, folders: &mut Vec<PathBuf>) {
        let (path, kind) = match entry.and_then(|entry| Ok((entry.path(), entry.file_type()?))) {
            Ok(entry) => entry,
            Err(error) => return self.found.push(Err((folder.to_owned(), error))),
        };
        if is_hidden(&path) {
            return;
        }
        let is_folder = if kind.is_symlink() { path.is_dir() } else { kind.is_dir() };
        match (is_folder, depth) {
            (true, Depth::Folder) => (),
            (true, Depth::Everything) if kind.is_symlink() => self.links.push(path),
            (true, Depth::Everything) => folders.push(path),
            // A link that leads nowhere is a file that can't be read.
            (false, _) if kind.is_file() || kind.is_symlink() => self.found.push(Ok(path)),
            // Sockets, pipes and devices are not searched.
            (false, _) => (),
        }
    }
}

/// Whether its name begins with a dot: settings, thumbnails, a Mac's notes about other files.
pub fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

#[cfg(unix)]
fn identity(folder: &Path) -> io::Result<Identity> {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::metadata(folder)?;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(folder: &Path) -> io::Result<Identity> {
    fs::canonicalize(folder)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn names(folder: &Path, depth: Depth) -> Vec<String> {
        let name = |found: Found| {
            let path = found.expect("everything can be read");
            path.strip_prefix(folder).expect("it is below").display().to_string()
        };
        files(folder, depth).into_iter().map(name).collect()
    }

    #[test]
    fn links_that_lead_back_count_nothing_twice_and_hidden_files_nothing_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("real/deeper")).expect("folders");
        for name in ["b.jpg", "real/a.jpg", "real/deeper/c.jpg", "._b.jpg", ".hidden"] {
            fs::write(path(name), "x").expect("a file");
        }
        symlink(".", path("again")).expect("a link");
        symlink("..", path("real/up")).expect("a link");
        symlink("real", path("also")).expect("a link");
        symlink("b.jpg", path("twin.jpg")).expect("a link");
        assert_eq!(names(folder.path(), Depth::Folder), ["b.jpg", "twin.jpg"]);
        let all = ["b.jpg", "real/a.jpg", "real/deeper/c.jpg", "twin.jpg"];
        assert_eq!(names(folder.path(), Depth::Everything), all);
    }

    #[test]
    fn a_folder_elsewhere_is_walked_by_the_link_that_leads_there() {
        let (folder, elsewhere) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        fs::write(elsewhere.path().join("far.jpg"), "x").expect("a file");
        symlink(elsewhere.path(), folder.path().join("there")).expect("a link");
        symlink(elsewhere.path(), folder.path().join("too")).expect("a link");
        let found = names(folder.path(), Depth::Everything);
        assert!(found == ["there/far.jpg"] || found == ["too/far.jpg"], "one of two links: {found:?}");
    }
}
