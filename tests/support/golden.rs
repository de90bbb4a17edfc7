//! The reference's outputs, committed under `tests/golden` and made by `goldens.py` there.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use safetensors::SafeTensors;
use serde::Deserialize;
use weights_convert::{DType, Options};
use yolov10_model::Weights;

use super::formula;

/// A tensor by its statistics and some of its elements.
#[derive(Deserialize)]
pub struct Sample {
    pub shape: Vec<usize>,
    pub std: f32,
    pub index: Vec<usize>,
    pub value: Vec<f32>,
}

/// What the reference computes for one variant.
#[derive(Deserialize)]
pub struct Answers {
    /// `[1, 3, H, W]`.
    pub input: [usize; 4],
    state_dict: BTreeMap<String, Vec<usize>>,
    /// Outputs of `model.0` to `model.22`.
    pub layers: BTreeMap<usize, Sample>,
    pub one2one_boxes: Sample,
    pub one2one_scores: Sample,
    pub one2many_boxes: Sample,
    pub one2many_scores: Sample,
    /// x1, y1, x2, y2 in pixels of the input, score, class; best first.
    pub top: Vec<[f32; 6]>,
}

/// A variant with the formula's weights, and what the reference computes with them.
pub struct Golden {
    pub answers: Answers,
    pub weights: Arc<Weights>,
}

impl Golden {
    /// Reads the answers and converts the formula's weights, both heads.
    pub fn load(variant: char) -> Self {
        let file = |extension: &str| {
            let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
            std::fs::read(folder.join(format!("yolov10{variant}.{extension}"))).expect("the goldens are committed")
        };
        let answers: Answers = serde_json::from_slice(&file("json")).expect("goldens.py writes this form");
        let statistics = file("safetensors");
        let statistics = SafeTensors::deserialize(&statistics).expect("goldens.py writes safetensors");
        let state_dict = formula::state_dict(&answers.state_dict, &statistics);
        let options = Options { dtype: DType::F32, keep_one_to_many: true };
        let converted = weights_convert::convert_bytes(state_dict, &options).expect("it is a YOLOv10");
        let weights = Arc::new(Weights::from_bytes(&converted.bytes).expect("it was just converted"));
        Self { answers, weights }
    }
}
