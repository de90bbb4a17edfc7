//! Where each value of a graph lies: slices are views, parts of a concatenation are computed in their place, and buffers
//! whose lifetimes do not overlap share memory.

use std::io;

use crate::arena::{self, Lifetime};
use crate::error::Error;
use crate::graph::{Extra, Graph, Id, Op};
use crate::layout::{LANES, View};

/// The views of all values, in an arena of `len` floats.
pub(crate) struct Placement {
    pub views: Vec<View>,
    /// Offset of each node's workspace.
    pub workspaces: Vec<usize>,
    pub len: usize,
}

/// Memory of one or more values.
struct Buffer {
    channels: usize,
    size: [usize; 2],
    block: usize,
    /// How far readers reach beyond the edge at most.
    border: usize,
    first: Id,
    last: Id,
}

/// A value's buffer, and its first channel there.
#[derive(Clone, Copy)]
struct Location {
    buffer: usize,
    channel: usize,
}

/// Places the values of `graph` for their `sizes` (height, width); `workspace` returns how many floats a node needs for
/// itself.
///
/// # Errors
/// They take more than any machine can address.
pub(crate) fn place(graph: &Graph, sizes: &[[usize; 2]], workspace: impl Fn(Id) -> usize) -> Result<Placement, Error> {
    let (mut buffers, locations) = locate(graph, sizes);
    for (id, node) in graph.nodes.iter().enumerate() {
        let written = &mut buffers[locations[id].buffer];
        written.first = written.first.min(id);
        for &input in &node.inputs {
            let read = &mut buffers[locations[input].buffer];
            read.last = read.last.max(id);
            read.border = read.border.max(graph.reach(id));
        }
    }
    for &output in &graph.outputs {
        buffers[locations[output].buffer].last = Id::MAX;
    }

    let view = |buffer: &Buffer, start| View::new(start, buffer.channels, buffer.size, buffer.block, buffer.border);
    let lifetime = |buffer: &Buffer| {
        let len = view(buffer, 0).len().next_multiple_of(LANES);
        Lifetime { len, first: buffer.first, last: buffer.last }
    };
    let mut lifetimes: Vec<Lifetime> = buffers.iter().map(lifetime).collect();
    lifetimes.extend((0..graph.nodes.len()).map(|id| Lifetime { len: workspace(id), first: id, last: id }));
    let (mut offsets, len) = arena::assign(&lifetimes);
    let bytes = len.saturating_mul(size_of::<f32>());
    if isize::try_from(bytes).is_err() {
        return Err(Error::OutOfMemory { requested: bytes, source: io::ErrorKind::OutOfMemory.into() });
    }
    let workspaces = offsets.split_off(buffers.len());
    let views = graph.nodes.iter().zip(&locations).map(|(node, location)| {
        view(&buffers[location.buffer], offsets[location.buffer]).channels(location.channel, node.channels)
    });
    Ok(Placement { views: views.collect(), workspaces, len })
}

/// Gives every value a place in a buffer: readers first, so that they can offer their inputs a place.
fn locate(graph: &Graph, sizes: &[[usize; 2]]) -> (Vec<Buffer>, Vec<Location>) {
    let mut buffers = Vec::new();
    let mut located: Vec<Option<Location>> = vec![None; graph.nodes.len()];
    for (id, node) in graph.nodes.iter().enumerate().rev() {
        if graph.slices_in_place(id) {
            continue;
        }
        let location = *located[id].get_or_insert_with(|| {
            buffers.push(Buffer {
                channels: node.channels,
                size: sizes[id],
                block: node.block,
                border: 0,
                first: Id::MAX,
                last: id,
            });
            Location { buffer: buffers.len() - 1, channel: 0 }
        });
        match node.op {
            Op::Conv { extra: Extra::Start, .. } => located[node.inputs[1]] = Some(location),
            Op::Concat => {
                let mut channel = location.channel;
                for (index, &part) in node.inputs.iter().enumerate() {
                    let channels = graph.nodes[part].channels;
                    let last = index + 1 == node.inputs.len();
                    // A partly filled block in the middle would be written by two owners.
                    let aligned = channel.is_multiple_of(LANES) && (last || channels.is_multiple_of(LANES));
                    let movable = !matches!(graph.nodes[part].op, Op::Input) && !graph.slices_in_place(part);
                    if aligned && movable && located[part].is_none() {
                        located[part] = Some(Location { channel, ..location });
                    }
                    channel += channels;
                }
            }
            _ => {}
        }
    }
    for (id, node) in graph.nodes.iter().enumerate() {
        if let (true, Op::Slice { start }) = (graph.slices_in_place(id), node.op) {
            let Location { buffer, channel } = located[node.inputs[0]].expect("inputs are located before their slices");
            located[id] = Some(Location { buffer, channel: channel + start });
        }
    }
    let locations = located.into_iter().map(|location| location.expect("every value was visited")).collect();
    (buffers, locations)
}

impl Graph {
    /// Whether a slice is whole blocks of its input, so that it can be a view.
    fn slices_in_place(&self, id: Id) -> bool {
        let Op::Slice { start } = self.nodes[id].op else {
            return false;
        };
        let (channels, of) = (self.nodes[id].channels, self.nodes[id].inputs[0]);
        let ends = channels.is_multiple_of(LANES) || start + channels == self.nodes[of].channels;
        start.is_multiple_of(LANES) && ends
    }

    /// How far beyond the edge of its inputs a node reads.
    fn reach(&self, id: Id) -> usize {
        match self.nodes[id].op {
            Op::Conv { weights, .. } => self.weights[weights].conv.kernel / 2,
            _ => 0,
        }
    }
}
