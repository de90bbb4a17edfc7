//! All detections of a run in one file: CSV, or the results format of COCO.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;
use yolov10_model::Detection;

use super::WholeFile;
use crate::source::About;

/// COCO numbers its 80 classes from 1 to 90 and leaves these out.
const COCO_GAPS: [usize; 10] = [12, 26, 29, 30, 45, 66, 68, 69, 71, 83];
/// How COCO's 80 class names begin and end: who has these has them all.
const COCO_ENDS: (usize, &str, &str) = (80, "person", "toothbrush");

/// `predictions.csv`.
pub struct CsvTable(csv::Writer<WholeFile>);

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
    const HEAD: [&'static str; 9] = [
        "image", "frame", "class", "name", "score", "x1", "y1", "x2", "y2",
    ];

    pub fn create(path: &Path) -> Result<Self> {
        // The head is there even if no row follows.
        let mut writer = csv::WriterBuilder::new()
            .has_headers(false)
            .from_writer(WholeFile::create(path)?);
        writer.write_record(Self::HEAD)?;
        Ok(Self(writer))
    }

    pub fn add(&mut self, about: &About, detection: &Detection, name: &str) -> Result<()> {
        let &Detection { class, score, rect } = detection;
        let frame = about.frame.map(|frame| frame.number);
        let (image, [x1, y1, x2, y2]) = (&about.name, [rect.x1, rect.y1, rect.x2, rect.y2]);
        Ok(self.0.serialize(Row {
            image,
            frame,
            class,
            name,
            score,
            x1,
            y1,
            x2,
            y2,
        })?)
    }

    pub fn keep(self) -> Result<()> {
        self.0
            .into_inner()
            .map_err(|error| error.into_error())?
            .keep()
    }
}

/// `predictions.json`, as `pycocotools` reads it.
pub struct CocoResults {
    file: WholeFile,
    is_empty: bool,
    is_coco: bool,
}

#[derive(Serialize)]
struct Entry<'a> {
    image_id: ImageId,
    file_name: &'a str,
    category_id: usize,
    bbox: [f64; 4],
    score: f64,
}

/// COCO's own pictures have numbers for names.
#[derive(Serialize)]
#[serde(untagged)]
enum ImageId {
    Number(u64),
    Name(String),
}

impl CocoResults {
    pub fn create(path: &Path, class_names: &[String]) -> Result<Self> {
        let ends = class_names.first().zip(class_names.last());
        let is_coco =
            ends.is_some_and(|(first, last)| (class_names.len(), &**first, &**last) == COCO_ENDS);
        Ok(Self {
            file: WholeFile::create(path)?,
            is_empty: true,
            is_coco,
        })
    }

    pub fn add(&mut self, about: &About, detection: &Detection) -> Result<()> {
        let stem = about.file_stem();
        let rect = detection.rect;
        let entry = Entry {
            image_id: stem.parse().map_or(ImageId::Name(stem), ImageId::Number),
            file_name: about.name.rsplit(['/', '\\']).next().unwrap_or(&about.name),
            category_id: if self.is_coco {
                coco_category(detection.class)
            } else {
                detection.class + 1
            },
            bbox: [rect.x1, rect.y1, rect.width(), rect.height()]
                .map(|pixels| rounded(pixels, 1e3)),
            score: rounded(detection.score, 1e5),
        };
        self.file
            .write_all(if self.is_empty { b"[\n" } else { b",\n" })?;
        serde_json::to_writer(&mut self.file, &entry)?;
        self.is_empty = false;
        Ok(())
    }

    pub fn keep(mut self) -> Result<()> {
        self.file
            .write_all(if self.is_empty { b"[]\n" } else { b"\n]\n" })?;
        self.file.keep()
    }
}

fn coco_category(class: usize) -> usize {
    COCO_GAPS.iter().fold(class + 1, |category, gap| {
        category + usize::from(category >= *gap)
    })
}

/// Rounded to one part in `scale`, as the reference writes boxes (1000) and scores (100000).
fn rounded(value: f32, scale: f64) -> f64 {
    (f64::from(value) * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_get_the_numbers_that_coco_gave_them() {
        // person, fire hydrant, stop sign, tie, dining table, toothbrush.
        for (class, category) in [(0, 1), (10, 11), (11, 13), (27, 32), (60, 67), (79, 90)] {
            assert_eq!(coco_category(class), category);
        }
    }
}
