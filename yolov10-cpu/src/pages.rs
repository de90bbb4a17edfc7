//! Memory that comes directly from the operating system and goes back to it on drop.
//!
//! The allocator is bypassed on purpose: it may keep what is freed, and the resident set would show that.
#![allow(unsafe_code, reason = "views a memory map as bytes and floats")]

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{ptr, slice};

use memmap2::{MmapMut, MmapRaw};

use crate::error::Error;

/// Zero-filled pages: 64-byte aligned, returned to the operating system on drop.
#[derive(Debug, Default)]
pub struct Pages {
    /// `None` for no bytes: an empty map is an error on some systems.
    map: Option<MmapRaw>,
    len: usize,
    ledger: Option<Ledger>,
}

/// Counts the bytes of the pages that were made with it. Clones count the same pages, so one that outlives them tells
/// whether all were given back.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<AtomicUsize>);

impl Ledger {
    /// Bytes mapped now.
    pub fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// From this size on a huge page saves page faults and costs at most its own size.
#[cfg(target_os = "linux")]
const HUGE_PAGE: usize = 2 << 20;

impl Pages {
    /// `len` bytes of zeros. A page takes physical memory only once it is written.
    pub fn new(len: usize) -> Result<Pages, Error> {
        if len == 0 {
            return Ok(Pages::default());
        }
        let map = MmapMut::map_anon(len).map_err(|source| Error::OutOfMemory { requested: len, source })?;
        #[cfg(target_os = "linux")]
        if len >= HUGE_PAGE {
            // A kernel without huge pages refuses; ordinary pages work too, a little slower.
            map.advise(memmap2::Advice::HugePage).ok();
        }
        Ok(Pages { map: Some(MmapRaw::from(map)), len, ledger: None })
    }

    /// The same, counted in `ledger` until they are unmapped.
    pub(crate) fn counted(len: usize, ledger: &Ledger) -> Result<Pages, Error> {
        let mut pages = Pages::new(len)?;
        ledger.0.fetch_add(len, Ordering::Relaxed);
        pages.ledger = Some(ledger.clone());
        Ok(pages)
    }

    /// The bytes as `f32`; a tail shorter than a float is left out.
    pub fn floats(&self) -> &[f32] {
        // SAFETY: the map is page aligned, initialised (zeros or floats) and lives as long as `self`; every bit pattern is an
        // `f32`. Code that writes through `as_mut_ptr` lets no shared view live meanwhile.
        unsafe { slice::from_raw_parts(self.as_mut_ptr(), self.len / size_of::<f32>()) }
    }

    /// The bytes as `f32`, for writing.
    pub fn floats_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `floats`, and `&mut self` makes the view the only one.
        unsafe { slice::from_raw_parts_mut(self.as_mut_ptr(), self.len / size_of::<f32>()) }
    }

    /// The first float, for kernels of several threads that write disjoint parts.
    pub(crate) fn as_mut_ptr(&self) -> *mut f32 {
        self.map.as_ref().map_or(ptr::dangling_mut(), |map| map.as_mut_ptr().cast())
    }
}

/// From now on, has the allocator map each block of 2 MB or more separately and unmap it when it is freed, so that a
/// program's resident set shows what it holds; of smaller ones, which come and go with every picture, it keeps a few MB
/// until [`release_freed_blocks`], for all threads together. By default, glibc raises that size with every large block that
/// is freed, up to 32 MB, and keeps blocks for each thread. With another allocator this does nothing.
pub fn unmap_large_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        /// In bytes: a block that is mapped, and what may lie unused at the end.
        const LARGE: libc::c_int = 2 << 20;
        const SPARE: libc::c_int = 8 << 20;
        const ARENAS: libc::c_int = 1;
        // SAFETY: the calls only set parameters of the allocator, under the allocator's lock.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
            libc::mallopt(libc::M_TRIM_THRESHOLD, SPARE);
            libc::mallopt(libc::M_ARENA_MAX, ARENAS);
        }
    }
}

/// Has the allocator give back every page that holds nothing, wherever it lies. With another allocator than glibc's this does
/// nothing.
pub fn release_freed_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const KEEP: libc::size_t = 0;
        // SAFETY: the call only unmaps pages without blocks, under the allocator's locks.
        unsafe { libc::malloc_trim(KEEP) };
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // Unmapped first: what the ledger no longer counts must be gone.
        self.map = None;
        if let Some(Ledger(bytes)) = &self.ledger {
            bytes.fetch_sub(self.len, Ordering::Relaxed);
        }
    }
}

impl Deref for Pages {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the map is initialised and lives as long as `self`.
        unsafe { slice::from_raw_parts(self.as_mut_ptr().cast(), self.len) }
    }
}

impl DerefMut for Pages {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: the map is initialised and lives as long as `self`, and `&mut self` makes the view the only one.
        unsafe { slice::from_raw_parts_mut(self.as_mut_ptr().cast(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_zero_aligned_and_writable_as_bytes_and_floats() {
        let mut pages = Pages::new(10).unwrap();
        assert_eq!(pages.floats(), [0.0; 2]);
        assert_eq!(pages.as_ptr() as usize % 64, 0);
        pages[4..8].copy_from_slice(&1.5f32.to_le_bytes());
        assert_eq!(pages.floats(), [0.0, 1.5]);
        pages.floats_mut()[0] = -2.0;
        assert_eq!(pages[..4], (-2.0f32).to_le_bytes());
        assert!(Pages::new(0).unwrap().is_empty());
    }

    #[test]
    fn a_ledger_counts_its_pages_until_they_are_unmapped() {
        let ledger = Ledger::default();
        let pages = [100, 0, 5000].map(|len| Pages::counted(len, &ledger).unwrap());
        assert_eq!(ledger.bytes(), 5100);
        drop(pages);
        assert_eq!(ledger.bytes(), 0);
    }
}
