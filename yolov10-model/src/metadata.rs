//! What a weight file says beside its tensors, as far as it is read: checked when the file is loaded.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::anchors::STRIDES;
use crate::blocks::Activation;
use crate::error::{Error, printable};
use crate::head::REG_MAX;
use crate::size::Size;

/// What `format` and `format_version` must say.
const FORMAT: &str = "yolo10-burn";
const FORMAT_VERSION: &str = "1";

/// The published variants and all others.
const VARIANTS: [&str; 7] = ["n", "s", "m", "b", "l", "x", "custom"];
/// Those whose compact inverted blocks have large kernels; the other published ones have none.
const LARGE_KERNELS: [&str; 2] = ["n", "s"];

/// The metadata, understood.
#[derive(Debug)]
pub(crate) struct Metadata {
    /// As it stands in the file.
    pub(crate) entries: BTreeMap<String, String>,
    pub(crate) class_names: Vec<String>,
    /// What the network was trained at.
    pub(crate) trained: Option<Size>,
    /// What follows the first convolution of SPPF.
    pub(crate) sppf_activation: Activation,
    /// Whether the kernels in the middle of compact inverted blocks are large; `None` where either will do.
    pub(crate) large_kernels: Option<bool>,
}

impl Metadata {
    /// # Errors
    /// The file is another program's, or a value is not one that there can be.
    pub(crate) fn new(entries: BTreeMap<String, String>) -> Result<Self, Error> {
        for (key, expected) in [("format", FORMAT), ("format_version", FORMAT_VERSION)] {
            let found = entries.get(key).map_or("none", String::as_str);
            if found != expected {
                return Err(Error::not_weights(format!("{key} is {}, expected {expected}", printable(found))));
            }
        }
        expect(&entries, "strides", &format!("{STRIDES:?}"), |strides| {
            serde_json::from_str::<Vec<usize>>(strides).is_ok_and(|strides| strides == STRIDES)
        })?;
        expect(&entries, "reg_max", &REG_MAX.to_string(), |bins| bins.parse() == Ok(REG_MAX))?;
        expect(&entries, "variant", &VARIANTS.join(", "), |variant| VARIANTS.contains(&variant))?;
        Ok(Self {
            class_names: class_names(&entries)?,
            trained: trained(&entries)?,
            sppf_activation: sppf_activation(&entries)?,
            large_kernels: match entries.get("variant").map(String::as_str) {
                None | Some("custom") => None,
                Some(variant) => Some(LARGE_KERNELS.contains(&variant)),
            },
            entries,
        })
    }
}

/// Where the file has a value for `key`, it is a good one.
fn expect(
    entries: &BTreeMap<String, String>,
    key: &'static str,
    expected: &str,
    is_good: impl Fn(&str) -> bool,
) -> Result<(), Error> {
    match entries.get(key) {
        Some(found) if !is_good(found) => Err(Error::metadata(key, expected, Some(found))),
        _ => Ok(()),
    }
}

fn class_names(entries: &BTreeMap<String, String>) -> Result<Vec<String>, Error> {
    let found = entries.get("names").map(String::as_str);
    let names: Option<Vec<String>> = found.and_then(|names| serde_json::from_str(names).ok());
    names
        .filter(|names| !names.is_empty())
        .ok_or_else(|| Error::metadata("names", "an array of one class name or more", found))
}

/// A side, or height and width.
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

fn sppf_activation(entries: &BTreeMap<String, String>) -> Result<Activation, Error> {
    match entries.get("sppf_activation").map(String::as_str) {
        Some("silu") => Ok(Activation::Silu),
        Some("identity") => Ok(Activation::Identity),
        found => Err(Error::metadata("sppf_activation", "silu or identity", found)),
    }
}
