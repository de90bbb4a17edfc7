//! Which object of a checkpoint holds the weights, and what else it tells: class names, image size,
//! origin.
//!
//! Whole modules of both lineages, training checkpoints (`ema` before `model`) and bare state dicts
//! give the same table of tensors by PyTorch name, wrappers (`module.`, `_orig_mod.`, `model.`)
//! removed.

use std::{borrow::Cow, collections::BTreeMap, ops::Bound};

use safetensors::SafeTensors;

use super::{
    archive::Archive,
    facts, module_tree,
    pickle::{Pickle, Value},
    rebuild,
};
use crate::{
    error::{Error, printable},
    limits::{self, MAX_DEPTH, MAX_NAME},
    tensor::{Element, Tensor},
};

/// Everything the source says.
pub(crate) struct Checkpoint<'a> {
    /// By name, `model.0.conv.weight`.
    pub(crate) tensors: BTreeMap<String, Tensor<'a>>,
    /// By path, `model.9`; empty where the source holds tensors alone.
    pub(crate) modules: BTreeMap<String, Module>,
    /// Who wrote the file: `ultralytics`, `thu-mig`, `state-dict` or `safetensors`.
    pub(crate) lineage: &'static str,
    /// Class names by index.
    pub(crate) names: BTreeMap<usize, Cow<'a, str>>,
    /// `imgsz`, `source_version` and the like, where the checkpoint has them.
    pub(crate) origin: BTreeMap<&'static str, String>,
}

/// What a pickled module says beside its tensors.
#[derive(Debug)]
pub(crate) struct Module {
    /// The class without its package, `BatchNorm2d`.
    pub(crate) class: String,
    /// Batch normalisation's epsilon.
    pub(crate) eps: Option<f64>,
    /// Whether a bottleneck adds its input.
    pub(crate) shortcut: Option<bool>,
}

impl<'a> Checkpoint<'a> {
    /// What a file of `torch.save` holds.
    pub(crate) fn from_pickle(pickle: &Pickle<'a>, archive: &'a Archive<'_>) -> Result<Self, Error> {
        let mut checkpoint = Self::empty("state-dict");
        checkpoint.origin = facts::origin(pickle);
        let weights = weights(pickle)?;
        if pickle.entries(weights).is_some() {
            checkpoint.read_state_dict(pickle, archive, weights)?;
        } else {
            checkpoint.read_module(pickle, archive, weights)?;
        }
        Ok(checkpoint)
    }

    /// A safetensors file with the PyTorch names.
    pub(crate) fn from_safetensors(file: &SafeTensors<'a>) -> Result<Self, Error> {
        let mut checkpoint = Self::empty("safetensors");
        for (name, view) in file.iter() {
            let element = match view.dtype() {
                safetensors::Dtype::F16 => Element::F16,
                safetensors::Dtype::BF16 => Element::BF16,
                safetensors::Dtype::F32 => Element::F32,
                safetensors::Dtype::F64 => Element::F64,
                other => Element::Other(other.to_string()),
            };
            checkpoint.insert(name, Tensor::contiguous(element, view.data(), view.shape().to_vec())?)?;
        }
        Ok(checkpoint)
    }

    /// Whether any tensor's name starts with `prefix`.
    pub(crate) fn has(&self, prefix: &str) -> bool {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        self.tensors.range::<str, _>(from).next().is_some_and(|(name, _)| name.starts_with(prefix))
    }

    /// The elements of a tensor that the plan has found.
    pub(crate) fn values(&self, name: &str) -> Result<Vec<f64>, Error> {
        let tensor = self.tensors.get(name).expect("the plan names tensors that it found");
        tensor.values(name)
    }

    fn empty(lineage: &'static str) -> Self {
        Self {
            tensors: BTreeMap::new(),
            modules: BTreeMap::new(),
            lineage,
            names: BTreeMap::new(),
            origin: BTreeMap::new(),
        }
    }

    fn read_state_dict(&mut self, pickle: &Pickle<'a>, archive: &'a Archive<'_>, dict: Value<'a>) -> Result<(), Error> {
        for (key, value) in pickle.entries(dict).unwrap_or_default() {
            let Value::Text(name) = key else {
                return Err(Error::NoWeights { found: format!("a dict with {} as a key", pickle.describe(*key)) });
            };
            self.insert(name, rebuild::tensor(pickle, archive, name, *value)?)?;
        }
        Ok(())
    }

    fn read_module(&mut self, pickle: &Pickle<'a>, archive: &'a Archive<'_>, module: Value<'a>) -> Result<(), Error> {
        let (model, layers) = detection_model(pickle, module)?;
        let is_thu_mig = class(pickle, model) == "YOLOv10DetectionModel";
        self.lineage = if is_thu_mig { "thu-mig" } else { "ultralytics" };
        self.names = facts::names(pickle, model);
        let tree = module_tree::walk(pickle, layers, "model")?;
        for (path, object) in tree.modules {
            self.modules.insert(path, Module::read(pickle, object));
        }
        for (name, value) in &tree.tensors {
            self.insert(name, rebuild::tensor(pickle, archive, name, *value)?)?;
        }
        Ok(())
    }

    fn insert(&mut self, name: &str, tensor: Tensor<'a>) -> Result<(), Error> {
        limits::check("bytes of a tensor's name", name.len() as u64, MAX_NAME)?;
        let name = canonical(name);
        if self.tensors.contains_key(&name) {
            return Err(Error::Duplicate { tensor: name });
        }
        self.tensors.insert(name, tensor);
        Ok(())
    }
}

impl Module {
    fn read<'a>(pickle: &Pickle<'a>, object: Value<'a>) -> Self {
        let eps = match pickle.get(object, "eps") {
            Some(Value::Float(eps)) => Some(eps),
            _ => None,
        };
        let shortcut = match pickle.get(object, "add") {
            Some(Value::Bool(add)) => Some(add),
            _ => None,
        };
        Self { class: class(pickle, object), eps, shortcut }
    }
}

/// The model and its layers; wrappers (`DataParallel`, the Hugging Face mixin) hold the model as a
/// child.
fn detection_model<'a>(pickle: &Pickle<'a>, module: Value<'a>) -> Result<(Value<'a>, Value<'a>), Error> {
    let mut model = module;
    for depth in 1.. {
        limits::check("depth of the modules", depth, MAX_DEPTH)?;
        let children = pickle.get(model, "_modules");
        let child =
            children.and_then(|children| pickle.get(children, "model").or_else(|| pickle.get(children, "module")));
        match child {
            Some(layers) if class(pickle, layers) == "Sequential" => return Ok((model, layers)),
            Some(wrapped) => model = wrapped,
            None => break,
        }
    }
    Err(Error::NoWeights { found: pickle.describe(model) })
}

/// `model.N...` whatever wraps the layers; names that are no layer's stay as they are.
fn canonical(name: &str) -> String {
    const WRAPPERS: [&str; 3] = ["module.", "_orig_mod.", "model."];
    let mut inner = name;
    while let Some(rest) = WRAPPERS.iter().find_map(|wrapper| inner.strip_prefix(wrapper)) {
        inner = rest;
    }
    if inner.starts_with(|first: char| first.is_ascii_digit()) {
        printable(&format!("model.{inner}"))
    } else {
        printable(name)
    }
}

/// The module or state dict: the checkpoint itself, or its `ema`, `model` or `state_dict`.
fn weights<'a>(pickle: &Pickle<'a>) -> Result<Value<'a>, Error> {
    let root = pickle.root;
    let Some(entries) = pickle.entries(root) else {
        return match pickle.call(root) {
            Some(_) => Ok(root),
            None => Err(Error::NoWeights { found: pickle.describe(root) }),
        };
    };
    if let Some(held) = ["ema", "model", "state_dict"].iter().find_map(|key| pickle.get(root, key)) {
        return Ok(held);
    }
    let is_tensor = |(_, value): &(Value<'a>, Value<'a>)| rebuild::is_tensor(pickle, *value);
    if entries.iter().any(is_tensor) {
        return Ok(root);
    }
    Err(Error::NoWeights { found: format!("a dict of {} without ema, model or tensors", entries.len()) })
}

/// An object's class without its package; empty for other values.
fn class(pickle: &Pickle<'_>, object: Value<'_>) -> String {
    pickle.call(object).map_or_else(String::new, |((_, name), _)| printable(name))
}
