//! The first directory of a TIFF: no value in it is longer than the file.
//!
//! The `tiff` crate makes room for as many values as an entry promises, before its limits can be set.

use crate::error::Error;

/// Whether every entry's values can lie in the file. What is not a directory is left to the decoder.
pub fn admit(bytes: &[u8]) -> Result<(), Error> {
    for (count, size) in entries(bytes).into_iter().flatten() {
        let found = count.saturating_mul(size);
        if found > bytes.len() as u64 {
            let expected = bytes.len();
            let reason =
                format!("a value of {found} bytes in a TIFF's directory: expected at most {expected}, its length");
            return Err(Error::not_a_picture(reason));
        }
    }
    Ok(())
}

/// How many values each entry has, and bytes of one.
fn entries(bytes: &[u8]) -> Option<impl Iterator<Item = (u64, u64)>> {
    let is_little = match bytes.first_chunk::<4>()? {
        b"II\x2a\0" | b"II\x2b\0" => true,
        b"MM\0\x2a" | b"MM\0\x2b" => false,
        _ => return None,
    };
    let number = move |at: usize, length: usize| {
        let bytes = bytes.get(at..at.checked_add(length)?)?.iter().map(|byte| u64::from(*byte));
        let add = |sum: u64, byte: u64| sum << 8 | byte;
        Some(if is_little { bytes.rev().fold(0, add) } else { bytes.fold(0, add) })
    };
    // BigTIFF has wider offsets, counts and entries.
    let is_big = number(2, 2)? == 43;
    let (place, wide, of_count, entry) = if is_big { (8, 8, 8, 20) } else { (4, 4, 2, 12) };
    let start = usize::try_from(number(place, wide)?).ok()?;
    let entries = usize::try_from(number(start, of_count)?).ok()?;
    let at = move |index: usize| start.checked_add(of_count)?.checked_add(index.checked_mul(entry)?);
    let read = move |index: usize| Some((number(at(index)?.checked_add(4)?, wide)?, size(number(at(index)? + 2, 2)?)));
    Some((0..entries).map_while(read))
}

/// Bytes of a value of this type.
fn size(kind: u64) -> u64 {
    match kind {
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16..=18 => 8,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_beyond_the_file_is_refused_in_either_order_and_width() {
        // One entry: a width of type LONG, once or 100 times.
        let small = |count: u32| {
            let entry = [&[0, 1, 4, 0][..], &count.to_le_bytes(), &[9, 0, 0, 0]].concat();
            [&b"II\x2a\0\x08\0\0\0\x01\0"[..], &entry].concat()
        };
        let big = |count: u64| {
            let entry = [&[1, 0, 0, 4][..], &count.to_be_bytes(), &[0; 8]].concat();
            [&b"MM\0\x2b\0\x08\0\0\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\0\x01"[..], &entry].concat()
        };
        assert!(admit(&small(1)).is_ok() && admit(&big(1)).is_ok());
        assert!(admit(&small(100)).is_err() && admit(&big(100)).is_err());
        assert!(admit(&small(u32::MAX)).is_err() && admit(&big(u64::MAX)).is_err());
        assert!(admit(b"II\x2a\0").is_ok() && admit(b"").is_ok());
    }
}
