//! Lossless WebPs that consist of prefix codes: a stream may have up to 65536 sets of them, whatever the picture's size.

use fastrand::Rng;

use crate::damage::once_in;

/// The symbols of a code of code lengths, in the order in which their lengths come.
const ORDER: [u64; 19] = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// Bits, the lowest first.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn add(&mut self, number: u64, count: u32) -> &mut Self {
        self.0.extend((0..count).map(|place| number >> place & 1 == 1));
        self
    }

    /// A code of one symbol, which takes no bits.
    fn alone(&mut self, symbol: u64) -> &mut Self {
        self.add(0b101, 3).add(symbol, 8)
    }

    /// A set of codes of one symbol each.
    fn five_alone(&mut self) {
        for _ in 0..5 {
            self.alone(0);
        }
    }

    /// A code of one symbol, of two, or of the lengths 1, 2, .. up to `longest`, which comes twice.
    fn code(&mut self, rng: &mut Rng, longest: u64) {
        match rng.usize(..8) {
            0 => {
                self.alone(rng.u64(..40));
            }
            1 => {
                self.add(0b111, 3).add(rng.u64(..40), 8).add(rng.u64(..40), 8);
            }
            _ => {
                self.add(0, 1).add(15, 4);
                for symbol in ORDER {
                    self.add(if symbol < 16 { 4 } else { 0 }, 3);
                }
                self.add(1, 1).add(1, 3).add(longest + 1 - 2, 4);
                for length in (1..=longest).chain([longest]) {
                    for place in (0..4).rev() {
                        self.add(length >> place & 1, 1);
                    }
                }
            }
        }
    }
}

/// The content of a chunk `VP8L` of a picture of this size.
pub fn stream(rng: &mut Rng, [width, height]: [u32; 2]) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.add(0x2f, 8).add(u64::from(width - 1), 14).add(u64::from(height - 1), 14).add(0, 4);
    // A transform in blocks of one colour, or a palette of one.
    match rng.u64(..4) {
        kind @ 0..=1 => {
            bits.add(1, 1).add(kind, 2).add(rng.u64(..8), 3).add(0, 1);
            bits.five_alone();
        }
        2 => {
            bits.add(1, 1).add(3, 2).add(0, 8).add(0, 1);
            bits.five_alone();
        }
        _ => (),
    }
    bits.add(0, 1);
    let has_cache = once_in(rng, 3);
    bits.add(has_cache.into(), 1);
    if has_cache {
        bits.add(rng.u64(1..12), 4);
    }
    let sets = [1, 2, 300, 900, 5000, 65536][rng.usize(..6)];
    bits.add(1, 1).add(rng.u64(..8), 3).add(0, 1);
    bits.alone((sets - 1) & 0xff).alone((sets - 1) >> 8).alone(0).alone(0).alone(0);
    let (written, longest) = (sets.min(rng.u64(..1500)), rng.u64(2..14));
    (0..5 * written).for_each(|_| bits.code(rng, longest));
    for _ in 0..rng.u64(..200) {
        bits.add(rng.u64(..256), 8);
    }
    bits.0.chunks(8).map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit))).collect()
}
