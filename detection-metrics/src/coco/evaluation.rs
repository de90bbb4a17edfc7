//! Compares a result file with an annotation file: the twelve figures of COCO's challenge, as `pycocotools` computes them.
//!
//! One known bug of the original is not repeated: it never finds an annotation whose id is 0.

use std::collections::{BTreeMap, HashSet};

use super::annotations::{Annotation, Annotations, Category};
use super::curve::{Accumulated, accumulate};
use super::matching::{AreaRange, Judged, MAX_DETECTIONS, Scene};
use super::predictions::Prediction;
use crate::error::Error;
use crate::image_id::ImageId;
use crate::matching::{AT_50, AT_75};

/// COCO's figures, each 0..1, or `None` if there was nothing to find (`pycocotools` writes -1).
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Summary {
    /// Average precision: mean over IoU 0.50, 0.55, .. 0.95 and the categories.
    pub ap: Option<f64>,
    /// At IoU 0.5.
    pub ap50: Option<f64>,
    /// At IoU 0.75.
    pub ap75: Option<f64>,
    /// Of things up to 32x32 pixels.
    pub ap_small: Option<f64>,
    /// Of things between 32x32 and 96x96 pixels.
    pub ap_medium: Option<f64>,
    /// Of things of 96x96 pixels and more.
    pub ap_large: Option<f64>,
    /// Average recall with 1 detection per picture and category.
    pub ar1: Option<f64>,
    /// With 10.
    pub ar10: Option<f64>,
    /// With 100.
    pub ar100: Option<f64>,
    /// Of things up to 32x32 pixels.
    pub ar_small: Option<f64>,
    /// Of things between 32x32 and 96x96 pixels.
    pub ar_medium: Option<f64>,
    /// Of things of 96x96 pixels and more.
    pub ar_large: Option<f64>,
    /// Each category separately.
    pub categories: Vec<CategorySummary>,
}

/// One category.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct CategorySummary {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Average precision over IoU 0.50, 0.55, .. 0.95; `None` if nothing is of this category.
    pub ap: Option<f64>,
    /// At IoU 0.5.
    pub ap50: Option<f64>,
}

/// Measures predictions against annotations. Predictions of unknown categories are ignored.
///
/// # Errors
/// A prediction is for a picture that is not in the annotations.
pub fn evaluate(annotations: &Annotations, predictions: &[Prediction]) -> Result<Summary, Error> {
    let categories = by_category(annotations, predictions)?;
    let figures = |range: AreaRange, best: usize| -> Vec<Option<Accumulated>> {
        let judge = |scenes: &[Scene<'_>]| scenes.iter().map(|scene| scene.judge(range)).collect::<Vec<Judged>>();
        categories.iter().map(|(_, scenes)| accumulate(&judge(scenes), best)).collect()
    };
    let all = figures(AreaRange::ALL, MAX_DETECTIONS);
    let [small, medium, large] =
        [AreaRange::SMALL, AreaRange::MEDIUM, AreaRange::LARGE].map(|range| figures(range, MAX_DETECTIONS));
    let precision = |accumulated: &Accumulated| mean(&accumulated.precision);
    let recall = |accumulated: &Accumulated| mean(&accumulated.recall);
    let category = |((category, _), own): (&(&Category, Vec<Scene<'_>>), &Option<Accumulated>)| CategorySummary {
        id: category.id,
        name: category.name.clone(),
        ap: own.as_ref().map(precision),
        ap50: own.map(|own| own.precision[AT_50]),
    };
    Ok(Summary {
        ap: over_categories(&all, precision),
        ap50: over_categories(&all, |accumulated| accumulated.precision[AT_50]),
        ap75: over_categories(&all, |accumulated| accumulated.precision[AT_75]),
        ap_small: over_categories(&small, precision),
        ap_medium: over_categories(&medium, precision),
        ap_large: over_categories(&large, precision),
        ar1: over_categories(&figures(AreaRange::ALL, 1), recall),
        ar10: over_categories(&figures(AreaRange::ALL, 10), recall),
        ar100: over_categories(&all, recall),
        ar_small: over_categories(&small, recall),
        ar_medium: over_categories(&medium, recall),
        ar_large: over_categories(&large, recall),
        categories: categories.iter().zip(&all).map(category).collect(),
    })
}

/// Labels and detections of one category in one picture.
type Pair<'a> = (Vec<&'a Annotation>, Vec<&'a Prediction>);

/// For each category, by id, the pictures that have a label or a detection of it, by id.
fn by_category<'a>(
    annotations: &'a Annotations,
    predictions: &'a [Prediction],
) -> Result<Vec<(&'a Category, Vec<Scene<'a>>)>, Error> {
    let pictures: HashSet<&ImageId> = annotations.images.iter().map(|image| &image.id).collect();
    let mut pairs: BTreeMap<u64, BTreeMap<&ImageId, Pair<'a>>> =
        annotations.categories.iter().map(|category| (category.id, BTreeMap::new())).collect();
    for label in annotations.annotations.iter().filter(|label| pictures.contains(&label.image_id)) {
        if let Some(of_category) = pairs.get_mut(&label.category_id) {
            of_category.entry(&label.image_id).or_default().0.push(label);
        }
    }
    for prediction in predictions {
        if !pictures.contains(&prediction.image_id) {
            return Err(Error::UnknownImage { found: prediction.image_id.to_string() });
        }
        if let Some(of_category) = pairs.get_mut(&prediction.category_id) {
            of_category.entry(&prediction.image_id).or_default().1.push(prediction);
        }
    }
    let mut categories: Vec<&Category> = annotations.categories.iter().collect();
    categories.sort_by_key(|category| category.id);
    categories.dedup_by_key(|category| category.id);
    let scenes = |pairs: BTreeMap<&ImageId, Pair<'a>>| {
        pairs.into_values().map(|(labels, detections)| Scene::new(labels, detections)).collect()
    };
    Ok(categories.into_iter().zip(pairs.into_values().map(scenes)).collect())
}

/// The mean over the categories that occur.
fn over_categories(figures: &[Option<Accumulated>], figure: impl Fn(&Accumulated) -> f64) -> Option<f64> {
    let figures: Vec<f64> = figures.iter().flatten().map(figure).collect();
    (!figures.is_empty()).then(|| mean(&figures))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
