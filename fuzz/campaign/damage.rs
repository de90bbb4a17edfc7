//! Damages valid inputs as disks, transfers, editors and attackers do.

use fastrand::Rng;

/// Numbers that are too large, too small, or right at a limit.
const NUMBERS: [u64; 12] =
    [0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 40, i64::MAX as u64, u64::MAX];

/// Such numbers as text, and text in place of numbers.
pub const NUMBER_TEXTS: [&str; 20] = [
    "0",
    "-1",
    "-0",
    "1",
    "0.5",
    "1e308",
    "1e999",
    "-1e999",
    "nan",
    "NaN",
    "inf",
    "Infinity",
    "null",
    "true",
    "1000000000000",
    "18446744073709551616",
    "9223372036854775807",
    "4294967296",
    "0x10",
    "1.0000000000000000000001",
];

/// Names that break lines, paths, tables and terminals.
pub const NAMES: [&str; 12] =
    ["a", "", " ", "a b", "../../x", "/", "..", "\u{feff}", "\u{1b}[31m", "a\nb", "é\u{301}\u{202e}", "%s%n\0"];

/// One of these, at random.
pub fn one_of<'t, T: ?Sized>(rng: &mut Rng, all: &[&'t T]) -> &'t T {
    all[rng.usize(..all.len())]
}

/// True one time in `times`.
pub fn once_in(rng: &mut Rng, times: usize) -> bool {
    rng.usize(..times) == 0
}

/// A position in these bytes, or at their end.
fn place(rng: &mut Rng, bytes: &[u8]) -> usize {
    rng.usize(..=bytes.len())
}

/// A short range of these bytes.
fn range(rng: &mut Rng, bytes: &[u8]) -> std::ops::Range<usize> {
    let start = place(rng, bytes);
    let longest = [1, 8, 64, 4096][rng.usize(..4)];
    start..bytes.len().min(start + rng.usize(..=longest))
}

/// Damages two of three inputs, in one to five places; `tokens` are tokens of the format.
pub fn damage(rng: &mut Rng, bytes: &mut Vec<u8>, tokens: &[&str]) {
    if once_in(rng, 3) {
        return;
    }
    for _ in 0..rng.usize(1..=5) {
        match rng.usize(..9) {
            0 if !bytes.is_empty() => {
                let at = rng.usize(..bytes.len());
                bytes[at] ^= 1 << rng.usize(..8);
            }
            1 => {
                let number = NUMBERS[rng.usize(..NUMBERS.len())];
                let width = [1, 2, 4, 8][rng.usize(..4)];
                let number = if rng.bool() { number.to_le_bytes() } else { (number << (64 - 8 * width)).to_be_bytes() };
                let start = place(rng, bytes);
                let end = bytes.len().min(start + width);
                bytes.splice(start..end, number[..width].iter().copied());
            }
            2 => drop(bytes.drain(range(rng, bytes))),
            3 => {
                let copy = bytes[range(rng, bytes)].to_vec();
                let at = place(rng, bytes);
                bytes.splice(at..at, copy);
            }
            4 => bytes.truncate(place(rng, bytes)),
            5 => {
                let noise: Vec<u8> = (0..rng.usize(1..9)).map(|_| rng.u8(..)).collect();
                let at = place(rng, bytes);
                bytes.splice(at..at, noise);
            }
            6 => {
                let token = if once_in(rng, 2) { one_of(rng, &NUMBER_TEXTS) } else { one_of(rng, &NAMES) };
                let at = place(rng, bytes);
                bytes.splice(at..at, token.bytes());
            }
            7 if !tokens.is_empty() => {
                let replaced = range(rng, bytes);
                bytes.splice(replaced, one_of(rng, tokens).bytes());
            }
            // The same bytes many times.
            8 => {
                let copy = bytes[range(rng, bytes)].to_vec();
                let times = [2, 16, 300][rng.usize(..3)];
                let at = place(rng, bytes);
                bytes.splice(at..at, copy.repeat(if copy.len() > 64 { 2 } else { times }));
            }
            _ => bytes.push(rng.u8(..)),
        }
    }
}
