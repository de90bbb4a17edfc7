//! `convert`: a checkpoint in any form to the safetensors file that loads fastest.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::ValueEnum;
use weights_convert::{DType, Options, output_path};

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
    let output = output_path(input, args.output.as_deref())?;
    let dtype = match args.dtype {
        Stored::F32 => DType::F32,
        Stored::F16 => DType::F16,
    };
    let options = Options { dtype, keep_one_to_many: args.keep_one_to_many };
    let converted = weights_convert::convert(input, &options).with_context(|| input.display().to_string())?;
    weights_convert::write(&converted, &output)?;
    message::result(format_args!("{}: {converted}", output.display()))?;
    Ok(Outcome::Done)
}
