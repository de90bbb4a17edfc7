//! Everything that can go wrong between a weight file, a picture and its detections.

use std::path::PathBuf;

use crate::device_text::first_cause;
use crate::picture::Budget;
use crate::size::Size;

/// Why a detector could not be made or a picture could not be searched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The bytes are not a weight file of this program.
    #[error("not a converted weight file: {reason}")]
    NotWeights {
        /// What is wrong with them.
        reason: String,
    },
    /// The network needs a tensor that the weight file lacks.
    #[error("tensor {tensor}: missing from the weight file")]
    MissingTensor {
        /// Its key.
        tensor: String,
    },
    /// The one-to-many head was asked for, but the weight file has none.
    #[error("the weights have no one-to-many head: convert the checkpoint without --one2one-only")]
    NoOneToMany,
    /// A tensor of the weight file does not have the shape that the network needs.
    #[error("tensor {tensor}: expected {expected}, found {found:?}")]
    MisshapedTensor {
        /// Its key.
        tensor: String,
        /// The shape that is needed; `_` where any size will do.
        expected: String,
        /// The shape in the file.
        found: Vec<usize>,
    },
    /// A tensor of the weight file holds NaN or infinity.
    #[error("tensor {tensor}: expected finite numbers, found {found} at element {element}")]
    NotFinite {
        /// Its key.
        tensor: String,
        /// The first that is not finite.
        found: f32,
        /// Where it is, counted from 0.
        element: usize,
    },
    /// A value in the weight file's metadata is not allowed.
    #[error("metadata {key}: expected {expected}, found {found}")]
    Metadata {
        /// Its key.
        key: &'static str,
        /// What is allowed.
        expected: String,
        /// The value, cut off if it is long.
        found: String,
    },
    /// A tensor is stored in a type that weights never have.
    #[error("tensor {tensor}: expected F32, F16 or BF16, found {found}")]
    UnsupportedDtype {
        /// Its key.
        tensor: String,
        /// The type in the file.
        found: String,
    },
    /// The weight file has tensors that the network does not need.
    #[error("tensors that the network has no use for: {names}")]
    UnusedTensors {
        /// At most ten keys, and how many more there are.
        names: String,
    },
    /// A picture could not be decoded; the source is the decoder's error.
    #[error("not a picture that can be read")]
    NotAPicture(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Decoding a picture would exceed the budget.
    #[error(
        "a picture of {size}: decoding it takes {} MB, expected at most {} million pixels and {} MB (--max-pixels)",
        needed.div_ceil(1_000_000), budget.pixels / 1_000_000, budget.bytes / 1_000_000
    )]
    PictureTooLarge {
        /// The size in its header.
        size: Size,
        /// Bytes that decoding needs.
        needed: u64,
        /// What decoding may take.
        budget: Budget,
    },
    /// A picture's file alone is larger than the budget for decoding it.
    #[error("a file of {found} bytes, expected at most {expected} (--max-pixels)")]
    FileTooLarge {
        /// Its length.
        found: u64,
        /// The most that is read.
        expected: u64,
    },
    /// A picture without pixels.
    #[error("a picture of {0} has no pixels")]
    EmptyPicture(Size),
    /// A network input size that is not a positive multiple of the largest stride.
    #[error("input size {found}: height and width must be positive multiples of {stride} pixels")]
    InputSize {
        /// The size asked for.
        found: Size,
        /// The largest stride.
        stride: usize,
    },
    /// A network input size that is out of bounds.
    #[error("input size {found}: expected sides of {} to {} pixels", Size::SIDES.start(), Size::SIDES.end())]
    InputSides {
        /// The size asked for.
        found: Size,
    },
    /// A letterbox that is for a picture of another size.
    #[error("a letterbox for a picture of {expected}, found one of {found}")]
    OtherPicture {
        /// The size that the letterbox is for.
        expected: Size,
        /// The picture's.
        found: Size,
    },
    /// A letterbox whose picture does not lie within its input.
    #[error("a letterbox puts {scaled} at row {top}, column {left} of an input of {input}")]
    OutsideInput {
        /// The picture inside the input.
        scaled: Size,
        /// The input.
        input: Size,
        /// Rows above the picture.
        top: usize,
        /// Columns left of the picture.
        left: usize,
    },
    /// An unknown device name.
    #[error("device {0}: expected cpu, flex, cuda, cuda:N or wgpu")]
    UnknownDevice(String),
    /// An unknown precision.
    #[error("dtype {0}: expected f32, tf32, f16 or bf16")]
    UnknownPrecision(String),
    /// The device's engine does not compute in this precision.
    #[error("device {device}: no {found} here, expected {expected}")]
    PrecisionUnsupported {
        /// The device.
        device: String,
        /// What was asked for.
        found: String,
        /// What there is.
        expected: String,
    },
    /// The program was built without the engine for this device.
    #[error("device {device}: this build has no {feature}; build with --features {feature}")]
    NotBuiltIn {
        /// The device asked for.
        device: String,
        /// The feature that adds its engine.
        feature: &'static str,
    },
    /// The device's hardware, driver or libraries are missing.
    #[error("device {device}: {reason}")]
    DeviceUnavailable {
        /// The device asked for.
        device: String,
        /// What is missing.
        reason: String,
    },
    /// The device failed while working.
    #[error("the device failed: {reason}")]
    DeviceFailed {
        /// What it said.
        reason: String,
    },
    /// The device has no room for what was asked of it.
    #[error("device {device}: out of memory: {requested} bytes more needed{}", free(*available))]
    DeviceOutOfMemory {
        /// The device.
        device: String,
        /// Bytes of the allocation that failed.
        requested: u64,
        /// Bytes that are free, where the driver can tell.
        available: Option<u64>,
    },
    /// Memory that should have been given back was not.
    #[error("memory: {residue} bytes were not given back")]
    Residue {
        /// How many bytes.
        residue: u64,
    },
    /// The process of an isolated detector failed.
    #[error("worker process: {reason}")]
    Worker {
        /// What happened to it, or what it said.
        reason: String,
    },
    /// A device can't be shut down while detectors hold memory there.
    #[error("device {device}: {in_use} bytes still in use; drop its detectors first")]
    DeviceInUse {
        /// The device.
        device: String,
        /// Bytes of live data.
        in_use: u64,
    },
    /// The device's engine can't enforce a memory limit.
    #[error("device {device}: a memory limit needs the device cpu or cuda")]
    LimitUnsupported {
        /// The device.
        device: String,
    },
    /// The CPU engine failed.
    #[error(transparent)]
    Engine(#[from] yolov10_cpu::Error),
}

fn free(bytes: Option<u64>) -> String {
    bytes.map_or_else(String::new, |bytes| format!(", {bytes} are free"))
}

impl Error {
    pub(crate) fn not_weights(reason: impl Into<String>) -> Self {
        Self::NotWeights { reason: reason.into() }
    }

    /// Decoders' errors repeat their causes in their own text, so only the text is kept.
    pub(crate) fn not_a_picture(cause: impl std::fmt::Display) -> Self {
        Self::NotAPicture(cause.to_string().into())
    }

    /// The words of an error and its causes, on one line.
    pub fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
        let causes = std::iter::successors(Some(error), |error| error.source());
        causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    }

    pub(crate) fn worker(reason: impl std::fmt::Display) -> Self {
        Self::Worker { reason: reason.to_string() }
    }

    /// What went wrong according to the device, in one line.
    pub(crate) fn device(error: impl std::fmt::Display) -> Self {
        Self::DeviceFailed { reason: first_cause(&error.to_string()).to_owned() }
    }

    pub(crate) fn metadata(key: &'static str, expected: &str, found: Option<&str>) -> Self {
        Self::Metadata { key, expected: expected.to_owned(), found: printable(found.unwrap_or("none")) }
    }

    pub(crate) fn misshaped(tensor: String, expected: &[Option<usize>], found: &[usize]) -> Self {
        let expected: Vec<String> =
            expected.iter().map(|size| size.map_or("_".to_owned(), |size| size.to_string())).collect();
        let expected = format!("[{}]", expected.join(", "));
        Self::MisshapedTensor { tensor, expected, found: found.to_vec() }
    }

    /// If two tensors do not fit each other, there is no telling which of them is wrong: both are named.
    pub(crate) fn beside(self, other: &str, shape: &[usize]) -> Self {
        match self {
            Self::MisshapedTensor { tensor, expected, found } => {
                Self::MisshapedTensor { tensor, expected: format!("{expected} beside {other} {shape:?}"), found }
            }
            error => error,
        }
    }
}

/// Text from a file as part of one line: control characters are escaped, and the length is bounded.
pub(crate) fn printable(text: &str) -> String {
    const LETTERS: usize = 120;
    let mut letters = text.chars();
    let start: String = letters
        .by_ref()
        .take(LETTERS)
        .flat_map(|letter| match letter.is_control() {
            true => letter.escape_default().collect::<Vec<_>>(),
            false => vec![letter],
        })
        .collect();
    match letters.next() {
        Some(_) => start + "..",
        None => start,
    }
}
