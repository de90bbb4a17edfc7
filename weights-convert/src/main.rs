//! `weights-convert INPUT`: a checkpoint in, a converted file out. Exit code 0 when done, 2 on
//! error.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use weights_convert::{Converted, DType, Options, convert, output_path, write};

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
    let done = run(&Arguments::parse()).and_then(|line| print_line(&line));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Writes the report to stdout; a reader that has gone away is no error.
fn print_line(line: &str) -> Result<()> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to stdout"),
    }
}

fn run(arguments: &Arguments) -> Result<String> {
    let input = &arguments.input;
    let output = output_path(input, arguments.output.as_deref())?;
    let dtype = match arguments.dtype {
        Width::F32 => DType::F32,
        Width::F16 => DType::F16,
    };
    let options = Options { dtype, keep_one_to_many: arguments.keep_one_to_many };
    let converted = converted(input, options).with_context(|| input.display().to_string())?;
    write(&converted, &output)?;
    Ok(format!("{}: {converted}", output.display()))
}

/// Converts, and says so on stderr if it takes longer than a second.
fn converted(input: &Path, options: Options) -> Result<Converted> {
    let (running, is_running) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let worker = scope.spawn(move || {
            // Dropped at the end, which the receiver notices.
            let _running = running;
            convert(input, &options)
        });
        let waited = is_running.recv_timeout(Duration::from_secs(1));
        if waited == Err(mpsc::RecvTimeoutError::Timeout) {
            eprintln!("converting {} ...", input.display());
        }
        Ok(worker.join().expect("converting does not panic")?)
    })
}
