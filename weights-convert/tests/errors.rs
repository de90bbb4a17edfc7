//! Every way in which a file can be wrong, and the line that says so.

mod support;

use std::path::Path;

use support::{
    converted, forms, line, message, naive,
    network::{Array, Builder, Module, tiny},
    pickle::{Pickler, Py, Stored, dict, text, torch_file, zip_entries, zip_file},
};
use weights_convert::{DType, Options, convert, convert_bytes, write};
use zip::CompressionMethod::{Deflated, Stored as AsIs};

/// The message for a tiny network after `edit`, as a whole module.
fn message_after(edit: impl FnOnce(&mut Module)) -> String {
    let mut model = tiny("n");
    edit(&mut model);
    message(forms::ultralytics(&model, Stored::F32))
}

/// The message for a checkpoint whose pickle is `value`.
fn message_of(value: Py) -> String {
    message(torch_file(&value))
}

#[test]
fn a_missing_file_cannot_be_read() {
    let error = convert(Path::new("no/such/file.pt"), &Options::default()).expect_err("no file");
    assert_eq!(line(error), "cannot read: No such file or directory (os error 2)");
}

#[test]
fn a_missing_folder_cannot_be_written_to() {
    let file = converted(forms::ultralytics(&tiny("n"), Stored::F16));
    let error = write(&file, Path::new("no/such/file.safetensors")).expect_err("no folder");
    assert!(std::error::Error::source(&error).is_some());
    assert_eq!(line(error), "cannot write no/such/file.safetensors: No such file or directory (os error 2)");
}

#[test]
fn what_is_taken_for_weights_is_told_with_what_to_do() {
    let tar = [vec![b'a'; 257], b"ustar".to_vec()].concat();
    let unpack = "unpack it first";
    let exported = "give the .pt that it was exported from";
    let cut = "é\n".repeat(100);
    let cases: [(&[u8], &str, &str); 17] = [
        (
            b"version https://git-lfs.github.com/spec/v1\noid",
            "a Git LFS pointer",
            "`git lfs pull` fetches the file itself",
        ),
        (b"\x1f\x8b\x08\0", "a gzip archive", unpack),
        (b"\x28\xb5\x2f\xfd\0", "a zstd archive", unpack),
        (&tar, "a tar archive", unpack),
        (b"\x08\x08\x12\x07pytorch", "an ONNX model", exported),
        (b"\x1c\0\0\0TFL3", "a TensorFlow Lite model", exported),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "a JPEG", "a picture is a source, not weights"),
        (b"\xef\xbb\xbfPK\x03\x04", "a zip that was copied as text", "copy or download it again, as binary"),
        (
            b"\n<!DOCTYPE html>\n<html>",
            "a web page",
            "a server may have sent it in place of the file: download it again",
        ),
        (
            br#"{"message":"Not Found"}"#,
            "a JSON text",
            "a server may have sent it in place of the file: download it again",
        ),
        (b"nc: 80\n", "a text file", "give a .pt or .safetensors"),
        ("# été".as_bytes(), "a text file", "give a .pt or .safetensors"),
        // A letter lies across the end of what is looked at.
        (cut.as_bytes(), "a text file", "give a .pt or .safetensors"),
        (b"\x94\x01\0\0{\"description\": \"..\"}", "a TensorRT engine", exported),
        (&[0; 99], "a file of zeros", "the download or copy was not finished: do it again"),
        (b"\x80\x04\x95\0", "a bare pickle", "load it in Python and save it with torch.save"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes", exported),
    ];
    for (file, found, advice) in cases {
        assert_eq!(message(file.to_vec()), format!("not a checkpoint but {found}: {advice}"));
    }
    assert_eq!(message(Vec::new()), "an empty file: expected a zip (.pt) or safetensors");
    let expected = "not a checkpoint: expected a zip (.pt) or safetensors, found a file that starts with";
    assert_eq!(message(b"\x01\x02\xff".to_vec()), format!(r#"{expected} "\x01\x02\xff""#));
}

#[test]
fn what_is_no_file_is_not_read() {
    let read = |path: &str| line(convert(Path::new(path), &Options::default()).expect_err("no file"));
    assert_eq!(read("/"), "expected a file, found a folder");
    #[cfg(unix)]
    assert_eq!(read("/dev/zero"), "expected a file, found a device or a pipe");
}

#[test]
fn a_zip_around_a_checkpoint_and_a_program_are_told() {
    let zipped = [("weights/yolov10n.pt".to_owned(), b"PK".to_vec())];
    let expected = "not a checkpoint but a zip that holds weights/yolov10n.pt: unpack it first";
    assert_eq!(message(zip_entries(&zipped, AsIs)), expected);
    let script = ["a/data.pkl", "a/code/__torch__.py"].map(|name| (name.to_owned(), b".".to_vec()));
    let expected = "not a checkpoint but a TorchScript program: give the .pt that it was exported from";
    assert_eq!(message(zip_entries(&script, AsIs)), expected);
}

#[test]
fn files_of_old_torch_are_told_apart() {
    let file = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.".to_vec();
    assert_eq!(message(file), "an old torch file, not a zip: load and save it once with torch 1.6 or newer");
}

#[test]
fn a_cut_file_is_truncated() {
    let mut file = forms::ultralytics(&tiny("n"), Stored::F16);
    file.truncate(file.len() / 2);
    let message = message(file);
    assert!(message.starts_with("zip: truncated or damaged ("), "{message}");
}

#[test]
fn a_flipped_bit_of_a_weight_is_found() {
    let file = forms::ultralytics(&tiny("n"), Stored::F16);
    let name = b"best/data/0";
    let entry = file.windows(name.len()).position(|window| window == name).expect("an entry");
    let mut file = file;
    file[entry + name.len() + 5] ^= 1;
    assert_eq!(message(file), "zip entry best/data/0: Invalid checksum");
}

#[test]
fn a_zip_of_something_else_has_no_pickle() {
    let file = zip_entries(&[("word/document.xml".to_owned(), b"<xml/>".to_vec())], AsIs);
    assert_eq!(message(file), "not a checkpoint: no data.pkl in the zip of 1 entries");
}

#[test]
fn big_endian_weights_are_refused() {
    let entries = [("a/byteorder", "big"), ("a/data.pkl", ".")];
    let entries = entries.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
    assert_eq!(message(zip_entries(&entries, AsIs)), r#"byte order "big" is not supported, expected "little""#);
}

#[test]
fn a_zip_bomb_is_refused_before_it_unfolds() {
    let bomb = zip_file(&vec![b'N'; 64 << 20], &[], Deflated);
    let limit = 16 * bomb.len() + (16 << 20);
    assert_eq!(message(bomb), format!("bytes of zip entry best/data.pkl: limit {limit}, found 67108864"));
}

#[test]
fn an_entry_that_unfolds_to_more_than_it_declares_is_refused() {
    let pickle = vec![b'N'; 1000];
    let mut file = zip_file(&pickle, &[], Deflated);
    // The declared sizes, in the local header and in the central directory.
    let declared = 1000_u32.to_le_bytes();
    let places: Vec<usize> = (0..file.len() - 4).filter(|start| file[*start..*start + 4] == declared).collect();
    assert_eq!(places.len(), 2);
    for place in places {
        file[place..place + 4].copy_from_slice(&10_u32.to_le_bytes());
    }
    let message = message(file);
    assert!(message.starts_with("zip entry best/data.pkl: "), "{message}");
}

#[test]
fn a_pickle_that_asks_for_much_is_truncated() {
    let pickle = b"\x80\x04\x8d\x00\x00\x00\x00\x00\x00\x00\x10.";
    assert_eq!(
        message(zip_file(pickle, &[], AsIs)),
        "opcode 0x8d at offset 2: truncated: needs 1152921504606846976 bytes, 1 left"
    );
}

#[test]
fn a_pickle_of_too_many_opcodes_is_refused() {
    let file = zip_file(&vec![b'N'; (1 << 20) + 1], &[], AsIs);
    assert_eq!(message(file), "opcodes of the pickle: limit 1048576, found 1048577");
}

#[test]
fn a_pickle_without_an_end_is_truncated() {
    assert_eq!(message(zip_file(b"\x80\x02N", &[], AsIs)), "truncated: the pickle ends at offset 3 without STOP");
}

#[test]
fn a_checkpoint_without_weights_says_what_it_holds() {
    let expected = "no weights in the checkpoint: expected a module or a state dict, found";
    let list = Py::List(vec![Py::None]);
    let cases = [
        (Py::Int(1), "an int"),
        (list.clone(), "a sequence of 1"),
        (dict([("epoch", Py::Int(1))]), "a dict of 1 without ema, model or tensors"),
        (dict([("model", text("yolov10n.yaml"))]), "a string"),
        (dict([("model", Py::Bool(true))]), "a bool"),
        (dict([("model", Py::Float(1.0))]), "a float"),
        (dict([("model", list)]), "a sequence of 1"),
        (dict([("model", Py::Raw(b"C\x01a".to_vec()))]), "bytes"),
        (dict([("model", Py::Global("os.system".to_owned()))]), "os.system"),
        (dict([("model", Py::Dict(vec![(Py::Int(1), Py::None)]))]), "a dict of 1 without ema, model or tensors"),
        (Py::Dict(vec![(Py::Int(1), tensor(&[1]))]), "a dict with an int as a key"),
        (Py::Call("os.system".to_owned(), vec![text("true")]), "os.system"),
    ];
    for (value, found) in cases {
        assert_eq!(message_of(value), format!("{expected} {found}"));
    }
}

#[test]
fn a_compiled_model_that_hides_its_layers_is_told() {
    let compiled = Py::Call("torch._dynamo.eval_frame.OptimizedModule".to_owned(), vec![Py::None]);
    let expected = "a model of torch.compile: save its `_orig_mod` or its state dict";
    assert_eq!(message_of(dict([("model", compiled)])), expected);
}

#[test]
fn what_is_no_tensor_is_named() {
    let weight = Py::Call("torch._tensor._rebuild_from_type_v2".to_owned(), vec![Py::None]);
    let state_dict = dict([("model.0.conv.weight", tensor(&[1])), ("model.0.conv.bias", weight)]);
    assert_eq!(
        message_of(state_dict),
        "model.0.conv.bias: expected a tensor, found torch._tensor._rebuild_from_type_v2"
    );
    let arguments: [&[u8]; 5] =
        [b"(NNNNt", b"(NK\x00)(K\x01tt", b"(NJ\xff\xff\xff\xff))t", b"(NK\x00))t", b"(NQK\x00))t"];
    for arguments in arguments {
        let record = [b"ctorch._utils\n_rebuild_tensor_v2\n", arguments, b"R"].concat();
        let state_dict = dict([("weight", Py::Raw(record))]);
        assert_eq!(message_of(state_dict), "weight: expected a tensor, found torch._utils._rebuild_tensor_v2");
    }
}

/// A tensor of zeros.
fn tensor(shape: &[usize]) -> Py {
    Py::Tensor(Array::new(shape, vec![0.0; shape.iter().product()]), Stored::F32)
}

#[test]
fn a_missing_storage_is_named() {
    let pickle = Pickler::dump(&dict([("weight", tensor(&[1]))]));
    assert_eq!(message(zip_file(&pickle.bytes, &[], AsIs)), "weight: storage 0 missing");
}

#[test]
fn a_storage_of_the_wrong_size_is_named() {
    let pickle = Pickler::dump(&dict([("weight", tensor(&[3]))]));
    assert_eq!(
        message(zip_file(&pickle.bytes, &[vec![0; 8]], AsIs)),
        "weight: expected a storage of 12 bytes, found 8"
    );
}

#[test]
fn a_view_stays_inside_of_its_storage_and_repeats_nothing() {
    let message = message_after(|model| model.tensor("model.0.bn.bias").offset = 1);
    assert_eq!(message, "model.0.bn.bias: reaches element 4 of a storage of 4");
    let message = message_after(|model| {
        let bias = model.tensor("model.0.bn.bias");
        (bias.strides, bias.storage) = (vec![0], vec![1.0]);
    });
    assert_eq!(message, "model.0.bn.bias: reaches element 4 of a storage of 1");
    let message = message_after(|model| model.tensor("model.0.bn.bias").strides = vec![1 << 62]);
    assert!(message.starts_with("model.0.bn.bias: reaches element 13835058055282163712"), "{message}");
}

#[test]
fn weights_are_floating_point() {
    let message = message_after(|model| model.tensor("model.0.bn.bias").is_integer = true);
    assert_eq!(message, "model.0.bn.bias: dtype Long is not supported, expected f16, bf16, f32 or f64");
}

#[test]
fn a_name_that_comes_twice_is_an_error() {
    let state_dict = dict([("model.0.conv.weight", tensor(&[1])), ("module.model.0.conv.weight", tensor(&[1]))]);
    assert_eq!(message_of(state_dict), "model.0.conv.weight: stored twice");
}

#[test]
fn another_network_is_told_by_its_first_other_layer() {
    let message = message_after(|model| model.at("model.9").class = "ultralytics.nn.modules.block.C3".to_owned());
    assert_eq!(message, "not a YOLOv10: layer 9 is C3, expected SPPF");
    let message = message_after(|model| model.at("model").children.truncate(23));
    assert_eq!(message, "not a YOLOv10: layer 23 is missing, expected v10Detect");
    let message = message_after(|model| {
        let extra = Module::new("ultralytics.nn.modules.conv.Conv");
        model.at("model").children.push(("24".to_owned(), extra));
    });
    assert_eq!(message, "not a YOLOv10: layer 24 is Conv, expected nothing");
}

#[test]
fn another_activation_or_shortcut_is_another_network() {
    let message = message_after(|model| model.at("model.4.cv1.act").class = "torch.nn.ReLU".to_owned());
    assert_eq!(message, "not a YOLOv10: model.4.cv1.act is ReLU, expected SiLU");
    let message = message_after(|model| model.at("model.5.cv2.act").class = "torch.nn.SiLU".to_owned());
    assert_eq!(message, "not a YOLOv10: model.5.cv2.act is SiLU, expected Identity");
    let message = message_after(|model| model.at("model.9.cv1.act").class = "torch.nn.ReLU".to_owned());
    assert_eq!(message, "not a YOLOv10: model.9.cv1.act is ReLU, expected SiLU or Identity");
    let message = message_after(|model| {
        model.at("model.13.m.0").attributes = vec![("add".to_owned(), Py::Bool(true))];
    });
    assert_eq!(message, "not a YOLOv10: model.13.m.0 is with a shortcut, expected without a shortcut");
}

#[test]
fn one_missing_and_one_unexpected_tensor_are_named() {
    let message = message_after(|model| model.at("model.1.bn").buffers.retain(|(name, _)| name != "running_var"));
    assert_eq!(message, "not a YOLOv10: 1 missing (model.1.bn.running_var)");
    let message = message_after(|model| {
        model.at("model.1.conv").parameters.push(("mask".to_owned(), Array::new(&[1], vec![1.0])));
    });
    assert_eq!(message, "not a YOLOv10: 1 unexpected (model.1.conv.mask)");
}

#[test]
fn at_most_ten_names_are_listed() {
    let few = dict([("a", tensor(&[1])), ("b", tensor(&[1]))]);
    assert_eq!(
        message_of(few),
        "not a YOLOv10: 357 missing (model.0.conv.weight, model.0.bn.weight, model.0.bn.bias, \
         model.0.bn.running_mean, model.0.bn.running_var, ...); 2 unexpected (a, b)"
    );
}

#[test]
fn a_checkpoint_fused_for_the_other_head_is_told() {
    let mut model = naive::fused(&tiny("n"));
    model.at("model.23").children.retain(|(name, _)| !name.starts_with("one2one"));
    assert_eq!(
        message(forms::ultralytics(&model, Stored::F32)),
        "no one-to-one head (model.23.one2one_cv2.*): the checkpoint was fused for non-maximum \
         suppression, take the unfused one"
    );
}

#[test]
fn a_shape_that_does_not_fit_the_graph_is_named_with_both_values() {
    let reshape = |name: &'static str, shape: &'static [usize]| {
        message_after(|model| {
            *model.tensor(name) = Array::new(shape, vec![0.0; shape.iter().product()]);
        })
    };
    assert_eq!(
        reshape("model.4.cv1.conv.weight", &[16, 8, 1, 1]),
        "model.4.cv1.conv.weight: expected [16, 16, 1, 1], found [16, 8, 1, 1]"
    );
    assert_eq!(
        reshape("model.0.conv.weight", &[4, 3, 5, 5]),
        "model.0.conv.weight: expected [4, 3, 3, 3], found [4, 3, 5, 5]"
    );
    assert_eq!(
        reshape("model.5.cv2.conv.weight", &[32, 32, 3, 3]),
        "model.5.cv2.conv.weight: expected [32, 1, 3, 3], found [32, 32, 3, 3]"
    );
    assert_eq!(reshape("model.0.bn.bias", &[5]), "model.0.bn.bias: expected [4], found [5]");
    assert_eq!(
        reshape("model.0.conv.weight", &[0, 3, 3, 3]),
        "model.0.conv.weight: expected [1, 3, 3, 3], found [0, 3, 3, 3]"
    );
    assert_eq!(reshape("model.0.conv.weight", &[]), "model.0.conv.weight: expected [1, 3, 3, 3], found []");
    assert_eq!(
        reshape("model.23.one2one_cv2.1.2.weight", &[60, 64, 1, 1]),
        "model.23.one2one_cv2.1.2.weight: expected [64, 64, 1, 1], found [60, 64, 1, 1]"
    );
    assert_eq!(
        reshape("model.23.one2one_cv3.1.2.weight", &[4, 16, 1, 1]),
        "model.23.one2one_cv3.1.2.weight: expected [3, 16, 1, 1], found [4, 16, 1, 1]"
    );
    assert_eq!(
        reshape("model.23.dfl.conv.weight", &[1, 8, 1, 1]),
        "model.23.dfl.conv.weight: expected [1, 16, 1, 1], found [1, 8, 1, 1]"
    );
}

#[test]
fn channels_that_cannot_be_split_are_named() {
    let odd = message_after(|model| {
        *model.tensor("model.2.cv1.conv.weight") = Array::new(&[7, 8, 1, 1], vec![0.0; 56]);
        for part in ["weight", "bias", "running_mean", "running_var"] {
            *model.tensor(&format!("model.2.cv1.bn.{part}")) = Array::new(&[7], vec![1.0; 7]);
        }
    });
    assert_eq!(odd, "model.2.cv1.conv.weight: expected an even number, found 7 channels");
    let width = |channels: usize| {
        if channels == 1024 { 2 * 200 } else { channels / 16 }
    };
    let model = Builder::with_width(3, width).build("n");
    assert_eq!(
        message(forms::ultralytics(&model, Stored::F32)),
        "model.10.attn.qkv.conv.weight: expected a multiple of 3 heads, found 200 channels"
    );
}

#[test]
fn other_bins_of_the_box_distribution_are_refused() {
    let message = message_after(|model| model.tensor("model.23.dfl.conv.weight").storage[3] = 3.5);
    assert_eq!(message, "model.23.dfl.conv.weight: expected 3 at 3, found 3.5");
}

#[test]
fn a_value_that_has_no_place_in_the_output_is_named() {
    let mut model = tiny("n");
    model.tensor("model.23.one2one_cv2.0.2.bias").storage[0] = 1e5;
    let file = forms::ultralytics(&model, Stored::F32);
    assert_eq!(converted(file.clone()).summary.dtype, DType::F32);
    let options = Options { dtype: DType::F16, ..Options::default() };
    let error = convert_bytes(file, &options).expect_err("f16 ends at 65504");
    assert_eq!(error.to_string(), "tensor head.one_to_one.boxes.0.output.bias: value 1e5 does not fit f16");
    let message = message_after(|model| model.tensor("model.0.bn.running_var").storage[0] = -1.0);
    assert_eq!(message, "tensor backbone.stem.weight: value NaN does not fit f32");
}

#[test]
fn a_broken_safetensors_header_is_told() {
    let mut file = forms::safetensors(&tiny("n"), Stored::F16, "");
    file.pop();
    assert_eq!(message(file), "safetensors: incomplete metadata, file not fully covered");
}

#[test]
fn a_converted_file_of_another_generation_is_refused() {
    let message = message(edited(r#""format_version":"1""#, r#""format_version":"9""#));
    assert_eq!(message, "format_version: expected 1, found 9");
}

#[test]
fn damaged_metadata_is_named() {
    let cases = [
        (r#""variant":"#, r#""Variant":"#, "metadata variant: expected a variant, found nothing"),
        (r#""names":"["#, r#""names":"{"#, "metadata names: expected an array of strings, found {\\\"cat\\\"]"),
        (r#""format_version":"#, r#""format_Version":"#, "metadata format_version: expected a version, found nothing"),
    ];
    for (from, to, expected) in cases {
        let found = message(edited(from, to));
        assert_eq!(found.replace(r#",\"dog\",\"Zebra é\""#, ""), expected);
    }
}

/// A converted file with a part of its header replaced by one of the same length.
fn edited(from: &str, to: &str) -> Vec<u8> {
    let mut file = converted(forms::ultralytics(&tiny("n"), Stored::F16)).bytes;
    let place = file.windows(from.len()).position(|window| window == from.as_bytes()).expect("in the header");
    file[place..place + from.len()].copy_from_slice(to.as_bytes());
    file
}

#[test]
fn names_that_are_not_as_many_as_the_classes_are_told() {
    let options = Options { names: Some(vec!["cat".to_owned()]), ..Options::default() };
    let error = convert_bytes(forms::ultralytics(&tiny("n"), Stored::F16), &options).expect_err("three classes");
    assert_eq!(line(error), "class names: expected 3, one for each class of the weights, found 1");
}

#[test]
fn more_than_a_checkpoint_can_need_is_refused() {
    let long = "x".repeat(300);
    assert_eq!(message_of(dict([(&long, tensor(&[1]))])), "bytes of a tensor's name: limit 256, found 300");
    let many_axes = dict([("weight", tensor(&[1; 9]))]);
    assert_eq!(message_of(many_axes), "axes of a tensor: limit 8, found 9");
    let long_axis = Array { shape: vec![1 << 40], ..Array::new(&[1], vec![0.0]) };
    let long_axis = dict([("weight", Py::Tensor(long_axis, Stored::F32))]);
    assert_eq!(message_of(long_axis), "length of a tensor's axis: limit 16777216, found 1099511627776");
    let attributes = (0..1025).map(|index| (Py::Int(index), Py::None)).collect();
    let layers = Py::Object("torch.nn.Sequential".to_owned(), Box::new(Py::Dict(attributes)));
    let model = dict([("_modules", dict([("model", layers)]))]);
    assert_eq!(
        message_of(Py::Object("a.Model".to_owned(), Box::new(model))),
        "attributes of a module: limit 1024, found 1025"
    );
    let names = Py::List(vec![text(&"x".repeat(5 << 20))]);
    let file = torch_file(&forms::stripped(tiny("n").attribute("names", names).pickle(Stored::F32)));
    let message = message(file);
    assert!(message.starts_with("bytes of metadata: limit 4194304, found 52429"), "{message}");
}

#[test]
fn modules_without_end_are_refused() {
    // A module that is its own child: state {"_modules": {"a": itself}}.
    let cycle =
        b"ctorch.nn.modules.container\nSequential\n)\x81q\x01}X\x08\x00\x00\x00_modules}X\x01\x00\x00\x00ah\x01ssb";
    let model =
        Py::Object("a.B".to_owned(), Box::new(dict([("_modules", dict([("model", Py::Raw(cycle.to_vec()))]))])));
    assert_eq!(message_of(model), "depth of the modules: limit 32, found 33");
    let cycle = b"ca\nB\n)\x81q\x01}X\x08\x00\x00\x00_modules}X\x05\x00\x00\x00modelh\x01ssb";
    assert_eq!(message_of(Py::Raw(cycle.to_vec())), "depth of the modules: limit 32, found 33");
    assert!(message(zip_file(&doubling(20), &[], AsIs)).starts_with("entries of the modules: limit 65536, found "));
}

/// A model whose modules hold the next one twice each: few objects, 2^depth paths.
fn doubling(depth: u8) -> Vec<u8> {
    let module = |index: u8| [b"ctorch.nn\nSequential\n)\x81q".as_slice(), &[index]].concat();
    let mut pickle = [b"\x80\x02".to_vec(), module(0), b"0".to_vec()].concat();
    let modules = b"}X\x08\x00\x00\x00_modules}(X\x01\x00\x00\x00a";
    for index in 1..=depth {
        pickle.extend([&module(index), modules.as_slice(), b"h", &[index - 1]].concat());
        pickle.extend([b"X\x01\x00\x00\x00bh".as_slice(), &[index - 1], b"usb0"].concat());
    }
    pickle.extend(b"ca\nModel\n)\x81}X\x08\x00\x00\x00_modules}X\x05\x00\x00\x00modelh");
    pickle.extend([depth, b's', b's', b'b', b'.']);
    pickle
}
