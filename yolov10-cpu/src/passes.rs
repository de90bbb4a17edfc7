//! Passes over a graph: it still computes the same, at a lower cost.

use crate::graph::{Extra, Graph, Id, Node, Op};
use crate::layout::PAIRS;
use crate::options::{Options, Precision};
use crate::value::{Activation, Conv};
use crate::weights::{Algorithm, WeightSpec};

/// From how many input channels Winograd's transforms pay off, for strides 1 and 2: measured.
const WINOGRAD_CHANNELS: [usize; 2] = [16, 32];

impl Graph {
    /// Only dense convolutions read planes; everything else gets the image in blocks.
    pub fn block_input(&mut self) {
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
        let redirect = |ids: &mut [Id]| ids.iter_mut().filter(|id| **id == input).for_each(|id| *id = block);
        readers.into_iter().for_each(|reader| redirect(&mut self.nodes[reader].inputs));
        redirect(&mut self.outputs);
    }

    /// `conv(a) + b` is one operation when nothing else reads the convolution.
    pub fn fuse_residuals(&mut self) {
        let uses = self.uses();
        for id in 0..self.nodes.len() {
            let Node { op: Op::Add, inputs, .. } = &self.nodes[id] else {
                continue;
            };
            let fusible =
                |&&id: &&Id| matches!(self.nodes[id].op, Op::Conv { extra: Extra::None, .. }) && uses[id] == 1;
            let Some(&conv) = inputs.iter().find(fusible) else {
                continue;
            };
            let residual = inputs[usize::from(inputs[0] == conv)];
            let Op::Conv { weights, activation, .. } = self.nodes[conv].op else {
                continue;
            };
            let inputs = vec![self.nodes[conv].inputs[0], residual];
            self.nodes[id].op = Op::Conv { weights, activation, extra: Extra::Residual };
            self.nodes[id].inputs = inputs;
        }
    }

    /// A 1x1 convolution of `[upsample(a), b]` is `conv(b) + upsample(conv(a))`: the part of `a` then costs a quarter, and no
    /// concatenation is written.
    pub fn commute_upsampling(&mut self) {
        let uses = self.uses();
        for id in 0..self.nodes.len() {
            let Op::Conv { weights, activation, extra: Extra::None } = self.nodes[id].op else {
                continue;
            };
            let spec = self.weights[weights].clone();
            let concat = self.nodes[id].inputs[0];
            if spec.conv.kernel != 1 || spec.conv.stride != 1 || spec.conv.is_depthwise() {
                continue;
            }
            let Node { op: Op::Concat, inputs: parts, .. } = self.nodes[concat].clone() else {
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
            self.weights.push(WeightSpec { channels: 0..border, ..spec.clone() });
            self.weights.push(WeightSpec { channels: border..spec.channels.end, bias: false, ..spec });
            let op = Op::Conv { weights: low_weights, activation: Activation::Identity, extra: Extra::None };
            let low_conv = self.push(op, vec![small], channels);
            let upsampled = self.push(Op::Upsample, vec![low_conv], channels);
            let rest = match rest {
                [single] => *single,
                several => {
                    let sum = several.iter().map(|&part| self.nodes[part].channels).sum();
                    self.push(Op::Concat, several.to_vec(), sum)
                }
            };
            self.nodes[id].op = Op::Conv { weights: low_weights + 1, activation, extra: Extra::Start };
            self.nodes[id].inputs = vec![rest, upsampled];
        }
    }

    /// Chooses the algorithm of each convolution. This decides how weights are packed, so it can't depend on image
    /// sizes.
    pub fn choose_algorithms(&mut self, options: &Options) {
        for node in &self.nodes {
            let Op::Conv { weights, extra, .. } = node.op else {
                continue;
            };
            let planar = self.nodes[node.inputs[0]].op == Op::Input;
            let spec = &mut self.weights[weights];
            let Conv { kernel, stride, .. } = spec.conv;
            // In bf16, stride 2 stays direct: its transforms saved next to nothing, and cost 0.002 of mAP50-95 on the
            // drawn scenes of docs/val.md.
            let saves = kernel == 3 && (stride == 1 || options.precision == Precision::F32);
            let winograd = !options.exact
                && saves
                && extra != Extra::Start
                && spec.channels.len() >= WINOGRAD_CHANNELS[stride - 1];
            spec.algorithm = if spec.conv.is_depthwise() {
                Algorithm::Depthwise
            } else if planar {
                Algorithm::Planar
            } else {
                match (winograd, options.precision) {
                    (false, Precision::F32) => Algorithm::Direct,
                    (false, Precision::Bf16) => Algorithm::Pairs,
                    (true, Precision::F32) => Algorithm::Winograd,
                    (true, Precision::Bf16) => Algorithm::WinogradPairs,
                }
            };
        }
    }

    /// Stores in bf16 what is only ever multiplied in it: rounded once, and half as large.
    pub fn store_pairs(&mut self) {
        let mut only_multiplied = vec![true; self.nodes.len()];
        for node in &self.nodes {
            let multiplies = match node.op {
                Op::Conv { weights, .. } => self.weights[weights].algorithm.has_pairs(),
                _ => false,
            };
            for (index, &input) in node.inputs.iter().enumerate() {
                only_multiplied[input] &= multiplies && index == 0;
            }
        }
        self.outputs.iter().for_each(|&output| only_multiplied[output] = false);
        for (node, only_multiplied) in self.nodes.iter_mut().zip(only_multiplied) {
            let Op::Conv { weights, extra, .. } = node.op else {
                continue;
            };
            // Sums that are stored before they are complete need all their digits.
            let complete = extra != Extra::Start && self.weights[weights].is_summed_at_once();
            if only_multiplied && complete {
                node.block = PAIRS;
            }
        }
    }
}
