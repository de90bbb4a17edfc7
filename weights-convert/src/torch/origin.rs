//! What a checkpoint says about its origin: class names, image size, version, date, licence, epoch.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::{Value as Json, json};

use super::pickle::{Pickle, Value};

/// The keys of class names: ultralytics', and those of people who save a state dict themselves.
pub(super) const NAME_KEYS: [&str; 3] = ["names", "class_names", "classes"];

/// The class names in a module or dict, if there are any: a dict by index, or a list in old files. They are borrowed, because
/// one long string may be the name of very many classes.
pub(super) fn names<'a>(pickle: &Pickle<'a>, holder: Value<'a>) -> Option<BTreeMap<usize, Cow<'a, str>>> {
    NAME_KEYS.iter().find_map(|key| names_under(pickle, holder, key))
}

fn names_under<'a>(pickle: &Pickle<'a>, holder: Value<'a>, key: &str) -> Option<BTreeMap<usize, Cow<'a, str>>> {
    let names = pickle.get(holder, key)?;
    let text = |value: Value<'a>| match value {
        Value::Text(name) => Some(Cow::Borrowed(name)),
        // A data set may name its classes 0, 1, 2; numbers under another key may be anything.
        Value::Int(name) if key == NAME_KEYS[0] => Some(Cow::Owned(name.to_string())),
        _ => None,
    };
    let names = read_names(pickle, names, text)?;
    (!names.is_empty()).then_some(names)
}

fn read_names<'a>(
    pickle: &Pickle<'a>,
    names: Value<'a>,
    text: impl Fn(Value<'a>) -> Option<Cow<'a, str>>,
) -> Option<BTreeMap<usize, Cow<'a, str>>> {
    if let Some(list) = pickle.sequence(names) {
        return Some(list.iter().enumerate().filter_map(|(index, name)| Some((index, text(*name)?))).collect());
    }
    // JSON or tables on the way may have turned the numbers into texts or floats.
    let index = |key: Value<'a>| match key {
        Value::Int(index) => usize::try_from(index).ok(),
        Value::Float(index) if index.fract() == 0.0 && index >= 0.0 => Some(index as usize),
        Value::Text(index) => index.parse().ok(),
        _ => None,
    };
    let entries = pickle.entries(names)?;
    Some(entries.iter().filter_map(|(key, name)| Some((index(*key)?, text(*name)?))).collect())
}

/// What the top level says about the training, by the keys of the converted file's metadata.
pub(super) fn origin<'a>(pickle: &Pickle<'a>) -> BTreeMap<&'static str, String> {
    let mut origin = BTreeMap::new();
    let size = pickle.get(pickle.root, "train_args").and_then(|args| pickle.get(args, "imgsz"));
    if let Some(size) = size.and_then(|size| image_size(pickle, size)) {
        origin.insert("imgsz", size.to_string());
    }
    for (key, field) in [("source_version", "version"), ("source_date", "date"), ("source_license", "license")] {
        if let Some(Value::Text(text)) = pickle.get(pickle.root, field) {
            origin.insert(key, text.to_owned());
        }
    }
    if let Some(Value::Int(epoch)) = pickle.get(pickle.root, "epoch") {
        origin.insert("source_epoch", epoch.to_string());
    }
    origin
}

/// A side in pixels, or height and width.
fn image_size<'a>(pickle: &Pickle<'a>, size: Value<'a>) -> Option<Json> {
    let side = |value: Value<'a>| match value {
        Value::Int(side) => u32::try_from(side).ok().filter(|side| *side > 0),
        _ => None,
    };
    match pickle.sequence(size) {
        Some([square]) => side(*square).map(|side| json!(side)),
        Some([height, width]) => Some(json!([side(*height)?, side(*width)?])),
        _ => side(size).map(|side| json!(side)),
    }
}
