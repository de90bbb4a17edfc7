//! The metadata of a weight file, as far as it is used: checked when the file is loaded.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::error::{Error, printable};
use crate::size::Size;

/// The values of `format` and `format_version`.
pub(crate) const FORMAT: &str = "yolo10-burn";
const FORMAT_VERSION: &str = "1";

/// The published networks, and all others.
const VARIANTS: [&str; 7] = ["n", "s", "m", "b", "l", "x", "custom"];

/// The metadata, understood.
#[derive(Debug)]
pub(crate) struct Metadata {
    /// All of it, as in the file.
    pub(crate) entries: BTreeMap<String, String>,
    pub(crate) class_names: Vec<String>,
    /// The input size that the network was trained at.
    pub(crate) trained: Option<Size>,
}

impl Metadata {
    /// # Errors
    /// The file belongs to another program, or a value is not allowed.
    pub(crate) fn new(entries: BTreeMap<String, String>) -> Result<Self, Error> {
        for (key, expected) in [("format", FORMAT), ("format_version", FORMAT_VERSION)] {
            let found = entries.get(key).map_or("none", String::as_str);
            if found != expected {
                return Err(Error::not_weights(format!("{key} is {}, expected {expected}", printable(found))));
            }
        }
        let metadata = Self { class_names: class_names(&entries)?, trained: trained(&entries)?, entries };
        metadata.expect("variant", &VARIANTS)?;
        Ok(metadata)
    }

    /// Which published network this is, or `custom`.
    pub(crate) fn variant(&self) -> &str {
        self.entries.get("variant").map_or("custom", String::as_str)
    }

    /// The value of `key`, if there is one.
    ///
    /// # Errors
    /// It is not one of `known`.
    pub(crate) fn expect(&self, key: &'static str, known: &[&str]) -> Result<Option<&str>, Error> {
        match self.entries.get(key) {
            Some(found) if !known.contains(&found.replace(' ', "").as_str()) => {
                Err(Error::metadata(key, &known.join(", "), Some(found)))
            }
            found => Ok(found.map(String::as_str)),
        }
    }
}

fn class_names(entries: &BTreeMap<String, String>) -> Result<Vec<String>, Error> {
    let found = entries.get("names").map(String::as_str);
    let names: Option<Vec<String>> = found.and_then(|names| serde_json::from_str(names).ok());
    names
        .filter(|names| !names.is_empty())
        .ok_or_else(|| Error::metadata("names", "an array of one class name or more", found))
}

/// One side, or height and width.
fn trained(entries: &BTreeMap<String, String>) -> Result<Option<Size>, Error> {
    let Some(text) = entries.get("imgsz") else {
        return Ok(None);
    };
    let pixels = |side: &Json| side.as_u64().and_then(|side| usize::try_from(side).ok());
    let size = match serde_json::from_str(text) {
        Ok(Json::Array(sides)) => match &sides[..] {
            [height, width] => pixels(height).zip(pixels(width)).map(|(height, width)| Size { height, width }),
            _ => None,
        },
        Ok(side) => pixels(&side).map(Size::square),
        Err(_) => None,
    };
    let size = size.filter(|size| size.is_within_bounds()).ok_or_else(|| {
        let (smallest, largest) = (Size::SIDES.start(), Size::SIDES.end());
        let expected = format!("a side or [height, width] of {smallest} to {largest} pixels");
        Error::metadata("imgsz", &expected, Some(text))
    })?;
    Ok(Some(size))
}
