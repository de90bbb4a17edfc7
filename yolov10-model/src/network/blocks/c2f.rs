//! Cross-stage partial block: half of the channels go through a chain of bottlenecks, and the output of each is kept.
//!
//! The plain bottleneck and the compact inverted block (CIB, arXiv:2405.14458 §3.3) are both a chain of
//! convolutions with an optional skip; which one a stage holds is read off its tensors.

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
    fn plain(scope: &Scope, channels: usize, skip: bool) -> Result<Self, Error> {
        Ok(Self { convs: Self::chain(scope, channels, [Filter::dense(3); 2])?, skip })
    }

    /// Depthwise 3x3, 1x1, depthwise 3x3 (7x7 in the large-kernel form), 1x1, depthwise 3x3; always with a skip.
    fn compact_inverted(scope: &Scope, channels: usize) -> Result<Self, Error> {
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
    fn is_compact_inverted(scope: &Scope) -> bool {
        let beyond_plain = (2..5).filter(|index| !scope.at("convs").at(index).is_empty());
        beyond_plain.count() > 1
    }

    /// Returns as many channels as it takes: the next bottleneck and the skip rely on that.
    fn chain<const N: usize>(scope: &Scope, channels: usize, filters: [Filter; N]) -> Result<Vec<Conv>, Error> {
        let mut convs: Vec<Conv> = Vec::with_capacity(N);
        for (index, filter) in filters.into_iter().enumerate() {
            let channels_in = convs.last().map_or(channels, |conv| conv.channels_out);
            convs.push(Conv::new(&scope.at("convs").at(index), channels_in, filter)?);
        }
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

/// Whether the plain bottlenecks of a stage add their input to their output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// In the backbone.
    Always,
    /// In the neck, where only compact inverted ones do.
    Inverted,
}

/// A stage: expand, bottlenecks on the second half, and a merge of everything seen on the way.
#[derive(Module, Debug)]
pub struct C2f {
    expand: Conv,
    bottlenecks: Vec<Bottleneck>,
    merge: Conv,
}

impl C2f {
    pub(crate) fn new(scope: &Scope, channels: usize, skip: Skip) -> Result<Self, Error> {
        let expand = Conv::new(&scope.at("expand"), channels, Filter::dense(1))?;
        let doubled = expand.channels_out;
        scope.at("expand").expect(doubled.is_multiple_of(2), doubled, "an even number")?;
        let half = doubled / 2;
        let chains = scope.at("bottlenecks");
        let bottlenecks = (0..chains.children())
            .map(|index| match chains.at(index) {
                chain if Bottleneck::is_compact_inverted(&chain) => Bottleneck::compact_inverted(&chain, half),
                chain => Bottleneck::plain(&chain, half, skip == Skip::Always),
            })
            .collect::<Result<Vec<_>, _>>()?;
        let merge = Conv::new(&scope.at("merge"), (2 + bottlenecks.len()) * half, Filter::dense(1))?;
        Ok(Self { expand, bottlenecks, merge })
    }

    /// Channels of the output.
    pub fn channels_out(&self) -> usize {
        self.merge.channels_out
    }

    /// `[B, C, H, W]` to `[B, O, H, W]`.
    pub fn forward<M: FeatureMap>(&self, input: M) -> M {
        let half = self.expand.channels_out / 2;
        let mut seen = Vec::from(self.expand.forward(input).split([half, half]));
        for bottleneck in &self.bottlenecks {
            let last = seen[seen.len() - 1].clone();
            seen.push(bottleneck.forward(last));
        }
        self.merge.forward(M::concat(seen))
    }
}
