//! Opens `--data`: pictures with their sizes and labels.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use detection_metrics::coco::Annotations;
use detection_metrics::{Dataset, Note, Sample};
use yolov10_model::picture::{self, Budget};
use yolov10_model::{Error, Size};

use super::args::Args;
use crate::message;

/// Shortest side of a valid picture, in pixels.
const SHORTEST_SIDE: usize = 10;

/// The data to measure on.
pub struct Data {
    /// Ids of the classes in result files.
    pub category_ids: Vec<Option<u64>>,
    pub samples: Vec<Sample>,
    /// Sizes of the pictures.
    pub sizes: Vec<Size>,
    /// Pictures left out because they or their labels are broken.
    pub broken: usize,
    /// The limits for decoding a picture.
    pub budget: Budget,
    /// The COCO annotations, if the data came from such a file.
    pub annotations: Option<Annotations>,
}

/// Opens the data for a detector of these classes; prints which pictures are broken.
pub fn open(args: &Args, class_names: &[String]) -> Result<Data> {
    let path = &args.data;
    let is_coco = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    let (dataset, annotations) = if is_coco {
        let annotations = Annotations::open(path)?;
        let folder = picture_folder(&annotations, path, args.images.as_deref())?;
        (Dataset::from_coco(&annotations, &folder, class_names), Some(annotations))
    } else {
        (Dataset::from_yaml(path, args.split.into())?, None)
    };
    ensure!(
        dataset.class_names.len() == class_names.len(),
        "{}: {} classes, the weights have {}",
        path.display(),
        dataset.class_names.len(),
        class_names.len()
    );
    let other_names = match dataset.names_are_given {
        true => Note::other_names(&dataset.class_names, class_names),
        false => None,
    };
    for note in dataset.notes.iter().chain(&other_names) {
        message::note(format_args!("{}: {note}", path.display()));
    }
    let broken = dataset.skipped.len();
    for (image, error) in dataset.skipped {
        message::error(format_args!("{}: {:#}", image.display(), anyhow!(error)));
    }
    let mut data = Data {
        category_ids: dataset.category_ids,
        samples: Vec::new(),
        sizes: Vec::new(),
        broken,
        budget: args.budget.budget(),
        annotations,
    };
    let mut missized = Missized::default();
    for sample in dataset.samples {
        match upright_size(&sample.image, &data.budget) {
            Ok(size) => {
                missized.compare(&sample, size);
                data.samples.push(sample);
                data.sizes.push(size);
            }
            Err(error) => {
                message::error(format_args!("{}: {error:#}", sample.image.display()));
                data.broken += 1;
            }
        }
    }
    missized.note(path);
    ensure!(!data.samples.is_empty(), "{}: none of the pictures can be used", path.display());
    Ok(data)
}

/// Pictures whose size differs from the annotations. Their boxes are still taken as pixels, as in COCO.
#[derive(Default)]
struct Missized {
    pictures: usize,
    first: Option<String>,
}

impl Missized {
    fn compare(&mut self, sample: &Sample, found: Size) {
        let Some([height, width]) = sample.said_size else { return };
        let said = Size { height, width };
        if said != found {
            self.pictures += 1;
            self.first.get_or_insert_with(|| format!("{} is {found}, not {said}", sample.image.display()));
        }
    }

    fn note(&self, path: &Path) {
        if let Some(first) = &self.first {
            let (path, pictures) = (path.display(), self.pictures);
            message::note(format_args!("{path}: {pictures} pictures have another size than it says: {first}"));
        }
    }
}

/// The given folder, or the first of the usual places that has the first picture of the annotations.
fn picture_folder(annotations: &Annotations, path: &Path, given: Option<&Path>) -> Result<PathBuf> {
    let Some(first) = annotations.images.first() else {
        bail!("{}: no pictures found in it", path.display());
    };
    let home = path.parent().unwrap_or(Path::new(""));
    // annotations/instances_val2017.json belongs to val2017/ or images/val2017/ one folder up.
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let split = stem.rsplit('_').next().unwrap_or_default();
    let usual = [".", "images", "../images", &format!("../{split}"), &format!("../images/{split}")];
    let places = match given {
        Some(folder) => vec![folder.to_owned()],
        None => usual.map(|folder| home.join(folder)).to_vec(),
    };
    places.into_iter().find(|folder| folder.join(&first.file_name).is_file()).with_context(|| {
        let named =
            given.map_or("--images FOLDER says where they are".to_owned(), |folder| folder.display().to_string());
        format!("{}: {} not found; {named}", path.display(), first.file_name)
    })
}

/// The size of a decoded picture, read from its header alone.
fn upright_size(path: &Path, budget: &Budget) -> Result<Size> {
    let bytes = picture::read(path, budget).map_err(|error| match error {
        // The caller names the file.
        Error::Unreadable { source, .. } => anyhow!(source),
        other => anyhow!(other),
    })?;
    let found = picture::upright_size(&bytes, budget)?;
    ensure!(
        found.width.min(found.height) >= SHORTEST_SIDE,
        "a picture of {found}: expected sides of {SHORTEST_SIDE} pixels and more"
    );
    Ok(found)
}
