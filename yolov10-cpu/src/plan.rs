//! A plan: the steps of a graph for one image size, with all addresses fixed.

use crate::error::Error;
use crate::graph::{Extra, Graph, Id, Node, Op};
use crate::kernels::Silu;
use crate::layout::{LANES, View};
use crate::options::Precision;
use crate::placement::{Placement, place};
use crate::steps::{
    Attend, Border, Depthwise, Direct, Epilogue, Factors, Gather, Heads, MaxPool, Memory, Operands, PackHeads, Part,
    Step, Sum, Threads, Upsample, Winograd,
};
use crate::value::Activation;
use crate::weights::{Algorithm, Packed};

pub(crate) struct Plan {
    /// Height and width of the image.
    pub size: [usize; 2],
    pub phases: Vec<Phase>,
    pub input: View,
    pub outputs: Vec<View>,
    /// Floats of the arena.
    pub arena: usize,
    /// Floats of each thread's scratch.
    pub scratch: usize,
}

/// A step, together with the border of the map that it writes.
pub(crate) struct Phase {
    step: Step,
    border: Option<Border>,
}

impl Phase {
    pub fn tasks(&self) -> usize {
        self.step.tasks() + usize::from(self.border.is_some())
    }

    /// Computes one task; the last may be the border.
    ///
    /// # Safety
    /// As [`Step::run`].
    #[allow(unsafe_code, reason = "passes on the promise of whoever runs the plan")]
    pub unsafe fn run(&self, task: usize, memory: &Memory) {
        // SAFETY: the caller's promise.
        unsafe {
            match &self.border {
                Some(border) if task == self.step.tasks() => border.clear(memory.arena),
                _ => self.step.run(task, memory),
            }
        }
    }
}

impl Plan {
    /// Compiles `graph`, whose weights are at `packed`, for an image of `size` (height, width), and divides the work among
    /// this many threads. The division does not change results. The size of a plan itself depends on the graph alone.
    pub fn new(graph: &Graph, packed: &[Packed], size: [usize; 2], threads: Threads) -> Result<Plan, Error> {
        let sizes = graph.sizes(size)?;
        let heads = |id: Id, views: &[View], packed: usize| {
            let Node { op: Op::Attention { heads }, inputs, .. } = &graph.nodes[id] else {
                return None;
            };
            let [query, key, value] = [views[inputs[0]], views[inputs[1]], views[inputs[2]]];
            Some(Heads { query, key, value, output: views[id], heads: *heads, packed })
        };
        let unplaced: Vec<View> =
            graph.nodes.iter().zip(&sizes).map(|(node, &size)| View::new(0, node.channels, size, LANES, 0)).collect();
        let workspace = |id| heads(id, &unplaced, 0).map_or(0, |heads| heads.workspace());
        let Placement { views, workspaces, len } = place(graph, &sizes, workspace)?;

        let mut phases = Vec::new();
        for (id, node) in graph.nodes.iter().enumerate() {
            let output = views[id];
            let input = |index: usize| views[node.inputs[index]];
            let step = match node.op {
                Op::Input => continue,
                Op::Conv { weights, activation, extra } => {
                    let spec = &graph.weights[weights];
                    let residual = (extra == Extra::Residual).then(|| input(1));
                    let operands = Operands {
                        input: input(0),
                        output,
                        epilogue: Epilogue {
                            silu: match (activation, graph.precision) {
                                (Activation::Identity, _) => Silu::None,
                                (Activation::Silu, Precision::F32) => Silu::Fine,
                                (Activation::Silu, Precision::Bf16) => Silu::Coarse,
                            },
                            residual,
                        },
                        packed: packed[weights],
                        kernel: spec.conv.kernel,
                        stride: spec.conv.stride,
                    };
                    let factors = if spec.algorithm.has_pairs() { Factors::Bf16Pairs } else { Factors::Floats };
                    match spec.algorithm {
                        Algorithm::Direct | Algorithm::Planar | Algorithm::Pairs => {
                            let accumulate = extra == Extra::Start;
                            Step::Direct(Direct::new(operands, factors, accumulate, threads))
                        }
                        Algorithm::Winograd | Algorithm::WinogradPairs => {
                            Step::Winograd(Winograd::new(operands, factors, threads))
                        }
                        Algorithm::Depthwise => Step::Depthwise(Depthwise::new(operands)),
                    }
                }
                Op::Add => Step::Sum(Sum::new([input(0), input(1)], output)),
                Op::MaxPool { kernel } => Step::MaxPool(MaxPool::new(input(0), output, kernel)),
                Op::Upsample => Step::Upsample(Upsample::new(input(0), output)),
                Op::Attention { .. } => {
                    let heads = heads(id, &views, workspaces[id]).expect("the node is an attention");
                    phases.push(Phase { step: Step::PackHeads(PackHeads(heads)), border: None });
                    Step::Attend(Attend::new(heads))
                }
                Op::Block | Op::Concat | Op::Slice { .. } => {
                    let parts = copies(node, &views, output);
                    if parts.is_empty() {
                        continue;
                    }
                    Step::Gather(Gather::new(parts, output))
                }
            };
            phases.push(Phase { step, border: Border::of(output) });
        }
        let scratch = phases.iter().map(|phase| phase.step.scratch()).max().unwrap_or(0);
        let outputs = graph.outputs.iter().map(|&id| views[id]).collect();
        let input = graph.nodes.iter().position(|node| node.op == Op::Input).expect("a graph has its input");
        Ok(Plan { size, phases, input: views[input], outputs, arena: len, scratch })
    }

    /// Bytes of the arena and of the scratch memory of this many threads; `usize::MAX` means that many or more.
    pub fn bytes(&self, threads: usize) -> usize {
        let scratch = self.scratch.saturating_mul(threads);
        scratch.saturating_add(self.arena).saturating_mul(size_of::<f32>())
    }
}

/// What a node that only moves channels has to copy: everything that is not in place already.
fn copies(node: &Node, views: &[View], output: View) -> Vec<Part> {
    if let Op::Slice { start } = node.op {
        let view = views[node.inputs[0]];
        let in_place = start.is_multiple_of(view.block) && view.at(start / view.block, 0, 0) == output.offset;
        let part = Part { view, from: start, channels: node.channels, to: 0 };
        return if in_place { Vec::new() } else { vec![part] };
    }
    let mut to = 0;
    let mut parts = Vec::new();
    for &input in &node.inputs {
        let view = views[input];
        let in_place =
            view.block == output.block && to % output.block == 0 && view.offset == output.at(to / output.block, 0, 0);
        if !in_place {
            parts.push(Part::whole(view, to));
        }
        to += view.channels;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::compile;
    use crate::options::Options;
    use crate::value::{Conv, Value};

    fn conv(key: u64, channels_in: usize, channels_out: usize, kernel: usize) -> Conv {
        Conv { key, channels_in, channels_out, kernel, stride: 1, groups: 1, activation: Activation::Silu }
    }

    fn plan(outputs: &[Value], size: [usize; 2]) -> Plan {
        plan_of(outputs, &Options::default(), size)
    }

    fn plan_of(outputs: &[Value], options: &Options, size: [usize; 2]) -> Plan {
        let graph = compile(outputs, options).unwrap();
        let nowhere = Packed { weights: 0, bias: 0, group_stride: 0 };
        Plan::new(&graph, &vec![nowhere; graph.weights.len()], size, Threads(2)).unwrap()
    }

    fn count(plan: &Plan, wanted: impl Fn(&Step) -> bool) -> usize {
        plan.phases.iter().filter(|phase| wanted(&phase.step)).count()
    }

    /// A split, a residual bottleneck, and everything joined again.
    fn split_and_join(input: &Value) -> Value {
        let split = input.conv(conv(1, 16, 64, 1));
        let (left, right) = (split.slice(0..32), split.slice(32..64));
        let bottleneck = right.add(&right.conv(conv(2, 32, 32, 3)).conv(conv(3, 32, 32, 3)));
        Value::concat(&[left, right, bottleneck]).conv(conv(4, 96, 16, 1))
    }

    #[test]
    fn splitting_adding_and_joining_take_no_steps() {
        let input = Value::input(3).conv(conv(0, 3, 16, 3));
        let plan = plan(&[split_and_join(&input)], [32, 32]);
        assert_eq!(plan.phases.len(), 5);
        assert_eq!(count(&plan, |step| matches!(step, Step::Winograd(_))), 2);
    }

    #[test]
    fn stride_2_is_transformed_from_32_channels_on_and_never_in_bf16() {
        for (channels, precision, expected) in
            [(16, Precision::F32, 0), (32, Precision::F32, 1), (32, Precision::Bf16, 0)]
        {
            let map = Value::input(3).conv(conv(0, 3, channels, 1));
            let half = map.conv(Conv { stride: 2, ..conv(1, channels, 32, 3) });
            let options = Options { precision, ..Options::default() };
            let plan = plan_of(&[half], &options, [32, 32]);
            assert_eq!(count(&plan, |step| matches!(step, Step::Winograd(_))), expected);
        }
    }

    #[test]
    fn upsampling_before_a_1x1_convolution_joins_nothing() {
        let high = Value::input(3).conv(conv(0, 3, 16, 3));
        let low = high.conv(Conv { stride: 2, ..conv(1, 16, 32, 3) });
        let joined = Value::concat(&[low.upsample(), high]).conv(conv(2, 48, 16, 1));
        let plan = plan(&[joined], [16, 16]);
        assert_eq!(count(&plan, |step| matches!(step, Step::Gather(_) | Step::Sum(_))), 0);
        assert_eq!(plan.phases.len(), 5);
    }

    #[test]
    fn a_deep_chain_needs_the_memory_of_two_maps() {
        let chain = |depth: u64| {
            let first = Value::input(16).conv(conv(0, 16, 16, 1));
            (1..depth).fold(first, |value, key| value.conv(conv(key, 16, 16, 1)))
        };
        let arena = |depth| plan(&[chain(depth)], [64, 64]).arena;
        assert_eq!(arena(3), arena(30));
    }
}
