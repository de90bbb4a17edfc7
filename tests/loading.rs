//! Strict loading: a weight file fits the network to the last tensor, or the error names what does not fit, for every
//! engine and for `info`.

#[allow(dead_code, reason = "the reference's answers are for golden.rs")]
mod support;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use support::golden::Golden;
use weights_convert::DType;
use yolov10_model::inside::NativeEngine;
use yolov10_model::inventory::Inventory;
use yolov10_model::options::CpuOptions;
use yolov10_model::selection::Assignment;
use yolov10_model::{Detector, Device, Options, Precision, Size, Weights};

const DEMO: &[u8] = include_bytes!("../assets/yolov10n-demo.safetensors");
/// Parameters of the fused one-to-one network of n (facts of the reference), less the 16 constants of its DFL.
const PARAMETERS_OF_N: usize = 2_299_264 - 16;

/// A tensor of a weight file.
#[derive(Clone)]
struct Stored {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Arc<Vec<u8>>,
}

impl Stored {
    /// Puts the numbers into another shape, repeating them or dropping some.
    fn reshape(&mut self, shape: Vec<usize>) {
        let length = shape.iter().product::<usize>() * self.dtype.bitsize() / 8;
        self.bytes = Arc::new(self.bytes.iter().copied().cycle().take(length).collect());
        self.shape = shape;
    }
}

/// A weight file taken apart.
#[derive(Clone)]
struct File {
    tensors: BTreeMap<String, Stored>,
    metadata: HashMap<String, String>,
}

impl File {
    fn demo() -> Self {
        Self::parse(DEMO)
    }

    fn parse(bytes: &[u8]) -> Self {
        let (_, header) = SafeTensors::read_metadata(bytes).expect("it is a safetensors file");
        let file = SafeTensors::deserialize(bytes).expect("it is a safetensors file");
        let stored = |view: TensorView<'_>| Stored {
            dtype: view.dtype(),
            shape: view.shape().to_vec(),
            bytes: Arc::new(view.data().to_vec()),
        };
        let tensors = file.iter().map(|(name, view)| (name.to_owned(), stored(view))).collect();
        let metadata = header.metadata().clone().expect("the converter writes metadata");
        Self { tensors, metadata }
    }

    fn bytes(&self) -> Vec<u8> {
        let views = self.tensors.iter().map(|(name, Stored { dtype, shape, bytes })| {
            let view = TensorView::new(*dtype, shape.clone(), bytes).expect("the bytes fit the shape");
            (name, view)
        });
        safetensors::serialize(views, Some(self.metadata.clone())).expect("names are unique")
    }

    fn tensor(&mut self, key: &str) -> &mut Stored {
        self.tensors.get_mut(key).unwrap_or_else(|| panic!("no {key}"))
    }

    fn reshape(&mut self, key: &str, shape: &[usize]) {
        self.tensor(key).reshape(shape.to_vec());
    }

    /// The error that every reader reports for this file.
    fn error(&self) -> String {
        let weights = match Weights::from_bytes(&self.bytes()) {
            Ok(weights) => Arc::new(weights),
            Err(error) => return error.to_string(),
        };
        let on = |device| Options { device, ..Options::default() };
        let said = [
            Inventory::new(&weights, Size::square(64)).err(),
            Detector::new(&weights, &on(Device::Cpu)).err(),
            Detector::new(&weights, &on(Device::Flex)).err(),
        ];
        let [looked, cpu, flex] = said.map(|error| error.expect("the file is refused").to_string());
        assert_eq!(looked, cpu);
        assert_eq!(looked, flex);
        looked
    }
}

#[test]
fn the_demo_is_a_whole_network() {
    let weights = Arc::new(Weights::from_static(DEMO).expect("the demo is a weight file"));
    let inventory = Inventory::new(&weights, Size::square(640)).expect("the demo is a YOLOv10");
    assert_eq!(inventory.parameters(), PARAMETERS_OF_N);
    // 6.7 GFLOPs in the paper, which rounds and omits the attention's products.
    assert_eq!(inventory.flops() / 100_000_000, 67);
    assert_eq!(weights.class_names().len(), 80);
    assert_eq!(weights.input_size(), Size::square(640));
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
        let zero = Stored { dtype: Dtype::F16, shape: vec![1], bytes: Arc::new(vec![0, 0]) };
        file.tensors.insert(format!("backbone.wings.{index:02}"), zero);
    }
    let names: Vec<String> = (0..10).map(|index| format!("backbone.wings.{index:02}")).collect();
    let expected = format!("tensors that the network has no use for: {} and 2 more", names.join(", "));
    assert_eq!(file.error(), expected);
}

#[test]
fn a_misshaped_tensor_is_named_with_both_shapes() {
    let mut file = File::demo();
    file.reshape("backbone.stem.weight", &[16, 27, 1, 1]);
    assert_eq!(file.error(), "tensor backbone.stem.weight: expected [_, 3, 3, 3], found [16, 27, 1, 1]");
}

#[test]
fn a_tensor_of_another_type_is_named() {
    let mut file = File::demo();
    file.tensor("backbone.stem.bias").dtype = Dtype::I16;
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

#[test]
fn a_value_of_the_metadata_that_can_not_be_is_named_with_what_can() {
    let sides = "a side or [height, width] of 32 to 8192 pixels";
    let names = "an array of one class name or more";
    let cases = [
        ("imgsz", "1000000000", sides),
        ("imgsz", "18446744073709551615", sides),
        ("imgsz", "31", sides),
        ("imgsz", "[640,8193]", sides),
        ("imgsz", "[640]", sides),
        ("imgsz", "640.5", sides),
        ("imgsz", "-640", sides),
        ("imgsz", "wide", sides),
        ("names", "[]", names),
        ("names", "[1,2]", names),
        ("names", "cat", names),
        ("sppf_activation", "relu", "silu, identity"),
        ("strides", "[8,16]", "[8,16,32]"),
        ("reg_max", "17", "16"),
        ("variant", "z", "n, s, m, b, l, x, custom"),
    ];
    for (key, found, expected) in cases {
        let mut file = File::demo();
        file.metadata.insert(key.into(), found.into());
        assert_eq!(file.error(), format!("metadata {key}: expected {expected}, found {found}"));
    }
    let mut file = File::demo();
    file.metadata.remove("names");
    assert_eq!(file.error(), format!("metadata names: expected {names}, found none"));
    file.metadata.insert("names".into(), format!("\n{}", "a".repeat(200)));
    assert_eq!(file.error(), format!("metadata names: expected {names}, found \\n{}..", "a".repeat(119)));
}

#[test]
fn an_input_size_of_the_metadata_is_raised_and_640_without_one() {
    let input_size = |imgsz: Option<&str>| {
        let mut file = File::demo();
        file.metadata.remove("imgsz");
        file.metadata.extend(imgsz.map(|size| ("imgsz".into(), size.into())));
        Weights::from_bytes(&file.bytes()).expect("the size is good").input_size()
    };
    assert_eq!(input_size(None), Size::square(640));
    assert_eq!(input_size(Some("100")), Size::square(128));
    assert_eq!(input_size(Some("[32, 8192]")), Size { height: 32, width: 8192 });
}

#[test]
fn an_input_that_is_asked_for_has_the_same_bounds() {
    let weights = Arc::new(Weights::from_static(DEMO).expect("the demo is a weight file"));
    for side in [0, 31, 8193, usize::MAX] {
        let options = Options { input: Some(Size { height: 64, width: side }), ..Options::default() };
        let error = Detector::new(&weights, &options).err().expect("the side is out of bounds");
        assert_eq!(error.to_string(), format!("input size 64x{side}: expected sides of 32 to 8192 pixels"));
    }
    let error = Inventory::new(&weights, Size { height: 8224, width: 64 }).expect_err("the side is out of bounds");
    assert_eq!(error.to_string(), "input size 8224x64: expected sides of 32 to 8192 pixels");
    let error = Inventory::new(&weights, Size::square(100)).expect_err("100 is no multiple of 32");
    assert_eq!(error.to_string(), "input size 100x100: height and width must be positive multiples of 32 pixels");
}

#[test]
fn numbers_that_are_not_finite_are_named() {
    for (numbers, found) in [(0x7e00_u16, "NaN"), (0x7c00, "inf"), (0xfc00, "-inf")] {
        let mut file = File::demo();
        let stored = file.tensor("head.one_to_one.boxes.2.output.bias");
        let mut bytes = stored.bytes.to_vec();
        bytes[26..28].copy_from_slice(&numbers.to_le_bytes());
        stored.bytes = Arc::new(bytes);
        let expected = "tensor head.one_to_one.boxes.2.output.bias: expected finite numbers";
        assert_eq!(file.error(), format!("{expected}, found {found} at element 13"));
    }
}

#[test]
fn a_bottleneck_gives_the_channels_that_it_takes() {
    for stage in ["backbone.stage_p3", "neck.top_down_p4"] {
        let mut file = File::demo();
        let last = format!("{stage}.bottlenecks.0.convs.1");
        let [outputs, inputs, ..] = file.tensor(&format!("{last}.weight")).shape[..] else { panic!("{stage}") };
        file.reshape(&format!("{last}.weight"), &[outputs / 2, inputs, 3, 3]);
        file.reshape(&format!("{last}.bias"), &[outputs / 2]);
        assert_eq!(file.error(), format!("tensor {last}.bias: expected [{outputs}], found [{}]", outputs / 2));
    }
}

/// The demo with this many channels everywhere in its attention.
fn with_attention_of(channels: usize) -> File {
    let mut file = File::demo();
    let keys = channels / 2 / (channels / 64).max(1) * (channels / 64).max(1);
    let mut conv = |name: &str, outputs: usize, inputs: usize, kernel: usize| {
        file.reshape(&format!("backbone.psa.{name}.weight"), &[outputs, inputs, kernel, kernel]);
        file.reshape(&format!("backbone.psa.{name}.bias"), &[outputs]);
    };
    conv("expand", 2 * channels, 256, 1);
    conv("attention.qkv", channels + 2 * keys, channels, 1);
    conv("attention.position", channels, 1, 3);
    conv("attention.project", channels, channels, 1);
    conv("feed_forward.expand", 2 * channels, channels, 1);
    conv("feed_forward.project", channels, 2 * channels, 1);
    conv("merge", 256, 2 * channels, 1);
    file
}

#[test]
fn attention_has_channels_for_heads_alike() {
    let key = "tensor backbone.psa.expand.bias";
    let error = with_attention_of(129).error();
    assert_eq!(error, format!("{key}: expected [a multiple of 4, and more than that], found [258]"));
    let error = with_attention_of(1).error();
    assert_eq!(error, format!("{key}: expected [a multiple of 2, and more than that], found [2]"));
}

#[test]
fn the_cpu_engine_refuses_sizes_that_no_memory_holds() {
    let weights = Arc::new(Weights::from_static(DEMO).expect("the demo is a weight file"));
    let options = CpuOptions::default();
    let mut engine =
        NativeEngine::new(&weights, Assignment::OneToOne, &options, Precision::F32).expect("the demo is a YOLOv10");
    for side in [(1 << 16) + 32, 1 << 40, usize::MAX - 31] {
        let error = engine.look(Size { height: 64, width: side }, |_| (), |_| ()).expect_err("it is too wide");
        assert_eq!(error.to_string(), format!("columns of an image: expected at most 65536, found {side}"));
    }
}

/// What happens to a tensor.
#[derive(Clone, Debug)]
enum Mishap {
    /// A dimension is so many times its size, or that part of it.
    Wider(Index, usize),
    Narrower(Index, usize),
    /// Two dimensions swapped.
    Swapped(Index, Index),
    /// Another kernel, a number of dimensions that no layer has.
    Kernel(usize),
    Flat,
    Renamed,
    Removed,
    /// A second one beside it.
    Doubled,
    NotFinite(Index, bool),
}

fn mishap() -> impl Strategy<Value = Mishap> {
    prop_oneof![
        (any::<Index>(), 2..4_usize).prop_map(|(axis, times)| Mishap::Wider(axis, times)),
        (any::<Index>(), 2..4_usize).prop_map(|(axis, parts)| Mishap::Narrower(axis, parts)),
        (any::<Index>(), any::<Index>()).prop_map(|(first, second)| Mishap::Swapped(first, second)),
        prop::sample::select(vec![1, 3, 5, 7]).prop_map(Mishap::Kernel),
        Just(Mishap::Flat),
        Just(Mishap::Renamed),
        Just(Mishap::Removed),
        Just(Mishap::Doubled),
        (any::<Index>(), any::<bool>()).prop_map(|(element, nan)| Mishap::NotFinite(element, nan)),
    ]
}

impl Mishap {
    /// Makes it happen; returns the key that the error must name, or `None` if nothing changes.
    fn befall(&self, file: &mut File, key: &str) -> Option<String> {
        let mut stored = file.tensors.remove(key).expect("the key is the file's");
        let mut shape = stored.shape.clone();
        let mut name = key.to_owned();
        let rank = shape.len();
        match self {
            Self::Wider(axis, times) => shape[axis.index(rank)] *= times,
            Self::Narrower(axis, parts) => {
                let side = &mut shape[axis.index(rank)];
                *side = side.div_ceil(*parts);
            }
            Self::Swapped(first, second) => shape.swap(first.index(rank), second.index(rank)),
            Self::Kernel(side) if rank == 4 => shape[2..].fill(*side),
            Self::Kernel(_) | Self::Flat => shape = vec![shape.iter().product(), 1],
            Self::Renamed => name = key.replacen('.', ".0", 1),
            Self::Removed => return Some(name),
            Self::Doubled => {
                file.tensors.insert(key.to_owned(), stored.clone());
                name += ".more";
            }
            Self::NotFinite(element, nan) => {
                let mut bytes = stored.bytes.to_vec();
                let at = 2 * element.index(bytes.len() / 2);
                bytes[at..at + 2].copy_from_slice(&if *nan { 0xfe01_u16 } else { 0x7c00 }.to_le_bytes());
                stored.bytes = Arc::new(bytes);
                file.tensors.insert(name.clone(), stored);
                return Some(name);
            }
        }
        let has_changed = name != key || shape != stored.shape;
        if shape != stored.shape {
            stored.reshape(shape);
        }
        // For a renamed tensor either key will do: one is missing, the other is unused.
        let named = if matches!(self, Self::Renamed) { key.to_owned() } else { name.clone() };
        file.tensors.insert(name, stored);
        has_changed.then_some(named)
    }
}

/// Changes random tensors of a whole network, one alone and two neighbours alike.
fn check_mishaps(variant: char) {
    // A case of the largest variant takes a tenth of a second, for three copies of its weights.
    let cases = if variant == 'n' { 150 } else { 25 };
    let whole = File::parse(&Golden::convert(variant, DType::F16));
    let keys: Vec<String> = whole.tensors.keys().cloned().collect();
    let mut runner = TestRunner::new(ProptestConfig { cases, failure_persistence: None, ..Default::default() });
    let result = runner.run(&(any::<Index>(), mishap(), any::<bool>()), |(index, mishap, both)| {
        let mut file = whole.clone();
        let first = index.index(keys.len() - 1);
        let befallen = &keys[first..=first + usize::from(both)];
        let named: Vec<String> = befallen.iter().filter_map(|key| mishap.befall(&mut file, key)).collect();
        if named.is_empty() {
            return Ok(());
        }
        let error = file.error();
        let is_named = named.iter().any(|key| error.contains(&**key));
        // If two were reshaped alike, the error may name a third that does not fit them.
        let is_told = both && error.starts_with("tensor ") && error.contains(": expected [");
        prop_assert!(is_named || is_told, "{:?} befell {:?}: {}", mishap, befallen, error);
        prop_assert!(!error.contains('\n'), "{}", error);
        Ok(())
    });
    result.expect("every mishap is told");
}

#[test]
fn whatever_befalls_tensors_of_n_is_told() {
    check_mishaps('n');
}

#[test]
fn whatever_befalls_tensors_of_s_is_told() {
    check_mishaps('s');
}

#[test]
fn whatever_befalls_tensors_of_m_is_told() {
    check_mishaps('m');
}

#[test]
fn whatever_befalls_tensors_of_b_is_told() {
    check_mishaps('b');
}

#[test]
fn whatever_befalls_tensors_of_l_is_told() {
    check_mishaps('l');
}

#[test]
fn whatever_befalls_tensors_of_x_is_told() {
    check_mishaps('x');
}
