//! A checkpoint of any form as one table: every tensor by its PyTorch name, and what else the file says.
//!
//! Whole modules from either code base, training checkpoints and bare state dicts give the same table, with wrappers
//! (`module.`, `_orig_mod.`, `model.`, `net.`) removed.

use std::{borrow::Cow, collections::BTreeMap, ops::Bound};

use safetensors::SafeTensors;

use super::{
    archive::Archive,
    holder, module_tree, origin,
    pickle::{Pickle, Value},
    rebuild,
};
use crate::{
    error::{Error, printable},
    limits::{self, MAX_NAME},
    tensor::{Element, Tensor},
};

/// Everything that the source says.
pub(crate) struct Checkpoint<'a> {
    /// By name, `model.0.conv.weight`.
    pub(crate) tensors: BTreeMap<String, Tensor<'a>>,
    /// By path, `model.9`; empty if the source holds only tensors.
    pub(crate) modules: BTreeMap<String, Module>,
    /// Who wrote the file: `ultralytics`, `thu-mig`, `state-dict` or `safetensors`.
    pub(crate) lineage: &'static str,
    /// Class names by index, if the source has any.
    pub(crate) names: Option<BTreeMap<usize, Cow<'a, str>>>,
    /// `imgsz`, `source_version` and the like, if the checkpoint has them.
    pub(crate) origin: BTreeMap<&'static str, String>,
}

/// What a pickled module says besides its tensors.
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
    /// The contents of a file that `torch.save` wrote.
    pub(crate) fn from_pickle(pickle: &Pickle<'a>, archive: &'a Archive<'_>) -> Result<Self, Error> {
        let mut checkpoint = Self::empty("state-dict");
        checkpoint.origin = origin::origin(pickle);
        let weights = holder::weights(pickle)?;
        if pickle.entries(weights).is_some() {
            checkpoint.read_state_dict(pickle, archive, weights)?;
            checkpoint.names = origin::names(pickle, weights);
        } else {
            checkpoint.read_module(pickle, archive, weights)?;
        }
        if checkpoint.names.is_none() {
            let settings = pickle.get(pickle.root, "hyper_parameters");
            let of_settings = || settings.and_then(|settings| origin::names(pickle, settings));
            checkpoint.names = origin::names(pickle, pickle.root).or_else(of_settings);
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
        Self { tensors: BTreeMap::new(), modules: BTreeMap::new(), lineage, names: None, origin: BTreeMap::new() }
    }

    fn read_state_dict(&mut self, pickle: &Pickle<'a>, archive: &'a Archive<'_>, dict: Value<'a>) -> Result<(), Error> {
        let entries = pickle.entries(dict).unwrap_or_default();
        let is_names = |key| origin::NAME_KEYS.iter().any(|name| key == Value::Text(name));
        for (key, value) in entries.iter().filter(|(key, _)| !is_names(*key)) {
            let Value::Text(name) = key else {
                return Err(Error::NoWeights { found: format!("a dict with {} as a key", pickle.describe(*key)) });
            };
            self.insert(name, rebuild::tensor(pickle, archive, name, *value)?)?;
        }
        Ok(())
    }

    fn read_module(&mut self, pickle: &Pickle<'a>, archive: &'a Archive<'_>, module: Value<'a>) -> Result<(), Error> {
        let (model, layers) = holder::detection_model(pickle, module)?;
        let is_thu_mig = pickle.class(model) == Some("YOLOv10DetectionModel");
        self.lineage = if is_thu_mig { "thu-mig" } else { "ultralytics" };
        self.names = origin::names(pickle, model);
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
        Self { class: printable(pickle.class(object).unwrap_or_default()), eps, shortcut }
    }
}

/// `model.N...`, without any wrappers around the layers; names that belong to no layer are not changed.
fn canonical(name: &str) -> String {
    const WRAPPERS: [&str; 4] = ["module.", "_orig_mod.", "model.", "net."];
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
