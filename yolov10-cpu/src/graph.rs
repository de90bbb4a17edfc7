//! A network in evaluation order, in operations that there are kernels for.
//!
//! `lower.rs` makes it from the caller's description, `passes.rs` rewrites it, `plan.rs` lays it out. No sizes are known
//! here.

use std::collections::HashMap;

use crate::layout::LANES;
use crate::options::Precision;
use crate::value::Activation;
use crate::weights::WeightSpec;

/// A node's index in [`Graph::nodes`], smaller than those of the nodes that read it.
pub(crate) type Id = usize;

pub(crate) struct Graph {
    pub nodes: Vec<Node>,
    pub outputs: Vec<Id>,
    /// The weights that the nodes name, in evaluation order.
    pub weights: Vec<WeightSpec>,
    /// The precision of its products and activations.
    pub precision: Precision,
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub op: Op,
    pub inputs: Vec<Id>,
    pub channels: usize,
    /// Floats of a pixel where the value is stored: see [`View::block`](crate::layout::View::block).
    pub block: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Op {
    /// The image, in planes.
    Input,
    /// The image in blocks of channels.
    Block,
    /// `weights` indexes [`Graph::weights`]; `extra` says what a second input is.
    Conv {
        weights: usize,
        activation: Activation,
        extra: Extra,
    },
    Add,
    Concat,
    Slice {
        start: usize,
    },
    MaxPool {
        kernel: usize,
    },
    Upsample,
    Attention {
        heads: usize,
    },
}

/// A convolution's second input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Extra {
    None,
    /// Added after the activation.
    Residual,
    /// Added to the sums before the activation: it already includes the bias, and is overwritten in place.
    Start,
}

impl Graph {
    /// How often each node is an input of a node or an output of the graph.
    pub fn uses(&self) -> Vec<usize> {
        let mut uses = vec![0; self.nodes.len()];
        let read = self.nodes.iter().flat_map(|node| &node.inputs).chain(&self.outputs);
        read.for_each(|&id| uses[id] += 1);
        uses
    }

    pub fn push(&mut self, op: Op, inputs: Vec<Id>, channels: usize) -> Id {
        let block = if op == Op::Input { 1 } else { LANES };
        self.nodes.push(Node { op, inputs, channels, block });
        self.nodes.len() - 1
    }

    /// Drops nodes and weights that no output needs, and puts the rest in evaluation order.
    pub fn sort(&mut self) {
        let mut order = Vec::new();
        let mut position = vec![None; self.nodes.len()];
        let mut stack: Vec<(Id, bool)> = self.outputs.iter().rev().map(|&id| (id, false)).collect();
        while let Some((id, ready)) = stack.pop() {
            if position[id].is_some() {
                continue;
            }
            if ready {
                position[id] = Some(order.len());
                order.push(id);
            } else {
                stack.push((id, true));
                stack.extend(self.nodes[id].inputs.iter().rev().map(|&input| (input, false)));
            }
        }
        let renamed = |id: Id| position[id].expect("inputs come before their readers");
        let mut weights = Vec::new();
        let mut moved = HashMap::new();
        let nodes = order.iter().map(|&id| {
            let mut node = self.nodes[id].clone();
            node.inputs.iter_mut().for_each(|input| *input = renamed(*input));
            if let Op::Conv { weights: index, .. } = &mut node.op {
                *index = *moved.entry(*index).or_insert_with(|| {
                    weights.push(self.weights[*index].clone());
                    weights.len() - 1
                });
            }
            node
        });
        self.nodes = nodes.collect();
        self.outputs.iter_mut().for_each(|id| *id = renamed(*id));
        self.weights = weights;
    }
}
