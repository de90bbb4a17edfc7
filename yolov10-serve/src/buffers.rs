//! Buffers for request bodies and decoded pictures: within the budget, reused by later requests, freed when a model is
//! unloaded or trimmed.
//!
//! What is reused costs no page faults, and what is freed leaves the resident set: see
//! [`unmap_large_blocks`](yolov10_cpu::unmap_large_blocks), which the server has asked for.

use std::collections::TryReserveError;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::budget::{Budget, Full, Share};

/// Smallest capacity, in bytes.
const SMALLEST: usize = 64 << 10;
/// Capacities are rounded to so many steps for each power of two: few sizes, so that spares fit.
const STEPS: usize = 4;
/// A spare is not used if the bytes would fill less than one part in this many.
const WASTE: usize = 8;
/// Most spares to keep; more are freed at once.
const SPARES: usize = 16;

/// The pool of buffers.
#[derive(Debug)]
pub(crate) struct Buffers {
    budget: Arc<Budget>,
    spares: Mutex<Vec<Room>>,
}

/// Bytes of a request, as many as have been written.
#[derive(Debug)]
pub(crate) struct Buffer {
    room: Room,
    home: Arc<Buffers>,
}

#[derive(Debug)]
struct Room {
    bytes: Vec<u8>,
    /// Covers their capacity.
    share: Share,
}

/// Why there is no buffer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoBuffer {
    #[error(transparent)]
    Full(#[from] Full),
    #[error(transparent)]
    System(#[from] TryReserveError),
}

impl Buffers {
    pub(crate) fn new(budget: &Arc<Budget>) -> Arc<Self> {
        Arc::new(Self { budget: Arc::clone(budget), spares: Mutex::default() })
    }

    /// An empty buffer with room for at least `bytes`.
    pub(crate) fn take(self: &Arc<Self>, bytes: usize) -> Result<Buffer, NoBuffer> {
        let room = match self.spare(bytes) {
            Some(room) => room,
            None => self.make(bytes)?,
        };
        Ok(Buffer { room, home: Arc::clone(self) })
    }

    /// Frees the spares, and what decoders have left in the allocator.
    pub(crate) fn release(&self) {
        self.lock().clear();
        yolov10_cpu::release_freed_blocks();
    }

    /// Bytes of the spares.
    pub(crate) fn spare_bytes(&self) -> u64 {
        self.lock().iter().map(|room| room.share.bytes()).sum()
    }

    fn spare(&self, bytes: usize) -> Option<Room> {
        let mut spares = self.lock();
        let capacity = |room: &Room| room.bytes.capacity();
        let fits = |room: &Room| capacity(room) >= bytes && capacity(room) / WASTE <= bytes.max(SMALLEST);
        let best = spares.iter().enumerate().filter(|(_, room)| fits(room)).min_by_key(|(_, room)| capacity(room));
        let best = best.map(|(index, _)| index)?;
        Some(spares.swap_remove(best))
    }

    fn make(&self, bytes: usize) -> Result<Room, NoBuffer> {
        let capacity = rounded(bytes);
        let mut share = self.budget.claim(capacity as u64).or_else(|_| {
            // Spares of other sizes use up the budget.
            self.release();
            self.budget.claim(capacity as u64)
        })?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(capacity)?;
        share.record(bytes.capacity() as u64);
        Ok(Room { bytes, share })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Room>> {
        self.spares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The capacity for this many bytes, at most a quarter more.
fn rounded(bytes: usize) -> usize {
    let bytes = bytes.max(SMALLEST);
    let step = bytes.div_ceil(2 * STEPS).next_power_of_two();
    bytes.checked_next_multiple_of(step).unwrap_or(bytes)
}

impl Buffer {
    /// Appends bytes; moves to a larger room if necessary.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), NoBuffer> {
        let end = self.room.bytes.len() + bytes.len();
        if end > self.room.bytes.capacity() {
            let mut larger = self.home.take(end)?;
            larger.push(self.as_ref())?;
            *self = larger;
        }
        self.room.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Replaces the bytes by what `make` returns, which gets their memory to use again. Whatever memory it returns is held
    /// from now on, even beyond the budget.
    pub(crate) fn refill<E>(&mut self, make: impl FnOnce(Vec<u8>) -> Result<Vec<u8>, E>) -> Result<(), E> {
        let Room { bytes, share } = &mut self.room;
        let made = make(mem::take(bytes)).map(|made| *bytes = made);
        share.record(bytes.capacity() as u64);
        made
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.room.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let nothing = self.home.budget.nothing();
        let mut room = mem::replace(&mut self.room, Room { bytes: Vec::new(), share: nothing });
        let mut spares = self.home.lock();
        if room.bytes.capacity() >= SMALLEST && spares.len() < SPARES {
            room.bytes.clear();
            spares.push(room);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_grows_keeps_its_bytes_and_is_used_again() {
        let budget = Budget::new(None);
        let buffers = Buffers::new(&budget);
        let mut buffer = buffers.take(10).expect("no limit");
        let bytes: Vec<u8> = (0..200_000).map(|number| (number % 251) as u8).collect();
        for piece in bytes.chunks(7_000) {
            buffer.push(piece).expect("no limit");
        }
        assert_eq!(buffer.as_ref(), bytes);
        drop(buffer);
        let held = budget.held();
        assert_eq!(held, buffers.spare_bytes());
        let again = buffers.take(150_000).expect("a spare");
        assert_eq!((again.as_ref(), budget.held()), (&[][..], held));
        drop(again);
        buffers.release();
        assert_eq!(budget.held(), 0);
    }

    #[test]
    fn what_takes_the_place_of_the_bytes_is_counted_and_nothing_is_if_there_is_none() {
        let budget = Budget::new(None);
        let buffers = Buffers::new(&budget);
        let mut buffer = buffers.take(1_000_000).expect("no limit");
        let held = budget.held();
        buffer.refill(|room| Ok::<_, ()>([room, vec![7; 10]].concat())).expect("it is made");
        assert_eq!((buffer.as_ref(), budget.held()), (&[7; 10][..], 10));
        buffer.refill(|_| Ok::<_, ()>(Vec::with_capacity(held as usize))).expect("it is made");
        assert_eq!(budget.held(), held);
        buffer.refill(|_| Err(())).expect_err("it is not made");
        assert_eq!(budget.held(), 0);
        drop(buffer);
        assert_eq!(buffers.spare_bytes(), 0);
    }

    #[test]
    fn capacities_are_few_and_waste_little() {
        let capacities: std::collections::BTreeSet<usize> = (0..4 << 20).step_by(1000).map(rounded).collect();
        assert_eq!(capacities.len(), 1 + 6 * STEPS);
        for bytes in [SMALLEST, SMALLEST + 1, 2_624_400, 1 << 30] {
            assert!((bytes..=bytes + bytes / STEPS + 1).contains(&rounded(bytes)), "{}", rounded(bytes));
        }
        assert_eq!(rounded(usize::MAX), usize::MAX);
    }

    #[test]
    fn a_budget_without_room_refuses_after_the_spares_are_gone() {
        let budget = Budget::new(Some(1 << 20));
        let buffers = Buffers::new(&budget);
        drop(buffers.take(400_000).expect("there is room"));
        let whole = buffers.take(1 << 20).expect("the spare makes way");
        let refused = buffers.take(1).expect_err("nothing is left").to_string();
        assert_eq!(refused, "memory budget: 65536 bytes needed, 0 of 1048576 free");
        drop(whole);
    }
}
