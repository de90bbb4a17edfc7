//! Strict loading: a weight file fits the network to the last tensor, or the error names what does not.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use yolov10_model::{Detector, Inventory, Options, Size, Weights};

const DEMO: &[u8] = include_bytes!("../assets/yolov10n-demo.safetensors");
/// Parameters of the fused one-to-one network of n (facts of the reference), less the 16 constants of its DFL.
const PARAMETERS_OF_N: usize = 2_299_264 - 16;

/// A weight file taken apart.
struct File {
    tensors: BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>,
    metadata: HashMap<String, String>,
}

impl File {
    fn demo() -> Self {
        let (_, header) = SafeTensors::read_metadata(DEMO).expect("the demo is a safetensors file");
        let file = SafeTensors::deserialize(DEMO).expect("the demo is a safetensors file");
        let tensors = file
            .iter()
            .map(|(name, view)| (name.to_owned(), (view.dtype(), view.shape().to_vec(), view.data().to_vec())))
            .collect();
        let metadata = header.metadata().clone().expect("the converter writes metadata");
        Self { tensors, metadata }
    }

    fn bytes(&self) -> Vec<u8> {
        let views = self.tensors.iter().map(|(name, (dtype, shape, bytes))| {
            let view = TensorView::new(*dtype, shape.clone(), bytes).expect("the bytes fit the shape");
            (name, view)
        });
        safetensors::serialize(views, Some(self.metadata.clone())).expect("names are unique")
    }

    /// What the detector says to this file.
    fn error(&self) -> String {
        let detector = Weights::from_bytes(&self.bytes())
            .and_then(|weights| Detector::new(&Arc::new(weights), &Options::default()));
        match detector {
            Ok(_) => panic!("the file was accepted"),
            Err(error) => error.to_string(),
        }
    }
}

#[test]
fn the_demo_is_a_whole_network() {
    let weights = Arc::new(Weights::from_static(DEMO).expect("the demo is a weight file"));
    let inventory = Inventory::new(&weights, Size::square(640)).expect("the demo is a YOLOv10");
    assert_eq!(inventory.parameters(), PARAMETERS_OF_N);
    // 6.7 GFLOPs by the paper, which rounds and leaves the attention's products out.
    assert_eq!(inventory.flops() / 100_000_000, 67);
    assert_eq!(weights.class_names().len(), 80);
    assert_eq!(weights.trained_size(), Some([640, 640]));
}

#[test]
fn a_missing_tensor_is_named() {
    let mut file = File::demo();
    file.tensors.remove("neck.down_p3.bias");
    assert_eq!(file.error(), "tensor neck.down_p3.bias: missing from the weight file");
}

#[test]
fn tensors_without_use_are_named_ten_at_most() {
    let mut file = File::demo();
    for index in 0..12 {
        let zero = (Dtype::F16, vec![1], vec![0, 0]);
        file.tensors.insert(format!("backbone.wings.{index:02}"), zero);
    }
    let names: Vec<String> = (0..10).map(|index| format!("backbone.wings.{index:02}")).collect();
    let expected = format!("tensors that the network has no use for: {} and 2 more", names.join(", "));
    assert_eq!(file.error(), expected);
}

#[test]
fn a_misshaped_tensor_is_named_with_both_shapes() {
    let mut file = File::demo();
    let (_, shape, _) = file.tensors.get_mut("backbone.stem.weight").expect("the network has a stem");
    *shape = vec![16, 27, 1, 1];
    assert_eq!(file.error(), "tensor backbone.stem.weight: expected [_, 3, 3, 3], found [16, 27, 1, 1]");
}

#[test]
fn a_tensor_of_another_type_is_named() {
    let mut file = File::demo();
    let (dtype, _, _) = file.tensors.get_mut("backbone.stem.bias").expect("the network has a stem");
    *dtype = Dtype::I16;
    assert_eq!(file.error(), "tensor backbone.stem.bias: expected F32, F16 or BF16, found I16");
}

#[test]
fn class_names_and_logits_must_agree() {
    let mut file = File::demo();
    file.metadata.insert("names".into(), r#"["cat", "dog"]"#.into());
    assert_eq!(file.error(), "tensor head.one_to_one.classes.0.output.bias: expected [2], found [80]");
}

#[test]
fn a_file_of_another_program_or_version_is_refused() {
    let mut file = File::demo();
    file.metadata.insert("format_version".into(), "2".into());
    assert_eq!(file.error(), "not a converted weight file: format_version is 2, expected 1");
    file.metadata.remove("format");
    assert_eq!(file.error(), "not a converted weight file: format is none, expected yolo10-burn");
    let picture = Weights::from_bytes(include_bytes!("../assets/street.jpg")).expect_err("it is a picture");
    assert!(picture.to_string().starts_with("not a converted weight file: "), "{picture}");
}

#[test]
fn a_truncated_file_is_refused_wherever_it_ends() {
    let whole = DEMO.len();
    for length in [0, 1, 7, 8, 9, 1000, whole / 2, whole - 1] {
        let error = Weights::from_bytes(&DEMO[..length]).expect_err("it is cut off");
        assert!(error.to_string().starts_with("not a converted weight file: "), "{length}: {error}");
    }
}
