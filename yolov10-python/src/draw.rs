//! Boxes and labels in pictures, as `yolo10-burn run` draws them.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use yolo10_burn::media::{Artist, Label, Style};
use yolo10_burn::{Detection, Rect};

use crate::pictures::{Array, Lent, array};

/// A row of what was found: left, top, right, bottom, score, class.
type Row = (f32, f32, f32, f32, f32, f32);

/// RGB pixels with what was found drawn into a copy of them.
#[pyfunction]
pub fn draw<'py>(
    py: Python<'py>,
    pixels: Lent,
    rows: Vec<Row>,
    class_names: Vec<String>,
    line_width: Option<u32>,
    labels: bool,
    scores: bool,
) -> PyResult<Array<'py>> {
    let found = rows.into_iter().map(|row| detection(row, class_names.len())).collect::<PyResult<Vec<_>>>()?;
    let label = match (labels, scores) {
        (false, _) => Label::Nothing,
        (true, false) => Label::Name,
        (true, true) => Label::NameAndScore,
    };
    let mut picture = pixels.picture()?;
    py.detach(|| Artist::new(Style { line_width, label }, &class_names).draw(&mut picture, &found));
    Ok(array(py, &picture))
}

fn detection((x1, y1, x2, y2, score, class): Row, classes: usize) -> PyResult<Detection> {
    let is_known = class >= 0.0 && (class as usize) < classes;
    let found = Detection { class: class as usize, score, rect: Rect { x1, y1, x2, y2 } };
    is_known.then_some(found).ok_or_else(|| {
        PyValueError::new_err(format!("boxes: expected classes from 0 to {}, found {class}", classes.saturating_sub(1)))
    })
}
