//! `convert`: a checkpoint in any form to the safetensors file that loads fastest.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use weights_convert::{Converted, DType, Options};

use crate::message;
use crate::outcome::Outcome;

/// Convert a checkpoint to safetensors, which loads faster and needs no .pt.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A .pt of either lineage, or safetensors with PyTorch's names.
    input: PathBuf,
    /// The file to write [default: the input's name with .safetensors, beside it].
    #[arg(long, short)]
    output: Option<PathBuf>,
    /// How weights are stored.
    #[arg(long, value_enum, default_value_t)]
    dtype: Stored,
    /// Keep the head that needs non-maximum suppression, too.
    #[arg(long = "keep-one2many")]
    keep_one_to_many: bool,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Stored {
    #[default]
    F32,
    F16,
}

pub fn convert(args: &Args) -> Result<Outcome> {
    let input = &args.input;
    let output = args
        .output
        .clone()
        .unwrap_or_else(|| input.with_extension("safetensors"));
    let is_input = output == *input
        || output
            .canonicalize()
            .is_ok_and(|output| input.canonicalize().is_ok_and(|input| input == output));
    ensure!(
        !is_input,
        "{}: it is the input itself; name another file with --output",
        output.display()
    );
    let dtype = match args.dtype {
        Stored::F32 => DType::F32,
        Stored::F16 => DType::F16,
    };
    let options = Options {
        dtype,
        keep_one_to_many: args.keep_one_to_many,
    };
    let converted =
        weights_convert::convert(input, &options).with_context(|| input.display().to_string())?;
    weights_convert::write(&converted, &output)?;
    let Converted { bytes, summary } = &converted;
    message::result(format_args!(
        "{}: YOLOv10 {}, {} classes, {} parameters, {} tensors, {}, {:.1} MB, from {}",
        output.display(),
        summary.variant,
        summary.classes.len(),
        summary.parameters,
        summary.tensors,
        summary.dtype.name(),
        bytes.len() as f64 / 1e6,
        summary.lineage,
    ))?;
    Ok(Outcome::Done)
}
