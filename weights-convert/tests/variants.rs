//! All six topologies: every key, every value, and the published parameter counts.

mod support;

use support::{
    converted, forms, naive,
    network::{Builder, TOPOLOGIES, tiny},
    pickle::Stored,
    tensors,
};

/// One rounding to f32 (6e-8) and the last bits of f64.
const TOLERANCE: f64 = 1e-7;

#[test]
fn every_tensor_of_every_topology_is_folded_as_naive_loops_fold_it() {
    for (variant, ..) in TOPOLOGIES {
        let model = tiny(variant);
        let found = tensors(&converted(forms::ultralytics(&model, Stored::F64)).bytes);
        let expected = naive::expected(&model);
        assert!(found.keys().eq(expected.keys()), "{variant}: keys differ");
        for (key, (shape, values)) in &expected {
            assert_eq!(&found[key].0, shape, "{variant} {key}");
            for (found, expected) in found[key].1.iter().zip(values) {
                let error = (found - expected).abs();
                assert!(error <= TOLERANCE * expected.abs().max(1e-3), "{variant} {key}: {found} for {expected}");
            }
        }
    }
}

#[test]
fn attention_with_several_heads_is_regrouped() {
    // PSA works on half of layer 10's channels: 144 are two heads of 72, as wide as those of M.
    let width = |channels: usize| if channels == 1024 { 288 } else { channels / 16 };
    let model = Builder::with_width(3, width).build("n");
    let found = tensors(&converted(forms::ultralytics(&model, Stored::F64)).bytes);
    let expected = naive::expected(&model);
    for part in ["weight", "bias"] {
        let key = format!("backbone.psa.attention.qkv.{part}");
        let (shape, values) = &expected[&key];
        assert_eq!(shape[0], 144 + 2 * 2 * 36);
        for (found, expected) in found[&key].1.iter().zip(values) {
            assert!((found - expected).abs() <= TOLERANCE * expected.abs().max(1e-3));
        }
    }
}

/// Width of the table's channels in quarters, their maximum, and the parameters that the authors publish
/// for 80 classes (arXiv:2405.14458, table 1, to the unit as the reference counts them).
const PUBLISHED: [(&str, usize, usize, u64); 6] = [
    ("n", 1, 1024, 2_299_264),
    ("s", 2, 1024, 7_248_960),
    ("m", 3, 768, 15_359_488),
    ("b", 4, 512, 19_065_792),
    ("l", 4, 512, 24_371_008),
    ("x", 5, 512, 29_473_568),
];

#[test]
fn networks_of_the_published_widths_have_the_published_names_and_counts() {
    for (variant, quarters, most, parameters) in PUBLISHED {
        let width = move |channels: usize| channels.min(most) * quarters / 4;
        let model = Builder::with_width(80, width).build(variant);
        let summary = converted(forms::state_dict(&model, Stored::F16)).summary;
        assert_eq!((summary.variant.as_str(), summary.parameters), (variant, parameters));
    }
}

#[test]
fn a_layer_that_the_class_count_left_unscaled_does_not_hide_the_variant() {
    // The authors' code gives `model.0` 64 channels instead of 16 when there are 64 classes.
    let width = |channels: usize| if channels == 64 { 64 } else { channels / 4 };
    let model = Builder::with_width(64, width).build("n");
    assert_eq!(converted(forms::state_dict(&model, Stored::F16)).summary.variant, "n");
}

#[test]
fn other_widths_are_custom() {
    let width = |channels: usize| if channels == 64 { 24 } else { channels / 4 };
    let model = Builder::with_width(80, width).build("n");
    assert_eq!(converted(forms::state_dict(&model, Stored::F16)).summary.variant, "custom");
}
