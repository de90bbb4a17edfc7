//! The rows of `bench` as a picture: the latency of each, its percentiles on one scale.

use std::path::Path;

use anyhow::Result;
use image::RgbImage;
use image::codecs::png::PngEncoder;
use plotters::coord::Shift;
use plotters::prelude::{
    BLACK, BitMapBackend, Color, DrawingArea, IntoDrawingArea, IntoFont, PathElement, RGBColor,
    Rectangle, Text, WHITE,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, TextStyle, register_font};
use yolov10_media::FONT;

use super::measure::Row;
use super::sample::Summary;
use super::table::weights_name;
use crate::output::WholeFile;

/// What the font is called among the process's fonts.
const FONT_NAME: &str = "bench";
/// Heights of letters, pixels.
const LARGE: i32 = 28;
const SMALL: i32 = 19;
/// Columns: of the names on the left, of the bars, and of the figures on the right.
const NAMES: i32 = 470;
const BARS: i32 = 680;
const FIGURES: i32 = 330;
const MARGIN: i32 = 24;
/// Rows: above the bars, of one bar with the space around it, below the bars.
const HEAD: i32 = 124;
const ROW: i32 = 52;
const FOOT: i32 = 64;
/// Half the height of the bar up to a percentile, the usual time to the rarest.
const P50_HALF: i32 = 14;
const P90_HALF: i32 = 8;
const P99_HALF: i32 = 3;
const DARK: RGBColor = RGBColor(31, 94, 168);
const MIDDLE: RGBColor = RGBColor(117, 168, 222);
const LIGHT: RGBColor = RGBColor(176, 176, 176);
const GRID: RGBColor = RGBColor(226, 226, 226);
/// Ticks of the axis, about.
const TICKS: f64 = 6.0;

/// A picture in the making. It is started before anything is measured, so that a wrong name costs no time.
pub struct Plot(WholeFile);

type Canvas<'a> = DrawingArea<BitMapBackend<'a>, Shift>;

impl Plot {
    pub fn create(path: &Path) -> Result<Self> {
        Ok(Self(WholeFile::create(path)?))
    }

    /// Draws the rows and gives the file its name.
    pub fn keep(mut self, rows: &[Row]) -> Result<()> {
        let picture = draw(rows)?;
        picture.write_with_encoder(PngEncoder::new(&mut self.0))?;
        self.0.keep()
    }
}

fn draw(rows: &[Row]) -> Result<RgbImage> {
    register_font(FONT_NAME, FontStyle::Normal, FONT)
        .unwrap_or_else(|_| unreachable!("the built-in font is sound"));
    let width = (NAMES + BARS + FIGURES + 2 * MARGIN) as u32;
    let height = (HEAD + ROW * rows.len() as i32 + FOOT) as u32;
    let mut picture = RgbImage::new(width, height);
    let canvas = BitMapBackend::with_buffer(&mut picture, (width, height)).into_drawing_area();
    canvas.fill(&WHITE)?;
    let (common, labels) = labels(rows);
    write(
        &canvas,
        "Latency per picture",
        [MARGIN, 36],
        LARGE,
        HPos::Left,
    )?;
    write(&canvas, &common, [MARGIN, 70], SMALL, HPos::Left)?;
    let figures = MARGIN + NAMES + BARS + 16;
    write(
        &canvas,
        "p50 / p90 / p99 in ms, pictures per second",
        [figures + FIGURES - 16, 100],
        SMALL,
        HPos::Right,
    )?;

    let slowest = rows.iter().map(|row| row.ms.detect.p99).fold(0.0, f64::max);
    let step = tick_step(slowest);
    let end = (slowest / step).ceil().max(1.0) * step;
    let x = |ms: f64| MARGIN + NAMES + (ms / end * f64::from(BARS)).round() as i32;
    let bottom = HEAD + ROW * rows.len() as i32;
    for tick in 0..=(end / step).round() as u32 {
        let ms = f64::from(tick) * step;
        let line = [(x(ms), HEAD - 8), (x(ms), bottom)];
        canvas.draw(&PathElement::new(line, GRID))?;
        write(
            &canvas,
            &format!("{ms}"),
            [x(ms), bottom + 16],
            SMALL,
            HPos::Center,
        )?;
    }
    write(&canvas, "ms", [x(end), bottom + 42], SMALL, HPos::Center)?;
    for ((row, label), index) in rows.iter().zip(labels).zip(0..) {
        let Summary { p50, p90, p99, .. } = row.ms.detect;
        let middle = HEAD + ROW * index + ROW / 2;
        for (percentile, half, color) in [
            (p99, P99_HALF, LIGHT),
            (p90, P90_HALF, MIDDLE),
            (p50, P50_HALF, DARK),
        ] {
            let bar = [(x(0.0), middle - half), (x(percentile), middle + half)];
            canvas.draw(&Rectangle::new(bar, color.filled()))?;
        }
        write(
            &canvas,
            &label,
            [MARGIN + NAMES - 12, middle],
            SMALL,
            HPos::Right,
        )?;
        let text = format!("{p50:.2} / {p90:.2} / {p99:.2}");
        write(&canvas, &text, [figures, middle], SMALL, HPos::Left)?;
        let rate = format!("{:.1}", row.images_per_second);
        write(
            &canvas,
            &rate,
            [figures + FIGURES - 16, middle],
            SMALL,
            HPos::Right,
        )?;
    }
    canvas.present()?;
    drop(canvas);
    Ok(picture)
}

/// A line of text whose middle is at the height of `[x, y]`.
fn write(canvas: &Canvas<'_>, text: &str, [x, y]: [i32; 2], size: i32, side: HPos) -> Result<()> {
    let style: TextStyle<'_> = (FONT_NAME, size).into_font().color(&BLACK);
    let style = style.pos(Pos::new(side, VPos::Center));
    Ok(canvas.draw(&Text::new(text, (x, y), style))?)
}

/// What all rows have in common, and what tells each from the others.
fn labels(rows: &[Row]) -> (String, Vec<String>) {
    let choices: Vec<[String; 5]> = rows.iter().map(choices).collect();
    let is_common = |column: usize| {
        let mut values = choices.iter().map(|choice| &choice[column]);
        let first = values.next();
        values.all(|value| Some(value) == first)
    };
    let (common, telling): (Vec<_>, Vec<_>) = (0..5).partition(|column| is_common(*column));
    let pick = |choice: &[String; 5], columns: &[usize]| {
        let picked: Vec<&str> = columns.iter().map(|column| &*choice[*column]).collect();
        picked.join(", ")
    };
    let shared = choices.first().map(|choice| pick(choice, &common));
    let labels = choices.iter().map(|choice| pick(choice, &telling));
    (shared.unwrap_or_default(), labels.collect())
}

fn choices(row: &Row) -> [String; 5] {
    [
        weights_name(row),
        row.device.clone(),
        row.threads.map_or("all cores".to_owned(), |threads| {
            format!("threads {threads}")
        }),
        format!("batch {}", row.batch),
        row.input.to_string(),
    ]
}

/// A step of 1, 2 or 5 times a power of ten, with which an axis up to `end` has about [`TICKS`] ticks.
fn tick_step(end: f64) -> f64 {
    let least = (end / TICKS).max(f64::MIN_POSITIVE);
    let power = 10f64.powf(least.log10().floor());
    let fits = |factor: &f64| factor * power >= least;
    [1.0, 2.0, 5.0].into_iter().find(fits).unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_numbers() {
        for (end, step) in [
            (6.0, 1.0),
            (7.0, 2.0),
            (20.0, 5.0),
            (0.05, 0.01),
            (40.0, 10.0),
        ] {
            let found = tick_step(end);
            assert!((found - step).abs() < 1e-9 * step, "{end}: {found}");
        }
    }
}
