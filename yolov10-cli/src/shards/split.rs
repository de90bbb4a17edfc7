//! Which part of a list belongs to a shard.

use std::fmt;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::str::FromStr;

/// Shard `index` of `of`, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    pub index: usize,
    pub of: NonZeroUsize,
}

impl Shard {
    /// The whole list.
    pub const WHOLE: Self = Self { index: 0, of: NonZeroUsize::MIN };

    /// The shard's part of a list of `count` sources: parts are consecutive, and their lengths differ by at most one.
    pub fn part(self, count: usize) -> Range<usize> {
        // In u128, as the product of counts may exceed 2^64.
        let start = |index: usize| (index as u128 * count as u128 / self.of.get() as u128) as usize;
        start(self.index)..start(self.index + 1)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        let shard = numbers.map(|(index, of)| Self { index, of }).filter(|shard| shard.index < shard.of.get());
        shard.ok_or_else(|| "expected I/N, with I from 0 to N - 1".to_owned())
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.index, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_numbered_from_0() {
        assert_eq!("0/1".parse(), Ok(Shard::WHOLE));
        assert_eq!("3/4".parse::<Shard>().map(|shard| shard.to_string()), Ok("3/4".to_owned()));
        for wrong in ["", "4", "4/4", "-1/4", "0/0", "1/0", "a/b", "1/2/3"] {
            assert_eq!(wrong.parse::<Shard>(), Err("expected I/N, with I from 0 to N - 1".to_owned()), "{wrong}");
        }
    }

    #[test]
    fn every_source_is_in_one_part_and_parts_are_alike() {
        for (count, shards) in [(0, 1), (0, 3), (1, 3), (7, 3), (1000, 7), (usize::MAX, 5)] {
            let of = NonZeroUsize::new(shards).expect("there are shards");
            let parts: Vec<_> = (0..shards).map(|index| Shard { index, of }.part(count)).collect();
            assert_eq!((parts[0].start, parts[shards - 1].end), (0, count));
            assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start));
            let lengths = parts.iter().map(ExactSizeIterator::len);
            assert!(lengths.clone().max().expect("a part") - lengths.min().expect("a part") <= 1);
        }
    }
}
