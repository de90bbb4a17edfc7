//! A folder to run the program in, and pictures to give it.

#![allow(dead_code, reason = "every test file uses a part of it")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The drawn street scene that the program carries: 1280x896, in which the demo weights find a dozen things.
pub const STREET: &[u8] = include_bytes!("../../../assets/street.jpg");

/// Where the program notes what it has written into a folder.
pub const LEDGER: &str = ".yolo10-burn";
/// The weights that the program carries.
pub const WEIGHTS: &[u8] = include_bytes!("../../../assets/yolov10n-demo.safetensors");
/// The smallest input: where what is found does not matter, this is fast.
pub const FAST: [&str; 2] = ["--imgsz", "32"];
/// One detection in every picture, whatever is in it.
pub const ONE_EACH: [&str; 6] = ["--imgsz", "32", "--conf", "0", "--max-det", "1"];

/// A working directory of its own, gone at the end.
pub struct Workplace(TempDir);

/// What the program said, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Workplace {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, and the folders on its way.
    pub fn file(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it lies in the workplace")).expect("a folder");
        fs::write(path, bytes).expect("a file");
    }

    /// The street scene under this name.
    pub fn street(&self, name: &str) {
        self.file(name, STREET);
    }

    /// An evenly grey picture, in which there is nothing.
    pub fn grey(&self, name: &str) {
        let picture = image::RgbImage::from_pixel(48, 32, image::Rgb([114; 3]));
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it lies in the workplace")).expect("a folder");
        picture.save(path).expect("a picture");
    }

    /// A GIF of so many evenly grey frames.
    pub fn animation(&self, name: &str, frames: u8) {
        let picture = |level: u8| image::RgbaImage::from_pixel(40, 30, image::Rgba([level, level, level, 255]));
        let shown = image::Delay::from_numer_denom_ms(100, 1);
        let frame = |level: u8| image::Frame::from_parts(picture(level), 0, 0, shown);
        let mut bytes = Vec::new();
        let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
        encoder.encode_frames((0..frames).map(|number| frame(number * 40))).expect("a GIF");
        drop(encoder);
        self.file(name, &bytes);
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_yolo10-burn"));
        command.args(words).current_dir(self.0.path()).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run(&self, words: &[&str]) -> Said {
        self.command(words).output().expect("the program starts").into()
    }

    /// Runs with these bytes on stdin.
    pub fn given(&self, words: &[&str], bytes: &[u8]) -> Said {
        let mut child = self.command(words).stdin(Stdio::piped()).spawn().expect("the program starts");
        // A program that has seen enough closes its end.
        child.stdin.take().expect("a pipe").write_all(bytes).ok();
        child.wait_with_output().expect("it ends").into()
    }

    /// All files below a folder, by their paths within it, sorted; but for the program's ledgers.
    pub fn files(&self, folder: &str) -> Vec<String> {
        let root = self.path(folder);
        let mut found = Vec::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten() {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.file_name() != Some(LEDGER.as_ref()) {
                    found.push(relative(&path, &root));
                }
            }
        }
        found.sort();
        found
    }

    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect(name)
    }
}

fn relative(path: &Path, root: &Path) -> String {
    path.strip_prefix(root).expect("it is below").display().to_string()
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Said {
    /// The objects of JSON lines.
    pub fn json(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// stdout's lines with the milliseconds taken out: they differ from run to run.
    pub fn timeless(&self) -> Vec<String> {
        let untimed = |word: &str| {
            if word.ends_with("ms") { "_ms".to_owned() } else { word.to_owned() }
        };
        self.stdout.lines().map(|line| line.split(' ').map(untimed).collect::<Vec<_>>().join(" ")).collect()
    }
}
