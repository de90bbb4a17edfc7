//! A feature map that shows what passes: the outputs of the reference's layers, on any engine of burn tensors.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use yolov10_model::inside::{Conv, FeatureMap, Network};

/// Where each of the reference's layers 0 to 22 can be seen here.
pub const LAYERS: [Tap; 23] = [
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
pub enum Tap {
    Input(&'static str),
    Output(&'static str),
    FirstUpsampling,
    SecondUpsampling,
}

/// A map that leaves a copy of itself at every tap it passes.
#[derive(Clone)]
pub struct Probe<M> {
    map: M,
    paths: Rc<BTreeMap<u64, String>>,
    seen: Rc<RefCell<BTreeMap<Tap, M>>>,
}

impl<M: FeatureMap> Probe<M> {
    /// A picture that is about to pass through `network`.
    pub fn new(network: &Network, image: M) -> Self {
        Self { map: image, paths: Rc::new(paths(network)), seen: Rc::default() }
    }

    /// What passed this tap.
    pub fn take(&self, tap: Tap) -> M {
        let seen = self.seen.borrow_mut().remove(&tap);
        seen.unwrap_or_else(|| panic!("nothing passed {tap:?}"))
    }

    /// The map itself.
    pub fn into_map(self) -> M {
        self.map
    }

    fn with(self, map: M) -> Self {
        Self { map, ..self }
    }

    fn pass(&self, matches: impl Fn(&Tap) -> bool) {
        if let Some(tap) = LAYERS.iter().find(|tap| matches(tap)) {
            self.seen.borrow_mut().insert(*tap, self.map.clone());
        }
    }
}

impl<M: FeatureMap> FeatureMap for Probe<M> {
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
        self.clone().with(M::add(self.map, other.map))
    }

    fn concat(maps: Vec<Self>) -> Self {
        let probe = maps[0].clone();
        probe.with(M::concat(maps.into_iter().map(|probe| probe.map).collect()))
    }

    fn split<const N: usize>(self, sizes: [usize; N]) -> [Self; N] {
        let probe = self.clone();
        M::split(self.map, sizes).map(|map| probe.clone().with(map))
    }

    fn max_pool(self, kernel: usize) -> Self {
        self.clone().with(self.map.max_pool(kernel))
    }

    fn upsample(self) -> Self {
        let output = self.clone().with(M::upsample(self.map));
        let tap = match output.seen.borrow().contains_key(&Tap::FirstUpsampling) {
            false => Tap::FirstUpsampling,
            true => Tap::SecondUpsampling,
        };
        output.pass(|known| *known == tap);
        output
    }

    fn attention(query: Self, key: Self, value: Self, heads: usize) -> Self {
        value.clone().with(M::attention(query.map, key.map, value.map, heads))
    }
}

/// The field path of every convolution, by the id of its weight.
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
