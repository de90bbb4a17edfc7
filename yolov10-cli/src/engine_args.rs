//! The options for weights and engine that several commands share.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Result, ensure};
use bytesize::ByteSize;
use clap::Args;
use yolov10_model::letterbox::Fit;
use yolov10_model::options::Isa;
use yolov10_model::selection::Assignment;
use yolov10_model::{Device, Error, Options, Precision, Selection, Size};

use crate::known_values::Known;
use crate::message;
use crate::setup::Setup;

/// What completion offers; a device may also have a number, and commas separate several.
const DEVICES: [&str; 5] = ["auto", "cpu", "flex", "cuda", "wgpu"];
const ISAS: [&str; 4] = ["avx512", "avx2", "neon", "portable"];
const DTYPES: [&str; 4] = ["f32", "tf32", "f16", "bf16"];

/// Which weights, and how they run.
#[derive(Args, Debug)]
pub struct EngineArgs {
    /// Weights: a .pt from the authors' code or ultralytics, safetensors, a converted file, or n, s, m, b, l, x for the authors' own [default: the built-in demo].
    #[arg(long, short, visible_alias = "model", value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Input size in pixels: one side, or height,width; rounded up to multiples of 32 [default: the size the weights were trained at, otherwise 640].
    #[arg(long, value_name = "PIXELS")]
    imgsz: Option<InputSize>,
    /// Give each picture the smallest input that it fits into (the default).
    #[arg(long, overrides_with = "no_rect")]
    rect: bool,
    /// Give each picture the whole input size.
    #[arg(long)]
    no_rect: bool,
    /// Where to compute: cpu, flex, cuda, cuda:N, wgpu, or auto, which is the first CUDA GPU or else the CPU; run takes several, as in cuda:0,1.
    #[arg(long, default_value = "auto", value_parser = Known::<Choice>::new(&DEVICES), hide_possible_values = true)]
    device: Choice,
    /// Threads of the CPU engine [default: the physical cores this process may use].
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Limit for weights and workspace together, on the CPU engine and on CUDA: 60MB, 64MiB, or a number of bytes.
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    memory_limit: Option<usize>,
    /// Where to keep a GPU's compiled and tuned kernels [default: this program's cache folder].
    #[arg(long, value_name = "FOLDER")]
    cache_dir: Option<PathBuf>,
    #[command(flatten)]
    kernels: KernelArgs,
}

/// The named devices, or the best available one.
#[derive(Clone, Debug)]
enum Choice {
    Auto,
    Named(Vec<Device>),
}

impl FromStr for Choice {
    type Err = Error;

    /// `auto`, or names separated by commas; a number alone is a CUDA device, so `cuda:0,1` is two.
    fn from_str(names: &str) -> Result<Self, Error> {
        if names == "auto" {
            return Ok(Self::Auto);
        }
        // In brackets, as Python prints them: ultralytics takes device=[0,1].
        let names = names.trim_matches(['[', ']', '(', ')']);
        let devices: Result<_, _> = names.split(',').map(|name| name.trim().parse()).collect();
        devices.map(Self::Named)
    }
}

impl Choice {
    /// The devices; says on stderr if `auto` found no GPU.
    fn devices(&self) -> Vec<Device> {
        match self {
            Self::Named(devices) => devices.clone(),
            Self::Auto => {
                let (device, missing) = Device::auto();
                if let Some(missing) = missing {
                    message::note(format_args!("{missing}: computing on {device}"));
                }
                vec![device]
            }
        }
    }
}

/// How the CPU engine computes.
#[derive(Args, Clone, Copy, Debug)]
pub struct KernelArgs {
    /// Instruction set of the CPU engine: avx512, avx2, neon or portable [default: the best this machine has].
    #[arg(long, value_parser = Known::<Isa>::new(&ISAS), hide_possible_values = true)]
    isa: Option<Isa>,
    /// Precision of multiplications: on the CPU f32, or with AVX-512 BF16 the faster and less exact bf16; on a GPU f32, tf32, f16 or bf16 [default: f32 on the CPU, tf32 on a GPU].
    #[arg(long, value_parser = Known::<Precision>::new(&DTYPES), hide_possible_values = true)]
    dtype: Option<Precision>,
    /// Use half precision where there is any: f16 on a GPU, bf16 on a CPU with AVX-512 BF16, otherwise f32.
    #[arg(long, conflicts_with = "dtype")]
    half: bool,
    /// Compute every convolution directly, without Winograd's transforms: slower, with smaller rounding errors.
    #[arg(long)]
    exact: bool,
}

impl EngineArgs {
    /// The setup of a command that takes one device.
    pub fn setup(&self, assignment: Assignment) -> Result<Setup> {
        let setups = self.setups(assignment);
        ensure!(setups.len() == 1, "--device: expected one device, found {}", setups.len());
        Ok(setups.into_iter().next().expect("there is one"))
    }

    /// The setup for each device, with the head that finds the objects.
    pub fn setups(&self, assignment: Assignment) -> Vec<Setup> {
        let on = |device| {
            let mut options = Options {
                input: self.imgsz.map(|InputSize(size)| size),
                fit: if self.no_rect { Fit::Full } else { Fit::Minimal },
                selection: Selection { assignment, ..Selection::default() },
                ..self.kernels.options(device)
            };
            options.cpu.threads = self.threads;
            options.cpu.memory_limit = self.memory_limit;
            Setup { weights: self.weights.clone(), names: None, cache: self.cache_dir.clone(), options }
        };
        let devices = self.device.devices();
        self.note_what_has_no_effect(&devices);
        devices.into_iter().map(on).collect()
    }

    /// Prints notes about options that have no effect.
    fn note_what_has_no_effect(&self, devices: &[Device]) {
        let of_cpu = [
            ("--threads", self.threads.is_some()),
            ("--isa", self.kernels.isa.is_some()),
            ("--exact", self.kernels.exact),
        ];
        if !devices.contains(&Device::Cpu) {
            for (option, _) in of_cpu.into_iter().filter(|(_, given)| *given) {
                message::note(format_args!("{option} has no effect on {}: only the CPU engine has it", devices[0]));
            }
        }
        let has_gpu = devices.iter().any(|device| !matches!(device, Device::Cpu | Device::Flex));
        if self.cache_dir.is_some() && !has_gpu {
            message::note("--cache-dir has no effect: there are no kernels to keep without a GPU");
        }
    }
}

impl KernelArgs {
    /// Options for `device`, with defaults for everything but the kernels.
    pub fn options(self, device: Device) -> Options {
        let precision = if self.half { half_precision_on(device) } else { self.dtype };
        let mut options = Options { device, precision, ..Options::default() };
        options.cpu.isa = self.isa;
        options.cpu.exact = self.exact;
        options
    }
}

/// Whether this processor multiplies bf16.
pub fn has_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// The half precision of a device; if it has none, `None` and a note.
fn half_precision_on(device: Device) -> Option<Precision> {
    match device {
        Device::Cuda(_) | Device::Wgpu => Some(Precision::F16),
        Device::Cpu if has_bf16() => Some(Precision::Bf16),
        Device::Cpu | Device::Flex => {
            message::note(format_args!("--half: {device} has no half precision here: computing in f32"));
            None
        }
    }
}

/// `60MB`, `1.5 GiB`, or a number of bytes.
pub fn parse_bytes(text: &str) -> Result<usize, String> {
    let size: Option<ByteSize> = text.parse().ok();
    let bytes = size.and_then(|size| usize::try_from(size.as_u64()).ok());
    bytes.ok_or_else(|| "expected a size such as 60MB, 64MiB or 60000000".to_owned())
}

/// `640`, or `480,640` for height and width; brackets, as Python prints them, are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputSize(pub Size);

impl FromStr for InputSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let sides: Vec<usize> = text
            .trim_matches(['[', ']', '(', ')'])
            .split([',', 'x'])
            .map(|side| side.trim().parse().ok().filter(|side| Size::SIDES.contains(side)))
            .collect::<Option<_>>()
            .ok_or_else(|| format!("expected sides of {} to {} pixels", Size::SIDES.start(), Size::SIDES.end()))?;
        match sides[..] {
            [side] => Ok(Self(Size::square(side))),
            [height, width] => Ok(Self(Size { height, width })),
            _ => Err(format!("expected one side or height,width, found {} numbers", sides.len())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_devices_have_commas_between_them() {
        let devices = |names: &str| names.parse::<Choice>().map(|choice| choice.devices());
        assert_eq!(devices("cuda:0,1").expect("two devices"), [Device::Cuda(0), Device::Cuda(1)]);
        assert_eq!(devices("cpu").expect("a device"), [Device::Cpu]);
        assert_eq!(devices("[0, 1]").expect("two devices"), [Device::Cuda(0), Device::Cuda(1)]);
        assert!(devices("cpu,").is_err());
        assert!(devices("gpu").is_err());
    }

    #[test]
    fn a_size_has_units_and_a_number_alone_is_bytes() {
        for (text, bytes) in [("30MB", 30_000_000), ("64MiB", 64 << 20), ("1.5 GB", 1_500_000_000), ("1000", 1000)] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "MB", "-1", "1 parsec", "nan"] {
            assert!(parse_bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_input_size_is_a_side_or_height_and_width() {
        let size = |height, width| Ok(InputSize(Size { height, width }));
        assert_eq!("640".parse(), size(640, 640));
        assert_eq!("480,640".parse(), size(480, 640));
        assert_eq!("[480, 640]".parse(), size(480, 640));
        assert_eq!("480x640".parse(), size(480, 640));
        for wrong in ["", "31", "8193", "640,", "1,2,3", "-640", "640.5"] {
            assert!(wrong.parse::<InputSize>().is_err(), "{wrong}");
        }
        assert_eq!(
            "64,64,64".parse::<InputSize>(),
            Err("expected one side or height,width, found 3 numbers".to_owned())
        );
    }
}
