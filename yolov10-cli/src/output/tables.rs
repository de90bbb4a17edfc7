//! All detections of a run in one file: CSV, or the results format of COCO.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use detection_metrics::Bounds;
use detection_metrics::coco::{CATEGORY_IDS, ImageId, Prediction};
use serde::Serialize;
use yolov10_media::{About, seconds};
use yolov10_model::{Detection, Rect};

use super::RunFolder;
use super::file::OutputFile;

/// Number, first and last of COCO's class names: weights with these are taken to have all of them.
const COCO_ENDS: (usize, &str, &str) = (80, "person", "toothbrush");

/// `predictions.csv`.
pub struct CsvTable {
    writer: csv::Writer<OutputFile>,
    path: PathBuf,
}

#[derive(Serialize)]
struct Row<'a> {
    image: Cow<'a, str>,
    frame: Option<usize>,
    class: usize,
    name: Cow<'a, str>,
    score: f32,
    x1: f32,
    y1: f32,
    x2: f32,
    y2: f32,
    /// Time of a frame, in seconds.
    time: Option<f64>,
}

impl CsvTable {
    const HEAD: [&'static str; 10] = ["image", "frame", "class", "name", "score", "x1", "y1", "x2", "y2", "time"];

    pub fn create(folder: &RunFolder) -> Result<Self> {
        let file = folder.file("predictions.csv")?;
        let path = file.path().to_owned();
        // The header is written even if no row follows.
        let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(file);
        writer.write_record(Self::HEAD).with_context(|| path.display().to_string())?;
        Ok(Self { writer, path })
    }

    pub fn add(&mut self, about: &About, detection: &Detection, name: &str) -> Result<()> {
        let &Detection { class, score, rect } = detection;
        let frame = about.frame.map(|frame| frame.number);
        let (image, [x1, y1, x2, y2]) = (cell(&about.name), [rect.x1, rect.y1, rect.x2, rect.y2]);
        let time = about.frame.and_then(|frame| frame.at).map(seconds);
        let row = Row { image, frame, class, name: cell(name), score, x1, y1, x2, y2, time };
        self.writer.serialize(row).with_context(|| self.path.display().to_string())
    }

    pub fn keep(self) -> Result<()> {
        let file = self.writer.into_inner().map_err(|error| error.into_error());
        file.with_context(|| self.path.display().to_string())?.keep()
    }
}

/// The text with an apostrophe before it if a spreadsheet would take it for a formula.
fn cell(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}").into() } else { text.into() }
}

/// `predictions.json`, in the format that `pycocotools` reads.
pub struct CocoResults {
    file: OutputFile,
    is_empty: bool,
    category_ids: Vec<u64>,
    /// The numbers already used as ids, each with the stem of its picture.
    numbers: HashMap<u64, String>,
    /// Numbers that are nobody's id.
    shared: HashSet<u64>,
}

/// The numbers that several of these files go by, as `7.jpg` and `007.jpg` do.
pub fn shared_numbers<'a>(files: impl IntoIterator<Item = &'a Path>) -> HashSet<u64> {
    let (mut stems, mut shared) = (HashMap::new(), HashSet::new());
    for file in files {
        if let ImageId::Number(number) = ImageId::of(file)
            && stems.insert(number, file.file_stem()).is_some_and(|other| other != file.file_stem())
        {
            shared.insert(number);
        }
    }
    shared
}

impl CocoResults {
    /// Results of classes with these names; `shared` are numbers that no picture has alone.
    pub fn create(folder: &RunFolder, class_names: &[String], shared: HashSet<u64>) -> Result<Self> {
        let ends = class_names.first().zip(class_names.last());
        let is_coco = ends.is_some_and(|(first, last)| (class_names.len(), &**first, &**last) == COCO_ENDS);
        let category_ids = if is_coco { CATEGORY_IDS.to_vec() } else { (1..=class_names.len() as u64).collect() };
        let file = folder.file("predictions.json")?;
        Ok(Self { file, is_empty: true, category_ids, numbers: HashMap::new(), shared })
    }

    pub fn add(&mut self, about: &About, detection: &Detection) -> Result<()> {
        let prediction = Prediction::new(
            Path::new(&about.name),
            self.id(about.file_stem()),
            self.category_ids[detection.class],
            &measurable(detection),
        );
        let separator = if self.is_empty { "[" } else { "," };
        self.is_empty = false;
        self.file.append(format!("{separator}\n{}", serde_json::to_string(&prediction)?).as_bytes())
    }

    /// The stem, as a number if it is one and no other picture has it: `7.jpg` and `007.jpg` are two pictures. Of
    /// pictures that were not known before, the first one has the number.
    fn id(&mut self, stem: String) -> ImageId {
        // A trailing dot keeps a dot within the stem from starting an extension.
        match ImageId::of(Path::new(&format!("{stem}."))) {
            ImageId::Number(number) if self.shared.contains(&number) => ImageId::Name(stem),
            ImageId::Number(number) if *self.numbers.entry(number).or_insert_with(|| stem.clone()) != stem => {
                ImageId::Name(stem)
            }
            id => id,
        }
    }

    pub fn keep(mut self) -> Result<()> {
        self.file.append(if self.is_empty { b"[]\n" } else { b"\n]\n" })?;
        self.file.keep()
    }
}

/// Converts a detection for the metrics.
pub fn measurable(found: &Detection) -> detection_metrics::Detection {
    let Rect { x1, y1, x2, y2 } = found.rect;
    let [x1, y1, x2, y2] = [x1, y1, x2, y2].map(f64::from);
    detection_metrics::Detection { class: found.class, score: found.score, bounds: Bounds { x1, y1, x2, y2 } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_no_formula() {
        for (text, expected) in [
            ("=1+1.jpg", "'=1+1.jpg"),
            ("+a", "'+a"),
            ("-", "'-"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("a=1.jpg", "a=1.jpg"),
            ("bus.jpg", "bus.jpg"),
        ] {
            assert_eq!(cell(text), expected);
        }
    }
}
