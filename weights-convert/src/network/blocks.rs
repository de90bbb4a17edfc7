//! The blocks of YOLOv10 as pairs of names: what PyTorch calls each convolution, and what the model calls it. The order is
//! that of the model's fields. Widths and kernels follow from what the block feeds its convolutions.

use super::{
    convolution::{Activation, At, Filter},
    layers::{BOX_SIDES, CHANNELS_PER_HEAD, REG_MAX, Shortcut},
    plan::Style,
    walk::Walk,
};
use crate::{error::Error, options::Heads, torch::Checkpoint};

impl Style {
    /// Recognised by names, or by the kernel if fusing has removed the names.
    fn of(source: &Checkpoint<'_>, first: &str) -> Self {
        if !source.has(&format!("{first}.cv1.0.")) {
            return Style::Bottleneck;
        }
        let fused_kernel =
            source.tensors.get(&format!("{first}.cv1.2.conv.weight")).and_then(|w| w.shape().last().copied());
        if source.has(&format!("{first}.cv1.2.conv1.")) || fused_kernel == Some(7) {
            Style::LargeKernelCib
        } else {
            Style::Cib
        }
    }
}

impl Walk<'_> {
    pub(crate) fn c2f(&mut self, at: &At, inputs: usize, shortcut: Shortcut) -> usize {
        let count = (0..).take_while(|i| self.source.has(&format!("{}.m.{i}.", at.source))).count().max(1);
        let style = Style::of(self.source, &format!("{}.m.0", at.source));
        self.plan.stages.push((style, count));

        let expand = at.child("cv1", "expand");
        let hidden = self.conv(&expand, inputs, Filter::dense(1));
        let hidden = self.half(&expand, hidden);
        for i in 0..count {
            let block = at.child(&format!("m.{i}"), &format!("bottlenecks.{i}"));
            self.bottleneck(&block, hidden, style);
            // Compact inverted blocks always add their input.
            let expected = if style == Style::Bottleneck { shortcut } else { Shortcut::Present };
            self.check_shortcut(&block, expected);
        }
        let outputs = self.conv(&at.child("cv2", "merge"), (2 + count) * hidden, Filter::dense(1));
        self.plan.regular &= outputs == 2 * hidden;
        outputs
    }

    fn bottleneck(&mut self, at: &At, channels: usize, style: Style) {
        let conv = |source: &str, index: usize| at.child(source, &format!("convs.{index}"));
        if style == Style::Bottleneck {
            let hidden = self.conv(&conv("cv1", 0), channels, Filter::dense(3));
            self.conv(&conv("cv2", 1), hidden, Filter::dense(3).to(channels));
            self.plan.regular &= hidden == channels;
            return;
        }
        self.conv(&conv("cv1.0", 0), channels, Filter::depthwise(3));
        let hidden = self.conv(&conv("cv1.1", 1), channels, Filter::dense(1));
        if style == Style::LargeKernelCib {
            self.rep_vgg_dw(&conv("cv1.2", 2), hidden);
        } else {
            self.conv(&conv("cv1.2", 2), hidden, Filter::depthwise(3));
        }
        self.conv(&conv("cv1.3", 3), hidden, Filter::dense(1).to(channels));
        self.conv(&conv("cv1.4", 4), channels, Filter::depthwise(3));
        self.plan.regular &= hidden == 2 * channels;
    }

    pub(crate) fn sc_down(&mut self, at: &At, inputs: usize) -> usize {
        let outputs = self.conv(&at.child("cv1", "pointwise"), inputs, Filter::dense(1));
        let depthwise = Filter::depthwise(3).followed_by(Activation::Identity);
        self.conv(&at.child("cv2", "depthwise"), outputs, depthwise)
    }

    pub(crate) fn sppf(&mut self, at: &At, inputs: usize) -> usize {
        /// The reduced map and its three poolings.
        const MAPS: usize = 4;
        let reduce = Filter::dense(1).followed_by(Activation::SiluOrIdentity);
        let hidden = self.conv(&at.child("cv1", "reduce"), inputs, reduce);
        self.check_shortcut(at, Shortcut::Absent);
        self.plan.regular &= inputs == 2 * hidden;
        self.conv(&at.child("cv2", "merge"), MAPS * hidden, Filter::dense(1))
    }

    pub(crate) fn psa(&mut self, at: &At, inputs: usize) -> usize {
        let expand = at.child("cv1", "expand");
        let expanded = self.conv(&expand, inputs, Filter::dense(1));
        let channels = self.half(&expand, expanded);
        self.attention(&at.child("attn", "attention"), channels);
        let hidden = self.conv(&at.child("ffn.0", "feed_forward.expand"), channels, Filter::dense(1));
        let project = Filter::dense(1).to(channels).followed_by(Activation::Identity);
        self.conv(&at.child("ffn.1", "feed_forward.project"), hidden, project);
        self.plan.regular &= hidden == 2 * channels && inputs == 2 * channels;
        self.conv(&at.child("cv2", "merge"), 2 * channels, Filter::dense(1))
    }

    fn attention(&mut self, at: &At, channels: usize) {
        let heads = (channels / CHANNELS_PER_HEAD).max(1);
        let key = channels / heads / 2;
        let qkv = at.child("qkv", "qkv");
        if !channels.is_multiple_of(heads) {
            let (tensor, expected) = (format!("{}.conv.weight", qkv.source), format!("a multiple of {heads} heads"));
            self.object(Error::Channels { tensor, expected, found: channels });
        }
        let linear = |filter: Filter| filter.followed_by(Activation::Identity);
        let to_qkv = linear(Filter::dense(1).to(channels + 2 * heads * key));
        self.attention_conv(&qkv, channels, to_qkv, heads);
        self.conv(&at.child("pe", "position"), channels, linear(Filter::depthwise(3)));
        let project = linear(Filter::dense(1).to(channels));
        self.conv(&at.child("proj", "project"), channels, project);
    }

    /// Boxes and classes at three scales; returns the number of classes.
    pub(crate) fn head(&mut self, at: &At, widths: &[usize]) -> usize {
        let one_to_one = ("one2one_cv2", "one2one_cv3", "one_to_one");
        let one_to_many = ("cv2", "cv3", "one_to_many");
        let kept = match self.heads {
            Heads::Both => vec![one_to_one, one_to_many],
            Heads::OneToOne => vec![one_to_one],
        };
        for (boxes, classes, target) in kept {
            for (scale, inputs) in widths.iter().enumerate() {
                let branch = |source: &str, kind: &str| {
                    at.child(&format!("{source}.{scale}"), &format!("{target}.{kind}.{scale}"))
                };
                self.boxes(&branch(boxes, "boxes"), *inputs);
                self.classes(&branch(classes, "classes"), *inputs);
            }
        }
        self.plan.classes
    }

    fn boxes(&mut self, at: &At, inputs: usize) {
        let hidden = self.conv(&at.child("0", "hidden.0"), inputs, Filter::dense(3));
        let hidden = self.conv(&at.child("1", "hidden.1"), hidden, Filter::dense(3));
        self.output(&at.child("2", "output"), hidden, Filter::dense(1).to(BOX_SIDES * REG_MAX));
    }

    fn classes(&mut self, at: &At, inputs: usize) {
        self.conv(&at.child("0.0", "hidden.0"), inputs, Filter::depthwise(3));
        let hidden = self.conv(&at.child("0.1", "hidden.1"), inputs, Filter::dense(1));
        self.conv(&at.child("1.0", "hidden.2"), hidden, Filter::depthwise(3));
        let hidden = self.conv(&at.child("1.1", "hidden.3"), hidden, Filter::dense(1));
        // The first scale determines the number, and the others must match.
        let filter = if self.plan.classes == 0 { Filter::dense(1) } else { Filter::dense(1).to(self.plan.classes) };
        self.plan.classes = self.output(&at.child("2", "output"), hidden, filter);
    }

    /// Half of a convolution's outputs, the part that a block works on.
    fn half(&mut self, at: &At, outputs: usize) -> usize {
        if !outputs.is_multiple_of(2) {
            let tensor = format!("{}.conv.weight", at.source);
            self.object(Error::Channels { tensor, expected: "an even number".to_owned(), found: outputs });
        }
        outputs / 2
    }

    /// Checks whether the block adds its input. No tensor tells, only an attribute of a module.
    fn check_shortcut(&mut self, at: &At, expected: Shortcut) {
        let adds_input = self.source.modules.get(&at.source).and_then(|module| module.shortcut);
        let found = adds_input.map(|adds_input| if adds_input { Shortcut::Present } else { Shortcut::Absent });
        if let Some(found) = found.filter(|found| *found != expected) {
            let (expected, found) = (expected.words().to_owned(), found.words().to_owned());
            self.object(Error::Module { module: at.source.clone(), expected, found });
        }
    }
}
