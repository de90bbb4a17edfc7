//! Which part of one arena each buffer gets: buffers that live at the same time never overlap.
//!
//! Greedy by size (Pisarchyk and Lee, arXiv:2001.03288): the largest buffer first, each into the tightest gap that is free
//! during its lifetime.

/// A buffer to be placed, in floats and steps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetime {
    pub len: usize,
    /// The step that writes it first.
    pub first: usize,
    /// The step that reads it last.
    pub last: usize,
}

/// The offset of each buffer and the length of the arena. A length of `usize::MAX` means that much or more; the offsets are
/// then meaningless.
pub(crate) fn assign(buffers: &[Lifetime]) -> (Vec<usize>, usize) {
    let mut by_size: Vec<usize> = (0..buffers.len()).collect();
    by_size.sort_by_key(|&index| std::cmp::Reverse(buffers[index].len));
    let mut offsets = vec![0; buffers.len()];
    // Sorted by offset.
    let mut placed: Vec<usize> = Vec::with_capacity(buffers.len());
    for &index in &by_size {
        let Lifetime { len, first, last } = buffers[index];
        let neighbours = placed.iter().filter(|&&other| first <= buffers[other].last && buffers[other].first <= last);
        let (mut end, mut tightest) = (0_usize, None);
        for &neighbour in neighbours {
            let start = offsets[neighbour];
            if start >= end.saturating_add(len) && tightest.is_none_or(|(gap, _)| start - end < gap) {
                tightest = Some((start - end, end));
            }
            end = end.max(start.saturating_add(buffers[neighbour].len));
        }
        offsets[index] = tightest.map_or(end, |(_, offset)| offset);
        let position = placed.partition_point(|&other| offsets[other] <= offsets[index]);
        placed.insert(position, index);
    }
    let total = (0..buffers.len()).map(|index| offsets[index].saturating_add(buffers[index].len)).max().unwrap_or(0);
    (offsets, total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn buffer(len: usize, first: usize, last: usize) -> Lifetime {
        Lifetime { len, first, last }
    }

    #[test]
    fn a_chain_needs_two_buffers() {
        let chain: Vec<_> = (0..10).map(|step| buffer(100, step, step + 1)).collect();
        assert_eq!(assign(&chain).1, 200);
    }

    #[test]
    fn a_gap_is_reused() {
        let buffers = [buffer(50, 0, 1), buffer(100, 0, 9), buffer(30, 2, 3), buffer(20, 2, 3)];
        assert_eq!(assign(&buffers).1, 150);
    }

    proptest! {
        #[test]
        fn buffers_that_live_together_never_overlap(
            buffers in prop::collection::vec((1usize..50, 0usize..20, 0usize..6), 0..40)
        ) {
            let buffers: Vec<_> = buffers.into_iter().map(|(len, first, more)| buffer(len, first, first + more)).collect();
            let (offsets, total) = assign(&buffers);
            for (index, a) in buffers.iter().enumerate() {
                prop_assert!(offsets[index] + a.len <= total);
                for (other, b) in buffers.iter().enumerate().skip(index + 1) {
                    let together = a.first <= b.last && b.first <= a.last;
                    let overlap = offsets[index] < offsets[other] + b.len && offsets[other] < offsets[index] + a.len;
                    prop_assert!(!(together && overlap), "{index} and {other}");
                }
            }
        }
    }
}
