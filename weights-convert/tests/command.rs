//! The binary: where it writes, what it says, and its exit codes.

mod support;

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use support::{converted, forms, network::tiny, pickle::Stored};
use weights_convert::{Options, convert};

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weights-convert"));
    command.current_dir(folder).args(arguments).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// Names of a folder's files, sorted.
fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
    names.sort();
    names
}

/// A folder with a checkpoint `tiny.pt`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = forms::ultralytics(&tiny("n"), Stored::F16);
    fs::write(folder.path().join("tiny.pt"), file).expect("room for a file");
    folder
}

#[test]
fn the_result_lies_beside_the_input_and_is_reported_in_one_line() {
    let folder = folder();
    let output = run(folder.path(), &["tiny.pt"]);
    let expected = "tiny.safetensors: YOLOv10 custom, 3 classes, 312393 parameters, 212 tensors, f32, both heads, 2.0 MB, from ultralytics\n";
    assert_eq!((text(&output.stdout), text(&output.stderr)), (expected, ""));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(files(folder.path()), ["tiny.pt", "tiny.safetensors"]);
    let written = fs::read(folder.path().join("tiny.safetensors")).expect("the result");
    let in_memory = convert(&folder.path().join("tiny.pt"), &Options::default()).expect("a checkpoint");
    assert!(written == in_memory.bytes);
}

#[test]
fn options_choose_the_output_the_type_and_the_heads() {
    let folder = folder();
    let output = run(folder.path(), &["tiny.pt", "-o", "half.st", "--dtype", "f16", "--one2one-only"]);
    let line = text(&output.stdout);
    assert!(line.starts_with("half.st: YOLOv10 custom, 3 classes, "), "{line}");
    assert!(line.contains(" 164 tensors, f16, one-to-one head, "), "{line}");
    // What was an option is what is done anyway.
    let output = run(folder.path(), &["tiny.pt", "-o", "both.st", "--keep-one2many"]);
    assert!(text(&output.stdout).contains(" 212 tensors, f32, both heads, "), "{output:?}");
    assert_eq!(files(folder.path()), ["both.st", "half.st", "tiny.pt"]);
}

#[test]
fn names_come_from_a_text_or_a_data_set_file() {
    let folder = folder();
    fs::write(folder.path().join("names.txt"), "\u{feff}cat\r\n\nno\n7\n").expect("room for a file");
    fs::write(folder.path().join("data.yaml"), "val: x\nnames: {0: cat, 1: no, 2: 7}\n").expect("room for a file");
    for file in ["names.txt", "data.yaml"] {
        let output = run(folder.path(), &["tiny.pt", "--names", file]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let written = convert(&folder.path().join("tiny.safetensors"), &Options::default()).expect("a result");
        assert_eq!(written.summary.classes, ["cat", "no", "7"]);
    }
    let output = run(folder.path(), &["tiny.safetensors", "--names", "names.txt", "--dtype", "f16", "-o", "b.st"]);
    let expected = "error: tiny.safetensors: converted already: --dtype and --one2one-only need its source\n";
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(2), expected));
    fs::write(folder.path().join("names.txt"), "cat\n").expect("room for a file");
    let output = run(folder.path(), &["tiny.pt", "--names", "names.txt"]);
    let expected = "error: tiny.pt: class names: expected 3, one for each class of the weights, found 1\n";
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(2), expected));
}

/// Bytes of a converted file, earlier than those of the test.
fn earlier() -> Vec<u8> {
    converted(forms::ultralytics(&tiny("s"), Stored::F16)).bytes
}

#[test]
fn a_wrong_file_leaves_an_earlier_result_alone() {
    let folder = folder();
    fs::write(folder.path().join("wrong.pt"), "not a checkpoint").expect("room for a file");
    fs::write(folder.path().join("result.safetensors"), earlier()).expect("room for a file");
    let output = run(folder.path(), &["wrong.pt", "-o", "result.safetensors"]);
    assert_eq!(text(&output.stdout), "");
    assert_eq!(text(&output.stderr), "error: wrong.pt: not a checkpoint but a text file: give a .pt or .safetensors\n");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(fs::read(folder.path().join("result.safetensors")).expect("the earlier file"), earlier());
    assert_eq!(files(folder.path()), ["result.safetensors", "tiny.pt", "wrong.pt"]);
}

#[test]
fn an_earlier_result_is_replaced_on_success() {
    let folder = folder();
    let path = folder.path().join("tiny.safetensors");
    fs::write(&path, earlier()).expect("room for a file");
    assert_eq!(run(folder.path(), &["tiny.pt"]).status.code(), Some(0));
    assert_ne!(fs::read(&path).expect("the result"), earlier());
    assert_eq!(files(folder.path()), ["tiny.pt", "tiny.safetensors"]);
}

#[test]
fn what_no_conversion_has_written_is_not_replaced() {
    let folder = folder();
    // As downloaded: PyTorch's names under the name that a result would have.
    let original = forms::safetensors(&tiny("n"), Stored::F32, "");
    fs::write(folder.path().join("tiny.safetensors"), &original).expect("room for a file");
    let output = run(folder.path(), &["tiny.pt"]);
    let expected = "error: tiny.safetensors exists and is not a converted file: name another output, or remove it\n";
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(2), expected));
    assert!(fs::read(folder.path().join("tiny.safetensors")).expect("the original") == original);
    // An empty file is a place that somebody has reserved.
    fs::write(folder.path().join("empty.st"), "").expect("room for a file");
    assert_eq!(run(folder.path(), &["tiny.pt", "-o", "empty.st"]).status.code(), Some(0));
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_what_is_no_file_is_refused() {
    use std::os::unix::fs::symlink;
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("elsewhere")).expect("room for a folder");
    symlink("elsewhere/target.st", at("link.st")).expect("a link to nothing yet");
    assert_eq!(run(folder.path(), &["tiny.pt", "-o", "link.st"]).status.code(), Some(0));
    assert!(at("link.st").is_symlink() && !at("elsewhere/target.st").is_symlink());
    symlink("tiny.pt", at("back.st")).expect("a link to the input");
    fs::hard_link(at("tiny.pt"), at("hard.st")).expect("another name of the input");
    for (output, expected) in [
        (".", ". is a folder: name a file as the output"),
        ("-", "- is a device or a pipe: name a file as the output"),
        ("/dev/null", "/dev/null is a device or a pipe: name a file as the output"),
        ("back.st", "back.st is the input itself: name another output"),
        ("hard.st", "hard.st is the input itself: name another output"),
        ("elsewhere/../tiny.pt", "elsewhere/../tiny.pt is the input itself: name another output"),
    ] {
        let said = run(folder.path(), &["tiny.pt", "-o", output]);
        assert_eq!((said.status.code(), text(&said.stderr)), (Some(2), &*format!("error: {expected}\n")));
    }
    assert_eq!(files(folder.path()), ["back.st", "elsewhere", "hard.st", "link.st", "tiny.pt"]);
}

#[test]
fn the_input_is_never_overwritten() {
    let folder = folder();
    let file = converted(forms::ultralytics(&tiny("n"), Stored::F16)).bytes;
    fs::write(folder.path().join("a.safetensors"), &file).expect("room for a file");
    for arguments in [&["a.safetensors"][..], &["tiny.pt", "-o", "./tiny.pt"]] {
        let output = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).ends_with(" is the input itself: name another output\n"));
    }
}

#[test]
fn a_missing_input_and_a_missing_folder_are_told() {
    let folder = folder();
    let output = run(folder.path(), &["none.pt"]);
    assert_eq!(text(&output.stderr), "error: none.pt: cannot read: No such file or directory (os error 2)\n");
    let output = run(folder.path(), &["tiny.pt", "-o", "none/a.safetensors"]);
    assert_eq!(
        text(&output.stderr),
        "error: cannot write none/a.safetensors: No such file or directory (os error 2)\n"
    );
    assert_eq!(output.status.code(), Some(2));
}

#[cfg(unix)]
#[test]
fn a_result_can_be_read_by_whom_the_umask_allows() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    run(folder.path(), &["tiny.pt"]);
    let mode = |name: &str| fs::metadata(folder.path().join(name)).expect("a file").permissions().mode() & 0o777;
    // `fs::write` made the input under the same umask.
    assert_eq!(mode("tiny.safetensors"), mode("tiny.pt"));
}
