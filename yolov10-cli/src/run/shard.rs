//! Searches a part of a list for a folder that many runs share.

use anyhow::{Context, Result};
use serde_json::json;
use yolov10_media::{About, List, Sources};
use yolov10_model::letterbox::Fit;
use yolov10_model::options::Isa;
use yolov10_model::{Device, Error, Precision};

use super::Item;
use super::args::Args;
use super::json;
use super::searched::Searched;
use super::shard_args::ShardArgs;
use crate::digest::sha256;
use crate::output::label_text;
use crate::setup::Setup;
use crate::shards::{Done, Fingerprint, Part, Shard, ShardFolder};
use crate::{message, version, weights};

/// A part of a list, and the folder for its rows.
pub struct Split {
    list: List,
    shard: Shard,
    folder: ShardFolder,
    quiet: bool,
}

impl Split {
    /// The shard that `args` ask for, if any.
    pub fn open(args: &Args, setups: &[Setup]) -> Result<Option<Self>> {
        let ShardArgs { list: Some(path), shard, out: Some(out) } = &args.shards else {
            return Ok(None);
        };
        let list = List::open(path).with_context(|| path.display().to_string())?;
        let shard = shard.unwrap_or(Shard::WHOLE);
        let folder = ShardFolder::open(out, fingerprint(args, &list, shard, setups)?)?;
        Ok(Some(Self { list, shard, folder, quiet: args.quiet }))
    }

    /// Whether an earlier run has done this shard; prints a note if so.
    pub fn is_done(&self) -> Result<bool> {
        let done = self.folder.done(self.shard)?;
        if let Some(done) = &done {
            self.say("done before", done)?;
        }
        Ok(done.is_some())
    }

    /// The sources of this part.
    pub fn sources(&self) -> Sources {
        self.list.part(self.shard.part(self.list.len()))
    }

    /// Starts writing the rows of this part.
    pub fn start<'a>(&'a self, args: &'a Args, class_names: &'a [String]) -> Result<Rows<'a>> {
        let part = Part::create(&self.folder, self.shard, self.shard.part(self.list.len()).len())?;
        Ok(Rows { split: self, part, args, class_names })
    }

    fn say(&self, what: &str, done: &Done) -> Result<()> {
        if self.quiet {
            return Ok(());
        }
        let Done { rows, errors, objects, .. } = done;
        let path = self.folder.rows(self.shard);
        let shard = self.shard;
        message::result(format_args!(
            "shard {shard} {what}: {rows} rows, {errors} errors, {objects} objects, in {}",
            path.display()
        ))
    }
}

/// The rows of a part that is being searched.
pub struct Rows<'a> {
    split: &'a Split,
    part: Part<'a>,
    args: &'a Args,
    class_names: &'a [String],
}

impl Rows<'_> {
    /// Adds the row of the next picture. A picture that can't be read is a row; a device that fails is an error, as the
    /// next try may be on a better one.
    pub fn add(&mut self, item: Item<Searched>) -> Result<()> {
        let about = item.about;
        match item.value {
            Ok(searched) => {
                if self.args.saving.save_txt {
                    self.save_labels(&about, &searched)?;
                }
                let row = json::timeless_line(&about, &searched, self.class_names)?;
                self.part.add_picture(&row, searched.detections.len())
            }
            Err(error) if is_of_the_device(&error) => Err(error.context(about.name)),
            Err(error) => self.part.add_error(&json::error_line(&about, &format!("{error:#}"))?),
        }
    }

    fn save_labels(&self, about: &About, searched: &Searched) -> Result<()> {
        let text = label_text(&searched.detections, searched.size, self.args.saving.scores());
        self.split.folder.write_labels(&about.file_stem(), &text)
    }

    /// Keeps the rows: all of them are there.
    pub fn keep(self) -> Result<()> {
        let done = self.part.keep()?;
        self.split.say("done", &done)
    }
}

fn is_of_the_device(error: &anyhow::Error) -> bool {
    let error = error.chain().find_map(|cause| cause.downcast_ref::<Error>());
    matches!(error, Some(Error::DeviceFailed { .. } | Error::Worker { .. } | Error::Engine(_)))
}

/// Everything that the rows depend on. Threads, batches and memory limits change nothing.
fn fingerprint(args: &Args, list: &List, shard: Shard, setups: &[Setup]) -> Result<Fingerprint> {
    let setup = setups.first().expect("there is a device");
    let names = list.names().fold(String::new(), |names, name| names + &name + "\n");
    // The number of a GPU does not change the results.
    let kind = |device: Device| device.to_string().split(':').next().unwrap_or_default().to_owned();
    let mut devices: Vec<String> = setups.iter().map(|setup| kind(setup.options.device)).collect();
    devices.sort();
    devices.dedup();
    let options = &setup.options;
    let is_native = options.device == Device::Cpu;
    let usual = if matches!(options.device, Device::Cpu | Device::Flex) { Precision::F32 } else { Precision::Tf32 };
    let selection = &args.selection;
    Ok(Fingerprint(json!({
        "program": version::program(),
        "list": { "sources": list.len(), "sha256": sha256(&mut names.as_bytes())? },
        "shards": shard.of,
        "weights": { "sha256": weights::digest(setup.weights.as_deref())? },
        "options": {
            "device": devices.join(","),
            "isa": is_native.then(|| options.cpu.isa.unwrap_or_else(Isa::detect).to_string()),
            "dtype": options.precision.unwrap_or(usual).to_string(),
            "exact": options.cpu.exact,
            "imgsz": options.input.map(|size| [size.height, size.width]),
            "rect": options.fit == Fit::Minimal,
            "vid_stride": args.vid_stride,
            "conf": selection.conf.to_string().parse::<f64>()?,
            "max_det": selection.max_det,
            "classes": selection.classes,
            "names": setup.names.as_ref().map(|names| sha256(&mut names.join("\n").as_bytes())).transpose()?,
            "head": format!("{:?}", options.selection.assignment),
            "save_txt": args.saving.save_txt,
            "save_conf": args.saving.save_conf,
        },
    })))
}
