//! The files of a run: which ones are wanted, and what goes into them.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use image::RgbImage;

use super::args::{Args, SavingArgs};
use super::report::{Form, Searched};
use crate::draw::Artist;
use crate::output::{
    CocoResults, CsvTable, RunFolder, extension_for, save_crops, save_labels, save_picture,
};
use crate::source::{About, Item};

/// What is written for each picture. Shared by the threads that write.
pub struct Files<'a> {
    wanted: &'a SavingArgs,
    artist: Artist<'a>,
    class_names: &'a [String],
    folder: Option<RunFolder>,
    labels: AtomicUsize,
}

impl<'a> Files<'a> {
    /// Makes the run's folder, if anything goes into it.
    pub fn prepare(args: &'a Args, class_names: &'a [String]) -> Result<Self> {
        let wanted = &args.saving;
        let folder = match (wanted.writes_files(), wanted.exist_ok) {
            (false, _) => None,
            (true, false) => Some(RunFolder::create(&wanted.project, &wanted.name)?),
            (true, true) => Some(RunFolder::reuse(&wanted.project, &wanted.name)?),
        };
        let artist = Artist::new(args.drawing.style(), class_names);
        Ok(Self {
            wanted,
            artist,
            class_names,
            folder,
            labels: AtomicUsize::new(0),
        })
    }

    /// Writes what is wanted for one picture.
    pub fn write(
        &self,
        about: &About,
        mut picture: RgbImage,
        searched: Searched,
    ) -> Result<Searched> {
        let Some(folder) = &self.folder else {
            return Ok(searched);
        };
        let detections = &searched.detections;
        let stem = about.file_stem();
        if self.wanted.save_txt {
            let path = folder.subfolder("labels")?.join(format!("{stem}.txt"));
            save_labels(&path, detections, searched.size, self.wanted.scores())?;
            self.labels
                .fetch_add(usize::from(!detections.is_empty()), Ordering::Relaxed);
        }
        if self.wanted.save_crop {
            save_crops(folder, &stem, &picture, detections, self.class_names)?;
        }
        if !self.wanted.no_save {
            self.artist.draw(&mut picture, detections);
            save_picture(
                &folder
                    .path()
                    .join(format!("{stem}.{}", extension_for(&about.name))),
                &picture,
            )?;
        }
        Ok(searched)
    }

    /// Says where everything went.
    pub fn summarize(&self, form: Form) -> Result<()> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        let say = |line: &dyn Display| match form {
            Form::Text => writeln!(io::stdout(), "{line}"),
            Form::Json | Form::Quiet => Ok(()),
        };
        let path = folder.path().display();
        say(&format_args!("Results saved to {path}"))?;
        if self.wanted.save_txt {
            say(&format_args!(
                "{} labels saved to {path}/labels",
                self.labels.load(Ordering::Relaxed)
            ))?;
        }
        Ok(())
    }
}

/// The files that gather the detections of all pictures.
pub struct Tables<'a> {
    csv: Option<CsvTable>,
    coco: Option<CocoResults>,
    class_names: &'a [String],
}

impl<'a> Tables<'a> {
    pub fn create(files: &Files<'a>) -> Result<Self> {
        let path = |name: &str| files.folder.as_ref().map(|folder| folder.path().join(name));
        let class_names = files.class_names;
        let csv = path("predictions.csv").filter(|_| files.wanted.save_csv);
        let coco = path("predictions.json").filter(|_| files.wanted.save_json);
        Ok(Self {
            csv: csv.map(|path| CsvTable::create(&path)).transpose()?,
            coco: coco
                .map(|path| CocoResults::create(&path, class_names))
                .transpose()?,
            class_names,
        })
    }

    pub fn add(&mut self, item: &Item<Searched>) -> Result<()> {
        for detection in item.value.iter().flat_map(|searched| &searched.detections) {
            if let Some(table) = &mut self.csv {
                table.add(&item.about, detection, &self.class_names[detection.class])?;
            }
            if let Some(results) = &mut self.coco {
                results.add(&item.about, detection)?;
            }
        }
        Ok(())
    }

    /// Gives the files their names: they are complete.
    pub fn keep(self) -> Result<()> {
        self.csv.map_or(Ok(()), CsvTable::keep)?;
        self.coco.map_or(Ok(()), CocoResults::keep)
    }
}
