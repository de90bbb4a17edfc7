//! The network against PyTorch's: every layer, the raw maps of both heads and the best detections, on burn-flex and on
//! the native engine, for all six variants.
//!
//! The networks are those of `tests/golden/goldens.py`. They are deep, untrained and normalised by the statistics of
//! one small input, so they amplify rounding: PyTorch's own f32 is off by up to 0.05 standard deviations at the end of
//! x. So the expected numbers are PyTorch's in f64 (`tests/golden/exact.py`), and an engine must come as close to them
//! as 1e-4 standard deviations, or as PyTorch's f32 does where that is further off.

mod support;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData};
use support::formula;
use support::golden::{Answers, Exact, Golden, Sample};
use yolov10_model::network::{Conv, Decoder, FeatureMap, MapView, NativeEngine, Network, RawMaps};
use yolov10_model::{Assignment, Detection, Rect, Selection, Size};

/// Sums in another order are another draw of the same rounding errors: the worst of one draw is exceeded by the next.
const DIRECT: f64 = 2.0;
/// The F(4x4, 3x3) transforms subtract what they added: that rounds more than a direct sum does.
const WINOGRAD: f64 = 4.0;
/// Largest error of a layer's elements, in standard deviations of the layer, where PyTorch's f32 is no worse.
const LAYER_TOLERANCE: f64 = 1e-4;
/// Largest error of a box's edge, in pixels of the input, where PyTorch's f32 is no worse.
const BOX_TOLERANCE: f64 = 0.05;
/// Largest error of a score.
const SCORE_TOLERANCE: f64 = 1e-4;

/// Where each of the reference's layers 0 to 22 can be seen here.
const LAYERS: [Tap; 23] = [
    Tap::Output("backbone.stem"),
    Tap::Output("backbone.down_p2"),
    Tap::Output("backbone.stage_p2.merge"),
    Tap::Output("backbone.down_p3"),
    Tap::Output("backbone.stage_p3.merge"),
    Tap::Output("backbone.down_p4.depthwise"),
    Tap::Output("backbone.stage_p4.merge"),
    Tap::Output("backbone.down_p5.depthwise"),
    Tap::Output("backbone.stage_p5.merge"),
    Tap::Output("backbone.sppf.merge"),
    Tap::Output("backbone.psa.merge"),
    Tap::FirstUpsampling,
    Tap::Input("neck.top_down_p4.expand"),
    Tap::Output("neck.top_down_p4.merge"),
    Tap::SecondUpsampling,
    Tap::Input("neck.top_down_p3.expand"),
    Tap::Output("neck.top_down_p3.merge"),
    Tap::Output("neck.down_p3"),
    Tap::Input("neck.bottom_up_p4.expand"),
    Tap::Output("neck.bottom_up_p4.merge"),
    Tap::Output("neck.down_p4.depthwise"),
    Tap::Input("neck.bottom_up_p5.expand"),
    Tap::Output("neck.bottom_up_p5.merge"),
];

/// A place in the network where a feature map passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Tap {
    Input(&'static str),
    Output(&'static str),
    FirstUpsampling,
    SecondUpsampling,
}

/// A tensor that leaves a copy of itself at every tap it passes.
#[derive(Clone)]
struct Probe {
    map: Tensor<4>,
    paths: Rc<BTreeMap<u64, String>>,
    seen: Rc<RefCell<BTreeMap<Tap, Tensor<4>>>>,
}

impl Probe {
    fn with(self, map: Tensor<4>) -> Self {
        Self { map, ..self }
    }

    fn pass(&self, matches: impl Fn(&Tap) -> bool) {
        if let Some(tap) = LAYERS.iter().find(|tap| matches(tap)) {
            self.seen.borrow_mut().insert(*tap, self.map.clone());
        }
    }
}

impl FeatureMap for Probe {
    fn channels(&self) -> usize {
        self.map.channels()
    }

    fn conv(self, conv: &Conv) -> Self {
        let path = self.paths[&conv.weight.id.val()].clone();
        self.pass(|tap| matches!(tap, Tap::Input(layer) if *layer == path));
        let output = self.clone().with(self.map.conv(conv));
        output.pass(|tap| matches!(tap, Tap::Output(layer) if *layer == path));
        output
    }

    fn add(self, other: Self) -> Self {
        self.clone().with(FeatureMap::add(self.map, other.map))
    }

    fn concat(maps: Vec<Self>) -> Self {
        let probe = maps[0].clone();
        probe.with(Tensor::concat(
            maps.into_iter().map(|probe| probe.map).collect(),
        ))
    }

    fn split<const N: usize>(self, sizes: [usize; N]) -> [Self; N] {
        let probe = self.clone();
        FeatureMap::split(self.map, sizes).map(|map| probe.clone().with(map))
    }

    fn max_pool(self, kernel: usize) -> Self {
        self.clone().with(self.map.max_pool(kernel))
    }

    fn upsample(self) -> Self {
        let output = self.clone().with(FeatureMap::upsample(self.map));
        let tap = match output.seen.borrow().contains_key(&Tap::FirstUpsampling) {
            false => Tap::FirstUpsampling,
            true => Tap::SecondUpsampling,
        };
        output.pass(|known| *known == tap);
        output
    }

    fn attention(query: Self, key: Self, value: Self, heads: usize) -> Self {
        value
            .clone()
            .with(FeatureMap::attention(query.map, key.map, value.map, heads))
    }
}

/// A map's elements and C, H, W.
#[derive(Clone, Debug)]
struct HostMap(Vec<f32>, [usize; 3]);

fn on_host(maps: RawMaps<Probe>) -> RawMaps<HostMap> {
    let host = |Probe { map, .. }: Probe| {
        let [_, channels, height, width] = map.dims();
        HostMap(values(map), [channels, height, width])
    };
    RawMaps {
        boxes: maps.boxes.map(host),
        classes: maps.classes.map(host),
    }
}

fn view(maps: &RawMaps<HostMap>) -> RawMaps<MapView<'_>> {
    fn view(HostMap(values, [channels, height, width]): &HostMap) -> MapView<'_> {
        MapView::planar(values, *channels, *height, *width)
    }
    RawMaps {
        boxes: maps.boxes.each_ref().map(view),
        classes: maps.classes.each_ref().map(view),
    }
}

fn values(map: Tensor<4>) -> Vec<f32> {
    map.into_data()
        .try_to_vec()
        .expect("the reference device computes in f32")
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

fn assert_sampled(what: &str, found: &[f32], sample: &Sample, exact: &Exact, rounding: f64) {
    assert_eq!(
        found.len(),
        sample.shape.iter().product::<usize>(),
        "{what}: elements"
    );
    let tolerance = LAYER_TOLERANCE.max(rounding * exact.deviation);
    for (index, value) in sample.index.iter().zip(&exact.value) {
        let found = f64::from(found[*index]);
        let error = (found - value).abs() / exact.std;
        assert!(
            error <= tolerance,
            "{what}[{index}]: found {found}, expected {value}, off by {error} of std"
        );
    }
}

/// The reference's 20 best, found again; they may come in another order where scores are equal.
fn assert_top(found: &[Detection], answers: &Answers, rounding: f64) {
    let [edge_deviation, score_deviation] = answers.top_deviation;
    let edge_tolerance = BOX_TOLERANCE.max(rounding * edge_deviation);
    let score_tolerance = SCORE_TOLERANCE.max(rounding * score_deviation);
    for [corners @ .., score, class] in &answers.top {
        let matching = found.iter().any(|detection| {
            let Rect { x1, y1, x2, y2 } = detection.rect;
            detection.class == *class as usize
                && (f64::from(detection.score) - score).abs() <= score_tolerance
                && [x1, y1, x2, y2]
                    .iter()
                    .zip(corners)
                    .all(|(edge, exact)| (f64::from(*edge) - exact).abs() <= edge_tolerance)
        });
        assert!(
            matching,
            "no detection of class {class} at {corners:?} with score {score}"
        );
    }
}

fn assert_raw_maps(
    maps: &RawMaps<MapView<'_>>,
    boxes: (&Sample, &Exact),
    classes: (&Sample, &Exact),
    rounding: f64,
) {
    assert_sampled(
        "boxes",
        &over_anchors(maps.boxes),
        boxes.0,
        boxes.1,
        rounding,
    );
    assert_sampled(
        "classes",
        &over_anchors(maps.classes),
        classes.0,
        classes.1,
        rounding,
    );
}

fn everything() -> Selection {
    Selection {
        confidence: 0.0,
        ..Selection::default()
    }
}

/// Layers, both heads and decoding on burn-flex.
fn check_tensors(variant: char) {
    let Golden {
        recipe,
        answers,
        weights,
    } = Golden::load(variant);
    let device = Device::flex();
    let network = Network::new(&weights, &device).expect("the goldens are a YOLOv10");
    let [_, _, height, width] = recipe.input;
    let image = TensorData::new(formula::input(height, width), recipe.input);
    let probe = Probe {
        map: Tensor::from_data(image, &device),
        paths: Rc::new(paths(&network)),
        seen: Rc::default(),
    };
    let one_to_one = network.forward(probe.clone());
    for (layer, tap) in LAYERS.iter().enumerate() {
        let map = probe
            .seen
            .borrow_mut()
            .remove(tap)
            .unwrap_or_else(|| panic!("nothing passed {tap:?}"));
        assert_sampled(
            &format!("layer {layer} at {tap:?}"),
            &values(map),
            &recipe.layers[&layer],
            &answers.tensors[&layer.to_string()],
            DIRECT,
        );
    }
    let one_to_many = network
        .forward_one_to_many(probe)
        .expect("the goldens have both heads");
    let one_to_one = on_host(one_to_one);
    let one_to_one = view(&one_to_one);
    assert_raw_maps(
        &one_to_one,
        (&recipe.one2one_boxes, &answers.tensors["one2one_boxes"]),
        (&recipe.one2one_scores, &answers.tensors["one2one_scores"]),
        DIRECT,
    );
    assert_top(
        &Decoder::default().decode(&one_to_one, &everything()),
        &answers,
        DIRECT,
    );
    let one_to_many = on_host(one_to_many);
    assert_raw_maps(
        &view(&one_to_many),
        (&recipe.one2many_boxes, &answers.tensors["one2many_boxes"]),
        (&recipe.one2many_scores, &answers.tensors["one2many_scores"]),
        DIRECT,
    );
}

/// Raw maps and decoding on the native engine, with and without Winograd.
fn check_native(variant: char) {
    let Golden {
        recipe,
        answers,
        weights,
    } = Golden::load(variant);
    let [_, _, height, width] = recipe.input;
    let image = formula::input(height, width);
    for (exact, rounding) in [(true, DIRECT), (false, WINOGRAD)] {
        let options = yolov10_cpu::Options {
            exact,
            ..yolov10_cpu::Options::default()
        };
        let mut engine = NativeEngine::new(&weights, Assignment::OneToOne, &options)
            .expect("the goldens are a YOLOv10");
        engine
            .run(
                Size { height, width },
                |mut planes| {
                    for (row, values) in image.chunks(width).enumerate() {
                        planes
                            .row_mut(row / height, row % height)
                            .copy_from_slice(values);
                    }
                },
                |maps| {
                    assert_raw_maps(
                        maps,
                        (&recipe.one2one_boxes, &answers.tensors["one2one_boxes"]),
                        (&recipe.one2one_scores, &answers.tensors["one2one_scores"]),
                        rounding,
                    );
                    assert_top(
                        &Decoder::default().decode(maps, &everything()),
                        &answers,
                        rounding,
                    );
                },
            )
            .expect("the size is a multiple of 32");
    }
}

fn paths(network: &Network) -> BTreeMap<u64, String> {
    #[derive(Default)]
    struct Paths(BTreeMap<u64, String>, Vec<String>);
    impl ModuleVisitor for Paths {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let layer = &self.1[..self.1.len() - 1];
            self.0.insert(param.id.val(), layer.join("."));
        }
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.1.push(name.to_owned());
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.1.pop();
        }
    }
    let mut paths = Paths::default();
    network.visit(&mut paths);
    paths.0
}

#[test]
fn tensors_give_the_reference_of_n() {
    check_tensors('n');
}

#[test]
fn tensors_give_the_reference_of_s() {
    check_tensors('s');
}

#[test]
fn tensors_give_the_reference_of_m() {
    check_tensors('m');
}

#[test]
fn tensors_give_the_reference_of_b() {
    check_tensors('b');
}

#[test]
fn tensors_give_the_reference_of_l() {
    check_tensors('l');
}

#[test]
fn tensors_give_the_reference_of_x() {
    check_tensors('x');
}

#[test]
fn the_native_engine_gives_the_reference_of_n() {
    check_native('n');
}

#[test]
fn the_native_engine_gives_the_reference_of_s() {
    check_native('s');
}

#[test]
fn the_native_engine_gives_the_reference_of_m() {
    check_native('m');
}

#[test]
fn the_native_engine_gives_the_reference_of_b() {
    check_native('b');
}

#[test]
fn the_native_engine_gives_the_reference_of_l() {
    check_native('l');
}

#[test]
fn the_native_engine_gives_the_reference_of_x() {
    check_native('x');
}
