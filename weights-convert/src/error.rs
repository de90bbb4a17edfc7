//! Everything that can be wrong with a checkpoint, as one line that names the thing and both values. Text from the file is
//! escaped and cut, so that a hostile name cannot forge a second line. Another library's error is the `source`, not part of
//! the text.

use std::{fmt, io, path::PathBuf};

use thiserror::Error;

/// Why a checkpoint was not converted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be read.
    #[error("cannot read")]
    Read(#[source] io::Error),
    /// The path names a device, a pipe or a folder.
    #[error("expected a file, found {found}")]
    NotAFile {
        /// What it is.
        found: &'static str,
    },
    /// The result would replace its own source.
    #[error("{} is the input itself: name another output", path.display())]
    OutputIsInput {
        /// The output file.
        path: PathBuf,
    },
    /// The result would replace something that is not a file.
    #[error("{} is {found}: name a file as the output", path.display())]
    OutputIsNoFile {
        /// The output.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// The result would replace a file that was not written by a conversion.
    #[error("{} exists and is not a converted file: name another output, or remove it", path.display())]
    OutputIsForeign {
        /// The output file.
        path: PathBuf,
    },
    /// The result could not be written; an earlier file of that name is untouched.
    #[error("cannot write {}", path.display())]
    Write {
        /// The output file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// There is nothing in the file.
    #[error("an empty file: expected a zip (.pt) or safetensors")]
    Empty,
    /// The first bytes belong to another format.
    #[error("not a checkpoint but {found}: {advice}")]
    OtherFormat {
        /// What it is.
        found: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// The first bytes belong to no known format.
    #[error("not a checkpoint: expected a zip (.pt) or safetensors, found a file that starts with \"{start}\"")]
    NotACheckpoint {
        /// The first bytes, escaped.
        start: String,
    },
    /// Written by PyTorch before 1.6, or with `_use_new_zipfile_serialization=False`.
    #[error("an old torch file, not a zip: load and save it once with torch 1.6 or newer")]
    OldTorchFile,
    /// The zip container is broken or cut short.
    #[error("zip{}: {reason}", In(entry))]
    Zip {
        /// The entry; empty when the archive itself cannot be opened.
        entry: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A zip that `torch.save` did not write.
    #[error("not a checkpoint: no data.pkl in the zip of {entries} entries")]
    NoPickle {
        /// How many entries the zip has.
        entries: usize,
    },
    /// A zip around a checkpoint.
    #[error("not a checkpoint but a zip that holds {entry}: unpack it first")]
    PackedCheckpoint {
        /// The checkpoint's name in it.
        entry: String,
    },
    /// Weights of a big-endian machine.
    #[error("byte order \"{found}\" is not supported, expected \"little\"")]
    ByteOrder {
        /// The content of the entry `byteorder`.
        found: String,
    },
    /// The file asks for more than a checkpoint of its size can need.
    #[error("{what}: limit {limit}, found {found}")]
    TooLarge {
        /// What is bounded, with its unit.
        what: String,
        /// The most that is allowed.
        limit: u64,
        /// What the file asks for.
        found: u64,
    },
    /// The pickle cannot be executed as data.
    #[error("opcode {opcode:#04x} at offset {offset}: {reason}")]
    Opcode {
        /// The opcode's byte.
        opcode: u8,
        /// Its place in `data.pkl`.
        offset: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The pickle is cut short between two opcodes.
    #[error("truncated: the pickle ends at offset {offset} without STOP")]
    NoStop {
        /// Length of `data.pkl`.
        offset: usize,
    },
    /// The pickle is sound but holds neither a module nor a state dict.
    #[error("no weights in the checkpoint: expected a module or a state dict, found {found}")]
    NoWeights {
        /// What is there instead.
        found: String,
    },
    /// `torch.compile` was called on the model, which then hides its layers.
    #[error("a model of torch.compile: save its `_orig_mod` or its state dict")]
    Compiled,
    /// A parameter or buffer is not a record that torch rebuilds tensors from.
    #[error("{tensor}: expected a tensor, found {found}")]
    NotATensor {
        /// The tensor's PyTorch name.
        tensor: String,
        /// What is there instead.
        found: String,
    },
    /// The pickle names a storage that the zip does not hold.
    #[error("{tensor}: storage {storage} missing")]
    StorageMissing {
        /// The tensor's PyTorch name.
        tensor: String,
        /// The storage's key.
        storage: String,
    },
    /// Storage and pickle disagree about the number of bytes.
    #[error("{tensor}: expected a storage of {expected} bytes, found {found}")]
    StorageSize {
        /// The tensor's PyTorch name.
        tensor: String,
        /// By element count and type.
        expected: u64,
        /// In the zip.
        found: u64,
    },
    /// The tensor's strides leave its storage.
    #[error("{tensor}: reaches element {reach} of a storage of {elements}")]
    View {
        /// The tensor's PyTorch name.
        tensor: String,
        /// Highest element reached.
        reach: u64,
        /// Elements in the storage.
        elements: u64,
    },
    /// Weights are stored as something other than f16, bf16, f32 or f64.
    #[error("{tensor}: dtype {found} is not supported, expected f16, bf16, f32 or f64")]
    Dtype {
        /// The tensor's PyTorch name.
        tensor: String,
        /// The stored type.
        found: String,
    },
    /// Two tensors of the file have the same name once wrappers (`module.`, `model.`) are removed.
    #[error("{tensor}: stored twice")]
    Duplicate {
        /// The tensor's PyTorch name.
        tensor: String,
    },
    /// The module at this place is not the one of YOLOv10.
    #[error("not a YOLOv10: {module} is {found}, expected {expected}")]
    Module {
        /// `layer 9`, or a module's path.
        module: String,
        /// What YOLOv10 has there.
        expected: String,
        /// What the file has there.
        found: String,
    },
    /// The set of tensors is not that of a YOLOv10.
    #[error("not a YOLOv10: {}", Names { missing, unexpected })]
    Names {
        /// Tensors that the network needs.
        missing: Vec<String>,
        /// Tensors that it has no place for.
        unexpected: Vec<String>,
    },
    /// The one-to-one head is missing: fusing for non-maximum suppression drops it.
    #[error("no one-to-one head ({head}*): the checkpoint was fused for non-maximum suppression, take the unfused one")]
    NoOneToOne {
        /// Prefix of the missing tensors.
        head: String,
    },
    /// A tensor's shape does not fit what the graph feeds it.
    #[error("{tensor}: expected {expected:?}, found {found:?}")]
    Shape {
        /// The tensor's PyTorch name.
        tensor: String,
        /// By the graph.
        expected: Vec<usize>,
        /// In the file.
        found: Vec<usize>,
    },
    /// A channel count that the network cannot split.
    #[error("{tensor}: expected {expected}, found {found} channels")]
    Channels {
        /// The tensor's PyTorch name.
        tensor: String,
        /// What is needed.
        expected: String,
        /// In the file.
        found: usize,
    },
    /// The fixed weights of the box distribution are not 0, 1, ..., 15.
    #[error("{tensor}: expected {expected} at {index}, found {found}")]
    Distribution {
        /// The tensor's PyTorch name.
        tensor: String,
        /// Place in the tensor.
        index: usize,
        /// The place itself.
        expected: f64,
        /// In the file.
        found: f64,
    },
    /// A folded value is not a number, is infinite, or does not fit the output type.
    #[error("tensor {tensor}: value {value:e} does not fit {dtype}")]
    Value {
        /// The key in the converted file.
        tensor: String,
        /// The value.
        value: f64,
        /// The output type.
        dtype: &'static str,
    },
    /// The safetensors container is broken.
    #[error("safetensors")]
    Safetensors(#[source] safetensors::SafeTensorError),
    /// There are more or fewer names than classes.
    #[error("class names: expected {expected}, one for each class of the weights, found {found}")]
    ClassNames {
        /// Classes in the weights.
        expected: usize,
        /// Names that were given.
        found: usize,
    },
    /// A converted file of another format version.
    #[error("format_version: expected {expected}, found {found}")]
    FormatVersion {
        /// What this crate writes.
        expected: &'static str,
        /// What the file says.
        found: String,
    },
    /// A converted file whose metadata was damaged.
    #[error("metadata {key}: expected {expected}, found {found}")]
    Metadata {
        /// The entry.
        key: &'static str,
        /// What it should hold.
        expected: &'static str,
        /// What it holds.
        found: String,
    },
}

/// At most this many names are listed in a message.
const LISTED: usize = 10;

/// At most this many characters of a text from the file are shown.
const SHOWN: usize = 100;

/// Text from the file, made fit for one line of a message.
pub(crate) fn printable(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect::<String>().escape_debug().collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push_str("...");
    }
    shown
}

/// ` in ENTRY`, or nothing.
struct In<'a>(&'a str);

impl fmt::Display for In<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " entry {}", self.0) }
    }
}

struct Names<'a> {
    missing: &'a [String],
    unexpected: &'a [String],
}

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = [("missing", self.missing), ("unexpected", self.unexpected)];
        let mut room = LISTED;
        let mut separator = "";
        for (what, names) in lists.into_iter().filter(|(_, names)| !names.is_empty()) {
            // Half of the room is left for the second list.
            let shown = names.len().min(room.min(LISTED / 2));
            room -= shown;
            write!(f, "{separator}{} {what} ({}", names.len(), names[..shown].join(", "))?;
            f.write_str(if shown < names.len() { ", ...)" } else { ")" })?;
            separator = "; ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_the_file_stay_on_one_line_and_are_cut() {
        assert_eq!(printable("a\nerror: b\x1b[31m"), "a\\nerror: b\\u{1b}[31m");
        assert_eq!(printable(&"x".repeat(101)), format!("{}...", "x".repeat(100)));
    }

    #[test]
    fn ten_names_are_listed_five_of_each_kind() {
        let names = |prefix: &str| (0..7).map(|index| format!("{prefix}{index}")).collect();
        let error = Error::Names { missing: names("a"), unexpected: names("b") };
        assert_eq!(
            error.to_string(),
            "not a YOLOv10: 7 missing (a0, a1, a2, a3, a4, ...); 7 unexpected (b0, b1, b2, b3, b4, ...)"
        );
    }
}
