//! What a file may ask for, checked before memory is allocated.
//!
//! Peak memory stays below `input + 2 * growth(input) + 160 MiB`: for inflated entries, the result, and what the pickle
//! machine builds (at most one value and one object per opcode).

use crate::error::Error;

/// Largest source file in bytes; training checkpoints of the largest variant have about 0.5 GB.
pub(crate) const MAX_FILE: u64 = 4 << 30;

/// Opcodes of a pickle. A stripped YOLOv10-N has 62,645; training checkpoints of X stay below 400,000. Stack, memo, marks and
/// objects grow by at most one each per opcode, so this bounds them too.
pub(crate) const MAX_OPCODES: u64 = 1 << 20;

/// Entries of modules that are visited; a hostile graph may reach one module along many paths. YOLOv10-X has about 4,000.
pub(crate) const MAX_VISITED: u64 = 1 << 16;

/// Attributes of a module; real ones have about 40. Each is looked at, and a hostile graph may give many modules the same
/// ones.
pub(crate) const MAX_ATTRIBUTES: u64 = 1 << 10;

/// Modules inside modules; YOLOv10 needs 8.
pub(crate) const MAX_DEPTH: u64 = 32;

/// Length of one axis of a tensor, far above any width, so that sums of widths cannot overflow.
pub(crate) const MAX_AXIS: u64 = 1 << 24;

/// Axes of a tensor.
pub(crate) const MAX_AXES: u64 = 8;

/// Bytes of a tensor's name.
pub(crate) const MAX_NAME: u64 = 256;

/// Bytes of all metadata together, class names above all.
pub(crate) const MAX_METADATA: u64 = 4 << 20;

/// How many bytes a file of `length` bytes may grow to: f16 to f32 doubles it, and deflated weights take a little more;
/// constant tensors deflate well, hence the constant part.
pub(crate) fn growth(length: usize) -> u64 {
    (length as u64).saturating_mul(16).saturating_add(16 << 20)
}

/// Refuses `found` above `limit`; `what` names it with its unit.
pub(crate) fn check(what: &str, found: u64, limit: u64) -> Result<(), Error> {
    if found <= limit {
        return Ok(());
    }
    Err(Error::TooLarge { what: what.to_owned(), limit, found })
}
