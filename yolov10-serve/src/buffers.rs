//! Buffers for request bodies: own pages within the budget, reused by later requests, freed when a model is unloaded.
//!
//! They bypass the allocator: it may keep what it frees, and the resident set would no longer show what models hold.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use yolov10_cpu::Pages;

use crate::budget::{Budget, Full, Share};

/// Smallest capacity, in bytes. Capacities are powers of two: few sizes, so that spares fit.
const SMALLEST: usize = 64 << 10;
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
    /// `None` only during drop.
    room: Option<Room>,
    len: usize,
    home: Arc<Buffers>,
}

#[derive(Debug)]
struct Room {
    pages: Pages,
    share: Share,
}

/// Why there is no buffer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoBuffer {
    #[error(transparent)]
    Full(#[from] Full),
    #[error(transparent)]
    System(#[from] yolov10_cpu::Error),
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
        Ok(Buffer { room: Some(room), len: 0, home: Arc::clone(self) })
    }

    /// Frees the spares.
    pub(crate) fn release(&self) {
        self.lock().clear();
    }

    /// Bytes of the spares.
    pub(crate) fn spare_bytes(&self) -> u64 {
        self.lock().iter().map(|room| room.share.bytes()).sum()
    }

    fn spare(&self, bytes: usize) -> Option<Room> {
        let mut spares = self.lock();
        let fits = |room: &Room| room.pages.len() >= bytes && room.pages.len() / WASTE <= bytes.max(SMALLEST);
        let best = spares.iter().enumerate().filter(|(_, room)| fits(room)).min_by_key(|(_, room)| room.pages.len());
        let best = best.map(|(index, _)| index)?;
        Some(spares.swap_remove(best))
    }

    fn make(&self, bytes: usize) -> Result<Room, NoBuffer> {
        let capacity = bytes.max(SMALLEST).next_power_of_two();
        let share = self.budget.claim(capacity as u64).or_else(|_| {
            // Spares of other sizes use up the budget.
            self.release();
            self.budget.claim(capacity as u64)
        })?;
        Ok(Room { pages: Pages::new(capacity)?, share })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Room>> {
        self.spares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Buffer {
    /// Appends bytes; moves to a larger room if necessary.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), NoBuffer> {
        let end = self.len + bytes.len();
        if end > self.room().pages.len() {
            let mut larger = self.home.take(end)?;
            larger.push(self.as_ref())?;
            *self = larger;
        }
        let room = self.room.as_mut().expect("it is not being dropped");
        room.pages[self.len..end].copy_from_slice(bytes);
        self.len = end;
        Ok(())
    }

    fn room(&self) -> &Room {
        self.room.as_ref().expect("it is not being dropped")
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.room().pages[..self.len]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut spares = self.home.lock();
        if spares.len() < SPARES {
            spares.extend(self.room.take());
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
