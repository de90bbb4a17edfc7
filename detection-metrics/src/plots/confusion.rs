//! The confusion matrix as a table of shades: columns are true classes, rows predicted ones.

use plotters::prelude::{BLACK, Color, IntoFont, RGBColor, Rectangle, Text, WHITE};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontTransform, IntoTextStyle};

use super::canvas::{Canvas, DrawingError, FONT, Plot, paint};
use crate::confusion::ConfusionMatrix;
use crate::error::Error;

/// Room for the names of rows and columns, and for the title, in pixels.
const MARGIN: i32 = 190;
/// Roughly the sides of the table itself, in pixels.
const TABLE: i32 = 1000;
/// The smallest and largest side of a cell, in pixels: few classes should look like a table, and many should be legible.
const CELL: (i32, i32) = (14, 90);
/// The side of a cell, in pixels, from which a number fits into it.
const NUMBERED: i32 = 26;
/// The darkest shade.
const DARK: RGBColor = RGBColor(8, 48, 107);
const GRID: RGBColor = RGBColor(226, 226, 226);

/// What the cells of the confusion matrix show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cells {
    /// Numbers of objects.
    Counts,
    /// Shares of the objects that are there, 0..1.
    Shares,
}

pub fn confusion(cells: Cells, matrix: &ConfusionMatrix, class_names: &[String]) -> Result<Plot, Error> {
    let classes = occurring(matrix);
    let cell = (TABLE / classes.len() as i32).clamp(CELL.0, CELL.1);
    let side = (cell * classes.len() as i32 + MARGIN + MARGIN / 4) as u32;
    paint("confusion matrix", (side, side), |canvas| {
        let table = Table { matrix, cells, classes: &classes, class_names, cell };
        table.draw(canvas)
    })
}

/// The classes that are there or were found, and the background.
fn occurring(matrix: &ConfusionMatrix) -> Vec<usize> {
    let counts = &matrix.counts;
    let occurs = |class: usize| counts[class].iter().any(|count| *count > 0) || counts.iter().any(|row| row[class] > 0);
    (0..counts.len()).filter(|&class| class == matrix.background() || occurs(class)).collect()
}

struct Table<'a> {
    matrix: &'a ConfusionMatrix,
    cells: Cells,
    classes: &'a [usize],
    class_names: &'a [String],
    /// Sides of a cell, pixels.
    cell: i32,
}

impl Table<'_> {
    fn draw(&self, canvas: &Canvas<'_>) -> Result<(), DrawingError> {
        let side = self.cell * self.classes.len() as i32;
        let values = self.values();
        let most = values.iter().flatten().copied().fold(f64::MIN_POSITIVE, f64::max);
        for (row, values) in values.iter().enumerate() {
            for (column, &value) in values.iter().enumerate() {
                // Counts span decades: hundreds of false positives must not hide the rest.
                let shade = match self.cells {
                    Cells::Counts => value.ln_1p() / most.ln_1p(),
                    Cells::Shares => value,
                };
                self.draw_cell(canvas, [row as i32, column as i32], value, shade)?;
            }
        }
        let text = (f64::from(self.cell) * 0.6).clamp(11.0, 20.0);
        let font = (FONT, text).into_font();
        let end = |vertical| Pos::new(HPos::Right, vertical);
        for (place, &class) in (0..).zip(self.classes) {
            let name = self.class_names.get(class).map_or("background", String::as_str);
            let middle = place * self.cell + self.cell / 2;
            let row = font.clone().into_text_style(canvas).pos(end(VPos::Center));
            canvas.draw(&Text::new(name, (MARGIN - 8, MARGIN / 4 + middle), row))?;
            let column =
                font.clone().transform(FontTransform::Rotate270).into_text_style(canvas).pos(end(VPos::Center));
            canvas.draw(&Text::new(name, (MARGIN + middle, MARGIN / 4 + side + 8), column))?;
        }
        let title = match self.cells {
            Cells::Counts => "Confusion matrix: predicted (rows), true (columns)",
            Cells::Shares => "Confusion matrix, shares of the true: predicted (rows), true (columns)",
        };
        canvas.draw(&Text::new(title, (8, 12), (FONT, 20).into_font()))?;
        Ok(())
    }

    /// Rows are predictions.
    fn values(&self) -> Vec<Vec<f64>> {
        let counts = &self.matrix.counts;
        let total = |column: usize| counts.iter().map(|row| row[column]).sum::<u64>().max(1) as f64;
        let value = |row: usize, column: usize| match self.cells {
            Cells::Counts => counts[row][column] as f64,
            Cells::Shares => counts[row][column] as f64 / total(column),
        };
        self.classes.iter().map(|&row| self.classes.iter().map(|&column| value(row, column)).collect()).collect()
    }

    fn draw_cell(
        &self,
        canvas: &Canvas<'_>,
        [row, column]: [i32; 2],
        value: f64,
        shade: f64,
    ) -> Result<(), DrawingError> {
        let (x, y) = (MARGIN + column * self.cell, MARGIN / 4 + row * self.cell);
        let corners = [(x, y), (x + self.cell, y + self.cell)];
        canvas.draw(&Rectangle::new(corners, DARK.mix(shade).filled()))?;
        canvas.draw(&Rectangle::new(corners, GRID.stroke_width(1)))?;
        if self.cell >= NUMBERED && value > 0.0 {
            let number = match self.cells {
                Cells::Counts => format!("{value}"),
                Cells::Shares => format!("{value:.2}"),
            };
            let color = if shade > 0.5 { WHITE } else { BLACK };
            let size = f64::from(self.cell) * if number.len() > 3 { 0.26 } else { 0.34 };
            let style = (FONT, size).into_font().color(&color).pos(Pos::new(HPos::Center, VPos::Center));
            canvas.draw(&Text::new(number, (x + self.cell / 2, y + self.cell / 2), style))?;
        }
        Ok(())
    }
}
