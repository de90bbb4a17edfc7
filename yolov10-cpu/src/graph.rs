//! A network in evaluation order, rewritten into the operations that there are kernels for.
//!
//! Lowered from [`Value`]s: slices and concatenations in their simplest form, residual sums fused into the
//! convolution before them, 1x1 convolutions moved before nearest upsampling. No size is known here.

use std::collections::HashMap;

use crate::value::{Activation, Conv, Operation, Value};
use crate::weights::{Form, WeightSpec};
use crate::{Error, Precision};

/// Which node: an index into [`Graph::nodes`], smaller than those of the nodes that read it.
pub(crate) type Id = usize;

pub(crate) struct Graph {
    pub nodes: Vec<Node>,
    pub outputs: Vec<Id>,
    /// The weights that the nodes name, in evaluation order.
    pub weights: Vec<WeightSpec>,
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub op: Op,
    pub inputs: Vec<Id>,
    pub channels: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Op {
    /// The image, in planes.
    Input,
    /// The image in blocks of channels.
    Block,
    /// `weights` indexes [`Graph::weights`]; a second input is what `extra` says.
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
    /// Added to the sums before the activation: it holds the bias already and is overwritten in place.
    Start,
}

impl Graph {
    /// Reads the description. `exact` keeps convolutions as sums of products: no Winograd.
    pub fn new(outputs: &[Value], exact: bool, precision: Precision) -> Result<Graph, Error> {
        let mut graph = lower(outputs)?;
        graph.block_input();
        graph.sort();
        graph.fuse_residuals();
        graph.sort();
        graph.commute_upsampling();
        graph.sort();
        graph.choose_forms(exact, precision);
        Ok(graph)
    }

    /// How many inputs of nodes, or outputs of the graph, each node is.
    fn uses(&self) -> Vec<usize> {
        let mut uses = vec![0; self.nodes.len()];
        let read = self
            .nodes
            .iter()
            .flat_map(|node| &node.inputs)
            .chain(&self.outputs);
        read.for_each(|&id| uses[id] += 1);
        uses
    }

    fn push(&mut self, op: Op, inputs: Vec<Id>, channels: usize) -> Id {
        self.nodes.push(Node {
            op,
            inputs,
            channels,
        });
        self.nodes.len() - 1
    }

    /// Only dense convolutions read planes; everything else gets the image in blocks.
    fn block_input(&mut self) {
        let Some(input) = self.nodes.iter().position(|node| node.op == Op::Input) else {
            return;
        };
        let reads_planes = |node: &Node| match node.op {
            Op::Conv { weights, .. } => !self.weights[weights].conv.is_depthwise(),
            _ => false,
        };
        let readers: Vec<Id> = (0..self.nodes.len())
            .filter(|&id| self.nodes[id].inputs.contains(&input) && !reads_planes(&self.nodes[id]))
            .collect();
        if readers.is_empty() && !self.outputs.contains(&input) {
            return;
        }
        let block = self.push(Op::Block, vec![input], self.nodes[input].channels);
        let redirect = |ids: &mut [Id]| {
            ids.iter_mut()
                .filter(|id| **id == input)
                .for_each(|id| *id = block)
        };
        readers
            .into_iter()
            .for_each(|reader| redirect(&mut self.nodes[reader].inputs));
        redirect(&mut self.outputs);
    }

    /// `conv(a) + b` is one operation when nothing else reads the convolution.
    fn fuse_residuals(&mut self) {
        let uses = self.uses();
        for id in 0..self.nodes.len() {
            let Node {
                op: Op::Add,
                inputs,
                channels,
            } = &self.nodes[id]
            else {
                continue;
            };
            let fusible = |&&id: &&Id| {
                matches!(
                    self.nodes[id].op,
                    Op::Conv {
                        extra: Extra::None,
                        ..
                    }
                ) && uses[id] == 1
            };
            let Some(&conv) = inputs.iter().find(fusible) else {
                continue;
            };
            let residual = inputs[usize::from(inputs[0] == conv)];
            let (
                channels,
                Op::Conv {
                    weights,
                    activation,
                    ..
                },
            ) = (*channels, self.nodes[conv].op)
            else {
                continue;
            };
            self.nodes[id] = Node {
                op: Op::Conv {
                    weights,
                    activation,
                    extra: Extra::Residual,
                },
                inputs: vec![self.nodes[conv].inputs[0], residual],
                channels,
            };
        }
    }

    /// A 1x1 convolution of `[upsample(a), b]` is `conv(b) + upsample(conv(a))`: the half of `a` then costs a
    /// quarter, and no concatenation is written.
    fn commute_upsampling(&mut self) {
        let uses = self.uses();
        for id in 0..self.nodes.len() {
            let Op::Conv {
                weights,
                activation,
                extra: Extra::None,
            } = self.nodes[id].op
            else {
                continue;
            };
            let spec = self.weights[weights].clone();
            let concat = self.nodes[id].inputs[0];
            if spec.conv.kernel != 1 || spec.conv.stride != 1 || spec.conv.is_depthwise() {
                continue;
            }
            let Node {
                op: Op::Concat,
                inputs: parts,
                ..
            } = self.nodes[concat].clone()
            else {
                continue;
            };
            let [low, rest @ ..] = parts.as_slice() else {
                continue;
            };
            if self.nodes[*low].op != Op::Upsample || uses[*low] != 1 || uses[concat] != 1 {
                continue;
            }
            let small = self.nodes[*low].inputs[0];
            let border = self.nodes[small].channels;
            let channels = self.nodes[id].channels;

            let low_weights = self.weights.len();
            self.weights.push(WeightSpec {
                channels: 0..border,
                ..spec.clone()
            });
            self.weights.push(WeightSpec {
                channels: border..spec.channels.end,
                bias: false,
                ..spec
            });
            let op = Op::Conv {
                weights: low_weights,
                activation: Activation::Identity,
                extra: Extra::None,
            };
            let low_conv = self.push(op, vec![small], channels);
            let upsampled = self.push(Op::Upsample, vec![low_conv], channels);
            let rest = match rest {
                [single] => *single,
                several => {
                    let sum = several.iter().map(|&part| self.nodes[part].channels).sum();
                    self.push(Op::Concat, several.to_vec(), sum)
                }
            };
            self.nodes[id].op = Op::Conv {
                weights: low_weights + 1,
                activation,
                extra: Extra::Start,
            };
            self.nodes[id].inputs = vec![rest, upsampled];
        }
    }

    /// Drops what no output needs, nodes and weights, and puts the rest in evaluation order.
    fn sort(&mut self) {
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
                stack.extend(
                    self.nodes[id]
                        .inputs
                        .iter()
                        .rev()
                        .map(|&input| (input, false)),
                );
            }
        }
        let renamed = |id: Id| position[id].expect("inputs come before their readers");
        let mut weights = Vec::new();
        let mut moved = HashMap::new();
        let nodes = order.iter().map(|&id| {
            let mut node = self.nodes[id].clone();
            node.inputs
                .iter_mut()
                .for_each(|input| *input = renamed(*input));
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

    /// The algorithm of each convolution. It fixes how weights are packed, so no image size may matter.
    fn choose_forms(&mut self, exact: bool, precision: Precision) {
        for node in &self.nodes {
            let Op::Conv { weights, extra, .. } = node.op else {
                continue;
            };
            let planar = self.nodes[node.inputs[0]].op == Op::Input;
            let spec = &mut self.weights[weights];
            let Conv { kernel, stride, .. } = spec.conv;
            spec.form = if spec.conv.is_depthwise() {
                Form::Depthwise
            } else if planar {
                Form::Planar
            } else if !exact
                && (kernel, stride) == (3, 1)
                && extra != Extra::Start
                && spec.channels.len() >= WINOGRAD_CHANNELS
            {
                Form::Winograd
            } else if precision == Precision::Bf16 {
                Form::Pairs
            } else {
                Form::Direct
            };
        }
    }
}

/// From so many input channels on Winograd's transform pays: measured.
const WINOGRAD_CHANNELS: usize = 16;

/// Values to nodes, one to one but for slices and concatenations, in an order that evaluates.
fn lower(outputs: &[Value]) -> Result<Graph, Error> {
    let mut graph = Graph {
        nodes: Vec::new(),
        outputs: Vec::new(),
        weights: Vec::new(),
    };
    let mut ids: HashMap<*const (), Id> = HashMap::new();
    let mut stack: Vec<(&Value, bool)> = outputs.iter().rev().map(|value| (value, false)).collect();
    let mut images = 0;
    while let Some((value, ready)) = stack.pop() {
        let node = value.node();
        if ids.contains_key(&value.identity()) {
            continue;
        }
        if !ready {
            stack.push((value, true));
            stack.extend(node.inputs.iter().rev().map(|input| (input, false)));
            continue;
        }
        let inputs: Vec<Id> = node
            .inputs
            .iter()
            .map(|input| ids[&input.identity()])
            .collect();
        let id = match node.operation {
            Operation::Input => {
                images += 1;
                graph.push(Op::Input, inputs, node.channels)
            }
            Operation::Conv(conv) => {
                conv.check()?;
                graph.weights.push(WeightSpec::whole(conv));
                let weights = graph.weights.len() - 1;
                let op = Op::Conv {
                    weights,
                    activation: conv.activation,
                    extra: Extra::None,
                };
                graph.push(op, inputs, node.channels)
            }
            Operation::Add => graph.push(Op::Add, inputs, node.channels),
            Operation::Concat => graph.concat(inputs),
            Operation::Slice { start } => graph.slice(inputs[0], start, node.channels),
            Operation::MaxPool { kernel } => {
                graph.push(Op::MaxPool { kernel }, inputs, node.channels)
            }
            Operation::Upsample => graph.push(Op::Upsample, inputs, node.channels),
            Operation::Attention { heads } => {
                graph.push(Op::Attention { heads }, inputs, node.channels)
            }
        };
        ids.insert(value.identity(), id);
    }
    if images != 1 {
        return Err(Error::Inputs { found: images });
    }
    graph.outputs = outputs.iter().map(|value| ids[&value.identity()]).collect();
    Ok(graph)
}

impl Graph {
    /// A slice, of the value that is not itself a slice.
    fn slice(&mut self, of: Id, start: usize, channels: usize) -> Id {
        let (of, start) = match self.nodes[of] {
            Node {
                op: Op::Slice { start: first },
                ref inputs,
                ..
            } => (inputs[0], first + start),
            _ => (of, start),
        };
        if channels == self.nodes[of].channels {
            return of;
        }
        self.push(Op::Slice { start }, vec![of], channels)
    }

    /// A concatenation in which neighbouring slices of one value are one part: those of a value split in
    /// two become the value itself, which can then be computed in its place.
    fn concat(&mut self, parts: Vec<Id>) -> Id {
        let extent = |graph: &Graph, id: Id| match graph.nodes[id] {
            Node {
                op: Op::Slice { start },
                ref inputs,
                channels,
            } => (inputs[0], start..start + channels),
            Node { channels, .. } => (id, 0..channels),
        };
        let mut merged: Vec<Id> = Vec::new();
        for part in parts {
            let (of, range) = extent(self, part);
            let last = merged.last().map(|&last| extent(self, last));
            match last {
                Some((same, before)) if same == of && before.end == range.start => {
                    let joined = self.slice(of, before.start, range.end - before.start);
                    merged.pop();
                    merged.push(joined);
                }
                _ => merged.push(part),
            }
        }
        let channels = merged.iter().map(|&part| self.nodes[part].channels).sum();
        match merged.as_slice() {
            [single] => *single,
            _ => self.push(Op::Concat, merged, channels),
        }
    }
}

impl Conv {
    /// Whether there is a kernel for it.
    fn check(&self) -> Result<(), Error> {
        let Conv {
            key,
            channels_in,
            channels_out,
            kernel,
            stride,
            groups,
            ..
        } = *self;
        let refuse = |reason: String| Err(Error::Unsupported { key, reason });
        if channels_in == 0 || channels_out == 0 {
            return refuse(format!(
                "expected channels, found {channels_in} to {channels_out}"
            ));
        }
        if kernel % 2 == 0 {
            return refuse(format!("expected an odd kernel, found {kernel}"));
        }
        if !(1..=2).contains(&stride) {
            return refuse(format!("expected a stride of 1 or 2, found {stride}"));
        }
        if groups != 1 && (groups, groups) != (channels_in, channels_out) {
            return refuse(format!(
                "expected 1 group or {channels_in}, found {groups} for {channels_out} outputs"
            ));
        }
        if groups != 1 && !crate::kernels::DEPTHWISE_KERNELS.contains(&kernel) {
            return refuse(format!(
                "expected a depthwise kernel of 1, 3, 5 or 7, found {kernel}"
            ));
        }
        Ok(())
    }
}
