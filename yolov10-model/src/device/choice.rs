//! How a GPU's kernels are chosen.

/// Who chooses between kernels that do the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// A rule: few to compile, no memory for trials, and the same ones tomorrow.
    Rule,
    /// A trial of all that there are, whose results are kept: what `tune` does.
    Trial,
}
