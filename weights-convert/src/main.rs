//! `weights-convert INPUT`: a checkpoint in, a converted file out. Exit code 0 when done, 2 on error.

use std::{path::PathBuf, process::ExitCode, sync::mpsc, thread, time::Duration};

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use weights_convert::{Converted, DType, Options, convert, write};

/// Converts a YOLOv10 checkpoint to the safetensors file that yolo10-burn loads.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// A .pt file, or safetensors with PyTorch's names.
    input: PathBuf,
    /// The file to write [default: the input's name with .safetensors, beside it].
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// How weights are stored.
    #[arg(long, value_enum, default_value_t)]
    dtype: Width,
    /// Keep the head that needs non-maximum suppression, too.
    #[arg(long = "keep-one2many")]
    keep_one_to_many: bool,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Width {
    #[default]
    F32,
    F16,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(line) => {
            #[expect(clippy::print_stdout, reason = "the result of a command-line program")]
            {
                println!("{line}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> Result<String> {
    let input = &arguments.input;
    let output = arguments
        .output
        .clone()
        .unwrap_or_else(|| input.with_extension("safetensors"));
    let same = |path: &PathBuf| path.canonicalize().ok();
    if output == *input || (same(&output).is_some() && same(&output) == same(input)) {
        bail!(
            "{} is the input itself: name another output with -o",
            output.display()
        );
    }
    let dtype = match arguments.dtype {
        Width::F32 => DType::F32,
        Width::F16 => DType::F16,
    };
    let options = Options {
        dtype,
        keep_one_to_many: arguments.keep_one_to_many,
    };
    let converted = converted(input, options).with_context(|| input.display().to_string())?;
    write(&converted, &output)?;
    Ok(report(&converted, &output))
}

/// Converts, and says so on stderr if it takes longer than a second.
fn converted(input: &PathBuf, options: Options) -> Result<Converted> {
    let (done, is_done) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let worker = scope.spawn(move || {
            // Dropped at the end, which the receiver notices.
            let _done = done;
            convert(input, &options)
        });
        if is_done.recv_timeout(Duration::from_secs(1)) == Err(mpsc::RecvTimeoutError::Timeout) {
            eprintln!("converting {} ...", input.display());
        }
        Ok(worker.join().expect("converting does not panic")?)
    })
}

fn report(converted: &Converted, output: &std::path::Path) -> String {
    let summary = &converted.summary;
    format!(
        "{}: YOLOv10 {}, {} classes, {} parameters, {} tensors, {}, {:.1} MB, from {}",
        output.display(),
        summary.variant,
        summary.classes.len(),
        summary.parameters,
        summary.tensors,
        summary.dtype.name(),
        converted.bytes.len() as f64 / 1e6,
        summary.lineage,
    )
}
