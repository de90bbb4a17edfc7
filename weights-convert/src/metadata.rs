//! The string map of a converted file: how it is made, and how it is read back.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use serde_json::json;

use crate::{
    coco,
    error::{Error, printable},
    format::{FORMAT, FORMAT_VERSION},
    limits::{self, MAX_METADATA},
    network::{self, Plan, REG_MAX, STRIDES},
    options::DType,
    torch::Checkpoint,
};

/// What the keys of the one-to-many head start with.
const ONE_TO_MANY: &str = "head.one_to_many.";

/// What a conversion produced, as in the file's own metadata.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// `n`, `s`, `m`, `b`, `l`, `x`, or `custom`.
    pub variant: String,
    /// Class names by index.
    pub classes: Vec<String>,
    /// Who wrote the source: `ultralytics`, `thu-mig`, `state-dict` or `safetensors`.
    pub lineage: String,
    /// SHA-256 of the source file, hexadecimal.
    pub source_sha256: String,
    /// Parameters as the reference counts them: without the one-to-many head, and with the 16 fixed weights of the box
    /// distribution, which the file leaves out.
    pub parameters: u64,
    /// Tensors in the file.
    pub tensors: usize,
    /// The type in which they are stored.
    pub dtype: DType,
    /// Whether the head for non-maximum suppression is included.
    pub one_to_many: bool,
}

/// The metadata of a conversion; it depends only on the source's bytes and the given `names`.
pub(crate) fn describe(
    source: &Checkpoint<'_>,
    plan: &Plan,
    sha256: &str,
    names: Option<&[String]>,
) -> Result<BTreeMap<&'static str, String>, Error> {
    let activation = source.modules.get("model.9.cv1.act").map_or("SiLU", |module| module.class.as_str());
    let mut metadata = source.origin.clone();
    let class_names = match names {
        Some(names) if names.len() != plan.classes => {
            return Err(Error::ClassNames { expected: plan.classes, found: names.len() });
        }
        Some(names) => names.iter().map(|name| Cow::Borrowed(&**name)).collect(),
        None => class_names(source, plan.classes),
    };
    let lengths = class_names.iter().map(|name| name.len());
    let bytes = lengths.chain(metadata.values().map(String::len)).sum::<usize>() as u64;
    limits::check("bytes of metadata", bytes, MAX_METADATA)?;
    metadata.extend([
        ("format", FORMAT.to_owned()),
        ("format_version", FORMAT_VERSION.to_owned()),
        ("variant", network::variant(plan).to_owned()),
        ("names", json!(class_names).to_string()),
        ("strides", json!(STRIDES).to_string()),
        ("reg_max", REG_MAX.to_string()),
        ("sppf_activation", activation.to_lowercase()),
        ("source_dtype", stored_dtypes(source)),
        ("source_sha256", sha256.to_owned()),
        ("source_lineage", source.lineage.to_owned()),
    ]);
    Ok(metadata)
}

/// The types that the source stores its weights in.
fn stored_dtypes(source: &Checkpoint<'_>) -> String {
    let dtypes: BTreeSet<&str> = source.tensors.values().filter_map(|tensor| tensor.element.of_weights()).collect();
    dtypes.into_iter().collect::<Vec<_>>().join(", ")
}

/// The checkpoint's names; if it has none, COCO's for 80 classes, otherwise `class0` and so on.
fn class_names<'a>(source: &'a Checkpoint<'_>, classes: usize) -> Vec<Cow<'a, str>> {
    if source.names.is_none() && classes == coco::NAMES.len() {
        return coco::NAMES.map(Cow::Borrowed).to_vec();
    }
    let name = |class| match source.names.as_ref().and_then(|names| names.get(&class)) {
        Some(name) => Cow::Borrowed(&**name),
        None => Cow::Owned(format!("class{class}")),
    };
    (0..classes).map(name).collect()
}

impl Summary {
    /// What a converted file says about itself; fails unless the metadata is what [`describe`] makes.
    pub(crate) fn read(metadata: &safetensors::tensor::Metadata) -> Result<Self, Error> {
        let empty = HashMap::new();
        let entries = metadata.metadata().as_ref().unwrap_or(&empty);
        let version = text(entries, "format_version", "a version")?;
        if version != FORMAT_VERSION {
            return Err(Error::FormatVersion { expected: FORMAT_VERSION, found: printable(version) });
        }
        let expected = "an array of strings";
        let classes =
            serde_json::from_str(text(entries, "names", expected)?).map_err(|_| wrong(entries, "names", expected))?;
        let tensors = metadata.tensors();
        let is_counted = |name: &str| !name.starts_with(ONE_TO_MANY);
        let counted = tensors.iter().filter(|(name, _)| is_counted(name));
        let values: u64 = counted.map(|(_, info)| info.shape.iter().product::<usize>() as u64).sum();
        let is_half = tensors.values().all(|info| info.dtype == safetensors::Dtype::F16);
        let dtype = if is_half { DType::F16 } else { DType::F32 };
        Ok(Self {
            variant: text(entries, "variant", "a variant")?.to_owned(),
            classes,
            lineage: text(entries, "source_lineage", "a lineage")?.to_owned(),
            source_sha256: text(entries, "source_sha256", "a checksum")?.to_owned(),
            parameters: values + REG_MAX as u64,
            tensors: tensors.len(),
            dtype,
            one_to_many: tensors.keys().any(|name| name.starts_with(ONE_TO_MANY)),
        })
    }
}

fn text<'a>(entries: &'a HashMap<String, String>, key: &'static str, expected: &'static str) -> Result<&'a str, Error> {
    entries.get(key).map(String::as_str).ok_or_else(|| wrong(entries, key, expected))
}

fn wrong(entries: &HashMap<String, String>, key: &'static str, expected: &'static str) -> Error {
    let found = entries.get(key).map_or_else(|| "nothing".to_owned(), |found| printable(found));
    Error::Metadata { key, expected, found }
}
