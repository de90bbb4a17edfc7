//! The files of a run: which ones are wanted, and what goes into them.

use std::fmt::Display;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use image::RgbImage;
use yolov10_media::{About, Artist};

use super::Item;
use super::args::{Args, SavingArgs};
use super::report::Form;
use super::searched::Searched;
use crate::message;
use crate::output::{CocoResults, CsvTable, Films, RunFolder, extension_for, save_crops, save_labels, save_picture};

/// What is written for each picture. Shared by the threads that write.
pub struct Files<'a> {
    wanted: &'a SavingArgs,
    artist: Artist,
    class_names: &'a [String],
    folder: Option<RunFolder>,
    labels: AtomicUsize,
    verbose: bool,
}

impl<'a> Files<'a> {
    /// Makes the run's folder, if anything goes into it.
    pub fn prepare(args: &'a Args, class_names: &'a [String]) -> Result<Self> {
        let wanted = &args.saving;
        let folder = wanted.writes_files().then(|| wanted.folder.open()).transpose()?;
        let artist = Artist::new(args.drawing.style(), class_names);
        Ok(Self { wanted, artist, class_names, folder, labels: AtomicUsize::new(0), verbose: args.verbose })
    }

    /// Writes what is wanted for one picture.
    pub fn write(&self, about: &About, mut picture: RgbImage, searched: Searched) -> Result<Written> {
        let Some(folder) = &self.folder else {
            return Ok(Written { searched, frame: None });
        };
        let detections = &searched.detections;
        let stem = about.file_stem();
        if self.wanted.save_txt {
            let path = folder.subfolder("labels")?.join(format!("{stem}.txt"));
            save_labels(&path, detections, searched.size, self.wanted.scores())?;
            self.wrote(&path);
            self.labels.fetch_add(usize::from(!detections.is_empty()), Ordering::Relaxed);
        }
        if self.wanted.save_crop {
            save_crops(folder, &stem, &picture, detections, self.class_names)?;
        }
        if self.wanted.no_save {
            return Ok(Written { searched, frame: None });
        }
        self.artist.draw(&mut picture, detections);
        if about.frame.is_some() {
            return Ok(Written { searched, frame: Some(picture) });
        }
        let path = folder.path().join(format!("{stem}.{}", extension_for(&about.extension)));
        save_picture(&path, &picture)?;
        self.wrote(&path);
        Ok(Written { searched, frame: None })
    }

    fn wrote(&self, path: &Path) {
        if self.verbose {
            message::note(format_args!("wrote {}", path.display()));
        }
    }

    /// Says where everything went.
    pub fn summarize(&self, form: Form) -> Result<()> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        let say = |line: &dyn Display| match form {
            Form::Text => message::result(line),
            Form::Json | Form::Quiet => Ok(()),
        };
        let path = folder.path().display();
        say(&format_args!("Results saved to {path}"))?;
        if self.wanted.save_txt {
            let labels = self.labels.load(Ordering::Relaxed);
            let plural = if labels == 1 { "" } else { "s" };
            say(&format_args!("{labels} label{plural} saved to {path}/labels"))?;
        }
        Ok(())
    }
}

/// A picture whose own files are written.
pub struct Written {
    searched: Searched,
    /// The annotated frame of a film: it waits for those before it.
    frame: Option<RgbImage>,
}

/// The files that are made of many pictures: films and tables.
pub struct Gathered<'a> {
    files: &'a Files<'a>,
    films: Films,
    csv: Option<CsvTable>,
    coco: Option<CocoResults>,
}

impl<'a> Gathered<'a> {
    pub fn create(files: &'a Files<'a>) -> Result<Self> {
        let path = |name: &str| files.folder.as_ref().map(|folder| folder.path().join(name));
        let csv = path("predictions.csv").filter(|_| files.wanted.save_csv);
        let coco = path("predictions.json").filter(|_| files.wanted.save_json);
        let coco = coco.map(|path| CocoResults::create(&path, files.class_names));
        Ok(Self {
            files,
            films: Films::default(),
            csv: csv.map(|path| CsvTable::create(&path)).transpose()?,
            coco: coco.transpose()?,
        })
    }

    /// Adds the next picture, in the order of the sources.
    pub fn add(&mut self, item: Item<Written>) -> Result<Item<Searched>> {
        let item = item.then(|about, Written { searched, frame }| {
            if let (Some(frame), Some(folder)) = (frame, &self.files.folder) {
                self.films.add(folder, about, frame)?;
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

    /// Gives the files their names: they are complete.
    pub fn keep(mut self) -> Result<()> {
        self.films.finish()?;
        self.csv.map_or(Ok(()), CsvTable::keep)?;
        self.coco.map_or(Ok(()), CocoResults::keep)
    }
}
