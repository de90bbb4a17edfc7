//! The description of a network: an immutable graph of values, built by the network's own forward pass.
//!
//! Nothing is computed here and no size of an image is known; `graph.rs` reads the description.

use std::ops::Range;
use std::rc::Rc;

/// One feature map of a network being described: the output of one operation.
#[derive(Clone, Debug)]
pub struct Value(Rc<Node>);

#[derive(Debug)]
pub(crate) struct Node {
    pub operation: Operation,
    pub inputs: Vec<Value>,
    pub channels: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Input,
    Conv(Conv),
    Add,
    Concat,
    Slice { start: usize },
    MaxPool { kernel: usize },
    Upsample,
    Attention { heads: usize },
}

/// A convolution with folded bias and activation, padded by `kernel / 2` zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    /// The caller's name for its weights. Two convolutions of one key share them.
    pub key: u64,
    /// Input channels.
    pub channels_in: usize,
    /// Output channels.
    pub channels_out: usize,
    /// Side of the square kernel: odd.
    pub kernel: usize,
    /// Pixels between outputs, in both directions: 1 or 2.
    pub stride: usize,
    /// 1, or `channels_in` for a depthwise convolution.
    pub groups: usize,
    /// What follows the bias.
    pub activation: Activation,
}

/// The function applied to a convolution's sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// `x * sigmoid(x)`.
    Silu,
}

impl Conv {
    /// Floats of the weight `[channels_out, channels_in / groups, kernel, kernel]` of a convolution that `lower.rs` has
    /// accepted; `usize::MAX` means that many or more.
    pub(crate) fn weight_len(&self) -> usize {
        let area = self.kernel * self.kernel;
        (self.channels_out * (self.channels_in / self.groups)).saturating_mul(area)
    }

    pub(crate) fn is_depthwise(&self) -> bool {
        self.groups > 1
    }
}

/// Every method is one operation `[channels, height, width] -> [channels', height', width']`. It panics if its arguments do
/// not fit each other: that is a bug in the code that describes the network. [`Engine::new`](crate::Engine::new) checks
/// whether there are kernels for it.
impl Value {
    /// The image: `channels` planes.
    ///
    /// # Panics
    /// There are no channels.
    pub fn input(channels: usize) -> Value {
        assert!(channels > 0, "input: no channels");
        Value::of(Operation::Input, &[], channels)
    }

    /// Channels of this value.
    pub fn channels(&self) -> usize {
        self.0.channels
    }

    /// A convolution. `[channels_in, H, W] -> [channels_out, ceil(H / stride), ceil(W / stride)]`
    ///
    /// # Panics
    /// This value does not have `conv.channels_in` channels.
    pub fn conv(&self, conv: Conv) -> Value {
        assert_eq!(self.channels(), conv.channels_in, "convolution {}: input channels", conv.key);
        Value::of(Operation::Conv(conv), &[self], conv.channels_out)
    }

    /// The elementwise sum of two values of one shape.
    ///
    /// # Panics
    /// They differ in channels.
    pub fn add(&self, other: &Value) -> Value {
        assert_eq!(self.channels(), other.channels(), "add: channels");
        Value::of(Operation::Add, &[self, other], self.channels())
    }

    /// Values of one size one after the other along the channels.
    ///
    /// # Panics
    /// There are no parts.
    pub fn concat(parts: &[Value]) -> Value {
        assert!(!parts.is_empty(), "concat: no parts");
        let channels = parts.iter().map(Value::channels).fold(0, usize::saturating_add);
        Value::of(Operation::Concat, &parts.iter().collect::<Vec<_>>(), channels)
    }

    /// Some of the channels.
    ///
    /// # Panics
    /// The range is empty or ends beyond the last channel.
    pub fn slice(&self, channels: Range<usize>) -> Value {
        assert!(
            channels.start < channels.end && channels.end <= self.channels(),
            "slice {channels:?} of {} channels",
            self.channels()
        );
        Value::of(Operation::Slice { start: channels.start }, &[self], channels.len())
    }

    /// Maximum over a `kernel` x `kernel` window around each pixel; pixels outside the map count as minus infinity.
    ///
    /// # Panics
    /// The kernel is even.
    pub fn max_pool(&self, kernel: usize) -> Value {
        assert!(kernel % 2 == 1, "max_pool: kernel {kernel} is even");
        Value::of(Operation::MaxPool { kernel }, &[self], self.channels())
    }

    /// Every pixel twice in both directions. `[C, H, W] -> [C, 2H, 2W]`
    pub fn upsample(&self) -> Value {
        Value::of(Operation::Upsample, &[self], self.channels())
    }

    /// Attention of every position to every position, head by head: the sum of `value`, weighted by the softmax over
    /// positions of `query . key / sqrt(key channels of a head)`.
    ///
    /// `[heads * kd, H, W]`, `[heads * kd, H, W]`, `[heads * vd, H, W] -> [heads * vd, H, W]`
    ///
    /// # Panics
    /// Query and key differ in channels, or channels are not a multiple of the heads.
    pub fn attention(query: &Value, key: &Value, value: &Value, heads: usize) -> Value {
        assert_eq!(query.channels(), key.channels(), "attention: query and key channels");
        for channels in [query.channels(), value.channels()] {
            assert!(heads > 0 && channels % heads == 0, "attention: {channels} channels in {heads} heads");
        }
        Value::of(Operation::Attention { heads }, &[query, key, value], value.channels())
    }

    fn of(operation: Operation, inputs: &[&Value], channels: usize) -> Value {
        let inputs = inputs.iter().map(|&input| input.clone()).collect();
        Value(Rc::new(Node { operation, inputs, channels }))
    }

    pub(crate) fn node(&self) -> &Node {
        &self.0
    }

    /// Tells two values apart.
    pub(crate) fn identity(&self) -> *const () {
        Rc::as_ptr(&self.0).cast()
    }
}
