//! The links of a stage's chain: the plain bottleneck and the compact inverted block (CIB, arXiv:2405.14458 §3.3).
//!
//! Both are a chain of convolutions with an optional skip; the tensors show which one a stage holds.

use burn::module::Module;

use crate::network::conv::{Conv, Filter};
use crate::network::feature_map::FeatureMap;
use crate::{error::Error, weights::Scope};

/// Side of the kernel that small networks have in the middle of their compact inverted blocks (arXiv:2405.14458 §3.3),
/// and which of the published networks are small.
const LARGE_KERNEL: usize = 7;
const SMALL_VARIANTS: [&str; 2] = ["n", "s"];

/// A chain of convolutions; with a skip, its input is added to its output.
#[derive(Module, Debug)]
pub struct Bottleneck {
    convs: Vec<Conv>,
    skip: bool,
}

impl Bottleneck {
    /// Two dense 3x3 convolutions.
    pub(super) fn plain(scope: &Scope, channels: usize, skip: bool) -> Result<Self, Error> {
        Ok(Self { convs: Self::chain(scope, channels, [Filter::dense(3); 2])?, skip })
    }

    /// Depthwise 3x3, 1x1, depthwise 3x3 (7x7 in the large-kernel form), 1x1, depthwise 3x3; always with a skip.
    pub(super) fn compact_inverted(scope: &Scope, channels: usize) -> Result<Self, Error> {
        let is_large = match scope.metadata().variant() {
            "custom" => scope.at("convs.2").kernel()? == LARGE_KERNEL,
            published => SMALL_VARIANTS.contains(&published),
        };
        let middle = if is_large { LARGE_KERNEL } else { 3 };
        let filters =
            [Filter::depthwise(3), Filter::dense(1), Filter::depthwise(middle), Filter::dense(1), Filter::depthwise(3)];
        Ok(Self { convs: Self::chain(scope, channels, filters)?, skip: true })
    }

    /// Whether the tensors are those of a compact inverted block: more than two convolutions. A single one missing or too
    /// many does not turn it into the other block, so that the error names that tensor.
    pub(super) fn is_compact_inverted(scope: &Scope) -> bool {
        let beyond_plain = (2..5).filter(|index| !scope.at("convs").at(index).is_empty());
        beyond_plain.count() > 1
    }

    /// Returns as many channels as it takes: the next bottleneck and the skip rely on that.
    fn chain<const N: usize>(scope: &Scope, channels: usize, filters: [Filter; N]) -> Result<Vec<Conv>, Error> {
        let convs = Conv::chain(&scope.at("convs"), channels, filters)?;
        if let Some(last) = convs.last() {
            scope.at("convs").at(N - 1).expect_outputs(last.channels_out, channels)?;
        }
        Ok(convs)
    }

    /// `[B, C, H, W]` to `[B, C, H, W]`.
    pub fn forward<M: FeatureMap>(&self, input: M) -> M {
        let skipped = self.skip.then(|| input.clone());
        let output = self.convs.iter().fold(input, |map, conv| conv.forward(map));
        match skipped {
            Some(input) => output.add(input),
            None => output,
        }
    }
}
