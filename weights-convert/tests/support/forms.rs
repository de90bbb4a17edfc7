//! The files in which one network may come.

use super::{
    naive,
    network::{Array, Module},
    pickle::{Py, Stored, dict, text, torch_file},
};

/// What `strip_optimizer` of ultralytics leaves.
pub fn ultralytics(model: &Module, stored: Stored) -> Vec<u8> {
    torch_file(&stripped(with_names(model).pickle(stored)))
}

/// The same by the authors' code: another class, and names as a list.
pub fn thu_mig(model: &Module, stored: Stored) -> Vec<u8> {
    let mut model = model.clone();
    model.class = "ultralytics.nn.tasks.YOLOv10DetectionModel".to_owned();
    let names = Py::List(NAMES.iter().map(|name| text(name)).collect());
    torch_file(&stripped(model.attribute("names", names).pickle(stored)))
}

/// A checkpoint between two epochs: `model` is not yet what `ema` is.
pub fn training(model: &Module, ema: &Module, stored: Stored) -> Vec<u8> {
    let momentum = Py::Dict(vec![(Py::Int(0), Py::Tensor(Array::new(&[2], vec![1.0, 2.0]), Stored::F32))]);
    torch_file(&dict([
        ("epoch", Py::Int(7)),
        ("model", with_names(model).pickle(stored)),
        ("ema", with_names(ema).pickle(stored)),
        ("optimizer", dict([("state", momentum)])),
        ("train_args", dict([("imgsz", Py::List(vec![Py::Int(384), Py::Int(640)]))])),
    ]))
}

/// Saved after `fuse()`, with the method that replaces `forward`.
pub fn fused(model: &Module, stored: Stored) -> Vec<u8> {
    let mut model = with_names(&naive::fused(model));
    let method = Py::Call("__builtin__.getattr".to_owned(), vec![Py::None, text("forward_fuse")]);
    model.at("model.0").attributes.push(("forward".to_owned(), method));
    torch_file(&stripped(model.pickle(stored)))
}

/// A bare `state_dict`.
pub fn state_dict(model: &Module, stored: Stored) -> Vec<u8> {
    let entries = model.tensors().into_iter();
    torch_file(&Py::OrderedDict(entries.map(|(name, array)| (Py::Str(name), Py::Tensor(array, stored))).collect()))
}

/// safetensors with the PyTorch names after `prefix`.
pub fn safetensors(model: &Module, stored: Stored, prefix: &str) -> Vec<u8> {
    let tensors: Vec<_> = model
        .tensors()
        .into_iter()
        .map(|(name, array)| {
            let dtype = match (array.is_integer, stored) {
                (true, _) => safetensors::Dtype::I64,
                (_, Stored::F16) => safetensors::Dtype::F16,
                (_, Stored::BF16) => safetensors::Dtype::BF16,
                (_, Stored::F32) => safetensors::Dtype::F32,
                (_, Stored::F64) => safetensors::Dtype::F64,
            };
            (format!("{prefix}{name}"), dtype, array.shape.clone(), array.store(stored).1)
        })
        .collect();
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        let view = safetensors::tensor::TensorView::new(*dtype, shape.clone(), bytes);
        (name.as_str(), view.expect("bytes fit the shape"))
    });
    safetensors::serialize(views, None).expect("the tensors are sound")
}

/// Class names of the tiny networks.
pub const NAMES: [&str; 3] = ["cat", "dog", "Zebra é"];

fn with_names(model: &Module) -> Module {
    let names = NAMES.iter().enumerate().map(|(index, name)| (Py::Int(index as i64), text(name)));
    model.clone().attribute("names", Py::Dict(names.collect()))
}

/// The top level of a stripped checkpoint.
pub fn stripped(model: Py) -> Py {
    dict([
        ("epoch", Py::Int(-1)),
        ("date", text("2026-01-02T03:04:05")),
        ("version", text("8.4.190")),
        ("license", text("AGPL-3.0")),
        ("best_fitness", Py::Float(0.5)),
        ("model", model),
        ("ema", Py::None),
        ("train_args", dict([("imgsz", Py::Int(512)), ("seed", Py::Int(1 << 40))])),
    ])
}
