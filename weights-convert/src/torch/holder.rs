//! Which object of a checkpoint holds the weights: people keep them under many names, alone or among much else.

use super::{
    pickle::{Pickle, Value},
    rebuild,
};
use crate::{
    error::Error,
    limits::{self, MAX_DEPTH},
};

/// Keys of weights, best first: a trainer's averaged weights are better than those that it trains.
const KEYS: [&str; 12] = [
    "ema",
    "state_dict_ema",
    "model_ema",
    "ema_model",
    "model",
    "model_state_dict",
    "state_dict",
    "weights",
    "net",
    "network",
    "module",
    "params",
];

/// How deep nested dicts are searched: `{"ema": {"module": {..}}}` is the deepest that trainers write.
const DEPTH: usize = 2;

/// The module or state dict: the checkpoint itself, or what it holds under one of the usual keys.
pub(super) fn weights<'a>(pickle: &Pickle<'a>) -> Result<Value<'a>, Error> {
    search(pickle, pickle.root, 0, &mut Vec::new()).map_err(|found| Error::NoWeights { found })
}

/// The module or state dict in `value`, or else what was found there. `seen` keeps a hostile file from having one large dict
/// searched again and again.
fn search<'a>(
    pickle: &Pickle<'a>,
    value: Value<'a>,
    depth: usize,
    seen: &mut Vec<Value<'a>>,
) -> Result<Value<'a>, String> {
    let Some(entries) = pickle.entries(value) else {
        return if pickle.call(value).is_some() { Ok(value) } else { Err(pickle.describe(value)) };
    };
    let nothing = || format!("a dict of {} without ema, model or tensors", entries.len());
    if seen.contains(&value) {
        return Err(nothing());
    }
    seen.push(value);
    let mut first_found = None;
    if depth < DEPTH {
        let held = KEYS.iter().filter_map(|key| pickle.get(value, key));
        for held in held.filter(|held| !rebuild::is_tensor(pickle, *held)) {
            match search(pickle, held, depth + 1, seen) {
                Ok(found) => return Ok(found),
                Err(found) => drop(first_found.get_or_insert(found)),
            }
        }
    }
    if entries.iter().any(|(_, value)| rebuild::is_tensor(pickle, *value)) {
        return Ok(value);
    }
    Err(first_found.unwrap_or_else(nothing))
}

/// The class of a model from `torch.compile`.
const COMPILED: &str = "OptimizedModule";

/// The model that `torch.compile` was called on: the first argument of its `__reduce__`.
fn compiled<'a>(pickle: &Pickle<'a>, module: Value<'a>) -> Option<Value<'a>> {
    let ((_, COMPILED), [model, ..]) = pickle.call(module)? else {
        return None;
    };
    pickle.call(*model).map(|_| *model)
}

/// The model and its layers; wrappers (`DataParallel`, `torch.compile`, the Hugging Face mixin) hold the model as a
/// child.
pub(super) fn detection_model<'a>(pickle: &Pickle<'a>, module: Value<'a>) -> Result<(Value<'a>, Value<'a>), Error> {
    let mut model = module;
    for depth in 1.. {
        limits::check("depth of the modules", depth, MAX_DEPTH)?;
        let children = pickle.get(model, "_modules");
        let child = |name: &str| children.and_then(|children| pickle.get(children, name));
        let child = child("model").or_else(|| child("module")).or_else(|| child("_orig_mod"));
        match child.or_else(|| compiled(pickle, model)) {
            Some(layers) if pickle.class(layers) == Some("Sequential") => return Ok((model, layers)),
            Some(wrapped) => model = wrapped,
            None => break,
        }
    }
    match pickle.class(module) {
        Some(COMPILED) => Err(Error::Compiled),
        _ => Err(Error::NoWeights { found: pickle.describe(model) }),
    }
}
