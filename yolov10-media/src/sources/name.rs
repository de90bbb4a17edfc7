//! Names of results: made from names that come from outside, made harmless, and each used only once.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::path::Path;

/// The most bytes of a name. Systems take 255, and numbers and an extension are added.
const LONGEST: usize = 200;
/// What Windows takes for a device; the ports with a number behind them.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];
const PORTS: [&str; 2] = ["com", "lpt"];
const NUMBERS: [&str; 12] = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³"];

/// Turns a name from a weight file or an address into a file name: it can't lead out of a folder, and every system takes
/// it.
pub fn file_name(name: &str) -> String {
    match shortened(&without_harm(name)).trim_matches([' ', '.']) {
        "" => "_".to_owned(),
        name if is_device(name) => format!("_{name}"),
        name => name.to_owned(),
    }
}

/// Whether Windows finds a device under this name, in every folder and with every extension.
fn is_device(name: &str) -> bool {
    let name = name.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    let has_number = |port| name.strip_prefix(port).is_some_and(|number| NUMBERS.contains(&number));
    DEVICES.contains(&name.as_str()) || PORTS.into_iter().any(has_number)
}

/// With `_` for everything that any system treats as a separator or refuses.
fn without_harm(name: &str) -> String {
    name.replace(|c: char| c.is_control() || r#"/\:*?"<>|"#.contains(c), "_")
}

/// The beginning of a name, if it is too long for a file name.
fn shortened(name: &str) -> &str {
    &name[..name.floor_char_boundary(LONGEST)]
}

/// Stem and extension for files about a source with this name; addresses and `-` are names too.
pub fn stem_and_extension(name: &str) -> (String, String) {
    let path = match name.split_once("://") {
        Some((_, address)) => {
            let address = address.split(['?', '#']).next().unwrap_or(address);
            match address.trim_end_matches('/').split_once('/') {
                Some((_, path)) => path,
                // The dots in a host's name do not begin an extension.
                None => return (without_harm(address.trim_end_matches('/')), String::new()),
            }
        }
        None => name,
    };
    let path = Path::new(path);
    let part = |part: Option<&OsStr>| without_harm(&part.unwrap_or_default().to_string_lossy());
    let stem = match part(path.file_stem()) {
        stem if stem == "-" => "stdin".to_owned(),
        stem if stem.is_empty() => "picture".to_owned(),
        // Not behind it: `con.tar_` would still be the device.
        stem if cfg!(windows) && is_device(&stem) => format!("_{stem}"),
        stem => stem,
    };
    (stem, part(path.extension()).to_lowercase())
}

/// The names that are taken: each belongs to one source, together with the names of its frames, `NAME_1` and so on.
#[derive(Default)]
pub struct Stems {
    taken: HashSet<String>,
    /// Those that belong to sources with frames.
    films: HashSet<String>,
    /// The part before the number, of names that end like a frame's.
    before_numbers: HashSet<String>,
    /// The number to try when a name is asked for again.
    next: HashMap<String, usize>,
}

impl Stems {
    /// This stem, with a number if another source or its frames have it.
    pub fn claim(&mut self, stem: &str, has_frames: bool) -> String {
        let stem = shortened(stem);
        let mut free = stem.to_owned();
        while self.is_taken(&file_key(&free), has_frames) {
            let number = self.next.entry(file_key(stem)).or_insert(2);
            free = format!("{stem}-{number}");
            *number += 1;
        }
        let key = file_key(&free);
        self.before_numbers.extend(before_number(&key).map(str::to_owned));
        if has_frames {
            self.films.insert(key.clone());
        }
        self.taken.insert(key);
        free
    }

    fn is_taken(&self, key: &str, has_frames: bool) -> bool {
        self.taken.contains(key)
            || before_number(key).is_some_and(|film| self.films.contains(film))
            || (has_frames && self.before_numbers.contains(key))
    }
}

/// `clip` of `clip_1`.
fn before_number(stem: &str) -> Option<&str> {
    let (before, number) = stem.rsplit_once('_')?;
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(before)
}

/// A name as a key: equal for two names that are the same file to the system.
pub fn file_key(name: &str) -> String {
    if cfg!(any(windows, target_os = "macos")) { name.to_lowercase() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_of_windows_are_known_whatever_follows() {
        for name in ["con", "CON.jpg", "Aux.tar.gz", "nul .txt", "com1", "LPT9.bmp", "COM¹", "conin$"] {
            assert!(is_device(name), "{name}");
            assert!(!is_device(&format!("_{name}")), "{name}");
        }
        for name in ["icon.jpg", "con1", "com0", "com10", "", ".con", "console.png"] {
            assert!(!is_device(name), "{name}");
        }
        assert_eq!(file_name("con.x"), "_con.x");
    }

    #[test]
    fn sources_of_one_name_get_names_of_their_own() {
        let mut stems = Stems::default();
        let has_frames = false;
        let claimed = ["bus", "bus", "bus-2", "bus"].map(|stem| stems.claim(stem, has_frames));
        assert_eq!(claimed, ["bus", "bus-2", "bus-2-2", "bus-3"]);
    }

    #[test]
    fn no_picture_has_the_name_of_a_films_frame() {
        let mut stems = Stems::default();
        let claimed =
            [("clip", true), ("clip_1", false), ("clip_x", false), ("a_7", false), ("a", true), ("a_7", true)];
        let claimed = claimed.map(|(stem, has_frames)| stems.claim(stem, has_frames));
        assert_eq!(claimed, ["clip", "clip_1-2", "clip_x", "a_7", "a-2", "a_7-2"]);
    }

    #[test]
    fn a_long_name_is_cut_between_letters_and_stays_its_sources_own() {
        let mut stems = Stems::default();
        let long = "ä".repeat(150);
        let has_frames = false;
        let claimed = [&*long, &*long].map(|stem| stems.claim(stem, has_frames));
        assert_eq!(claimed, ["ä".repeat(100), format!("{}-2", "ä".repeat(100))]);
        assert_eq!(file_name(&long), "ä".repeat(100));
    }

    #[test]
    fn every_kind_of_name_has_a_stem() {
        for (name, stem, extension) in [
            ("a/bus.JPG", "bus", "jpg"),
            ("https://example.org/a/bus.jpg?size=large#top", "bus", "jpg"),
            ("https://example.org/", "example.org", ""),
            ("tcp://127.0.0.1:9556", "127.0.0.1_9556", ""),
            ("rtsp://camera:554/live", "live", ""),
            ("-", "stdin", ""),
            ("0", "0", ""),
            ("..", "picture", ""),
            ("a:b.png", "a_b", "png"),
        ] {
            assert_eq!(stem_and_extension(name), (stem.to_owned(), extension.to_owned()), "{name}");
        }
    }

    #[test]
    fn a_name_never_leaves_its_folder() {
        for (name, expected) in
            [("traffic light", "traffic light"), ("../../etc", "_.._etc"), ("..", "_"), ("a/b\\c", "a_b_c"), ("", "_")]
        {
            assert_eq!(file_name(name), expected);
        }
    }
}
