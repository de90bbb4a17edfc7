//! YOLO label files: an object on each line, `class cx cy width height` or `class x y x y x y ..`, in shares of the
//! picture's sides.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::bounds::{Bounds, Label};
use crate::error::Error;
use crate::text;

/// How many numbers are on the line of a box.
const BOX_FIELDS: usize = 5;
/// How many numbers are on the line of the smallest polygon: a class and three corners.
const POLYGON_FIELDS: usize = 7;
/// How far outside the picture a coordinate may be, because annotation tools round.
const SLACK: f64 = 0.01;

/// Where a picture's labels are: the last folder `images` in its path becomes `labels`; if there is none, beside it.
pub(crate) fn label_path(image: &Path) -> PathBuf {
    let mut parts: Vec<&OsStr> = image.iter().collect();
    let folders = parts.len().saturating_sub(1);
    if let Some(last) = parts[..folders].iter().rposition(|folder| *folder == OsStr::new("images")) {
        parts[last] = OsStr::new("labels");
    }
    parts.iter().collect::<PathBuf>().with_extension("txt")
}

/// The most bytes of a label file, enough for ten million rows.
const LARGEST: u64 = 1 << 30;

/// Reads a picture's labels; `None` if there is no label file, which means that nothing is in the picture.
pub(crate) fn read_labels(path: &Path, classes: usize) -> Result<Option<Vec<Label>>, Error> {
    match text::read(path, LARGEST) {
        Ok(text) => parse_labels(&text, path, classes).map(Some),
        Err(Error::Unreadable { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Boxes or polygons, but not both in one file; duplicate labels count once.
fn parse_labels(text: &str, path: &Path, classes: usize) -> Result<Vec<Label>, Error> {
    let mut labels = Vec::new();
    let mut seen = HashSet::new();
    let mut boxes = None;
    for (index, content) in text.lines().enumerate().filter(|(_, content)| !content.trim().is_empty()) {
        let malformed = |expected: String| Error::Label {
            path: path.to_owned(),
            line: index + 1,
            expected,
            content: text::shown(content),
        };
        let fields: Vec<f64> = content
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(|_| malformed("numbers".to_owned()))?;
        let label = parse_label(&fields, classes).map_err(malformed)?;
        let is_box = fields.len() == BOX_FIELDS;
        if *boxes.get_or_insert(is_box) != is_box {
            return Err(malformed("boxes or polygons, not both in one file".to_owned()));
        }
        if seen.insert(key(&label)) {
            labels.push(label);
        }
    }
    Ok(labels)
}

/// A key that is equal for equal labels; adding 0 turns -0 into 0.
fn key(Label { class, bounds: Bounds { x1, y1, x2, y2 } }: &Label) -> (usize, [u64; 4]) {
    (*class, [x1, y1, x2, y2].map(|edge| (edge + 0.0).to_bits()))
}

/// The label that a line's numbers stand for, or what was expected of them.
fn parse_label(fields: &[f64], classes: usize) -> Result<Label, String> {
    let polygon = fields.len() >= POLYGON_FIELDS && fields.len() % 2 == 1;
    if fields.len() != BOX_FIELDS && !polygon {
        return Err("class cx cy width height, or class and three or more x y".to_owned());
    }
    let (class, coordinates) = (fields[0], &fields[1..]);
    if !(class >= 0.0 && class < classes as f64 && class.fract() == 0.0) {
        return Err(format!("a class below {classes}"));
    }
    let [x, y, width, height] = match *coordinates {
        [x, y, width, height] => [x, y, width, height],
        ref corners => around_polygon(corners),
    };
    if ![x, y, width, height].iter().all(|share| (-SLACK..=1.0 + SLACK).contains(share)) {
        return Err("coordinates in shares of the picture, 0 to 1".to_owned());
    }
    Ok(Label { class: class as usize, bounds: Bounds::around([x, y], [width, height]) })
}

/// Centre, width and height of the box around a polygon's corners.
fn around_polygon(corners: &[f64]) -> [f64; 4] {
    let along = |axis: usize| {
        let positions = || corners.iter().copied().skip(axis).step_by(2);
        (positions().fold(f64::INFINITY, f64::min), positions().fold(f64::NEG_INFINITY, f64::max))
    };
    let ((left, right), (top, bottom)) = (along(0), along(1));
    [(left + right) / 2.0, (top + bottom) / 2.0, right - left, bottom - top]
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASSES: usize = 3;

    fn parse(text: &str) -> Result<Vec<Label>, String> {
        parse_labels(text, Path::new("a.txt"), CLASSES).map_err(|error| error.to_string())
    }

    #[test]
    fn a_line_is_a_class_and_a_box_around_a_centre() {
        let expected = Label { class: 2, bounds: Bounds { x1: 0.25, y1: 0.375, x2: 0.75, y2: 0.625 } };
        assert_eq!(parse("2 0.5 0.5 0.5 0.25\r\n\n"), Ok(vec![expected]));
    }

    #[test]
    fn a_polygon_becomes_the_box_around_it() {
        let expected = Label { class: 0, bounds: Bounds { x1: 0.25, y1: 0.125, x2: 0.75, y2: 0.625 } };
        assert_eq!(parse("0 0.25 0.125 0.75 0.25 0.5 0.625"), Ok(vec![expected]));
    }

    #[test]
    fn a_label_given_twice_counts_once() {
        assert_eq!(parse("1 0.5 0.5 0.2 0.2\n0 0.5 0.5 0.2 0.2\n1 0.5 0.5 0.2 0.2").map(|labels| labels.len()), Ok(2));
    }

    #[test]
    fn a_broken_line_is_named_with_what_was_expected() {
        for (text, expected) in [
            ("0 .5 .5 .2 .2\n0 a b c d", r#"a.txt:2: expected numbers, found "0 a b c d""#),
            ("3 .5 .5 .2 .2", r#"a.txt:1: expected a class below 3, found "3 .5 .5 .2 .2""#),
            ("1.5 .5 .5 .2 .2", r#"a.txt:1: expected a class below 3, found "1.5 .5 .5 .2 .2""#),
            ("-1 .5 .5 .2 .2", r#"a.txt:1: expected a class below 3, found "-1 .5 .5 .2 .2""#),
            (
                "0 320 .5 .2 .2",
                r#"a.txt:1: expected coordinates in shares of the picture, 0 to 1, found "0 320 .5 .2 .2""#,
            ),
            (
                "0 nan .5 .2 .2",
                r#"a.txt:1: expected coordinates in shares of the picture, 0 to 1, found "0 nan .5 .2 .2""#,
            ),
            (
                "0 .5 .5 .2",
                r#"a.txt:1: expected class cx cy width height, or class and three or more x y, found "0 .5 .5 .2""#,
            ),
            (
                "0 .1 .1 .5 .1 .5 .6 .7",
                r#"a.txt:1: expected class cx cy width height, or class and three or more x y, found "0 .1 .1 .5 .1 .5 .6 .7""#,
            ),
            (
                "0 .1 .1 .5 .1 .5 .6\n0 .5 .5 .2 .2",
                r#"a.txt:2: expected boxes or polygons, not both in one file, found "0 .5 .5 .2 .2""#,
            ),
        ] {
            assert_eq!(parse(text), Err(expected.to_owned()));
        }
    }

    #[test]
    fn labels_lie_in_the_last_images_folders_twin_or_beside_the_picture() {
        for (image, labels) in [
            ("/a/images/b/images/c.jpg", "/a/images/b/labels/c.txt"),
            ("/a/images.x/c.d.jpg", "/a/images.x/c.d.txt"),
            ("/a/images", "/a/images.txt"),
        ] {
            assert_eq!(label_path(Path::new(image)), Path::new(labels));
        }
    }
}
