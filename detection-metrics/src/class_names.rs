//! Names of classes: from a data set file, or from a text with a name on each line.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use crate::error::Error;
use crate::text;

/// The most classes; the largest vocabulary that a YOLO was published with has 9418.
pub(crate) const MAX_CLASSES: usize = 10_000;
/// The most bytes of a file of names, and of all names together.
pub(crate) const MAX_BYTES: u64 = 4 << 20;
/// Extensions of data set files.
const YAML: [&str; 2] = ["yaml", "yml"];

/// Names by class number, written as a map or as a list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ClassNames(pub(crate) BTreeMap<usize, String>);

/// The names in order, as many as there are classes.
#[derive(Debug)]
pub(crate) struct ClassList {
    pub(crate) names: Vec<String>,
    /// Whether the data set names them.
    pub(crate) are_given: bool,
}

impl ClassList {
    /// From a data set's `names` and `nc`, which must agree and leave no number out; otherwise what was expected and found.
    pub(crate) fn new(names: Option<ClassNames>, count: Option<usize>) -> Result<Self, [String; 2]> {
        let Some(ClassNames(names)) = names else {
            let count = count.ok_or_else(|| ["names or nc".to_owned(), "neither".to_owned()])?;
            check_count(count)?;
            return Ok(Self { names: (0..count).map(|class| format!("class_{class}")).collect(), are_given: false });
        };
        if let Some((found, expected)) = names.keys().zip(0..).find(|(found, expected)| **found != *expected) {
            return Err([format!("class {expected} next"), format!("class {found}")]);
        }
        if let Some(count) = count.filter(|count| *count != names.len()) {
            return Err([format!("{count} as nc says"), names.len().to_string()]);
        }
        check_count(names.len())?;
        Ok(Self { names: names.into_values().collect(), are_given: true })
    }
}

fn check_count(count: usize) -> Result<(), [String; 2]> {
    if count <= MAX_CLASSES { Ok(()) } else { Err([format!("at most {MAX_CLASSES}"), count.to_string()]) }
}

/// Reads class names: the `names` of a data set file (.yaml), or a text with a name on each line.
///
/// # Errors
/// The file can't be read, or has no names or more than 10,000.
pub fn read_class_names(path: &Path) -> Result<Vec<String>, Error> {
    #[derive(Deserialize)]
    struct Named {
        names: Option<ClassNames>,
    }
    let text = text::read(path, MAX_BYTES)?;
    let wrong = |[expected, found]: [String; 2]| Error::ClassNames { path: path.to_owned(), expected, found };
    let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
    let names = if YAML.iter().any(|yaml| ending == *yaml) {
        let Named { names } = parse_yaml(path, &text)?;
        let names = names.ok_or_else(|| wrong(["names".to_owned(), "none".to_owned()]))?;
        ClassList::new(Some(names), None).map_err(wrong)?.names
    } else {
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
    };
    if names.is_empty() {
        return Err(wrong(["a name on each line".to_owned(), "none".to_owned()]));
    }
    check_count(names.len()).map_err(wrong)?;
    Ok(names)
}

/// Parses those parts of a data set file that `T` has.
pub(crate) fn parse_yaml<'de, T: Deserialize<'de>>(path: &Path, yaml: &'de str) -> Result<T, Error> {
    serde_saphyr::from_str(yaml).map_err(|error| Error::Malformed {
        path: path.to_owned(),
        expected: "a data set file",
        reason: text::shown(&error.without_snippet().to_string()),
    })
}

impl<'de> Deserialize<'de> for ClassNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ClassNamesVisitor)
    }
}

/// An untagged enum would lose the text as it was written: here a class may be called `no` or `7`.
struct ClassNamesVisitor;

impl<'de> Visitor<'de> for ClassNamesVisitor {
    type Value = ClassNames;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("class names as a list or by number")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<ClassNames, A::Error> {
        let mut numbered = BTreeMap::new();
        while let Some(name) = names.next_element()? {
            numbered.insert(numbered.len(), name);
        }
        Ok(ClassNames(numbered))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut names: A) -> Result<ClassNames, A::Error> {
        let mut numbered = BTreeMap::new();
        while let Some((number, name)) = names.next_entry()? {
            numbered.insert(number, name);
        }
        Ok(ClassNames(numbered))
    }
}
