//! The reference's outputs, committed under `tests/golden` and made by `goldens.py` there.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use safetensors::SafeTensors;
use serde::Deserialize;
use weights_convert::{DType, Options};
use yolov10_model::Weights;

use super::formula;

/// Some elements of a tensor.
#[derive(Deserialize)]
pub struct Sample {
    pub shape: Vec<usize>,
    pub index: Vec<usize>,
}

/// The network as the reference has it, from `yolov10?.json` by `goldens.py`.
#[derive(Deserialize)]
pub struct Recipe {
    /// `[1, 3, H, W]`.
    pub input: [usize; 4],
    state_dict: BTreeMap<String, Vec<usize>>,
    /// Outputs of `model.0` to `model.22`.
    pub layers: BTreeMap<usize, Sample>,
    pub one2one_boxes: Sample,
    pub one2one_scores: Sample,
    pub one2many_boxes: Sample,
    pub one2many_scores: Sample,
}

/// The sampled elements in f64, and how far PyTorch's f32 is from them.
#[derive(Deserialize)]
pub struct Exact {
    pub value: Vec<f64>,
    pub std: f64,
    /// Largest distance over all of the tensor, in its standard deviations.
    pub deviation: f64,
    /// By precision, how far PyTorch's is in it: root mean square over all of the tensor, in its standard deviations.
    pub rounded: BTreeMap<String, f64>,
}

/// What the reference computes without rounding, from `exact.json` by `exact.py`.
#[derive(Deserialize)]
pub struct Answers {
    /// By layer number, or by head and kind.
    pub tensors: BTreeMap<String, Exact>,
    /// x1, y1, x2, y2 in pixels of the input, score, class; best first.
    pub top: Vec<[f64; 6]>,
    /// How far PyTorch's f32 is from these edges, in pixels, and scores.
    pub top_deviation: [f64; 2],
}

/// A variant with the formula's weights, and what the reference computes with them.
pub struct Golden {
    pub recipe: Recipe,
    pub answers: Answers,
    pub weights: Arc<Weights>,
}

impl Golden {
    /// Reads the answers and converts the formula's weights, both heads.
    pub fn load(variant: char) -> Self {
        let mut answers: BTreeMap<char, Answers> = parse(&file("exact.json".into()));
        let converted = Self::convert(variant, DType::F32);
        Self {
            weights: Arc::new(Weights::from_bytes(&converted).expect("it was just converted")),
            answers: answers.remove(&variant).expect("all six variants are there"),
            recipe: recipe(variant),
        }
    }

    /// A weight file with the formula's weights, both heads.
    pub fn convert(variant: char, dtype: DType) -> Vec<u8> {
        let statistics = file(format!("yolov10{variant}.safetensors"));
        let statistics = SafeTensors::deserialize(&statistics).expect("goldens.py writes safetensors");
        let state_dict = formula::state_dict(&recipe(variant).state_dict, &statistics);
        let options = Options { dtype, ..Options::default() };
        weights_convert::convert_bytes(state_dict, &options).expect("it is a YOLOv10").bytes
    }
}

fn recipe(variant: char) -> Recipe {
    parse(&file(format!("yolov10{variant}.json")))
}

/// A committed file. `GOLDEN_FOLDER` says where they are for a test that runs on another machine than the one it was
/// built on.
fn file(name: String) -> Vec<u8> {
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
    let folder = std::env::var_os("GOLDEN_FOLDER").unwrap_or_else(|| committed.into());
    let path = Path::new(&folder).join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn parse<T: serde::de::DeserializeOwned>(json: &[u8]) -> T {
    serde_json::from_slice(json).expect("the committed scripts write this form")
}
