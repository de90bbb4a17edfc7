//! Repairs the restart markers of a damaged JPEG, by the rules of libjpeg's `jpeg_resync_to_restart`.
//!
//! A JPEG may have numbered markers between pieces that can each be decoded separately. If some are lost, the number of
//! the next one tells how many: libjpeg leaves the pieces between them empty and continues at the right place. The decoder
//! used here takes markers as they come, so everything after a lost one would be shifted, or grey.

pub const FILL: u8 = 0xff;
/// Follows an `0xff` that is data.
const STUFFED: u8 = 0x00;
/// Restart markers are numbered modulo this.
const RESTARTS: u8 = 8;
/// A number from here on, ahead of the expected one, belongs to one of the two markers before it.
const REPEATED: u8 = RESTARTS - 2;
const FIRST_RESTART: u8 = 0xd0;
const LAST_RESTART: u8 = 0xd7;
const START_OF_IMAGE: u8 = 0xd8;
pub const END_OF_IMAGE: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;
const RESTART_INTERVAL: u8 = 0xdd;
/// Lower codes are not markers of a scan.
const FIRST_MARKER: u8 = 0xc0;

/// The file with the markers of its scans in order; `None` if there are none, or they are in order already.
pub fn resynced(bytes: &[u8]) -> Option<Vec<u8>> {
    let (mut mended, mut at, mut interval) = (Vec::new(), 0, 0);
    while let Some(start) = data_of_scan(bytes, at, &mut interval) {
        mended.extend(&bytes[at..start]);
        at = match interval {
            0 => {
                let end = next_end(bytes, start)?;
                mended.extend(&bytes[start..end]);
                end
            }
            _ => mend(bytes, start, &mut mended)?,
        };
    }
    mended.extend(&bytes[at..]);
    (mended != bytes).then_some(mended)
}

/// Adds the data of a scan that begins at `start`, its markers in order; gives its end.
fn mend(bytes: &[u8], start: usize, mended: &mut Vec<u8>) -> Option<usize> {
    let (mut expected, mut at) = (0, start);
    loop {
        let marker = next_marker(bytes, at);
        mended.extend(&bytes[at..marker.unwrap_or(bytes.len())]);
        let place = marker?;
        let (code, after) = (bytes[place + 1], place + 2);
        at = match code {
            FIRST_RESTART..=LAST_RESTART => {
                let number = code - FIRST_RESTART;
                match number.wrapping_sub(expected) % RESTARTS {
                    // Up to two are lost: their pieces are left empty.
                    ahead @ (0..=2) => {
                        for lost in 0..=ahead {
                            mended.extend([FILL, FIRST_RESTART + (expected + lost) % RESTARTS]);
                        }
                        expected = (number + 1) % RESTARTS;
                        after
                    }
                    // It was there before: skip its piece.
                    REPEATED..RESTARTS => next_marker(bytes, after)?,
                    // Anything else is taken for the expected one.
                    _ => {
                        mended.extend([FILL, FIRST_RESTART + expected]);
                        expected = (expected + 1) % RESTARTS;
                        after
                    }
                }
            }
            // Not a marker but damaged data: the rest of the piece can't be read.
            STUFFED..FIRST_MARKER => next_marker(bytes, after)?,
            _ => return Some(place),
        };
    }
}

/// Where the data of the next scan begins, looked for from a marker on; the interval is that of its restart markers, 0
/// if it has none, and as it was if the file says nothing new.
pub fn data_of_scan(bytes: &[u8], from: usize, interval: &mut u16) -> Option<usize> {
    let mut at = from;
    loop {
        let code = *bytes.get(at + 1).filter(|_| bytes[at] == FILL)?;
        at += 2;
        if code == START_OF_IMAGE {
            continue;
        }
        let length = u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?) as usize;
        match code {
            RESTART_INTERVAL => *interval = u16::from_be_bytes(bytes.get(at + 2..at + 4)?.try_into().ok()?),
            START_OF_SCAN => return (at + length < bytes.len()).then_some(at + length),
            END_OF_IMAGE => return None,
            _ => (),
        }
        at += length;
    }
}

/// The end of a scan's data: the next marker that is one and no restart.
pub fn next_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let place = next_marker(bytes, at)?;
        match bytes[place + 1] {
            FIRST_RESTART..=LAST_RESTART | STUFFED..FIRST_MARKER => at = place + 2,
            _ => return Some(place),
        }
    }
}

/// The next marker, whatever it is; stuffed bytes are none.
fn next_marker(bytes: &[u8], from: usize) -> Option<usize> {
    let is_marker = |pair: &[u8]| pair[0] == FILL && pair[1] != STUFFED && pair[1] != FILL;
    bytes.get(from..)?.windows(2).position(is_marker).map(|place| from + place)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"\xff\xd8\xff\xdd\x00\x04\x00\x02\xff\xda\x00\x03\x00";

    fn mended(scan: &[u8]) -> Option<Vec<u8>> {
        let whole = [HEAD, scan, b"\xff\xd9"].concat();
        let mended = resynced(&whole)?;
        Some(mended[HEAD.len()..mended.len() - 2].to_vec())
    }

    #[test]
    fn markers_in_order_are_left_alone() {
        assert_eq!(mended(b"a\xff\xd0b\xff\x00b\xff\xd1c\xff\xd2d"), None);
        let without_interval = b"\xff\xd8\xff\xda\x00\x03\x00a\xff\xd5b\xff\xd9";
        assert_eq!(resynced(without_interval), None);
    }

    #[test]
    fn lost_markers_leave_empty_pieces_and_repeated_ones_are_dropped() {
        assert_eq!(mended(b"a\xff\xd2d").expect("two are lost"), b"a\xff\xd0\xff\xd1\xff\xd2d");
        assert_eq!(mended(b"a\xff\xd0b\xff\xd0x\xff\xd1c").expect("one too many"), b"a\xff\xd0b\xff\xd1c");
        assert_eq!(mended(b"a\xff\xd4b").expect("no telling"), b"a\xff\xd0b");
    }

    #[test]
    fn what_is_no_marker_ends_its_piece_alone() {
        assert_eq!(mended(b"a\xff\x55b\xff\xd0c").expect("damaged data"), b"a\xff\xd0c");
    }

    #[test]
    fn every_scan_has_markers_of_its_own() {
        let scan = b"\xff\xda\x00\x03\x00";
        let file = |first: &[u8], second: &[u8]| [HEAD, first, scan, second, b"\xff\xd9"].concat();
        assert_eq!(resynced(&file(b"a\xff\xd0b", b"a\xff\xd1c")), Some(file(b"a\xff\xd0b", b"a\xff\xd0\xff\xd1c")));
        assert_eq!(resynced(&file(b"a\xff\xd0b", b"a\xff\xd0c")), None);
    }

    #[test]
    fn an_end_that_is_missing_is_left_to_the_decoder() {
        assert_eq!(resynced(&[HEAD, b"a\xff\xd2b"].concat()), None);
        assert_eq!(resynced(b"\xff\xd8"), None);
        assert_eq!(resynced(b""), None);
    }
}
