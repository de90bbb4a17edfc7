//! An evaluation as pictures: curves over score and recall, and the confusion matrix.
//!
//! Drawn with `plotters` into memory. It finds fonts in a table of the process, to which [`Plots::new`] adds one.

mod canvas;
mod confusion;
mod curves;

use plotters::style::{FontStyle, register_font};

use canvas::FONT;
pub use canvas::Plot;
pub use confusion::Cells;

use crate::average_precision::Curve;
use crate::error::Error;
use crate::evaluation::Evaluation;

/// Draws evaluations.
#[derive(Clone, Copy, Debug)]
pub struct Plots(());

impl Plots {
    /// With the contents of a font file, OpenType or TrueType.
    ///
    /// # Errors
    /// It is not a font.
    pub fn new(font: &'static [u8]) -> Result<Self, Error> {
        register_font(FONT, FontStyle::Normal, font)
            .map_err(|_| Error::Plot { plot: "font", reason: "not an OpenType font".to_owned() })?;
        Ok(Self(()))
    }

    /// A curve for each class and for the mean.
    ///
    /// # Errors
    /// The drawing library fails.
    pub fn curves(self, curve: Curve, evaluation: &Evaluation, class_names: &[String]) -> Result<Plot, Error> {
        curves::curves(curve, evaluation, class_names)
    }

    /// What was mistaken for what, among the classes that occur.
    ///
    /// # Errors
    /// The drawing library fails.
    pub fn confusion(self, cells: Cells, evaluation: &Evaluation, class_names: &[String]) -> Result<Plot, Error> {
        confusion::confusion(cells, &evaluation.confusion, class_names)
    }
}
