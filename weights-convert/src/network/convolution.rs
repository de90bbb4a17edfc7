//! One convolution: where it comes from, where it goes, and what the graph requires of it.

/// One convolution of the converted file, and the tensors that it is made of.
#[derive(Debug)]
pub(crate) struct Convolution {
    /// Path in the converted file; `.weight` and `.bias` follow.
    pub(crate) target: String,
    /// Outputs, inputs per group, kernel height and width.
    pub(crate) shape: [usize; 4],
    /// Summed; only the large-kernel block has two.
    pub(crate) branches: Vec<Branch>,
    /// Attention heads, if rows must be regrouped from heads to q, k, v.
    pub(crate) attention_heads: Option<usize>,
}

/// A stored convolution; names of tensors and modules in the source.
#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) weight: String,
    pub(crate) bias: Option<String>,
    pub(crate) norm: Option<String>,
}

/// A module's path in the source and in the converted file.
#[derive(Clone)]
pub(crate) struct At {
    pub(crate) source: String,
    pub(crate) target: String,
}

impl At {
    pub(crate) fn child(&self, source: &str, target: &str) -> Self {
        Self { source: format!("{}.{source}", self.source), target: format!("{}.{target}", self.target) }
    }
}

/// The convolution that the graph needs at a place.
#[derive(Clone, Copy)]
pub(crate) struct Filter {
    kernel: usize,
    depthwise: bool,
    outputs: Option<usize>,
    pub(super) activation: Activation,
}

/// What follows a convolution.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Activation {
    Silu,
    Identity,
    /// Either, as some releases left it in `SPPF.cv1`.
    SiluOrIdentity,
}

impl Activation {
    /// The classes that are this activation.
    pub(super) fn classes(self) -> &'static [&'static str] {
        match self {
            Activation::Silu => &["SiLU"],
            Activation::Identity => &["Identity"],
            Activation::SiluOrIdentity => &["SiLU", "Identity"],
        }
    }
}

impl Filter {
    /// Every output reads every input; SiLU follows.
    pub(crate) fn dense(kernel: usize) -> Self {
        Self { kernel, depthwise: false, outputs: None, activation: Activation::Silu }
    }

    /// One filter per channel; SiLU follows.
    pub(crate) fn depthwise(kernel: usize) -> Self {
        Self { depthwise: true, ..Self::dense(kernel) }
    }

    /// With a given number of outputs.
    pub(crate) fn to(self, outputs: usize) -> Self {
        Self { outputs: Some(outputs), ..self }
    }

    pub(crate) fn followed_by(self, activation: Activation) -> Self {
        Self { activation, ..self }
    }

    /// The shape that the weight must have; unless given, the number of outputs is that of the stored one.
    pub(crate) fn shape(self, inputs: usize, stored: Option<&[usize]>) -> [usize; 4] {
        // At least one output: an empty tensor is a wrong shape.
        let own_outputs = stored.map_or(inputs, |shape| shape.first().map_or(1, |outputs| (*outputs).max(1)));
        if self.depthwise {
            [inputs, 1, self.kernel, self.kernel]
        } else {
            [self.outputs.unwrap_or(own_outputs), inputs, self.kernel, self.kernel]
        }
    }
}
