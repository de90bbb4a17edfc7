//! The steps of the walk along the graph: find a tensor, compare its shape with what the graph feeds it, and name it as the
//! model does. Nothing is read yet; `fold` does that, one convolution at a time.

use std::collections::BTreeSet;

use super::{
    convolution::{Activation, At, Branch, Convolution, Filter},
    layers::{COUNTER, LEFT_OUT, ONE_TO_MANY, ONE_TO_ONE},
    plan::Plan,
};
use crate::{error::Error, options::Heads, torch::Checkpoint};

/// The walk and what it has seen so far.
pub(crate) struct Walk<'s> {
    pub(crate) source: &'s Checkpoint<'s>,
    pub(crate) plan: Plan,
    pub(crate) heads: Heads,
    used: BTreeSet<String>,
    missing: Vec<String>,
    /// The first contradiction, which counts only if the names are right.
    problem: Option<Error>,
}

impl<'s> Walk<'s> {
    /// A walk before its first step.
    pub(crate) fn new(source: &'s Checkpoint<'s>, heads: Heads) -> Self {
        let plan = Plan { regular: true, ..Plan::default() };
        Self { source, plan, heads, used: BTreeSet::new(), missing: Vec::new(), problem: None }
    }

    /// A `Conv`, with batch normalisation or already fused; returns its number of outputs.
    pub(crate) fn conv(&mut self, at: &At, inputs: usize, filter: Filter) -> usize {
        let (branch, shape) = self.branch(&at.source, inputs, filter);
        self.add(at, shape, vec![branch])
    }

    /// The convolution to all heads' q, k and v.
    pub(crate) fn attention_conv(&mut self, at: &At, inputs: usize, filter: Filter, heads: usize) {
        let (branch, shape) = self.branch(&at.source, inputs, filter);
        self.plan.convolutions.push(Convolution {
            target: at.target.clone(),
            shape,
            branches: vec![branch],
            attention_heads: Some(heads),
        });
    }

    /// A large-kernel depthwise block: 7x7 and 3x3 side by side, or already one 7x7.
    pub(crate) fn rep_vgg_dw(&mut self, at: &At, channels: usize) -> usize {
        const KERNELS: [usize; 2] = [7, 3];
        if !self.source.has(&format!("{}.conv1.", at.source)) {
            return self.conv(at, channels, Filter::depthwise(KERNELS[0]));
        }
        self.check_activation(&at.source, Activation::Silu);
        let part = |kernel| Filter::depthwise(kernel).followed_by(Activation::Identity);
        let (large, shape) = self.branch(&format!("{}.conv", at.source), channels, part(KERNELS[0]));
        let (small, _) = self.branch(&format!("{}.conv1", at.source), channels, part(KERNELS[1]));
        self.add(at, shape, vec![large, small])
    }

    /// A bare convolution with a bias, the last of each head.
    pub(crate) fn output(&mut self, at: &At, inputs: usize, filter: Filter) -> usize {
        let (weight, bias) = (format!("{}.weight", at.source), format!("{}.bias", at.source));
        let shape = self.weight(&weight, inputs, filter);
        self.vector(&bias, shape[0]);
        self.add(at, shape, vec![Branch { weight, bias: Some(bias), norm: None }])
    }

    fn branch(&mut self, path: &str, inputs: usize, filter: Filter) -> (Branch, [usize; 4]) {
        self.check_activation(path, filter.activation);
        let (weight, bias, norm) = (format!("{path}.conv.weight"), format!("{path}.conv.bias"), format!("{path}.bn"));
        let shape = self.weight(&weight, inputs, filter);
        let has_bias = self.source.tensors.contains_key(&bias);
        let has_norm = self.source.has(&format!("{norm}."));
        if has_norm || !has_bias {
            for part in ["weight", "bias", "running_mean", "running_var"] {
                self.vector(&format!("{norm}.{part}"), shape[0]);
            }
        }
        if has_bias {
            self.vector(&bias, shape[0]);
        }
        let branch = Branch { weight, bias: has_bias.then_some(bias), norm: has_norm.then_some(norm) };
        (branch, shape)
    }

    fn add(&mut self, at: &At, shape: [usize; 4], branches: Vec<Branch>) -> usize {
        let target = at.target.clone();
        self.plan.convolutions.push(Convolution { target, shape, branches, attention_heads: None });
        shape[0]
    }

    /// Finds a convolution's weight, which determines the number of outputs; everything else is given.
    fn weight(&mut self, name: &str, inputs: usize, filter: Filter) -> [usize; 4] {
        let found = self.find(name);
        let expected = filter.shape(inputs, found.as_deref());
        self.compare(name, &expected, found);
        expected
    }

    fn vector(&mut self, name: &str, length: usize) {
        let found = self.find(name);
        self.compare(name, &[length], found);
    }

    /// The shape of a tensor that the network needs.
    fn find(&mut self, name: &str) -> Option<Vec<usize>> {
        let Some(tensor) = self.source.tensors.get(name) else {
            self.missing.push(name.to_owned());
            return None;
        };
        self.used.insert(name.to_owned());
        Some(tensor.shape().to_vec())
    }

    fn compare(&mut self, name: &str, expected: &[usize], found: Option<Vec<usize>>) {
        if let Some(found) = found
            && found != expected
        {
            let (tensor, expected) = (name.to_owned(), expected.to_vec());
            self.object(Error::Shape { tensor, expected, found });
        }
    }

    /// Checks the activation: with another one the network would compute something else.
    fn check_activation(&mut self, path: &str, expected: Activation) {
        let module = format!("{path}.act");
        if let Some(found) = self.source.modules.get(&module)
            && !expected.classes().contains(&found.class.as_str())
        {
            let (expected, found) = (expected.classes().join(" or "), found.class.clone());
            self.object(Error::Module { module, expected, found });
        }
    }

    /// Keeps the first contradiction.
    pub(crate) fn object(&mut self, error: Error) {
        self.problem.get_or_insert(error);
    }

    /// Every tensor is used, left out on purpose, or an error.
    pub(crate) fn finish(self) -> Result<Plan, Error> {
        let leaves_one_to_many = self.heads == Heads::OneToOne;
        let left_out = |name: &str| {
            name.ends_with(COUNTER)
                || LEFT_OUT.iter().any(|prefix| name.starts_with(prefix))
                || leaves_one_to_many && ONE_TO_MANY.iter().any(|prefix| name.starts_with(prefix))
        };
        let names = self.source.tensors.keys();
        let unexpected: Vec<String> =
            names.filter(|name| !self.used.contains(*name) && !left_out(name)).cloned().collect();
        let of_one_to_one = |name: &String| ONE_TO_ONE.iter().any(|head| name.starts_with(head));
        let has_one_to_many = ONE_TO_MANY.iter().all(|head| self.source.has(head));
        if has_one_to_many && unexpected.is_empty() && self.missing.iter().any(of_one_to_one) {
            // Recent versions of ultralytics fuse for non-maximum suppression by default, which drops the other head.
            return Err(Error::NoOneToOne { head: ONE_TO_ONE[0].to_owned() });
        }
        if !self.missing.is_empty() || !unexpected.is_empty() {
            return Err(Error::Names { missing: self.missing, unexpected });
        }
        self.problem.map_or(Ok(self.plan), Err)
    }
}
