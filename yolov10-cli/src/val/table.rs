//! The output of `val`: the table of `yolo val`, the list of `pycocotools`, or one JSON object.

use anyhow::Result;
use detection_metrics::coco::Summary;
use detection_metrics::{ClassEvaluation, ConfusionMatrix, Evaluation, Figures};
use serde::Serialize;
use yolov10_media::StageMilliseconds;

use super::Results;
use crate::general::general;

/// Significant digits of a figure.
const DIGITS: usize = 3;

/// Results, and the names of the classes.
pub struct Report<'a> {
    pub results: &'a Results,
    pub class_names: &'a [String],
}

#[derive(Serialize)]
struct Json<'a> {
    images: usize,
    broken: usize,
    labels: usize,
    mean: &'a Figures,
    classes: Vec<NamedClass<'a>>,
    confusion: &'a ConfusionMatrix,
    #[serde(skip_serializing_if = "Option::is_none")]
    coco: Option<&'a Summary>,
    ms: StageMilliseconds,
}

#[derive(Serialize)]
struct NamedClass<'a> {
    name: &'a str,
    #[serde(flatten)]
    class: &'a ClassEvaluation,
}

/// Which rows of the table to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// One row for all classes together.
    Mean,
    /// Also one for each class.
    Classes,
}

impl Report<'_> {
    /// Everything as one JSON object.
    pub fn json(&self) -> Result<String> {
        let Evaluation { images, labels, mean, classes, confusion } = &self.results.evaluation;
        let named = |class| NamedClass { name: self.name(class), class };
        let json = Json {
            images: *images,
            broken: self.results.broken,
            labels: *labels,
            mean,
            classes: classes.iter().map(named).collect(),
            confusion,
            coco: self.results.coco.as_ref(),
            ms: self.results.speed.into(),
        };
        Ok(serde_json::to_string(&json)?)
    }

    /// The table, COCO's list if there is one, and how long it took.
    pub fn lines(&self, rows: Rows) -> Vec<String> {
        let Evaluation { images, labels, mean, classes, .. } = &self.results.evaluation;
        let columns = ["Images", "Instances", "Box(P", "R", "mAP50", "mAP50-95)"].map(|name| format!("{name:>11}"));
        let mut lines = vec![format!("{:>22}{}", "Class", columns.concat()), row("all", *images, *labels, mean)];
        if rows == Rows::Classes && classes.len() > 1 {
            let of = |class: &ClassEvaluation| row(self.name(class), class.images, class.labels, &class.figures);
            lines.extend(classes.iter().map(of));
        }
        lines.extend(self.results.coco.iter().flat_map(coco_lines));
        let StageMilliseconds { preprocess, inference, postprocess } = self.results.speed.into();
        lines.push(format!(
            "Speed: {preprocess:.1}ms preprocess, {inference:.1}ms inference, {postprocess:.1}ms postprocess per image"
        ));
        lines
    }

    fn name(&self, class: &ClassEvaluation) -> &str {
        &self.class_names[class.class]
    }
}

fn row(name: &str, images: usize, labels: usize, figures: &Figures) -> String {
    let Figures { precision, recall, ap50, ap50_95, .. } = *figures;
    let figures = [precision, recall, ap50, ap50_95].map(|figure| format!("{:>11}", general(figure, DIGITS)));
    format!("{name:>22}{images:>11}{labels:>11}{}", figures.concat())
}

/// The twelve lines of `pycocotools`.
fn coco_lines(summary: &Summary) -> [String; 12] {
    let Summary { ap, ap50, ap75, ap_small, ap_medium, ap_large, .. } = *summary;
    let Summary { ar1, ar10, ar100, ar_small, ar_medium, ar_large, .. } = *summary;
    let precision = "Average Precision  (AP)";
    let recall = "Average Recall     (AR)";
    [
        (precision, "0.50:0.95", "all", 100, ap),
        (precision, "0.50", "all", 100, ap50),
        (precision, "0.75", "all", 100, ap75),
        (precision, "0.50:0.95", "small", 100, ap_small),
        (precision, "0.50:0.95", "medium", 100, ap_medium),
        (precision, "0.50:0.95", "large", 100, ap_large),
        (recall, "0.50:0.95", "all", 1, ar1),
        (recall, "0.50:0.95", "all", 10, ar10),
        (recall, "0.50:0.95", "all", 100, ar100),
        (recall, "0.50:0.95", "small", 100, ar_small),
        (recall, "0.50:0.95", "medium", 100, ar_medium),
        (recall, "0.50:0.95", "large", 100, ar_large),
    ]
    .map(|(figure, iou, area, detections, value)| {
        let value = value.unwrap_or(-1.0);
        format!(" {figure} @[ IoU={iou:<9} | area={area:>6} | maxDets={detections:>3} ] = {value:.3}")
    })
}
