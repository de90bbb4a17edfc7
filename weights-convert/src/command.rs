//! `convert` as a command: its options, and the line that it prints. Two programs have it, `yolo10-burn convert` and
//! `weights-convert`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::{
    convert::convert,
    options::{DType, Heads, Options},
    save::{output_path, write},
};

/// Convert a checkpoint to safetensors, which loads faster and needs no .pt.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// A .pt from the authors' code or ultralytics, or safetensors with PyTorch's names.
    #[arg(value_name = "WEIGHTS")]
    pub input: PathBuf,
    /// The file to write [default: beside the input, with its name and .safetensors].
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The type in which to store the weights [default: f32].
    #[arg(long, value_enum)]
    dtype: Option<DType>,
    /// Leave out the head that needs non-maximum suppression; otherwise both heads are kept.
    #[arg(long = "one2one-only")]
    one_to_one_only: bool,
    /// The default; an option of earlier versions.
    #[arg(long = "keep-one2many", hide = true, conflicts_with = "one_to_one_only")]
    keep_one_to_many: bool,
    /// The names of the classes: a text file with a name on each line, or a data set's .yaml with its `names`.
    #[arg(long, value_name = "FILE")]
    names: Option<PathBuf>,
}

impl Arguments {
    /// Converts `found`, the file that the input's name stands for, or else the input itself; returns the line to print.
    ///
    /// # Errors
    /// The input can't be read or is not a checkpoint, or the output may not or can't be written.
    pub fn run(&self, found: Option<&Path>) -> Result<String> {
        let input = found.unwrap_or(&self.input);
        // A file that was found elsewhere, such as in the cache, is not to get a result beside it.
        let here = found.and_then(Path::file_name).map(|name| Path::new(name).with_extension("safetensors"));
        let output = output_path(input, self.output.as_deref().or(here.as_deref()))?;
        let heads = if self.one_to_one_only { Heads::OneToOne } else { Heads::Both };
        let names = self.names.as_deref().map(detection_metrics::read_class_names).transpose()?;
        let options = Options { dtype: self.dtype.unwrap_or_default(), heads, names };
        let name = || input.display().to_string();
        let converted = convert(input, &options).with_context(name)?;
        let summary = &converted.summary;
        let as_asked =
            self.dtype.is_none_or(|dtype| dtype == summary.dtype) && !(summary.one_to_many && heads == Heads::OneToOne);
        ensure!(as_asked, "{}: converted already: --dtype and --one2one-only need its source", name());
        write(&converted, &output)?;
        Ok(format!("{}: {converted}", output.display()))
    }
}
