//! How close an engine comes to the reference, and the check of one that runs burn tensors.

use burn::tensor::Tensor;
use yolov10_model::inside::{Anchors, Decoder, FeatureMap, MapView, Network, RawMaps};
use yolov10_model::{Detection, Precision, Rect, Selection};

use super::golden::{Answers, Exact, Golden, Sample};
use super::probe::{LAYERS, Probe};

/// Largest error of a layer's elements, in standard deviations of the layer, where PyTorch's f32 is no worse.
const LAYER_TOLERANCE: f64 = 1e-4;
/// Largest error of a box's edge, in pixels of the input, where PyTorch's f32 is no worse.
const BOX_TOLERANCE: f64 = 0.05;
/// Largest error of a score.
const SCORE_TOLERANCE: f64 = 1e-4;
/// The root mean square over a tensor's samples is a draw, too, of 16 or 64 numbers of which a few make up most of it.
const SAMPLED: f64 = 3.0;
/// A tensor that PyTorch's own rounding moves by more standard deviations than this says nothing any more.
const COMPARABLE: f64 = 0.5;

/// What an engine is held to.
#[derive(Clone, Copy, Debug)]
pub enum Closeness {
    /// Every element, and what is decoded of them: this many times as far from f64 as PyTorch's f32 is.
    Elements(f64),
    /// Layers and raw maps by their root mean square, as PyTorch's own are in this precision. What is decoded of them is left out: the
    /// host does it in f32 whatever the precision.
    #[allow(dead_code, reason = "only GPUs round")]
    RootMeanSquare(Precision),
}

/// Layers, both heads and decoding on an engine of burn tensors, whose form of the golden's input `image` is.
pub fn check_tensors<M>(network: &Network, image: M, golden: &Golden, close: Closeness)
where
    M: FeatureMap + Into<Tensor<4>>,
{
    let Golden { recipe, answers, .. } = golden;
    // One head as ever, the other under the eyes of the probe, which keeps burn from joining some kernels.
    let one_to_one = on_host(network.forward(image.clone()));
    let probe = Probe::new(network, image);
    let one_to_many = network.forward_one_to_many(probe.clone()).expect("the goldens have both heads");
    for (layer, tap) in LAYERS.into_iter().enumerate() {
        assert_sampled(
            &format!("layer {layer} at {tap:?}"),
            &values(probe.take(tap).into()),
            &recipe.layers[&layer],
            &answers.tensors[&layer.to_string()],
            close,
        );
    }
    let one_to_one = view(&one_to_one);
    assert_one_to_one(&one_to_one, golden, close);
    let one_to_many = on_host(RawMaps {
        boxes: one_to_many.boxes.map(Probe::into_map),
        classes: one_to_many.classes.map(Probe::into_map),
    });
    let samples = [("one2many_boxes", &recipe.one2many_boxes), ("one2many_scores", &recipe.one2many_scores)];
    assert_raw_maps(&view(&one_to_many), samples, answers, close);
}

/// A head's maps of boxes and of classes.
fn assert_raw_maps(maps: &RawMaps<MapView<'_>>, samples: [(&str, &Sample); 2], answers: &Answers, close: Closeness) {
    for (maps, (name, sample)) in [maps.boxes, maps.classes].into_iter().zip(samples) {
        let found = over_anchors(maps);
        assert_sampled(name, &found, sample, &answers.tensors[name], close);
    }
}

/// The raw maps of the head that is in use, and what is decoded of them.
pub fn assert_one_to_one(maps: &RawMaps<MapView<'_>>, golden: &Golden, close: Closeness) {
    let Golden { recipe, answers, .. } = golden;
    let samples = [("one2one_boxes", &recipe.one2one_boxes), ("one2one_scores", &recipe.one2one_scores)];
    assert_raw_maps(maps, samples, answers, close);
    if let Closeness::Elements(rounding) = close {
        let everything = Selection { confidence: 0.0, ..Selection::default() };
        let mut anchors = Anchors::default();
        anchors.rank(maps, &everything);
        let found = Decoder::default().decode(&anchors, &everything);
        assert_top(&found, answers, rounding);
    }
}

fn assert_sampled(what: &str, found: &[f32], sample: &Sample, exact: &Exact, close: Closeness) {
    assert_eq!(found.len(), sample.shape.iter().product::<usize>(), "{what}: elements");
    let errors = sample.index.iter().zip(&exact.value).map(|(index, value)| {
        let found = f64::from(found[*index]);
        ((found - value).abs() / exact.std, found, value)
    });
    match close {
        Closeness::Elements(rounding) => {
            let tolerance = LAYER_TOLERANCE.max(rounding * exact.deviation);
            for (error, found, value) in errors {
                assert!(error <= tolerance, "{what}: found {found}, expected {value}, off by {error} of std");
            }
        }
        Closeness::RootMeanSquare(precision) => {
            let expected = exact.rounded[&precision.to_string()];
            let squares = errors.map(|(error, ..)| error * error);
            let off = (squares.sum::<f64>() / sample.index.len() as f64).sqrt();
            assert!(off.is_finite(), "{what} in {precision}: not finite");
            assert!(
                expected > COMPARABLE || off <= SAMPLED * expected,
                "{what} in {precision}: off by {off} of std, PyTorch by {expected}"
            );
        }
    }
}

/// The reference's 20 best, found again; they may come in another order where scores are equal.
fn assert_top(found: &[Detection], answers: &Answers, rounding: f64) {
    let [edge_deviation, score_deviation] = answers.top_deviation;
    let edge_tolerance = BOX_TOLERANCE.max(rounding * edge_deviation);
    let score_tolerance = SCORE_TOLERANCE.max(rounding * score_deviation);
    for [corners @ .., score, class] in &answers.top {
        let errors = found.iter().filter_map(|detection| {
            let Rect { x1, y1, x2, y2 } = detection.rect;
            let edges = [x1, y1, x2, y2].map(f64::from).into_iter().zip(corners);
            let edge_error = edges.map(|(edge, exact)| (edge - exact).abs()).fold(0.0, f64::max);
            let score_error = (f64::from(detection.score) - score).abs();
            let same = detection.class == *class as usize && score_error <= score_tolerance;
            same.then_some(edge_error)
        });
        let nearest = errors.fold(f64::INFINITY, f64::min);
        assert!(
            nearest <= edge_tolerance,
            "class {class} at {corners:?} with score {score}: the nearest is off by {nearest} px, of {edge_tolerance}"
        );
    }
}

/// A map's elements and C, H, W.
#[derive(Clone, Debug)]
struct HostMap(Vec<f32>, [usize; 3]);

fn on_host<M: Into<Tensor<4>>>(maps: RawMaps<M>) -> RawMaps<HostMap> {
    let host = |map: M| {
        let map: Tensor<4> = map.into();
        let [_, channels, height, width] = map.dims();
        HostMap(values(map), [channels, height, width])
    };
    RawMaps { boxes: maps.boxes.map(host), classes: maps.classes.map(host) }
}

fn view(maps: &RawMaps<HostMap>) -> RawMaps<MapView<'_>> {
    fn view(HostMap(values, [channels, height, width]): &HostMap) -> MapView<'_> {
        MapView::planar(values, *channels, *height, *width)
    }
    RawMaps { boxes: maps.boxes.each_ref().map(view), classes: maps.classes.each_ref().map(view) }
}

fn values(map: Tensor<4>) -> Vec<f32> {
    map.into_data().convert::<f32>().try_to_vec().expect("it was just converted")
}

/// Several scales' maps `[1, C, H, W]` as the reference samples them: `[1, C, anchors]`, scale after scale.
fn over_anchors(maps: [MapView<'_>; 3]) -> Vec<f32> {
    let channels = maps[0].channels;
    let mut all = Vec::new();
    for channel in 0..channels {
        for map in &maps {
            for y in 0..map.height {
                all.extend((0..map.width).map(|x| map.get(channel, y, x)));
            }
        }
    }
    all
}
