//! An evaluation as pictures: curves over score and recall, and the confusion matrix.
//!
//! Drawn with `plotters` into memory. It finds fonts through a table of the process, which [`Plots::new`] adds to.

mod confusion;
mod curves;

use plotters::coord::Shift;
use plotters::prelude::{BitMapBackend, DrawingArea, IntoDrawingArea, WHITE};
use plotters::style::{FontStyle, register_font};

use crate::average_precision::Curve;
use crate::error::Error;
use crate::evaluation::Evaluation;

/// The name of this crate's font among the process's fonts.
const FONT: &str = "detection-metrics";

/// A picture, RGB, 0..255, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plot {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `3 * width * height` levels.
    pub rgb: Vec<u8>,
}

/// Draws evaluations.
#[derive(Clone, Copy, Debug)]
pub struct Plots(());

/// What the cells of the confusion matrix show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cells {
    /// How often.
    Counts,
    /// Which share of the things that are there, 0..1.
    Shares,
}

impl Plots {
    /// With a font file's content, OpenType or TrueType.
    ///
    /// # Errors
    /// It is not a font.
    pub fn new(font: &'static [u8]) -> Result<Self, Error> {
        register_font(FONT, FontStyle::Normal, font)
            .map_err(|_| Error::Plot { plot: "font", reason: "not an OpenType font".to_owned() })?;
        Ok(Self(()))
    }

    /// A curve of each class and of the mean.
    ///
    /// # Errors
    /// The drawing library's.
    pub fn curves(self, curve: Curve, evaluation: &Evaluation, class_names: &[String]) -> Result<Plot, Error> {
        curves::curves(curve, evaluation, class_names)
    }

    /// What was mistaken for what, among the classes that occur.
    ///
    /// # Errors
    /// The drawing library's.
    pub fn confusion(self, cells: Cells, evaluation: &Evaluation, class_names: &[String]) -> Result<Plot, Error> {
        confusion::confusion(cells, &evaluation.confusion, class_names)
    }
}

type Canvas<'a> = DrawingArea<BitMapBackend<'a>, Shift>;
type DrawingError = Box<dyn std::error::Error + Send + Sync>;

/// A white picture of `size`, width and height in pixels, that `draw` draws on.
fn paint(
    plot: &'static str,
    size: (u32, u32),
    draw: impl FnOnce(&Canvas<'_>) -> Result<(), DrawingError>,
) -> Result<Plot, Error> {
    let (width, height) = size;
    let mut rgb = vec![0; 3 * width as usize * height as usize];
    let canvas = BitMapBackend::with_buffer(&mut rgb, size).into_drawing_area();
    let drawn = canvas.fill(&WHITE).map_err(DrawingError::from).and_then(|()| draw(&canvas));
    drop(canvas);
    drawn.map_err(|error| Error::Plot { plot, reason: error.to_string() })?;
    Ok(Plot { width, height, rgb })
}
