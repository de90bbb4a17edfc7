//! YOLO label files: one `class x y width height [score]` per line, boxes by their centres, relative to the picture.

use std::fmt::Write;

use anyhow::Result;
use yolov10_model::{Detection, Size};

use super::RunFolder;
use crate::general::general;

/// Significant digits, as in the reference (`%g`).
const DIGITS: usize = 6;

/// Whether a line ends with the score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scores {
    /// Every line ends with the score.
    Written,
    /// No line has a score.
    LeftOut,
}

/// Writes `labels/STEM.txt` for a picture of this size. Without detections there is no file; an old one is removed.
pub fn save_labels(folder: &RunFolder, stem: &str, detections: &[Detection], size: Size, scores: Scores) -> Result<()> {
    let name = format!("labels/{stem}.txt");
    if detections.is_empty() {
        return folder.remove(&name);
    }
    folder.write(&name, label_text(detections, size, scores).as_bytes())
}

/// The content of the label file of a picture of this size.
pub fn label_text(detections: &[Detection], size: Size, scores: Scores) -> String {
    detections.iter().map(|detection| line(detection, size, scores)).collect()
}

fn line(detection: &Detection, size: Size, scores: Scores) -> String {
    let rect = detection.rect;
    let (width, height) = (size.width as f32, size.height as f32);
    let mut line = detection.class.to_string();
    let numbers = [
        (rect.x1 + rect.x2) / 2.0 / width,
        (rect.y1 + rect.y2) / 2.0 / height,
        rect.width() / width,
        rect.height() / height,
    ];
    let score = (scores == Scores::Written).then_some(detection.score);
    for number in numbers.into_iter().chain(score) {
        write!(line, " {}", general(number.into(), DIGITS)).expect("a string takes everything");
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use yolov10_model::Rect;

    use super::*;

    #[test]
    fn a_line_has_class_centre_size_and_score() {
        let rect = Rect { x1: 10.0, y1: 20.0, x2: 30.0, y2: 60.0 };
        let detection = Detection { class: 7, score: 0.25, rect };
        let size = Size { height: 200, width: 100 };
        assert_eq!(line(&detection, size, Scores::Written), "7 0.2 0.2 0.2 0.2 0.25\n");
        assert_eq!(line(&detection, size, Scores::LeftOut), "7 0.2 0.2 0.2 0.2\n");
    }
}
