//! Every form in which a checkpoint comes gives the same tensors, and tells what it knows.

mod support;

use std::collections::BTreeMap;

use safetensors::SafeTensors;
use support::{
    converted, forms, metadata, naive,
    network::{Array, Builder, Module, tiny},
    pickle::{Pickler, Py, Stored, dict, torch_file, zip_file},
    tensors,
};
use weights_convert::{Converted, DType, Heads, Options, convert_bytes};
use zip::CompressionMethod;

const ALL_STORED: [Stored; 4] = [Stored::F16, Stored::BF16, Stored::F32, Stored::F64];

/// Bytes of every tensor of a converted file.
fn tensor_bytes(file: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let file = SafeTensors::deserialize(file).expect("a converted file is safetensors");
    file.iter().map(|(name, view)| (name.to_owned(), view.data().to_vec())).collect()
}

#[test]
fn all_forms_and_all_dtypes_give_the_same_tensors_to_the_bit() {
    let model = tiny("s");
    let expected = tensor_bytes(&converted(forms::ultralytics(&model, Stored::F32)).bytes);
    let other = tiny("n");
    for stored in ALL_STORED {
        for (form, file) in [
            ("ultralytics", forms::ultralytics(&model, stored)),
            ("thu-mig", forms::thu_mig(&model, stored)),
            ("training", forms::training(&other, &model, stored)),
            ("state dict", forms::state_dict(&model, stored)),
            ("safetensors", forms::safetensors(&model, stored, "")),
            ("safetensors of the mixin", forms::safetensors(&model, stored, "model.")),
            ("data parallel", forms::safetensors(&model, stored, "module.")),
        ] {
            assert!(tensor_bytes(&converted(file).bytes) == expected, "{form} as {stored:?} differs");
        }
    }
}

#[test]
fn weights_are_found_under_the_keys_and_prefixes_that_people_use() {
    let model = tiny("n");
    let expected = tensor_bytes(&converted(forms::ultralytics(&model, Stored::F32)).bytes);
    let file_of = |value: Py| tensor_bytes(&converted(torch_file(&value)).bytes);
    let state_dict = |prefix: &str| {
        let entries = model.tensors().into_iter();
        let named = entries.map(|(name, array)| (Py::Str(format!("{prefix}{name}")), Py::Tensor(array, Stored::F32)));
        Py::OrderedDict(named.collect())
    };
    for prefix in ["", "model.", "module.", "_orig_mod.", "net.", "module._orig_mod.", "net.model."] {
        assert!(file_of(state_dict(prefix)) == expected, "prefix {prefix}");
    }
    for key in ["model", "state_dict", "model_state_dict", "weights", "net", "state_dict_ema", "params", "model_ema"] {
        let value = dict([("epoch", Py::Int(1)), ("optimizer_state_dict", dict([])), (key, state_dict(""))]);
        assert!(file_of(value) == expected, "key {key}");
    }
    let averaged = dict([("module", state_dict("")), ("updates", Py::Int(5))]);
    let trained = Py::OrderedDict(Vec::new());
    assert!(file_of(dict([("model", trained), ("ema", averaged)])) == expected);
    // An average without weights does not hide the weights.
    assert!(file_of(dict([("ema", dict([("decay", Py::Float(0.9))])), ("model", state_dict(""))])) == expected);
    // torch.compile's module, as its own `__reduce__` gives it, and with its module as a child.
    let compiled = "torch._dynamo.eval_frame.OptimizedModule".to_owned();
    let reduced = Py::Call(compiled.clone(), vec![model.pickle(Stored::F32), Py::None]);
    assert!(file_of(dict([("model", reduced)])) == expected);
    let children = dict([("_modules", dict([("_orig_mod", model.pickle(Stored::F32))]))]);
    assert!(file_of(dict([("model", Py::Object(compiled, Box::new(children)))])) == expected);
}

#[test]
fn names_beside_the_weights_are_used() {
    let tensors = Builder::tiny(80).build("n").tensors().into_iter();
    let entries: Vec<_> = tensors.map(|(name, array)| (Py::Str(name), Py::Tensor(array, Stored::F16))).collect();
    let named = |key: fn(i64) -> Py| {
        let names = (0..80).map(|class| (key(class), Py::Str(format!("N{class}")))).collect();
        dict([("state_dict", Py::OrderedDict(entries.clone())), ("names", Py::Dict(names))])
    };
    let keys: [fn(i64) -> Py; 3] = [Py::Int, |class| Py::Float(class as f64), |class| Py::Str(class.to_string())];
    for key in keys {
        let summary = converted(torch_file(&named(key))).summary;
        assert_eq!((summary.classes[0].as_str(), summary.classes[79].as_str()), ("N0", "N79"));
    }
    let names = Py::List((0..80).map(|class| Py::Str(format!("L{class}"))).collect());
    for key in ["names", "class_names", "classes"] {
        let inside = [entries.clone(), vec![(Py::Str(key.to_owned()), names.clone())]].concat();
        assert_eq!(converted(torch_file(&Py::Dict(inside))).summary.classes[79], "L79", "{key}");
        let beside = dict([("net", Py::OrderedDict(entries.clone())), (key, names.clone())]);
        assert_eq!(converted(torch_file(&beside)).summary.classes[79], "L79", "{key}");
        let settings = dict([(key, names.clone())]);
        let lightning = dict([("state_dict", Py::OrderedDict(entries.clone())), ("hyper_parameters", settings)]);
        assert_eq!(converted(torch_file(&lightning)).summary.classes[79], "L79", "{key}");
    }
    // Numbers are names only where ultralytics has its names.
    let chosen = Py::List((0..80).map(Py::Int).collect());
    let beside = dict([("net", Py::OrderedDict(entries)), ("classes", chosen)]);
    assert_eq!(converted(torch_file(&beside)).summary.classes[79], "toothbrush");
}

#[test]
fn names_that_are_given_replace_the_checkpoints_own() {
    let names = ["a", "b", "c"].map(str::to_owned).to_vec();
    let options = Options { names: Some(names.clone()), ..Options::default() };
    let file = forms::ultralytics(&tiny("n"), Stored::F16);
    let expected = convert_bytes(file.clone(), &options).expect("three classes");
    assert_eq!(expected.summary.classes, names);
    // The same whether a checkpoint gets them or what was made of it before.
    let renamed = convert_bytes(converted(file).bytes, &options).expect("three classes");
    assert!(renamed.bytes == expected.bytes);
    assert_eq!(renamed.summary, expected.summary);
    let state_dict = forms::state_dict(&tiny("n"), Stored::F16);
    assert_eq!(convert_bytes(state_dict, &options).expect("three classes").summary.classes, names);
}

#[test]
fn a_fused_checkpoint_gives_what_the_unfused_one_gives() {
    for variant in ["n", "m"] {
        let model = tiny(variant);
        let unfused = converted(forms::ultralytics(&model, Stored::F64));
        let fused = converted(forms::fused(&model, Stored::F64));
        // f64 fused by the same formula: the f32 result is the same.
        assert!(tensor_bytes(&unfused.bytes) == tensor_bytes(&fused.bytes), "{variant}");
    }
}

#[test]
fn the_same_file_gives_the_same_bytes() {
    let file = forms::ultralytics(&tiny("n"), Stored::F16);
    let first = converted(file.clone()).bytes;
    for _ in 0..8 {
        assert!(converted(file.clone()).bytes == first);
    }
}

#[test]
fn metadata_tells_where_the_weights_come_from() {
    let bytes = converted(forms::ultralytics(&tiny("n"), Stored::F16)).bytes;
    let mut found = metadata(&bytes);
    let sha256 = found.remove("source_sha256").expect("a checksum");
    assert_eq!(sha256.len(), 64);
    let expected = [
        ("format", "yolo10-burn"),
        ("format_version", "1"),
        ("imgsz", "512"),
        ("names", r#"["cat","dog","Zebra é"]"#),
        ("reg_max", "16"),
        ("source_dtype", "F16"),
        ("source_date", "2026-01-02T03:04:05"),
        ("source_epoch", "-1"),
        ("source_license", "AGPL-3.0"),
        ("source_lineage", "ultralytics"),
        ("source_version", "8.4.190"),
        ("sppf_activation", "silu"),
        ("strides", "[8,16,32]"),
        ("variant", "custom"),
    ];
    assert_eq!(found, expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
}

#[test]
fn lineage_names_and_image_size_follow_the_form() {
    let model = tiny("n");
    let cases = [
        (forms::ultralytics(&model, Stored::F16), "ultralytics", forms::NAMES, Some("512")),
        (forms::thu_mig(&model, Stored::F16), "thu-mig", forms::NAMES, Some("512")),
        (forms::training(&model, &model, Stored::F16), "ultralytics", forms::NAMES, Some("[384,640]")),
        (forms::state_dict(&model, Stored::F16), "state-dict", ["class0", "class1", "class2"], None),
        (forms::safetensors(&model, Stored::F16, ""), "safetensors", ["class0", "class1", "class2"], None),
    ];
    for (file, lineage, classes, imgsz) in cases {
        let Converted { bytes, summary } = converted(file);
        assert_eq!(summary.lineage, lineage);
        assert_eq!(summary.classes, classes);
        assert_eq!(metadata(&bytes).get("imgsz").map(String::as_str), imgsz);
    }
}

#[test]
fn eighty_nameless_classes_are_those_of_coco() {
    let summary = converted(forms::state_dict(&Builder::tiny(80).build("n"), Stored::F16)).summary;
    assert_eq!((summary.classes[0].as_str(), summary.classes[79].as_str()), ("person", "toothbrush"));
}

#[test]
fn gaps_in_the_names_are_filled() {
    let names = Py::Dict(vec![(Py::Int(1), support::pickle::text("dog")), (Py::Int(2), Py::Int(3))]);
    let model = tiny("n").attribute("names", names);
    let summary = converted(torch_file(&forms::stripped(model.pickle(Stored::F16)))).summary;
    assert_eq!(summary.classes, ["class0", "dog", "3"]);
}

#[test]
fn the_activation_of_sppf_is_recorded() {
    let mut model = tiny("n");
    model.at("model.9.cv1.act").class = "torch.nn.modules.linear.Identity".to_owned();
    let bytes = converted(forms::ultralytics(&model, Stored::F16)).bytes;
    assert_eq!(metadata(&bytes)["sppf_activation"], "identity");
}

#[test]
fn the_epsilon_of_each_batch_norm_is_honoured() {
    let mut model = tiny("n");
    model.at("model.0.bn").attributes = vec![("eps".to_owned(), Py::Float(0.5))];
    let gamma = model.tensor("model.0.bn.weight").storage[0];
    let variance = model.tensor("model.0.bn.running_var").storage[0];
    let weight = model.tensor("model.0.conv.weight").storage[1];
    let found = tensors(&converted(forms::ultralytics(&model, Stored::F16)).bytes);
    let expected = weight * gamma / (variance + 0.5).sqrt();
    assert_eq!(found["backbone.stem.weight"].1[1], f64::from(expected as f32));
}

#[test]
fn strides_offsets_and_shared_storages_are_honoured() {
    let mut model = tiny("n");
    let expected = tensor_bytes(&converted(forms::ultralytics(&model, Stored::F32)).bytes);
    // The stem as channels-last memory, and two vectors as views of one longer storage.
    let stem = model.tensor("model.0.conv.weight");
    let [outputs, inputs, height, width] = stem.shape[..] else { panic!("four axes") };
    let mut channels_last = Vec::new();
    for output in 0..outputs {
        for pixel in 0..height * width {
            channels_last
                .extend((0..inputs).map(|input| stem.storage[(output * inputs + input) * height * width + pixel]));
        }
    }
    stem.storage = channels_last;
    stem.strides = vec![inputs * height * width, 1, width * inputs, inputs];
    let shift = model.tensor("model.0.bn.bias").storage.clone();
    let gain = model.tensor("model.0.bn.weight").storage.clone();
    let both = [vec![9.0], shift.clone(), gain.clone()].concat();
    for (name, offset) in [("bias", 1), ("weight", 1 + shift.len())] {
        *model.tensor(&format!("model.0.bn.{name}")) = Array { offset, ..Array::new(&[outputs], both.clone()) };
    }
    let found = tensor_bytes(&converted(forms::ultralytics(&model, Stored::F32)).bytes);
    assert!(found == expected);
}

#[test]
fn deflated_entries_are_read() {
    let pickle = Pickler::dump(&forms::stripped(tiny("n").pickle(Stored::F16)));
    let stored = converted(zip_file(&pickle.bytes, &pickle.storages, CompressionMethod::Stored));
    let deflated = converted(zip_file(&pickle.bytes, &pickle.storages, CompressionMethod::Deflated));
    assert!(tensor_bytes(&stored.bytes) == tensor_bytes(&deflated.bytes));
}

#[test]
fn a_bare_module_and_a_wrapped_one_are_read() {
    let model = tiny("n");
    let expected = tensor_bytes(&converted(forms::ultralytics(&model, Stored::F16)).bytes);
    let mut wrapper = Module::new("ultralytics.models.yolov10.model.YOLOv10");
    wrapper.children.push(("model".to_owned(), model.clone()));
    for bare in [&model, &wrapper] {
        assert!(tensor_bytes(&converted(torch_file(&bare.pickle(Stored::F16))).bytes) == expected);
    }
}

#[test]
fn both_heads_are_kept_unless_one_is_enough() {
    let model = tiny("n");
    let file = forms::ultralytics(&model, Stored::F32);
    let with = converted(file.clone());
    let options = Options { heads: Heads::OneToOne, ..Options::default() };
    let without = convert_bytes(file, &options).expect("both heads are there");
    let expected: Vec<String> = naive::expected(&model).into_keys().collect();
    assert!(tensors(&with.bytes).into_keys().eq(expected.iter().cloned()));
    let one_to_one = expected.iter().filter(|key| !key.starts_with("head.one_to_many."));
    assert!(tensors(&without.bytes).into_keys().eq(one_to_one.cloned()));
    assert!(with.summary.one_to_many && !without.summary.one_to_many);
    // As the reference counts, which fuses the other head away.
    assert_eq!(with.summary.parameters, without.summary.parameters);
}

#[test]
fn a_checkpoint_fused_for_the_one_to_one_head_has_no_other() {
    let mut model = naive::fused(&tiny("n"));
    model.at("model.23").children.retain(|(name, _)| !["cv2", "cv3"].contains(&name.as_str()));
    let found = converted(forms::ultralytics(&model, Stored::F32));
    assert!(!found.summary.one_to_many);
}

#[test]
fn half_precision_is_the_full_one_rounded_once() {
    let file = forms::ultralytics(&tiny("s"), Stored::F16);
    let full = tensors(&converted(file.clone()).bytes);
    let options = Options { dtype: DType::F16, ..Options::default() };
    let half = convert_bytes(file, &options).expect("tiny weights fit");
    assert_eq!(half.summary.dtype, DType::F16);
    // Half a unit in the last place of f16, plus f32's own rounding.
    const TOLERANCE: f64 = 1.0 / 2048.0 + 1e-7;
    for (name, (_, values)) in tensors(&half.bytes) {
        for (half, full) in values.iter().zip(&full[&name].1) {
            assert!((half - full).abs() <= full.abs() * TOLERANCE + 6e-8, "{name}: {half} for {full}");
        }
    }
}

#[test]
fn a_converted_file_is_passed_through_whatever_the_options() {
    let once = converted(forms::ultralytics(&tiny("n"), Stored::F16));
    let options = Options { dtype: DType::F16, heads: Heads::OneToOne, ..Options::default() };
    let twice = convert_bytes(once.bytes.clone(), &options).expect("a converted file");
    assert!(twice.bytes == once.bytes);
    assert_eq!(twice.summary, once.summary);
}
