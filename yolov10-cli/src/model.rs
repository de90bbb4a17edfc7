//! From what `--weights` names to weights in memory, and from the engine's options to a detector.

use std::fs::File;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use yolov10_model::{Detector, Device, Fit, Options, Selection, Size, Weights};

use crate::{demo, message};

/// A network input's sides in pixels: from one cell of the coarsest scale to what 16 GiB of memory can hold.
const SIDES: std::ops::RangeInclusive<usize> = 32..=8192;

/// Which weights, and how they run.
#[derive(Args, Debug)]
pub struct EngineArgs {
    /// Weights: a .pt of either lineage, safetensors, or a converted file; the built-in demo if left out.
    #[arg(long, short, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// Input size in pixels: a side, or height,width; raised to multiples of 32 [default: what the weights were trained at, else 640].
    #[arg(long, value_name = "PIXELS")]
    pub imgsz: Option<InputSize>,
    /// Give each picture the smallest input it fits into (the default).
    #[arg(long, overrides_with = "no_rect")]
    pub rect: bool,
    /// Give each picture the whole of the input size.
    #[arg(long)]
    pub no_rect: bool,
    /// Where to compute: cpu, flex, cuda, cuda:N or wgpu.
    #[arg(long, default_value = "cpu")]
    pub device: Device,
    /// Threads of the CPU engine [default: the physical cores this process may use].
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
}

/// `640`, or `480,640` for height and width; brackets as Python prints them are welcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputSize(pub Size);

impl FromStr for InputSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let sides: Vec<usize> = text
            .trim_matches(['[', ']', '(', ')'])
            .split([',', 'x'])
            .map(|side| side.trim().parse().ok().filter(|side| SIDES.contains(side)))
            .collect::<Option<_>>()
            .ok_or_else(|| {
                format!(
                    "expected sides of {} to {} pixels",
                    SIDES.start(),
                    SIDES.end()
                )
            })?;
        match sides[..] {
            [side] => Ok(Self(Size::square(side))),
            [height, width] => Ok(Self(Size { height, width })),
            _ => Err(format!(
                "expected one side or height,width, found {} numbers",
                sides.len()
            )),
        }
    }
}

impl EngineArgs {
    /// What messages call the weights.
    pub fn weights_name(&self) -> String {
        self.weights
            .as_deref()
            .map_or(demo::WEIGHTS_NAME.to_owned(), |path| {
                path.display().to_string()
            })
    }

    /// The weights asked for.
    pub fn load_weights(&self) -> Result<Arc<Weights>> {
        load(self.weights.as_deref())
    }

    /// A detector of these weights; the weights are freed as soon as it has its own copy.
    pub fn detector(&self, weights: Arc<Weights>, selection: Selection) -> Result<Detector> {
        if let Some(InputSize(size)) = self.imgsz
            && size != size.to_stride()
        {
            message::note(format_args!(
                "input size {size}: raised to {}, the next multiples of 32",
                size.to_stride()
            ));
        }
        let mut options = Options {
            device: self.device,
            input: self.imgsz.map(|InputSize(size)| size),
            fit: if self.no_rect {
                Fit::Full
            } else {
                Fit::Minimal
            },
            selection,
            ..Options::default()
        };
        options.cpu.threads = self.threads;
        Detector::new(&weights, &options).with_context(|| self.weights_name())
    }
}

/// Reads weights in any form; the built-in ones where there is no path.
pub fn load(path: Option<&Path>) -> Result<Arc<Weights>> {
    let weights = match path {
        None => Weights::from_static(demo::WEIGHTS).context(demo::WEIGHTS_NAME)?,
        Some(path) => open(path).with_context(|| path.display().to_string())?,
    };
    Ok(Arc::new(weights))
}

/// A converted file is read straight into its place; every other form is converted in memory first.
fn open(path: &Path) -> Result<Weights> {
    if is_converted(path)? {
        return Ok(Weights::open(path)?);
    }
    let converted = weights_convert::convert(path, &weights_convert::Options::default())?;
    Ok(Weights::from_bytes(&converted.bytes)?)
}

/// Whether a file begins as the converter writes it. A wrong no costs memory and time, nothing else.
fn is_converted(path: &Path) -> Result<bool> {
    const LOOKED_AT: u64 = 4096;
    const FORMAT: &[u8] = br#""format":"yolo10-burn""#;
    let mut start = Vec::new();
    File::open(path)?.take(LOOKED_AT).read_to_end(&mut start)?;
    Ok(start.windows(FORMAT.len()).any(|window| window == FORMAT))
}
