//! The conversion as one would write it for a single network, tensor by tensor, to compare with.

use std::collections::BTreeMap;

use super::network::{Array, Module};

/// By key of the converted file: shape and values.
pub type Expected = BTreeMap<String, (Vec<usize>, Vec<f64>)>;

/// Layers that have weights.
const LAYERS: [(usize, &str); 18] = [
    (0, "backbone.stem"),
    (1, "backbone.down_p2"),
    (2, "backbone.stage_p2"),
    (3, "backbone.down_p3"),
    (4, "backbone.stage_p3"),
    (5, "backbone.down_p4"),
    (6, "backbone.stage_p4"),
    (7, "backbone.down_p5"),
    (8, "backbone.stage_p5"),
    (9, "backbone.sppf"),
    (10, "backbone.psa"),
    (13, "neck.top_down_p4"),
    (16, "neck.top_down_p3"),
    (17, "neck.down_p3"),
    (19, "neck.bottom_up_p4"),
    (20, "neck.down_p4"),
    (22, "neck.bottom_up_p5"),
    (23, "head"),
];

/// Names inside of blocks, by the block's class; `#` stands for a number.
const NAMES: [(&str, &str, &str); 38] = [
    ("SCDown", "cv1", "pointwise"),
    ("SCDown", "cv2", "depthwise"),
    ("C2f", "cv1", "expand"),
    ("C2f", "cv2", "merge"),
    ("C2f", "m.#.cv1", "bottlenecks.#.convs.0"),
    ("C2f", "m.#.cv2", "bottlenecks.#.convs.1"),
    ("C2fCIB", "cv1", "expand"),
    ("C2fCIB", "cv2", "merge"),
    ("C2fCIB", "m.#.cv1.0", "bottlenecks.#.convs.0"),
    ("C2fCIB", "m.#.cv1.1", "bottlenecks.#.convs.1"),
    ("C2fCIB", "m.#.cv1.2", "bottlenecks.#.convs.2"),
    ("C2fCIB", "m.#.cv1.3", "bottlenecks.#.convs.3"),
    ("C2fCIB", "m.#.cv1.4", "bottlenecks.#.convs.4"),
    ("SPPF", "cv1", "reduce"),
    ("SPPF", "cv2", "merge"),
    ("PSA", "cv1", "expand"),
    ("PSA", "attn.qkv", "attention.qkv"),
    ("PSA", "attn.pe", "attention.position"),
    ("PSA", "attn.proj", "attention.project"),
    ("PSA", "ffn.0", "feed_forward.expand"),
    ("PSA", "ffn.1", "feed_forward.project"),
    ("PSA", "cv2", "merge"),
    ("v10Detect", "one2one_cv2.#.0", "one_to_one.boxes.#.hidden.0"),
    ("v10Detect", "one2one_cv2.#.1", "one_to_one.boxes.#.hidden.1"),
    ("v10Detect", "one2one_cv2.#.2", "one_to_one.boxes.#.output"),
    ("v10Detect", "one2one_cv3.#.0.0", "one_to_one.classes.#.hidden.0"),
    ("v10Detect", "one2one_cv3.#.0.1", "one_to_one.classes.#.hidden.1"),
    ("v10Detect", "one2one_cv3.#.1.0", "one_to_one.classes.#.hidden.2"),
    ("v10Detect", "one2one_cv3.#.1.1", "one_to_one.classes.#.hidden.3"),
    ("v10Detect", "one2one_cv3.#.2", "one_to_one.classes.#.output"),
    ("v10Detect", "cv2.#.0", "one_to_many.boxes.#.hidden.0"),
    ("v10Detect", "cv2.#.1", "one_to_many.boxes.#.hidden.1"),
    ("v10Detect", "cv2.#.2", "one_to_many.boxes.#.output"),
    ("v10Detect", "cv3.#.0.0", "one_to_many.classes.#.hidden.0"),
    ("v10Detect", "cv3.#.0.1", "one_to_many.classes.#.hidden.1"),
    ("v10Detect", "cv3.#.1.0", "one_to_many.classes.#.hidden.2"),
    ("v10Detect", "cv3.#.1.1", "one_to_many.classes.#.hidden.3"),
    ("v10Detect", "cv3.#.2", "one_to_many.classes.#.output"),
];

/// Everything a conversion of `model` (unfused) must give, the one-to-many head included.
pub fn expected(model: &Module) -> Expected {
    let mut model = model.clone();
    let mut expected = Expected::new();
    for (index, target) in LAYERS {
        let layer = model.at(&format!("model.{index}")).clone();
        let class = layer.class.rsplit('.').next().expect("a class").to_owned();
        if class == "Conv" {
            insert(&mut expected, target, fold(&layer));
        }
        for (block, source, name) in NAMES.into_iter().filter(|row| row.0 == class) {
            // Twelve is more than any stage has; names without a number are taken once.
            for number in 0..if source.contains('#') { 12 } else { 1 } {
                let number = number.to_string();
                let Some(module) = find(&layer, &source.replace('#', &number)) else {
                    continue;
                };
                let mut folded = fold(module);
                if (block, source) == ("PSA", "attn.qkv") {
                    folded = regroup(&folded);
                }
                insert(&mut expected, &format!("{target}.{}", name.replace('#', &number)), folded);
            }
        }
    }
    expected
}

fn find<'a>(module: &'a Module, path: &str) -> Option<&'a Module> {
    path.split('.').try_fold(module, |module, name| {
        module.children.iter().find(|(child, _)| child == name).map(|(_, child)| child)
    })
}

fn insert(expected: &mut Expected, target: &str, (weight, bias): (Array, Array)) {
    expected.insert(format!("{target}.weight"), (weight.shape, weight.storage));
    expected.insert(format!("{target}.bias"), (bias.shape, bias.storage));
}

/// One weight and one bias from a `Conv2d`, a `Conv` or a `RepVGGDW`.
fn fold(module: &Module) -> (Array, Array) {
    let array = |module: &Module, name: &str| {
        let mut held = module.parameters.iter().chain(&module.buffers);
        held.find(|(tensor, _)| tensor == name).map(|(_, array)| array.clone())
    };
    let child = |name: &str| find(module, name);
    if module.class.ends_with("Conv2d") {
        return (array(module, "weight").expect("a weight"), array(module, "bias").expect("a bias"));
    }
    if let Some(small) = child("conv1") {
        let (mut weight, mut bias) = fold(child("conv").expect("a 7x7"));
        let (small_weight, small_bias) = fold(small);
        for channel in 0..weight.shape[0] {
            for y in 0..3 {
                for x in 0..3 {
                    weight.storage[channel * 49 + (y + 2) * 7 + x + 2] += small_weight.storage[channel * 9 + y * 3 + x];
                }
            }
            bias.storage[channel] += small_bias.storage[channel];
        }
        return (weight, bias);
    }
    let norm = child("bn").expect("batch normalisation");
    let part = |name: &str| array(norm, name).expect("a statistic").storage;
    let (gamma, beta, mean, variance) = (part("weight"), part("bias"), part("running_mean"), part("running_var"));
    let mut weight = array(child("conv").expect("a convolution"), "weight").expect("a weight");
    let row = weight.storage.len() / gamma.len();
    let mut bias = Array::new(&[gamma.len()], vec![0.0; gamma.len()]);
    for output in 0..gamma.len() {
        let gain = gamma[output] / (variance[output] + 1e-3).sqrt();
        for index in 0..row {
            weight.storage[output * row + index] *= gain;
        }
        bias.storage[output] = beta[output] - mean[output] * gain;
    }
    (weight, bias)
}

/// Rows of heads to rows of q, k, v, by asking for each row where it comes from.
fn regroup((weight, bias): &(Array, Array)) -> (Array, Array) {
    let (rows, channels) = (weight.shape[0], weight.shape[1]);
    let heads = (channels / 64).max(1);
    let (value, key) = (channels / heads, channels / heads / 2);
    let per_head = 2 * key + value;
    let mut grouped = (weight.clone(), bias.clone());
    for row in 0..rows {
        let from = if row < heads * key {
            (row / key) * per_head + row % key
        } else if row < 2 * heads * key {
            let row = row - heads * key;
            (row / key) * per_head + key + row % key
        } else {
            let row = row - 2 * heads * key;
            (row / value) * per_head + 2 * key + row % value
        };
        for channel in 0..channels {
            grouped.0.storage[row * channels + channel] = weight.storage[from * channels + channel];
        }
        grouped.1.storage[row] = bias.storage[from];
    }
    grouped
}

/// The model as `fuse()` leaves it: `Conv` without `bn`, `RepVGGDW` with one plain convolution.
pub fn fused(module: &Module) -> Module {
    let mut fused = module.clone();
    let class = module.class.rsplit('.').next().expect("a class");
    if class == "Conv" || class == "RepVGGDW" {
        let (weight, bias) = fold(module);
        let mut conv = Module::new("torch.nn.modules.conv.Conv2d");
        conv.parameters = vec![("weight".to_owned(), weight), ("bias".to_owned(), bias)];
        fused.children.retain(|(name, _)| name == "act");
        fused.children.push(("conv".to_owned(), conv));
        return fused;
    }
    for (_, child) in &mut fused.children {
        *child = self::fused(child);
    }
    fused
}
