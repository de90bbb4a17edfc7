//! `torch._utils._rebuild_tensor_v2` and `_rebuild_parameter`, the two records that hold tensors.

use super::{
    archive::Archive,
    pickle::{Node, Pickle, Value},
};
use crate::{
    error::{Error, printable},
    tensor::{Element, Tensor},
};

/// Whether a value is a tensor or a parameter.
pub(crate) fn is_tensor(pickle: &Pickle<'_>, value: Value<'_>) -> bool {
    matches!(pickle.call(value), Some((("torch._utils", name), _)) if name.starts_with("_rebuild_"))
}

/// The tensor that `value` records; `name` is for messages.
pub(crate) fn tensor<'a>(
    pickle: &Pickle<'a>,
    archive: &'a Archive<'_>,
    name: &str,
    value: Value<'a>,
) -> Result<Tensor<'a>, Error> {
    // A parameter is a tensor and a flag.
    let value = match pickle.call(value) {
        Some((("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state"), [data, ..])) => *data,
        _ => value,
    };
    let name = printable(name);
    let Some(record) = record(pickle, value) else {
        return Err(Error::NotATensor { tensor: name, found: pickle.describe(value) });
    };
    let Some(bytes) = archive.storage(record.key) else {
        return Err(Error::StorageMissing { tensor: name, storage: printable(record.key) });
    };
    let (element, width) = element(record.class);
    let (expected, found) = (record.count.saturating_mul(width), bytes.len() as u64);
    if width > 0 && expected != found {
        return Err(Error::StorageSize { tensor: name, expected, found });
    }
    Tensor::strided(element, bytes, record.offset, record.shape, record.strides)
}

/// The arguments of `_rebuild_tensor_v2`.
struct Record<'a> {
    /// Of the storage: class, key and number of elements.
    class: &'a str,
    key: &'a str,
    count: u64,
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

fn record<'a>(pickle: &Pickle<'a>, value: Value<'a>) -> Option<Record<'a>> {
    let (("torch._utils", "_rebuild_tensor_v2"), [storage, offset, shape, strides, ..]) = pickle.call(value)? else {
        return None;
    };
    let Node::Persistent(id) = pickle.node(*storage)? else {
        return None;
    };
    let [Value::Text("storage"), class, Value::Text(key), _device, count] = pickle.sequence(*id)? else {
        return None;
    };
    let sizes =
        |value: Value<'a>| pickle.sequence(value)?.iter().map(|size| unsigned(*size)).collect::<Option<Vec<_>>>();
    let (_, class) = pickle.global(*class)?;
    let (shape, strides) = (sizes(*shape)?, sizes(*strides)?);
    let count = unsigned(*count)? as u64;
    (shape.len() == strides.len()).then_some(Record { class, key, count, offset: unsigned(*offset)?, shape, strides })
}

fn unsigned(value: Value<'_>) -> Option<usize> {
    match value {
        Value::Int(value) => usize::try_from(value).ok(),
        _ => None,
    }
}

/// The element type of a storage class, and its size in bytes; 0 if that does not matter.
fn element(class: &str) -> (Element, u64) {
    match class {
        "HalfStorage" => (Element::F16, 2),
        "BFloat16Storage" => (Element::BF16, 2),
        "FloatStorage" => (Element::F32, 4),
        "DoubleStorage" => (Element::F64, 8),
        other => (Element::Other(other.trim_end_matches("Storage").to_owned()), 0),
    }
}
