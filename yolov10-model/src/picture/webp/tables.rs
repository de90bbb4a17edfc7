//! What the tables of a lossless stream take: read from the bits before its pixels, as `image-webp` reads them.
//!
//! A stream may have a set of five prefix codes for every block of the picture: up to 65536 sets, whatever its size. The
//! decoder builds tables for all of them, so a few megabytes of codes become gigabytes. They lie before the pixels, so
//! their sizes are known early.
//!
//! The format: <https://developers.google.com/speed/webp/docs/webp_lossless_bitstream_specification>.

use crate::size::Size;

/// Bytes of a decoder's tables: an entry of the first ten bits, a node of a longer code, a set, and what goes with each
/// piece of memory. A list of sets that grows is there twice for a moment.
const ENTRY: u64 = 4;
const NODE: u64 = 16;
const SET: u64 = 3 * 5 * 56;
const PIECE: u64 = 32;
/// The bits of a code that are looked up at once.
const FIRST_BITS: usize = 10;
const LONGEST_CODE: usize = 15;
/// Symbols of a set's codes: green with lengths (and the cache's colours, if there is one), red, blue, alpha, distances.
const ALPHABETS: [usize; 5] = [LITERALS + LENGTHS, 256, 256, 256, 40];
const LITERALS: usize = 256;
const LENGTHS: usize = 24;
/// The code of code lengths: its symbols in the order in which they come.
const ORDER: [usize; 19] = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
/// The length before the first one, for a repetition.
const USUAL_LENGTH: u16 = 8;

/// Bytes that the tables of a lossless stream take; `None` if it breaks off before its pixels, or can't be right.
///
/// A picture's stream begins with its size. That of a plane of alpha does not: `alpha_of` is that of its picture.
pub fn bytes_of(stream: &[u8], alpha_of: Option<Size>) -> Option<u64> {
    let mut tables = Tables { bits: Bits { bytes: stream, at: 0 }, bytes: 0 };
    tables.read(alpha_of)?;
    Some(tables.bytes)
}

struct Tables<'a> {
    bits: Bits<'a>,
    /// What was built so far takes.
    bytes: u64,
}

/// Bits from the lowest of each byte.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn bit(&mut self) -> Option<usize> {
        let bit = self.bytes.get(self.at / 8)? >> (self.at % 8) & 1;
        self.at += 1;
        Some(bit.into())
    }

    fn read(&mut self, count: usize) -> Option<usize> {
        (0..count).try_fold(0, |number, place| Some(number | self.bit()? << place))
    }
}

/// A prefix code, by which symbols are read.
#[derive(Default)]
struct Code {
    /// How many symbols have each length; none if there is only one symbol, which takes no bits.
    counts: [usize; LONGEST_CODE + 1],
    /// Symbols in the order of their codes.
    symbols: Vec<usize>,
}

impl Code {
    /// The code in which each symbol has such a length, 0 if it has none. One that is not complete can't be right.
    fn of(lengths: &[u16]) -> Option<Self> {
        let mut code = Self::default();
        lengths.iter().filter(|length| **length > 0).for_each(|length| code.counts[usize::from(*length)] += 1);
        code.symbols = (0..lengths.len()).filter(|symbol| lengths[*symbol] > 0).collect();
        code.symbols.sort_by_key(|symbol| lengths[*symbol]);
        if code.symbols.len() == 1 {
            code.counts = Default::default();
            return Some(code);
        }
        let share = |(length, count): (usize, &usize)| count << (LONGEST_CODE - length);
        let is_complete = code.counts.iter().enumerate().map(share).sum::<usize>() == 1 << LONGEST_CODE;
        is_complete.then_some(code)
    }

    fn read(&self, bits: &mut Bits<'_>) -> Option<usize> {
        if self.symbols.len() == 1 {
            return Some(self.symbols[0]);
        }
        // Codes of a length follow one another, and start where those that are shorter end.
        let (mut found, mut first, mut before) = (0, 0, 0);
        for count in &self.counts[1..] {
            found |= bits.bit()?;
            if found - first < *count {
                return Some(self.symbols[before + found - first]);
            }
            before += count;
            first = (first + count) << 1;
            found <<= 1;
        }
        None
    }

    /// Bytes of the tables that the decoder makes of it.
    fn bytes(&self) -> u64 {
        let longest = self.counts.iter().rposition(|count| *count > 0).unwrap_or(0);
        if longest == 0 {
            return 0;
        }
        let beyond: usize = self.counts[FIRST_BITS.min(longest) + 1..].iter().sum();
        (ENTRY << longest.min(FIRST_BITS)) + NODE * (2 * beyond as u64 + 3) + 2 * PIECE
    }
}

impl Tables<'_> {
    fn read(&mut self, alpha_of: Option<Size>) -> Option<()> {
        const PREDICTOR: usize = 0;
        const COLOUR: usize = 1;
        const PALETTE: usize = 3;
        let Size { mut width, height } = match alpha_of {
            Some(size) => size,
            None => {
                let _signature = self.bits.read(8)?;
                let (width, height) = (self.bits.read(14)? + 1, self.bits.read(14)? + 1);
                let _alpha_and_version = self.bits.read(4)?;
                Size { height, width }
            }
        };
        let mut seen = [false; 4];
        while self.bits.bit()? == 1 {
            let transform = self.bits.read(2)?;
            if std::mem::replace(&mut seen[transform], true) {
                return None;
            }
            match transform {
                PREDICTOR | COLOUR => {
                    self.blocks(width, height)?;
                }
                PALETTE => {
                    let colours = self.bits.read(8)? + 1;
                    self.image(colours)?;
                    let together = match colours {
                        1..=2 => 8,
                        3..=4 => 4,
                        5..=16 => 2,
                        _ => 1,
                    };
                    width = width.div_ceil(together);
                }
                _ => (),
            }
        }
        let cache = self.cache()?;
        let sets = if self.bits.bit()? == 1 { self.blocks(width, height)? + 1 } else { 1 };
        (0..sets).try_for_each(|_| self.set(cache).map(drop))
    }

    /// An image with a pixel for each block of the picture; gives the largest red and green in it, as one number.
    fn blocks(&mut self, width: usize, height: usize) -> Option<usize> {
        let side = 1 << (self.bits.read(3)? + 2);
        self.image(width.div_ceil(side) * height.div_ceil(side))
    }

    /// How many colours are kept for reuse.
    fn cache(&mut self) -> Option<usize> {
        if self.bits.bit()? == 0 {
            return Some(0);
        }
        let bits = self.bits.read(4)?;
        (1..=11).contains(&bits).then_some(1 << bits)
    }

    /// An image within the stream, of so many pixels; gives the largest red and green in it, as one number. What is
    /// copied from before it can't be larger.
    fn image(&mut self, pixels: usize) -> Option<usize> {
        let cache = self.cache()?;
        let [green, red, blue, alpha, distance] = self.set(cache)?;
        let (mut largest, mut at) = (0, 0);
        let is_alone = green.symbols.len() == 1;
        let are_alone = [&red, &blue, &alpha].iter().all(|code| code.symbols.len() == 1);
        while at < pixels {
            let symbol = green.read(&mut self.bits)?;
            if symbol < LITERALS {
                largest = largest.max(red.read(&mut self.bits)? << 8 | symbol);
                blue.read(&mut self.bits)?;
                alpha.read(&mut self.bits)?;
                at += 1;
            } else if symbol < LITERALS + LENGTHS {
                at += self.extended(symbol - LITERALS)?;
                let distance = distance.read(&mut self.bits)?;
                self.extended(distance)?;
            } else {
                at += 1;
            }
            // If a pixel takes no bits, all are as this one.
            if is_alone && (are_alone || symbol >= LITERALS) {
                break;
            }
        }
        Some(largest)
    }

    /// A length or distance: its symbol tells how many bits follow.
    fn extended(&mut self, symbol: usize) -> Option<usize> {
        if symbol < 4 {
            return Some(symbol + 1);
        }
        let bits = (symbol - 2) / 2;
        Some(((2 + symbol % 2) << bits) + self.bits.read(bits)? + 1)
    }

    /// Five codes.
    fn set(&mut self, cache: usize) -> Option<[Code; 5]> {
        self.bytes += SET;
        let mut codes: [Code; 5] = Default::default();
        for (place, symbols) in ALPHABETS.into_iter().enumerate() {
            codes[place] = self.code(if place == 0 { symbols + cache } else { symbols })?;
            self.bytes += codes[place].bytes();
        }
        Some(codes)
    }

    fn code(&mut self, symbols: usize) -> Option<Code> {
        if self.bits.bit()? == 1 {
            // One or two symbols.
            let has_two = self.bits.bit()? == 1;
            let is_wide = self.bits.bit()? == 1;
            let first = self.bits.read(if is_wide { 8 } else { 1 })?;
            let mut code = Code { symbols: vec![first], ..Code::default() };
            if has_two {
                code.symbols.push(self.bits.read(8)?);
                code.counts[1] = 2;
            }
            return Some(code);
        }
        let mut of_lengths = [0; ORDER.len()];
        let count = 4 + self.bits.read(4)?;
        for place in ORDER.get(..count)? {
            of_lengths[*place] = self.bits.read(3)? as u16;
        }
        let of_lengths = Code::of(&of_lengths)?;
        let mut left = if self.bits.bit()? == 1 {
            let bits = 2 + 2 * self.bits.read(3)?;
            Some(2 + self.bits.read(bits)?).filter(|left| *left <= symbols)?
        } else {
            symbols
        };
        let (mut lengths, mut last) = (Vec::with_capacity(symbols), USUAL_LENGTH);
        while lengths.len() < symbols && left > 0 {
            left -= 1;
            let (length, times) = match of_lengths.read(&mut self.bits)? {
                16 => (last, 3 + self.bits.read(2)?),
                17 => (0, 3 + self.bits.read(3)?),
                18 => (0, 11 + self.bits.read(7)?),
                length => (length as u16, 1),
            };
            last = if length > 0 { length } else { last };
            lengths.resize(lengths.len() + times, length);
        }
        if lengths.len() > symbols {
            return None;
        }
        Code::of(&lengths)
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Writes bits, the lowest first.
    #[derive(Default)]
    struct Writer(Vec<bool>);

    impl Writer {
        fn add(&mut self, number: usize, count: usize) -> &mut Self {
            self.0.extend((0..count).map(|place| number >> place & 1 == 1));
            self
        }

        /// A code of one symbol, which takes no bits.
        fn alone(&mut self, symbol: usize) -> &mut Self {
            self.add(0b101, 3).add(symbol, 8)
        }

        /// A code of the lengths 1, 2, .. 10, 10.
        fn of_ten_bits(&mut self) -> &mut Self {
            // Lengths of code lengths, in their order: 16 of the nineteen have four bits.
            self.add(0, 1).add(15, 4);
            for symbol in ORDER {
                self.add(if symbol < 16 { 4 } else { 0 }, 3);
            }
            // Eleven lengths follow. Codes of four bits are the numbers themselves, from the highest bit.
            self.add(1, 1).add(1, 3).add(11 - 2, 4);
            for length in (1..=10).chain([10]) {
                for place in (0..4).rev() {
                    self.add(length >> place & 1, 1);
                }
            }
            self
        }

        fn bytes(&self) -> Vec<u8> {
            self.0.chunks(8).map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit))).collect()
        }
    }

    /// A picture of 8x8 black pixels, in which so many sets of codes are announced; all of ten bits.
    pub fn stream(sets: usize, written: usize) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.add(0x2f, 8).add(7, 14).add(7, 14).add(0, 4);
        // No transforms and no cache, but sets for blocks of 8x8: a picture of one pixel, in one set.
        writer.add(0, 1).add(0, 1).add(1, 1).add(1, 3).add(0, 1);
        writer.alone((sets - 1) & 0xff).alone((sets - 1) >> 8).alone(0).alone(0).alone(0);
        for _ in 0..5 * written {
            writer.of_ten_bits();
        }
        // The first symbol is a zero, four times for each pixel.
        for _ in 0..8 * 8 {
            writer.add(0, 4);
        }
        writer.bytes()
    }

    #[test]
    fn every_set_counts_and_one_that_is_missing_is_an_error() {
        let of_set = SET + 5 * (1024 * ENTRY + 3 * NODE + 2 * PIECE);
        assert_eq!(bytes_of(&stream(1, 1), None), Some(SET + of_set));
        assert_eq!(bytes_of(&stream(300, 300), None), Some(SET + 300 * of_set));
        assert_eq!(bytes_of(&stream(310, 300), None), None);
        assert_eq!(bytes_of(&stream(65536, 300), None), None);
        let of_alpha = &stream(300, 300)[5..];
        assert_eq!(bytes_of(of_alpha, Some(Size { height: 8, width: 8 })), Some(SET + 300 * of_set));
    }
}
