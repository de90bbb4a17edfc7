//! All detections of a run in one file: CSV, or the results format of COCO.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use detection_metrics::Bounds;
use detection_metrics::coco::{CATEGORY_IDS, ImageId, Prediction};
use serde::Serialize;
use yolov10_media::About;
use yolov10_model::{Detection, Rect};

use super::OutputFile;

/// How COCO's 80 class names begin and end: who has these has them all.
const COCO_ENDS: (usize, &str, &str) = (80, "person", "toothbrush");

/// `predictions.csv`.
pub struct CsvTable(csv::Writer<OutputFile>);

#[derive(Serialize)]
struct Row<'a> {
    image: &'a str,
    frame: Option<usize>,
    class: usize,
    name: &'a str,
    score: f32,
    x1: f32,
    y1: f32,
    x2: f32,
    y2: f32,
}

impl CsvTable {
    const HEAD: [&'static str; 9] = ["image", "frame", "class", "name", "score", "x1", "y1", "x2", "y2"];

    pub fn create(path: &Path) -> Result<Self> {
        // The head is there even if no row follows.
        let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(OutputFile::create(path)?);
        writer.write_record(Self::HEAD)?;
        Ok(Self(writer))
    }

    pub fn add(&mut self, about: &About, detection: &Detection, name: &str) -> Result<()> {
        let &Detection { class, score, rect } = detection;
        let frame = about.frame.map(|frame| frame.number);
        let (image, [x1, y1, x2, y2]) = (&about.name, [rect.x1, rect.y1, rect.x2, rect.y2]);
        Ok(self.0.serialize(Row { image, frame, class, name, score, x1, y1, x2, y2 })?)
    }

    pub fn keep(self) -> Result<()> {
        self.0.into_inner().map_err(|error| error.into_error())?.keep()
    }
}

/// `predictions.json`, as `pycocotools` reads it.
pub struct CocoResults {
    file: OutputFile,
    is_empty: bool,
    category_ids: Vec<u64>,
}

impl CocoResults {
    pub fn create(path: &Path, class_names: &[String]) -> Result<Self> {
        let ends = class_names.first().zip(class_names.last());
        let is_coco = ends.is_some_and(|(first, last)| (class_names.len(), &**first, &**last) == COCO_ENDS);
        let category_ids = if is_coco { CATEGORY_IDS.to_vec() } else { (1..=class_names.len() as u64).collect() };
        Ok(Self { file: OutputFile::create(path)?, is_empty: true, category_ids })
    }

    pub fn add(&mut self, about: &About, detection: &Detection) -> Result<()> {
        let prediction = Prediction::new(
            Path::new(&about.name),
            ImageId::of(Path::new(&about.file_stem())),
            self.category_ids[detection.class],
            &measurable(detection),
        );
        self.file.write_all(if self.is_empty { b"[\n" } else { b",\n" })?;
        serde_json::to_writer(&mut self.file, &prediction)?;
        self.is_empty = false;
        Ok(())
    }

    pub fn keep(mut self) -> Result<()> {
        self.file.write_all(if self.is_empty { b"[]\n" } else { b"\n]\n" })?;
        self.file.keep()
    }
}

/// A detection as the metrics have it.
pub fn measurable(found: &Detection) -> detection_metrics::Detection {
    let Rect { x1, y1, x2, y2 } = found.rect;
    let [x1, y1, x2, y2] = [x1, y1, x2, y2].map(f64::from);
    detection_metrics::Detection { class: found.class, score: found.score, bounds: Bounds { x1, y1, x2, y2 } }
}
