//! The table of YOLOv10's layers (arXiv:2405.14458; `model.0` to `model.23`): what each reads, what it is, and what this
//! project calls it. Widths are not in the table: they are read from the tensors.

/// What a layer is, under the names of the reference's classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Conv,
    /// Also its form with compact inverted blocks, `C2fCIB`.
    C2f,
    ScDown,
    Sppf,
    Psa,
    Upsample,
    Concat,
    Head,
}

impl Kind {
    /// The Python classes that are this layer.
    pub(crate) fn classes(self) -> &'static [&'static str] {
        match self {
            Kind::Conv => &["Conv"],
            Kind::C2f => &["C2f", "C2fCIB"],
            Kind::ScDown => &["SCDown"],
            Kind::Sppf => &["SPPF"],
            Kind::Psa => &["PSA"],
            Kind::Upsample => &["Upsample"],
            Kind::Concat => &["Concat"],
            Kind::Head => &["v10Detect"],
        }
    }
}

/// Whether a block adds its input to its output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shortcut {
    Present,
    Absent,
}

impl Shortcut {
    pub(super) fn words(self) -> &'static str {
        match self {
            Shortcut::Present => "with a shortcut",
            Shortcut::Absent => "without a shortcut",
        }
    }
}

/// One row of the table.
pub(crate) struct Layer {
    pub(crate) kind: Kind,
    /// The layers that it reads; none for the image.
    pub(crate) from: &'static [usize],
    /// Its path in the converted file; empty if it has no weights.
    pub(crate) target: &'static str,
    /// Of its plain bottlenecks; those of `C2fCIB` always have one.
    pub(crate) shortcut: Shortcut,
    /// Channels before a variant's width is applied; 0 if the input decides.
    pub(crate) channels: usize,
}

/// A layer of the backbone.
const fn backbone(kind: Kind, from: &'static [usize], target: &'static str, channels: usize) -> Layer {
    Layer { kind, from, target, shortcut: Shortcut::Present, channels }
}

/// A layer of the neck or the head.
const fn neck(kind: Kind, from: &'static [usize], target: &'static str, channels: usize) -> Layer {
    Layer { kind, from, target, shortcut: Shortcut::Absent, channels }
}

/// The row's index is the layer's index in the reference.
pub(crate) const LAYERS: [Layer; 24] = [
    backbone(Kind::Conv, &[], "backbone.stem", 64),
    backbone(Kind::Conv, &[0], "backbone.down_p2", 128),
    backbone(Kind::C2f, &[1], "backbone.stage_p2", 128),
    backbone(Kind::Conv, &[2], "backbone.down_p3", 256),
    backbone(Kind::C2f, &[3], "backbone.stage_p3", 256),
    backbone(Kind::ScDown, &[4], "backbone.down_p4", 512),
    backbone(Kind::C2f, &[5], "backbone.stage_p4", 512),
    backbone(Kind::ScDown, &[6], "backbone.down_p5", 1024),
    backbone(Kind::C2f, &[7], "backbone.stage_p5", 1024),
    backbone(Kind::Sppf, &[8], "backbone.sppf", 1024),
    backbone(Kind::Psa, &[9], "backbone.psa", 1024),
    neck(Kind::Upsample, &[10], "", 0),
    neck(Kind::Concat, &[11, 6], "", 0),
    neck(Kind::C2f, &[12], "neck.top_down_p4", 512),
    neck(Kind::Upsample, &[13], "", 0),
    neck(Kind::Concat, &[14, 4], "", 0),
    neck(Kind::C2f, &[15], "neck.top_down_p3", 256),
    neck(Kind::Conv, &[16], "neck.down_p3", 256),
    neck(Kind::Concat, &[17, 13], "", 0),
    neck(Kind::C2f, &[18], "neck.bottom_up_p4", 512),
    neck(Kind::ScDown, &[19], "neck.down_p4", 512),
    neck(Kind::Concat, &[20, 10], "", 0),
    neck(Kind::C2f, &[21], "neck.bottom_up_p5", 1024),
    neck(Kind::Head, &[16, 19, 22], "head", 0),
];

/// Channels of the image.
pub(crate) const IMAGE_CHANNELS: usize = 3;

/// Bins of a box side's distribution.
pub(crate) const REG_MAX: usize = 16;

/// Sides of a box.
pub(crate) const BOX_SIDES: usize = 4;

/// Pixels per cell of P3, P4 and P5.
pub(crate) const STRIDES: [usize; 3] = [8, 16, 32];

/// Attention has one head for this many channels, and at least one.
pub(crate) const CHANNELS_PER_HEAD: usize = 64;

/// The fixed weights 0 to 15 of the box distribution: checked, not written.
pub(crate) const BOX_DISTRIBUTION: &str = "model.23.dfl.conv.weight";

/// Prefixes of tensors that are known but not needed: the distribution, and what a head or a trainer may leave in a state
/// dict.
pub(crate) const LEFT_OUT: [&str; 6] =
    [BOX_DISTRIBUTION, "model.23.anchors", "model.23.stride", "anchors", "stride", "criterion."];

/// Batch normalisation's counter, which only training needs.
pub(crate) const COUNTER: &str = ".num_batches_tracked";

/// Boxes and classes of the head without non-maximum suppression.
pub(crate) const ONE_TO_ONE: [&str; 2] = ["model.23.one2one_cv2.", "model.23.one2one_cv3."];

/// Boxes and classes of the head that needs it; the two are trained together.
pub(crate) const ONE_TO_MANY: [&str; 2] = ["model.23.cv2.", "model.23.cv3."];
