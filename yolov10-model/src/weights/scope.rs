//! How a network's layers find their tensors: a place in the weight file.

use std::sync::Arc;

use burn::module::{Param, ParamId};
use burn::tensor::{Device, Tensor};

use super::form::ParameterForm;
use super::{Entry, Metadata, Weights};
use crate::error::Error;

/// A place in a weight file, through which a block's constructor finds its tensors.
#[derive(Clone)]
pub(crate) struct Scope<'a> {
    weights: &'a Arc<Weights>,
    device: &'a Device,
    form: ParameterForm,
    path: String,
}

impl<'a> Scope<'a> {
    pub(crate) fn root(weights: &'a Arc<Weights>, device: &'a Device, form: ParameterForm) -> Self {
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

    /// Whether the file has no tensors here.
    pub(crate) fn is_empty(&self) -> bool {
        !self.weights.has(&format!("{}.", self.path))
    }

    /// The file's metadata, parts of which determine the network.
    pub(crate) fn metadata(&self) -> &Metadata {
        &self.weights.metadata
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

    /// The parameter `name` here, checked now and read when it is first needed; a dimension of `None` may be any.
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

    /// Checks that the convolution here returns `expected` channels.
    pub(crate) fn expect_outputs(&self, found: usize, expected: usize) -> Result<(), Error> {
        self.expect(found == expected, found, &expected.to_string())
    }

    /// Checks the channels that the convolution here returns; if they are not good, `expected` describes which would be.
    pub(crate) fn expect(&self, is_good: bool, found: usize, expected: &str) -> Result<(), Error> {
        if is_good {
            return Ok(());
        }
        let (tensor, expected) = (self.at("bias").path, format!("[{expected}]"));
        Err(Error::MisshapedTensor { tensor, expected, found: vec![found] })
    }

    fn entry(&self, name: &str) -> Result<&'a Entry, Error> {
        let path = self.at(name).path;
        self.weights.entry(&path).ok_or(Error::MissingTensor { tensor: path })
    }
}
