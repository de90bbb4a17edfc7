//! The rows of `bench` as a chart: each row's latency percentiles on one scale.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use image::RgbImage;
use plotters::coord::Shift;
use plotters::prelude::{
    BLACK, BitMapBackend, Color, DrawingArea, IntoDrawingArea, IntoFont, PathElement, RGBColor, Rectangle, Text, WHITE,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, TextStyle, register_font};
use weights_convert::WholeFile;
use yolov10_media::FONT;

use super::measure::Row;
use super::sample::Summary;
use super::table::{engine, weights_name};

/// The font's name in the process-wide table of fonts.
const FONT_NAME: &str = "bench";
/// Heights of letters, in pixels.
const LARGE: i32 = 28;
const SMALL: i32 = 19;
const MARGIN: i32 = 24;
/// First column of the bars, after the rows' names, and their greatest width.
const BARS: i32 = 490;
const BARS_WIDTH: i32 = 680;
/// First column of the figures, and the width of all of them.
const FIGURES: i32 = BARS + BARS_WIDTH + 40;
const RATES: i32 = 320;
/// Heights in pixels: above the bars, of one bar with the space around it, and below the bars.
const HEAD: i32 = 124;
const ROW: i32 = 52;
const FOOT: i32 = 44;
/// Half the height of each percentile's bar, from the median to the rarest.
const P50_HALF: i32 = 14;
const P90_HALF: i32 = 8;
const P99_HALF: i32 = 3;
const DARK: RGBColor = RGBColor(31, 94, 168);
const MIDDLE: RGBColor = RGBColor(117, 168, 222);
const LIGHT: RGBColor = RGBColor(176, 176, 176);
const GRID: RGBColor = RGBColor(226, 226, 226);
/// About how many ticks the axis has.
const TICKS: f64 = 6.0;

/// Marks a plot as made by this program, near the start of the file, so that it may be replaced.
const KEYWORD: &str = "Software";
const SOFTWARE: &str = "yolo10-burn";
const LOOKED_AT: u64 = 256;

/// The file of a chart. It is opened before anything is measured, so that a wrong name costs no time.
pub struct Plot(PathBuf);

type Canvas<'a> = DrawingArea<BitMapBackend<'a>, Shift>;

impl Plot {
    /// Checks that the file can be written: its folder exists, and no file of another program is in the way.
    pub fn create(path: &Path) -> Result<Self> {
        let name = || path.display().to_string();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        folder.metadata().with_context(name)?;
        if path.symlink_metadata().is_ok() {
            let mut start = Vec::new();
            File::open(path).and_then(|file| file.take(LOOKED_AT).read_to_end(&mut start)).with_context(name)?;
            let mark = format!("{KEYWORD}\0{SOFTWARE}");
            let is_ours = start.windows(mark.len()).any(|window| window == mark.as_bytes());
            ensure!(
                is_ours,
                "{}: was not made by this program, and is not replaced; name another file",
                path.display()
            );
        }
        Ok(Self(path.to_owned()))
    }

    /// Draws the rows and writes the file.
    pub fn keep(self, rows: &[Row]) -> Result<()> {
        let picture = draw(rows)?;
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, picture.width(), picture.height());
        encoder.set_color(png::ColorType::Rgb);
        encoder.add_text_chunk(KEYWORD.to_owned(), SOFTWARE.to_owned())?;
        encoder.write_header()?.write_image_data(&picture)?;
        Ok(WholeFile::write(&self.0, &bytes)?)
    }
}

fn draw(rows: &[Row]) -> Result<RgbImage> {
    register_font(FONT_NAME, FontStyle::Normal, FONT).unwrap_or_else(|_| unreachable!("the built-in font is sound"));
    let bottom = HEAD + ROW * rows.len() as i32;
    let size = ((FIGURES + RATES + MARGIN) as u32, (bottom + FOOT) as u32);
    let mut picture = RgbImage::new(size.0, size.1);
    let canvas = BitMapBackend::with_buffer(&mut picture, size).into_drawing_area();
    canvas.fill(&WHITE)?;
    let (common, labels) = labels(rows);
    for (text, at, style) in [
        ("Latency per picture", (MARGIN, 36), lettering(LARGE, HPos::Left)),
        (&*common, (MARGIN, 70), lettering(SMALL, HPos::Left)),
        ("p50 / p90 / p99 ms", (FIGURES, 100), lettering(SMALL, HPos::Left)),
        ("pictures/s", (FIGURES + RATES, 100), lettering(SMALL, HPos::Right)),
    ] {
        canvas.draw(&Text::new(text, at, style))?;
    }
    let scale = Scale::up_to(rows.iter().map(|row| row.ms.detect.p99).fold(0.0, f64::max));
    scale.draw(&canvas, bottom)?;
    for ((row, label), index) in rows.iter().zip(labels).zip(0..) {
        draw_row(&canvas, &scale, row, (label, HEAD + ROW * index + ROW / 2))?;
    }
    canvas.present()?;
    drop(canvas);
    Ok(picture)
}

/// A row's name, its bars and its figures; `middle` is the vertical middle of the row.
fn draw_row(canvas: &Canvas<'_>, scale: &Scale, row: &Row, (label, middle): (String, i32)) -> Result<()> {
    let Summary { p50, p90, p99, .. } = row.ms.detect;
    for (percentile, half, color) in [(p99, P99_HALF, LIGHT), (p90, P90_HALF, MIDDLE), (p50, P50_HALF, DARK)] {
        let corners = [(scale.x(0.0), middle - half), (scale.x(percentile), middle + half)];
        canvas.draw(&Rectangle::new(corners, color.filled()))?;
    }
    for (text, x, side) in [
        (label, BARS - 12, HPos::Right),
        (format!("{p50:.2} / {p90:.2} / {p99:.2}"), FIGURES, HPos::Left),
        (format!("{:.1}", row.images_per_second), FIGURES + RATES, HPos::Right),
    ] {
        canvas.draw(&Text::new(text, (x, middle), lettering(SMALL, side)))?;
    }
    Ok(())
}

/// Text of this height, aligned at its point as `side` says.
fn lettering(size: i32, side: HPos) -> TextStyle<'static> {
    let style: TextStyle<'_> = (FONT_NAME, size).into_font().color(&BLACK);
    style.pos(Pos::new(side, VPos::Center))
}

/// Maps milliseconds to columns.
struct Scale {
    /// Milliseconds between ticks: 1, 2 or 5 times a power of ten.
    step: f64,
    ticks: u32,
}

impl Scale {
    /// About [`TICKS`] ticks, the last one at or beyond `end` milliseconds.
    fn up_to(end: f64) -> Self {
        let least = (end / TICKS).max(f64::MIN_POSITIVE);
        let power = 10f64.powf(least.log10().floor());
        let fits = |factor: &f64| factor * power >= least;
        let step = [1.0, 2.0, 5.0].into_iter().find(fits).unwrap_or(10.0) * power;
        let ticks = (end / step).ceil().max(1.0) as u32;
        Self { step, ticks }
    }

    fn x(&self, ms: f64) -> i32 {
        let end = self.step * f64::from(self.ticks);
        BARS + (ms / end * f64::from(BARS_WIDTH)).round() as i32
    }

    /// Draws the ticks from the head down to `bottom`, and their labels below.
    fn draw(&self, canvas: &Canvas<'_>, bottom: i32) -> Result<()> {
        for tick in 0..=self.ticks {
            let ms = f64::from(tick) * self.step;
            let x = self.x(ms);
            canvas.draw(&PathElement::new([(x, HEAD - 8), (x, bottom)], GRID))?;
            // Rounded, as 3 * 0.1 is not 0.3.
            let text = format!("{} ms", (ms * 1e6).round() / 1e6);
            canvas.draw(&Text::new(text, (x, bottom + 16), lettering(SMALL, HPos::Center)))?;
        }
        Ok(())
    }
}

/// What all rows have in common, and what distinguishes each row.
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
        engine(row),
        format!("imgsz {}", row.imgsz),
        format!("batch {}", row.batch),
        row.input.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_numbers_and_reach_the_end() {
        for (end, step, ticks) in [(6.0, 1.0, 6), (7.0, 2.0, 4), (20.0, 5.0, 4), (0.05, 0.01, 5)] {
            let scale = Scale::up_to(end);
            assert!((scale.step - step).abs() < 1e-9 * step, "{end}: {}", scale.step);
            assert_eq!(scale.ticks, ticks, "{end}");
        }
    }
}
