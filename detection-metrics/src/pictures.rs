//! From the places that a data set names to picture files.

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::text::{self, LONGEST_PATH};

/// Extensions of picture files, the reference's and two more; a format that can't be decoded here counts as broken.
const ENDINGS: [&str; 15] =
    ["avif", "bmp", "dng", "gif", "heic", "heif", "jp2", "jpeg", "jpg", "mpo", "pfm", "png", "tif", "tiff", "webp"];

/// The pictures in these places, sorted, each once: all in a folder and its subfolders, or those that a text file lists.
pub(crate) fn pictures(places: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    for place in places {
        let before = found.len();
        if place.is_dir() {
            collect_folder(place, &mut found)?;
        } else {
            collect_list(place, &mut found)?;
        }
        if found.len() == before {
            return Err(Error::NoPictures { path: place.clone() });
        }
    }
    // As texts, as the reference sorts them: `a-b/1.jpg` comes before `a/1.jpg`.
    found.sort_by(|one, other| one.as_os_str().cmp(other.as_os_str()));
    found.dedup();
    Ok(found)
}

/// Links are followed. A folder to which several paths lead, in a loop too, is entered once: by its own name, or by that of a
/// link if it lies elsewhere.
fn collect_folder(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Error> {
    let mut entered = HashSet::new();
    // Real folders before links, so that they keep their names, by which labels are found.
    let (mut folders, mut links) = (vec![folder.to_owned()], VecDeque::new());
    while let Some(folder) = folders.pop().or_else(|| links.pop_front()) {
        let unreadable = |source| Error::Unreadable { path: folder.clone(), source };
        if !entered.insert(folder.canonicalize().map_err(unreadable)?) {
            continue;
        }
        for entry in folder.read_dir().map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            match (is_hidden(&path), path.is_dir()) {
                (true, _) => (),
                (false, true) if path.is_symlink() => links.push_back(path),
                (false, true) => folders.push(path),
                (false, false) if is_picture(&path) => found.push(path),
                (false, false) => (),
            }
        }
        // Which of several links comes first must not depend on the disk.
        links.make_contiguous().sort();
    }
    Ok(())
}

/// A path on each line. `./` is the list's own folder; other relative paths start at the working directory, as in the
/// reference, or else at the list's folder.
fn collect_list(list: &Path, found: &mut Vec<PathBuf>) -> Result<(), Error> {
    let text = text::read(list, text::LARGEST)?;
    let folder = list.parent().unwrap_or(Path::new(""));
    for (line, index) in text.lines().map(str::trim).zip(1..).filter(|(line, _)| !line.is_empty()) {
        if line.len() > LONGEST_PATH {
            let path = list.to_owned();
            return Err(Error::LongPath { path, line: index, limit: LONGEST_PATH, found: line.len() });
        }
        let picture = match line.strip_prefix("./") {
            Some(beside) => folder.join(beside),
            None if Path::new(line).exists() => PathBuf::from(line),
            None => folder.join(line),
        };
        if is_picture(&picture) {
            found.push(picture);
        }
    }
    Ok(())
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn is_picture(path: &Path) -> bool {
    path.extension()
        .and_then(|ending| ending.to_str())
        .is_some_and(|ending| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}
