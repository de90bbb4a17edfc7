//! The canvas of a plot.

use plotters::coord::Shift;
use plotters::prelude::{BitMapBackend, DrawingArea, IntoDrawingArea, WHITE};

use crate::error::Error;

/// The name under which this crate's font is registered in the process.
pub const FONT: &str = "detection-metrics";

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

pub type Canvas<'a> = DrawingArea<BitMapBackend<'a>, Shift>;
pub type DrawingError = Box<dyn std::error::Error + Send + Sync>;

/// A white picture of `size`, width and height in pixels, on which `draw` draws.
pub fn paint(
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
