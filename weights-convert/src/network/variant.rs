//! Which of the six published networks a plan is. Repeats and bottleneck styles are enough to tell them apart; a network
//! with other widths is called custom.

use super::{
    layers::LAYERS,
    plan::{
        Plan,
        Style::{self, Bottleneck, Cib, LargeKernelCib},
    },
};

/// Any network that is not a published variant.
const CUSTOM: &str = "custom";

/// One published variant.
struct Row {
    name: &'static str,
    /// Widths are given in quarters of the table's channels.
    width_quarters: usize,
    max_channels: usize,
    /// Style and number of the bottlenecks of layers 2, 4, 6, 8, 13, 16, 19, 22.
    stages: [(Style, usize); 8],
}

/// Stages from the backbone's and the neck's styles, and the repeats at depth 1/3, 2/3 or 1.
const fn stages(repeats: usize, styles: [Style; 5]) -> [(Style, usize); 8] {
    let [s6, s8, s13, s19, s22] = styles;
    [
        (Bottleneck, repeats),
        (Bottleneck, 2 * repeats),
        (s6, 2 * repeats),
        (s8, repeats),
        (s13, repeats),
        (Bottleneck, repeats),
        (s19, repeats),
        (s22, repeats),
    ]
}

const fn row(name: &'static str, width_quarters: usize, max_channels: usize, stages: [(Style, usize); 8]) -> Row {
    Row { name, width_quarters, max_channels, stages }
}

/// arXiv:2405.14458, as in the authors' configuration files; styles are those of layers 6, 8, 13, 19, 22.
const ROWS: [Row; 6] = [
    row("n", 1, 1024, stages(1, [Bottleneck, Bottleneck, Bottleneck, Bottleneck, LargeKernelCib])),
    row("s", 2, 1024, stages(1, [Bottleneck, LargeKernelCib, Bottleneck, Bottleneck, LargeKernelCib])),
    row("m", 3, 768, stages(2, [Bottleneck, Cib, Bottleneck, Cib, Cib])),
    row("b", 4, 512, stages(2, [Bottleneck, Cib, Cib, Cib, Cib])),
    row("l", 4, 512, stages(3, [Bottleneck, Cib, Cib, Cib, Cib])),
    row("x", 5, 512, stages(3, [Cib, Cib, Cib, Cib, Cib])),
];

/// `n`, `s`, `m`, `b`, `l`, `x`, or `custom`.
pub(crate) fn infer(plan: &Plan) -> &'static str {
    let variant = ROWS.iter().find(|row| row.stages == *plan.stages);
    variant.filter(|row| plan.regular && has_widths(row, plan)).map_or(CUSTOM, |row| row.name)
}

fn has_widths(row: &Row, plan: &Plan) -> bool {
    LAYERS.iter().zip(&plan.widths).filter(|(layer, _)| layer.channels > 0).all(|(layer, width)| {
        // Widths are multiples of 8, rounded up.
        let scaled = (layer.channels.min(row.max_channels) * row.width_quarters).div_ceil(4 * 8) * 8;
        // The authors' code leaves a layer unscaled if its channels happen to equal the number of classes.
        *width == scaled || (layer.channels == plan.classes && *width == layer.channels)
    })
}
