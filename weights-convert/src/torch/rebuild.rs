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
        Some((
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state"),
            [data, ..],
        )) => *data,
        _ => value,
    };
    let not_a_tensor = || Error::NotATensor {
        tensor: printable(name),
        found: pickle.describe(value),
    };
    let Some((("torch._utils", "_rebuild_tensor_v2"), [storage, offset, shape, strides, ..])) =
        pickle.call(value)
    else {
        return Err(not_a_tensor());
    };
    let sizes = |value: Value<'a>| {
        pickle
            .sequence(value)?
            .iter()
            .map(|size| unsigned(*size))
            .collect::<Option<Vec<_>>>()
    };
    let (Some(offset), Some(shape), Some(strides)) =
        (unsigned(*offset), sizes(*shape), sizes(*strides))
    else {
        return Err(not_a_tensor());
    };
    if shape.len() != strides.len() {
        return Err(not_a_tensor());
    }
    let Some(Node::Persistent(id)) = pickle.node(*storage) else {
        return Err(not_a_tensor());
    };
    let Some(
        [
            Value::Text("storage"),
            class,
            Value::Text(key),
            _device,
            count,
        ],
    ) = pickle.sequence(*id)
    else {
        return Err(not_a_tensor());
    };
    let (Some((_, class)), Some(count)) = (pickle.global(*class), unsigned(*count)) else {
        return Err(not_a_tensor());
    };
    let name = || printable(name);
    let bytes = archive.storage(key).ok_or_else(|| Error::StorageMissing {
        tensor: name(),
        storage: printable(key),
    })?;
    let (element, width) = element(class);
    if let Some(expected) = width.map(|width| (count as u64).saturating_mul(width))
        && expected != bytes.len() as u64
    {
        return Err(Error::StorageSize {
            tensor: name(),
            expected,
            found: bytes.len() as u64,
        });
    }
    Tensor::strided(element, bytes, offset, shape, strides)
}

fn unsigned(value: Value<'_>) -> Option<usize> {
    match value {
        Value::Int(value) => usize::try_from(value).ok(),
        _ => None,
    }
}

/// The element type of a storage class, and its bytes where they are known.
fn element(class: &str) -> (Element, Option<u64>) {
    match class {
        "HalfStorage" => (Element::F16, Some(2)),
        "BFloat16Storage" => (Element::BF16, Some(2)),
        "FloatStorage" => (Element::F32, Some(4)),
        "DoubleStorage" => (Element::F64, Some(8)),
        other => (
            Element::Other(other.trim_end_matches("Storage").to_owned()),
            None,
        ),
    }
}
