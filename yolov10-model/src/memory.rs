//! What a detector holds in each state, and proof that it gave it back.
//!
//! *In use* is what live data occupies, *reserved* what was taken from the system or the driver for it. The numbers are
//! the engines' own counts; the resident set and the driver's figure are there as evidence.
#![doc = include_str!("memory.md")]

use std::fmt;
use std::iter::Sum;
use std::ops::Add;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Bytes of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bytes {
    /// Occupied by live data.
    pub in_use: u64,
    /// Taken from the system or the driver, in use or not.
    pub reserved: u64,
}

impl Bytes {
    /// All of them in use.
    pub(crate) fn used(bytes: usize) -> Self {
        let bytes = bytes as u64;
        Self { in_use: bytes, reserved: bytes }
    }
}

impl Add for Bytes {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { in_use: self.in_use + other.in_use, reserved: self.reserved + other.reserved }
    }
}

impl Sum for Bytes {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), Add::add)
    }
}

/// What one detector holds at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryReport {
    /// Parameters, as the engine keeps them.
    pub weights: Bytes,
    /// Activations and scratch.
    pub workspace: Bytes,
    /// Buffers between host and device, and the host's tables and scratch around the network.
    pub staging: Bytes,
    /// Bytes of this process that are resident in main memory, as the operating system counts; `None` if it does not say.
    /// With software Vulkan this includes the device's memory.
    pub resident: Option<u64>,
    /// Bytes of the device that all processes use, as its driver counts; `None` if there is no driver to ask. Whatever
    /// exceeds [`MemoryReport::total`] is kernels, context and other processes.
    pub driver: Option<u64>,
}

impl MemoryReport {
    /// Weights, workspace and staging together.
    pub fn total(&self) -> Bytes {
        [self.weights, self.workspace, self.staging].into_iter().sum()
    }
}

impl fmt::Display for MemoryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("weights", self.weights),
            ("workspace", self.workspace),
            ("staging", self.staging),
            ("total", self.total()),
        ];
        writeln!(f, "{:<10}{:>14}{:>14}", "", "in use", "reserved")?;
        for (name, Bytes { in_use, reserved }) in rows {
            writeln!(f, "{name:<10}{in_use:>14}{reserved:>14}")?;
        }
        for (name, seen) in [("resident", self.resident), ("driver", self.driver)] {
            let seen = seen.map_or("not known".to_owned(), |bytes| bytes.to_string());
            writeln!(f, "{name:<24}{seen:>14}")?;
        }
        Ok(())
    }
}

/// What freeing gave back, and what it left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreeReport {
    /// What was held.
    pub before: MemoryReport,
    /// What is held now.
    pub after: MemoryReport,
    /// Reserved bytes that were given back.
    pub released: u64,
    /// Reserved bytes that should have been given back but were not.
    pub residue: u64,
    /// How long it took.
    pub took: Duration,
}

impl FreeReport {
    /// `residue` is the part of `after` that should not be there.
    pub(crate) fn new(before: MemoryReport, after: MemoryReport, residue: Bytes, took: Duration) -> Self {
        let reserved = |report: &MemoryReport| report.total().reserved;
        Self {
            before,
            after,
            released: reserved(&before).saturating_sub(reserved(&after)),
            residue: residue.reserved,
            took,
        }
    }

    /// An error if something was left.
    pub(crate) fn checked(self) -> Result<Self, Error> {
        match self.residue {
            0 => Ok(self),
            residue => Err(Error::Residue { residue }),
        }
    }
}

/// Bytes of this process that are resident in main memory now; `None` if the system does not say.
pub fn resident() -> Option<u64> {
    status("VmRSS:")
}

/// The most bytes of this process that were ever resident; `None` if the system does not say.
pub fn peak_resident() -> Option<u64> {
    status("VmHWM:")
}

/// A line of Linux' `/proc/self/status`, which counts in units of 1024 bytes.
fn status(field: &str) -> Option<u64> {
    // Wine shows a program for Windows such a file, too: that of another process.
    if !cfg!(target_os = "linux") {
        return None;
    }
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kibibytes: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(weights: usize, workspace: usize) -> MemoryReport {
        MemoryReport { weights: Bytes::used(weights), workspace: Bytes::used(workspace), ..MemoryReport::default() }
    }

    #[test]
    fn what_went_back_is_the_difference_of_the_totals() {
        let (before, after) = (report(100, 40), report(100, 0));
        let freed = FreeReport::new(before, after, after.workspace, Duration::ZERO);
        assert_eq!((freed.released, freed.residue), (40, 0));
        let kept = FreeReport::new(before, before, before.total(), Duration::ZERO);
        assert_eq!((kept.released, kept.residue), (0, 140));
    }

    #[test]
    fn a_report_reads_as_a_table() {
        let text = MemoryReport { resident: Some(5000), ..report(100, 40) }.to_string();
        assert_eq!(
            text,
            "                  in use      reserved
weights              100           100
workspace             40            40
staging                0             0
total                140           140
resident                          5000
driver                       not known
"
        );
    }
}
