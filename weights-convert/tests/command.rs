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
    let expected =
        "tiny.safetensors: YOLOv10 custom, 3 classes, 312393 parameters, 164 tensors, f32, 1.3 MB, from ultralytics\n";
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
    let output = run(folder.path(), &["tiny.pt", "-o", "half.st", "--dtype", "f16", "--keep-one2many"]);
    let line = text(&output.stdout);
    assert!(line.starts_with("half.st: YOLOv10 custom, 3 classes, ") && line.contains(" 212 tensors, f16, "), "{line}");
    assert_eq!(files(folder.path()), ["half.st", "tiny.pt"]);
}

#[test]
fn a_wrong_file_leaves_an_earlier_result_alone() {
    let folder = folder();
    fs::write(folder.path().join("wrong.pt"), "not a checkpoint").expect("room for a file");
    fs::write(folder.path().join("result.safetensors"), "earlier").expect("room for a file");
    let output = run(folder.path(), &["wrong.pt", "-o", "result.safetensors"]);
    assert_eq!(text(&output.stdout), "");
    assert_eq!(
        text(&output.stderr),
        "error: wrong.pt: not a checkpoint: expected a zip (.pt) or safetensors, found a file that starts with \"not a checkpoint\"\n"
    );
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(fs::read(folder.path().join("result.safetensors")).expect("the earlier file"), b"earlier");
    assert_eq!(files(folder.path()), ["result.safetensors", "tiny.pt", "wrong.pt"]);
}

#[test]
fn an_earlier_result_is_replaced_on_success() {
    let folder = folder();
    let path = folder.path().join("tiny.safetensors");
    fs::write(&path, "earlier").expect("room for a file");
    assert_eq!(run(folder.path(), &["tiny.pt"]).status.code(), Some(0));
    assert!(fs::read(&path).expect("the result").len() > 1_000_000);
    assert_eq!(files(folder.path()), ["tiny.pt", "tiny.safetensors"]);
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
