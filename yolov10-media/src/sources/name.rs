//! Names of results: made of names that come from outside, harmless, and each used once.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::Path;

/// A name from a weight file or an address as a name within a folder: it must not lead out of it, and every system
/// must take it.
pub fn file_name(name: &str) -> String {
    match without_harm(name).trim_matches([' ', '.']) {
        "" => "_".to_owned(),
        name => name.to_owned(),
    }
}

/// With `_` for what some system takes for a separator or does not take at all.
fn without_harm(name: &str) -> String {
    name.replace(|c: char| c.is_control() || r#"/\:*?"<>|"#.contains(c), "_")
}

/// An address without the user's name and password: results go to others.
pub fn without_credentials(name: &str) -> String {
    let hidden = || {
        let (scheme, rest) = name.split_once("://")?;
        let host = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let at = rest[..host].rfind('@')?;
        Some(format!("{scheme}://{}", &rest[at + 1..]))
    };
    hidden().unwrap_or_else(|| name.to_owned())
}

/// Stem and extension of what is written for a source of this name: addresses and `-` are names, too.
pub fn stem_and_extension(name: &str) -> (String, String) {
    let path = match name.split_once("://") {
        Some((_, address)) => {
            let address = address.split(['?', '#']).next().unwrap_or(address);
            match address.trim_end_matches('/').split_once('/') {
                Some((_, path)) => path,
                // The dots of a host's name begin no extension.
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
        stem => stem,
    };
    (stem, part(path.extension()).to_lowercase())
}

/// The names that are taken, each with the number to try when it is asked for again.
#[derive(Debug, Default)]
pub struct Stems(HashMap<String, usize>);

impl Stems {
    /// This stem, with a number where another source had it before.
    pub fn claim(&mut self, stem: String) -> String {
        let mut free = stem.clone();
        while self.0.contains_key(&free) {
            let number = self.0.entry(stem.clone()).or_insert(2);
            free = format!("{stem}-{number}");
            *number += 1;
        }
        self.0.insert(free.clone(), 2);
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_of_one_name_get_names_of_their_own() {
        let mut stems = Stems::default();
        let claimed = ["bus", "bus", "bus-2", "bus"].map(|stem| stems.claim(stem.to_owned()));
        assert_eq!(claimed, ["bus", "bus-2", "bus-2-2", "bus-3"]);
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
    fn a_password_is_no_part_of_a_name() {
        for (url, name) in [
            ("rtsp://admin:s@cret@camera:554/live?at=@", "rtsp://camera:554/live?at=@"),
            ("http://user@host", "http://host"),
            ("http://host/a@b.jpg", "http://host/a@b.jpg"),
            ("a@b.jpg", "a@b.jpg"),
        ] {
            assert_eq!(without_credentials(url), name);
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
