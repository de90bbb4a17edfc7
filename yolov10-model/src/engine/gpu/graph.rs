//! A pass over one input shape, kept ready: the memory of its input, and the graph of its kernels once captured.
#![allow(
    unsafe_code,
    reason = "burn leaves it to the caller that what a graph touches still lives when it is replayed"
)]

use burn::tensor::{DType, Device, Graph, Int, Tensor, capture};

use super::{operations, picture};
use crate::error::Error;
use crate::letterbox::Letterbox;
use crate::pixels::Pixels;
use crate::size::Size;

/// Runs of a shape before its graph pays off: with pictures of many sizes, each may be the only one.
const RUNS_BEFORE_CAPTURE: usize = 1;

/// What a graph holds on to: everything it reads.
type Closure = Box<dyn FnMut() -> Tensor<3> + Send>;

/// One input shape.
pub struct Program {
    /// The input's size and the batch.
    pub shape: (Size, usize),
    /// `[B, H, W, 3]`; the graph reads this very memory.
    image: Tensor<4>,
    /// What pictures are uploaded through; none until its size is known.
    buffer: Option<Tensor<1, Int>>,
    graph: Option<Graph<Tensor<3>, Closure>>,
    runs: usize,
}

impl Program {
    pub fn new(shape: (Size, usize), image: Tensor<4>) -> Self {
        Self { shape, image, buffer: None, graph: None, runs: 0 }
    }

    /// Letterboxes a picture into the input.
    pub fn upload(&mut self, image: Pixels<'_>, letterbox: &Letterbox, sample: usize, device: &Device) {
        let packed = picture::pack(image, letterbox);
        let buffer = self
            .buffer
            .take_if(|buffer| buffer.shape().num_elements() >= packed.len())
            .unwrap_or_else(|| Tensor::zeros([packed.len()], (device, DType::U32)));
        self.buffer = Some(buffer.clone());
        self.image.inplace(|input| operations::letterbox(input, buffer, packed, sample));
    }

    /// Whether the shape has come often enough for a graph.
    pub fn worth_capturing(&self) -> bool {
        self.graph.is_none() && self.runs >= RUNS_BEFORE_CAPTURE
    }

    /// Records the pass; `false` if the device can't. Nobody else may use the device meanwhile.
    pub fn capture(&mut self, device: &Device, pass: impl Fn(Tensor<4>) -> Tensor<3> + Send + 'static) -> bool {
        let image = self.image.clone();
        let closure: Closure = Box::new(move || pass(image.clone()));
        let graph = capture(device, closure);
        // Without a graph, replaying would run the closure on a tensor that the queue does not know to have changed.
        self.graph = graph.is_hardware().then_some(graph);
        self.graph.is_some()
    }

    /// The table of the pictures uploaded last.
    pub fn run(&mut self, pass: impl Fn(Tensor<4>) -> Tensor<3>) -> Result<Vec<f32>, Error> {
        self.runs += 1;
        let table = match &mut self.graph {
            // SAFETY: the closure owns the network and the input, and the graph its output, so all of them live; the
            // upload before and the read after are in the stream of the capture; no other stream knows the tensors.
            Some(graph) => unsafe { graph.replay() }.clone(),
            None => pass(self.image.clone()),
        };
        let data = table.try_into_data().map_err(Error::device)?;
        // Copied at once: what a device gives may be a view that keeps its memory alive.
        let values = data.as_slice::<f32>().expect("the table is of f32").to_vec();
        Ok(values)
    }
}
