//! The scans of a progressive JPEG, of which one is damaged.
//!
//! libjpeg takes a code that is none for a zero and goes on. The decoder here refuses the whole file; so the data of
//! that scan is left out, and of those that only refine it, which leaves what the other scans say of the picture.

use std::ops::Range;

use super::resync::{END_OF_IMAGE, FILL, data_of_scan, next_end};

/// How often a scan is left out at most, before all from there on are: each takes some decoding to be found.
const MOST_ROUNDS: usize = 2;

/// What `decode` makes of the file without the data of its damaged scans; `None` if that is nothing.
pub fn without_damaged<T>(mut file: Vec<u8>, decode: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
    let first = |scans: &[Range<usize>], file: &[u8]| {
        let end = scans.last().map_or(0, |scan| scan.end);
        decode(&[&file[..end], &[FILL, END_OF_IMAGE]].concat())
    };
    for round in 0.. {
        let scans = scans(&file);
        if scans.len() < 2 {
            break;
        }
        let sound = sound_together(scans.len(), |count| first(&scans[..count], &file).is_some());
        if round == MOST_ROUNDS || sound == scans.len() {
            return if sound > 0 { first(&scans[..sound], &file) } else { None };
        }
        let damaged = scans[sound].clone();
        let of_it = scans[sound + 1..].iter().filter(|later| refines(&file, later.start, damaged.start)).cloned();
        let left_out: Vec<_> = [damaged.clone()].into_iter().chain(of_it).collect();
        for scan in left_out.into_iter().rev() {
            file.drain(scan);
        }
        if let Some(decoded) = decode(&file) {
            return Some(decoded);
        }
    }
    None
}

/// How many of the first scans are sound together.
fn sound_together(count: usize, is_sound: impl Fn(usize) -> bool) -> usize {
    let (mut sound, mut damaged) = (0, count + 1);
    while damaged - sound > 1 {
        let middle = usize::midpoint(sound, damaged);
        if is_sound(middle) { sound = middle } else { damaged = middle }
    }
    sound
}

/// Whether the scan whose data begins at `later` can't be read without the one that begins at `earlier`: it refines the
/// same component's coefficients, and has a bit for each that is not zero.
fn refines(file: &[u8], later: usize, earlier: usize) -> bool {
    // A head of one component ends so: its number, tables, the first and the last coefficient, bits known and new.
    let (Some(later), Some(earlier)) = (file[..later].last_chunk::<5>(), file[..earlier].last_chunk::<5>()) else {
        return false;
    };
    let [component, _, first, _, bits] = *later;
    first > 0 && bits >> 4 > 0 && component == earlier[0]
}

/// Where the data of each scan lies.
fn scans(file: &[u8]) -> Vec<Range<usize>> {
    let mut scans = Vec::new();
    let (mut at, mut interval) = (0, 0);
    while let Some(start) = data_of_scan(file, at, &mut interval) {
        let end = next_end(file, start).unwrap_or(file.len());
        scans.push(start..end);
        at = end;
    }
    scans
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &[u8] = b"\xff\xd8\
        \xff\xda\0\x0a\x02\x01\0\x02\0\0\0\x01dc\
        \xff\xc4\0\x03\0\xff\xda\0\x08\x01\x01\0\x01\x3f\x02a\xff\xd0c\
        \xff\xda\0\x08\x01\x02\0\x01\x3f\x01cb\
        \xff\xda\0\x08\x01\x01\0\x01\x3f\x21ra\xff\xd9";

    #[test]
    fn the_data_of_the_damaged_scan_and_of_what_refines_it_is_left_out() {
        let data = |file: &[u8]| scans(file).into_iter().map(|scan| file[scan].to_vec()).collect::<Vec<_>>();
        let all = [&b"dc"[..], b"a\xff\xd0c", b"cb", b"ra"].map(<[u8]>::to_vec);
        assert_eq!(data(FILE), all);
        let without = |damaged: &'static [u8]| {
            let is_in = |file: &[u8]| file.windows(damaged.len()).any(|window| window == damaged);
            without_damaged(FILE.to_vec(), |file| (!is_in(file) && file.ends_with(b"\xff\xd9")).then(|| data(file)))
        };
        let [dc, first, other, refined] = all;
        let nothing = vec![];
        assert_eq!(without(b"a\xff\xd0c"), Some(vec![dc.clone(), nothing.clone(), other.clone(), nothing.clone()]));
        assert_eq!(without(b"ra"), Some(vec![dc, first.clone(), other.clone(), nothing.clone()]));
        assert_eq!(without(b"dc"), Some(vec![nothing, first, other, refined]));
        assert_eq!(without(b"\xff\xd8"), None);
    }
}
