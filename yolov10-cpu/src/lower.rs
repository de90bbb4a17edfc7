//! From values to the nodes of a graph, one to one, except that slices and concatenations are simplified.

use std::collections::HashMap;

use crate::error::Error;
use crate::graph::{Extra, Graph, Id, Node, Op};
use crate::kernels::DEPTHWISE_SIDES;
use crate::layout::LARGEST;
use crate::options::Precision;
use crate::value::{Conv, Operation, Value};
use crate::weights::WeightSpec;

/// Turns values into nodes, in evaluation order.
pub(crate) fn lower(outputs: &[Value], precision: Precision) -> Result<Graph, Error> {
    let mut graph = Graph { nodes: Vec::new(), outputs: Vec::new(), weights: Vec::new(), precision };
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
        expect_at_most_largest("channels of a value", node.channels)?;
        let inputs: Vec<Id> = node.inputs.iter().map(|input| ids[&input.identity()]).collect();
        let id = match node.operation {
            Operation::Input => {
                images += 1;
                graph.push(Op::Input, inputs, node.channels)
            }
            Operation::Conv(conv) => {
                conv.check()?;
                graph.weights.push(WeightSpec::whole(conv));
                let weights = graph.weights.len() - 1;
                let op = Op::Conv { weights, activation: conv.activation, extra: Extra::None };
                graph.push(op, inputs, node.channels)
            }
            Operation::Add => graph.push(Op::Add, inputs, node.channels),
            Operation::Concat => graph.concat(inputs),
            Operation::Slice { start } => graph.slice(inputs[0], start, node.channels),
            Operation::MaxPool { kernel } => {
                expect_at_most_largest("side of a maximum's window", kernel)?;
                graph.push(Op::MaxPool { kernel }, inputs, node.channels)
            }
            Operation::Upsample => graph.push(Op::Upsample, inputs, node.channels),
            Operation::Attention { heads } => graph.push(Op::Attention { heads }, inputs, node.channels),
        };
        ids.insert(value.identity(), id);
    }
    if images != 1 {
        return Err(Error::Inputs { found: images });
    }
    graph.outputs = outputs.iter().map(|value| ids[&value.identity()]).collect();
    Ok(graph)
}

fn expect_at_most_largest(what: &'static str, found: usize) -> Result<(), Error> {
    if found > LARGEST {
        return Err(Error::TooLarge { what, most: LARGEST, found });
    }
    Ok(())
}

impl Graph {
    /// A slice; of a slice, it takes the value behind that.
    fn slice(&mut self, of: Id, start: usize, channels: usize) -> Id {
        let (of, start) = match self.nodes[of] {
            Node { op: Op::Slice { start: first }, ref inputs, .. } => (inputs[0], first + start),
            _ => (of, start),
        };
        if channels == self.nodes[of].channels {
            return of;
        }
        self.push(Op::Slice { start }, vec![of], channels)
    }

    /// A concatenation in which neighbouring slices of one value are merged: the halves of a split value become the value
    /// itself, which can then be computed in its place.
    fn concat(&mut self, parts: Vec<Id>) -> Id {
        let extent = |graph: &Graph, id: Id| match graph.nodes[id] {
            Node { op: Op::Slice { start }, ref inputs, channels, .. } => (inputs[0], start..start + channels),
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
    /// Checks that there is a kernel for it.
    fn check(&self) -> Result<(), Error> {
        let Conv { key, channels_in, channels_out, kernel, stride, groups, .. } = *self;
        expect_at_most_largest("side of a kernel", kernel)?;
        let refuse = |reason: String| Err(Error::Unsupported { key, reason });
        if channels_in == 0 || channels_out == 0 {
            return refuse(format!("expected channels, found {channels_in} to {channels_out}"));
        }
        if kernel % 2 == 0 {
            return refuse(format!("expected an odd kernel, found {kernel}"));
        }
        if !(1..=2).contains(&stride) {
            return refuse(format!("expected a stride of 1 or 2, found {stride}"));
        }
        if groups != 1 && (groups, groups) != (channels_in, channels_out) {
            return refuse(format!("expected 1 group or {channels_in}, found {groups} for {channels_out} outputs"));
        }
        if groups != 1 && !DEPTHWISE_SIDES.contains(&kernel) {
            return refuse(format!("expected a depthwise kernel of 1, 3, 5 or 7, found {kernel}"));
        }
        Ok(())
    }
}
