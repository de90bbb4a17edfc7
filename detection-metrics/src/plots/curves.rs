//! Curves: one line per class, a thick one for the mean, and a legend beside them.

use plotters::prelude::{
    BLUE, ChartBuilder, Color, HSLColor, IntoFont, LineSeries, PathElement, RGBAColor, RGBColor, Text,
};
use plotters::style::ShapeStyle;

use super::canvas::{Canvas, DrawingError, FONT, Plot, paint};
use crate::average_precision::{Curve, curve_position};
use crate::error::Error;
use crate::evaluation::{ClassEvaluation, Evaluation, first_highest};

/// Width and height in pixels.
const SIZE: (u32, u32) = (1280, 840);
/// Columns of the chart; the rest is for the legend.
const CHART_WIDTH: u32 = 960;
/// Up to this many classes get their own colours and legends; more are drawn in grey.
const NAMED_CLASSES: usize = 20;
const GREY: RGBColor = RGBColor(160, 160, 160);
const TEXT: f64 = 20.0;
/// Rows from one entry of the legend to the next, pixels.
const LEGEND_STEP: i32 = 32;

pub fn curves(curve: Curve, evaluation: &Evaluation, class_names: &[String]) -> Result<Plot, Error> {
    let chart = match curve {
        Curve::Precision => Chart { title: "Precision-confidence curve", axes: ["Confidence", "Precision"] },
        Curve::Recall => Chart { title: "Recall-confidence curve", axes: ["Confidence", "Recall"] },
        Curve::F1 => Chart { title: "F1-confidence curve", axes: ["Confidence", "F1"] },
        Curve::PrecisionAtRecall => Chart { title: "Precision-recall curve", axes: ["Recall", "Precision"] },
    };
    paint(chart.title, SIZE, |canvas| chart.draw(canvas, curve, evaluation, class_names))
}

struct Chart {
    title: &'static str,
    /// What the horizontal and the vertical axis show.
    axes: [&'static str; 2],
}

impl Chart {
    fn draw(
        &self,
        canvas: &Canvas<'_>,
        curve: Curve,
        evaluation: &Evaluation,
        class_names: &[String],
    ) -> Result<(), DrawingError> {
        let (chart_area, legend_area) = canvas.split_horizontally(CHART_WIDTH);
        let mut chart = ChartBuilder::on(&chart_area)
            .margin(24)
            .caption(self.title, (FONT, TEXT * 1.5))
            .x_label_area_size(56)
            .y_label_area_size(72)
            .build_cartesian_2d(0.0..1.0, 0.0..1.0)?;
        chart
            .configure_mesh()
            .x_desc(self.axes[0])
            .y_desc(self.axes[1])
            .label_style((FONT, TEXT))
            .light_line_style(RGBColor(244, 244, 244))
            .bold_line_style(RGBColor(226, 226, 226))
            .draw()?;
        let named = evaluation.classes.len() <= NAMED_CLASSES;
        let mut legend = Vec::new();
        for (index, class) in evaluation.classes.iter().enumerate() {
            let style: ShapeStyle = if named { class_color(index).stroke_width(2) } else { GREY.stroke_width(1) };
            chart.draw_series(LineSeries::new(points(class.curves.values(curve)), style))?;
            if named {
                let name = class_names.get(class.class).map_or("", String::as_str);
                legend.push((style, class_legend(curve, name, class)));
            }
        }
        let mean = BLUE.stroke_width(5);
        let values = evaluation.mean_curve(curve);
        chart.draw_series(LineSeries::new(points(&values), mean))?;
        legend.push((mean, mean_legend(curve, &values, evaluation)));
        for (row, (style, text)) in (2..).zip(legend) {
            let y = row * LEGEND_STEP;
            legend_area.draw(&PathElement::new([(0, y), (LEGEND_STEP, y)], style))?;
            let text_at = (LEGEND_STEP + 10, y - TEXT as i32 / 2);
            legend_area.draw(&Text::new(text, text_at, (FONT, TEXT).into_font()))?;
        }
        Ok(())
    }
}

fn class_legend(curve: Curve, name: &str, class: &ClassEvaluation) -> String {
    match curve {
        Curve::PrecisionAtRecall => format!("{name} {:.3}", class.figures.ap50),
        Curve::Precision | Curve::Recall | Curve::F1 => name.to_owned(),
    }
}

fn mean_legend(curve: Curve, values: &[f64], evaluation: &Evaluation) -> String {
    match curve {
        Curve::PrecisionAtRecall => format!("all classes {:.3} mAP@0.5", evaluation.mean.ap50),
        Curve::Precision | Curve::Recall | Curve::F1 => {
            let best = first_highest(values);
            format!("all classes {:.2} at {:.3}", values[best], curve_position(best))
        }
    }
}

fn points(values: &[f64]) -> impl Iterator<Item = (f64, f64)> {
    values.iter().enumerate().map(|(index, value)| (curve_position(index), *value))
}

/// Hues that are a golden section apart, so that any number of them are distinct.
fn class_color(index: usize) -> RGBAColor {
    HSLColor((index as f64 * 0.618_034).fract(), 0.7, 0.45).to_rgba()
}
