//! How blocks find their tensors: a place in the weight file, and the paths that a network's fields make up.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::{DType, Device, Tensor, TensorData};

use crate::backbone::RGB;
use crate::blocks::Conv;
use crate::error::Error;
use crate::network::Network;
use crate::weights::{Entry, Weights};

/// How parameters lie on their device; their shapes are the same in all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    /// The type of the filters that matrix units multiply. Biases, and filters that read a colour or one channel, are
    /// f32: burn's kernels for those sum up in the type they read, which 16 bits are too few for.
    pub(crate) dtype: DType,
    /// Filters in memory as `[O, kh, kw, I]`, the channels next to each other.
    pub(crate) channels_last: bool,
}

impl Default for Form {
    fn default() -> Self {
        Self { dtype: DType::F32, channels_last: false }
    }
}

impl Form {
    /// A parameter of this shape on `device`.
    fn tensor<const D: usize>(self, values: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
        let dtype = match shape[..] {
            [_, inputs, ..] if D == 4 && inputs > RGB => self.dtype,
            _ => DType::F32,
        };
        let make = |values, shape: [usize; D]| Tensor::from_data(TensorData::new(values, shape), (device, dtype));
        match shape[..] {
            [outputs, inputs, height, width] if self.channels_last => {
                let last = channels_last(&values, [outputs, inputs, height * width]);
                let mut moved = shape;
                moved.copy_from_slice(&[outputs, height, width, inputs]);
                let mut back = [0; D];
                back.copy_from_slice(&[0, 3, 1, 2]);
                make(last, moved).permute(back)
            }
            _ => make(values, shape),
        }
    }
}

/// `[O, I, K]` to `[O, K, I]`.
fn channels_last(values: &[f32], [outputs, inputs, taps]: [usize; 3]) -> Vec<f32> {
    let mut last = Vec::with_capacity(values.len());
    for output in 0..outputs {
        let filter = &values[output * inputs * taps..][..inputs * taps];
        for tap in 0..taps {
            last.extend(filter[tap..].iter().step_by(taps));
        }
    }
    last
}

/// A place in a weight file: what a block's constructor finds its tensors through.
#[derive(Clone)]
pub(crate) struct Scope<'a> {
    weights: &'a Arc<Weights>,
    device: &'a Device,
    form: Form,
    path: String,
}

impl<'a> Scope<'a> {
    pub(crate) fn root(weights: &'a Arc<Weights>, device: &'a Device, form: Form) -> Self {
        Self { weights, device, form, path: String::new() }
    }

    /// The place of a field, or of an element of a list.
    pub(crate) fn at(&self, name: impl std::fmt::Display) -> Self {
        let separator = if self.path.is_empty() { "" } else { "." };
        Self { path: format!("{}{separator}{name}", self.path), ..*self }
    }

    /// The place as a key of the weight file.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Whether the file has nothing here.
    pub(crate) fn is_empty(&self) -> bool {
        !self.weights.has(&format!("{}.", self.path))
    }

    /// Whether the network's compact inverted blocks have large kernels; `None` where either will do.
    pub(crate) fn large_kernels(&self) -> Option<bool> {
        self.weights.facts().large_kernels
    }

    /// How many elements 0, 1, .. the list here has.
    pub(crate) fn children(&self) -> usize {
        (0..).take_while(|index| !self.at(index).is_empty()).count()
    }

    /// Width of the kernel of the convolution here.
    pub(crate) fn kernel(&self) -> Result<usize, Error> {
        let entry = self.entry("weight")?;
        Ok(entry.shape.last().copied().unwrap_or_default())
    }

    /// The parameter `name` here, checked now and read when first asked for; `None` leaves a dimension to the file.
    pub(crate) fn param<const D: usize>(
        &self,
        name: &str,
        expected: [Option<usize>; D],
    ) -> Result<Param<Tensor<D>>, Error> {
        let path = self.at(name).path;
        let entry = self.entry(name)?;
        let fits = entry.shape.len() == D
            && entry
                .shape
                .iter()
                .zip(expected)
                .all(|(found, expected)| expected.is_none_or(|size| size == *found) && *found > 0);
        if !fits {
            return Err(Error::misshaped(path, &expected, &entry.shape));
        }
        let mut shape = [0; D];
        shape.copy_from_slice(&entry.shape);
        let weights = Arc::clone(self.weights);
        let form = self.form;
        let read = move |device: &Device, _| {
            let mut values = vec![0.0; shape.iter().product()];
            weights.read(&path, &mut values);
            form.tensor(values, shape, device)
        };
        let requires_gradient = false;
        Ok(Param::uninitialized(
            ParamId::new(),
            read,
            self.device.clone(),
            requires_gradient,
            entry.shape.clone().into(),
        ))
    }

    /// The convolution here gives `expected` channels.
    pub(crate) fn expect_outputs(&self, conv: &Conv, expected: usize) -> Result<(), Error> {
        self.expect(conv, |found| found == expected, &expected.to_string())
    }

    /// How many channels the convolution here gives is as `is_good` says; `expected` says it in words.
    pub(crate) fn expect(&self, conv: &Conv, is_good: impl Fn(usize) -> bool, expected: &str) -> Result<(), Error> {
        if is_good(conv.channels_out) {
            return Ok(());
        }
        let (tensor, found) = (self.at("bias").path, vec![conv.channels_out]);
        Err(Error::MisshapedTensor { tensor, expected: format!("[{expected}]"), found })
    }

    fn entry(&self, name: &str) -> Result<&'a Entry, Error> {
        let path = self.at(name).path;
        self.weights.entry(&path).ok_or(Error::MissingTensor { tensor: path })
    }
}

/// The field path of every parameter of a network: its key in the weight file.
#[derive(Default)]
pub(crate) struct ParameterPaths {
    paths: BTreeMap<u64, String>,
    here: Vec<String>,
}

impl ParameterPaths {
    pub(crate) fn of(network: &Network) -> Self {
        let mut paths = Self::default();
        network.visit(&mut paths);
        paths
    }

    /// The path of the parameter with this id.
    pub(crate) fn get(&self, id: u64) -> &str {
        &self.paths[&id]
    }

    /// All paths.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.paths.values().map(String::as_str)
    }
}

impl ModuleVisitor for ParameterPaths {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.paths.insert(param.id.val(), self.here.join("."));
    }

    fn enter_module(&mut self, name: &str, _container: &str) {
        self.here.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.here.pop();
    }
}
