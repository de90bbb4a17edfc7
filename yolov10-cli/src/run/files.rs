//! The files of a run: which ones to write, and their content.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use image::RgbImage;
use yolov10_media::{About, Artist, Sources};

use super::Item;
use super::args::{Args, SavingArgs};
use super::searched::Searched;
use crate::interrupt::Interrupt;
use crate::output::{
    CocoResults, CsvTable, Films, RunFolder, extension_for, save_crops, save_labels, save_picture, shared_numbers,
};

/// Writes the files of each picture. Shared by the writing threads.
pub struct Files<'a> {
    wanted: &'a SavingArgs,
    artist: Artist,
    class_names: &'a [String],
    folder: Option<RunFolder>,
    labels: AtomicUsize,
    /// Numbers that no picture has alone.
    shared_numbers: HashSet<u64>,
}

impl<'a> Files<'a> {
    /// Makes the run's folder if the run writes files.
    pub fn prepare(
        args: &'a Args,
        class_names: &'a [String],
        artist: Artist,
        sources: &Sources,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let wanted = &args.saving;
        // A shard writes into a different kind of folder.
        let has_folder = wanted.writes_files() && args.shards.list.is_none();
        let mut folder = has_folder.then(|| wanted.folder.open()).transpose()?;
        if let Some(folder) = &mut folder {
            interrupt.guard(folder);
            folder.protect(sources.files());
            if args.verbose {
                folder.name_files();
            }
        }
        let shared_numbers = if wanted.save_json { shared_numbers(sources.files()) } else { HashSet::new() };
        Ok(Self { wanted, artist, class_names, folder, labels: AtomicUsize::new(0), shared_numbers })
    }

    /// Writes the files of one picture.
    pub fn write(&self, about: &About, mut picture: RgbImage, searched: Searched) -> Result<Written> {
        let Some(folder) = &self.folder else {
            return Ok(Written { searched, frame: None });
        };
        let detections = &searched.detections;
        let stem = about.file_stem();
        if self.wanted.save_txt {
            save_labels(folder, &stem, detections, searched.size, self.wanted.scores())?;
            self.labels.fetch_add(usize::from(!detections.is_empty()), Ordering::Relaxed);
        }
        if self.wanted.save_crop {
            save_crops(folder, &stem, &picture, detections, self.class_names)?;
        }
        if let Some(frame) = about.frame.filter(|_| self.wanted.save_frames) {
            save_picture(folder, &format!("{}_frames/{}.jpg", about.stem, frame.number), &picture)?;
        }
        if self.wanted.no_save {
            return Ok(Written { searched, frame: None });
        }
        self.artist.draw(&mut picture, detections);
        if about.frame.is_some() {
            return Ok(Written { searched, frame: Some(picture) });
        }
        save_picture(folder, &format!("{stem}.{}", extension_for(&about.extension)), &picture)?;
        Ok(Written { searched, frame: None })
    }

    /// Sentences that say where the files are; none if nothing was written.
    pub fn summary(&self) -> Vec<String> {
        let Some(folder) = self.folder.as_ref().filter(|folder| !folder.is_untouched()) else {
            return Vec::new();
        };
        let path = folder.path().display();
        let labels = self.labels.load(Ordering::Relaxed);
        let plural = if labels == 1 { "" } else { "s" };
        let of_labels = (self.wanted.save_txt && labels > 0)
            .then(|| format!("{labels} label{plural} saved to {}", folder.path().join("labels").display()));
        std::iter::once(format!("Results saved to {path}")).chain(of_labels).collect()
    }
}

/// A picture whose own files have been written.
pub struct Written {
    searched: Searched,
    /// The annotated frame of a film; frames are added in order.
    frame: Option<RgbImage>,
}

/// The files that collect many pictures: films and tables.
pub struct Gathered<'a> {
    files: &'a Files<'a>,
    films: Films,
    csv: Option<CsvTable>,
    coco: Option<CocoResults>,
}

impl<'a> Gathered<'a> {
    pub fn create(files: &'a Files<'a>) -> Result<Self> {
        let folder = files.folder.as_ref();
        let csv = folder.filter(|_| files.wanted.save_csv).map(CsvTable::create).transpose()?;
        let coco = folder.filter(|_| files.wanted.save_json);
        let coco = coco
            .map(|folder| CocoResults::create(folder, files.class_names, files.shared_numbers.clone()))
            .transpose()?;
        Ok(Self { files, films: Films::default(), csv, coco })
    }

    /// Adds the next picture, in the order of the sources.
    pub fn add(&mut self, item: Item<Written>) -> Result<Item<Searched>> {
        let item = item.then(|about, Written { searched, frame }| {
            if let (Some(frame), Some(folder)) = (frame, &self.files.folder) {
                self.films.add(folder, about, &frame)?;
            }
            Ok(searched)
        });
        for detection in item.value.iter().flat_map(|searched| &searched.detections) {
            if let Some(table) = &mut self.csv {
                let name = &self.files.class_names[detection.class];
                table.add(&item.about, detection, name)?;
            }
            if let Some(results) = &mut self.coco {
                results.add(&item.about, detection)?;
            }
        }
        Ok(item)
    }

    /// Whether the film of this source could not be written: its other frames are not needed.
    pub fn has_given_up(&self, index: usize) -> bool {
        self.films.has_failed(index)
    }

    /// Moves the complete files to their final names.
    pub fn keep(mut self) -> Result<()> {
        // Each by itself: a failure of one must not lose the others.
        let kept =
            [self.films.finish(), self.csv.map_or(Ok(()), CsvTable::keep), self.coco.map_or(Ok(()), CocoResults::keep)];
        kept.into_iter().collect()
    }
}
