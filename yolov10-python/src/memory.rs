//! What is held and what went back, as tuples that `yolo10_burn.memory` gives names.

use yolo10_burn::memory::{Bytes, FreeReport, MemoryReport};

/// In use and reserved.
type BytesTuple = (u64, u64);
/// Weights, workspace, staging, resident, driver.
pub type MemoryTuple = (BytesTuple, BytesTuple, BytesTuple, Option<u64>, Option<u64>);
/// Before, after, released, residue, seconds.
pub type FreeTuple = (MemoryTuple, MemoryTuple, u64, u64, f64);

pub fn memory_tuple(report: &MemoryReport) -> MemoryTuple {
    let bytes = |Bytes { in_use, reserved }| (in_use, reserved);
    let MemoryReport { weights, workspace, staging, resident, driver } = *report;
    (bytes(weights), bytes(workspace), bytes(staging), resident, driver)
}

pub fn free_tuple(report: &FreeReport) -> FreeTuple {
    let FreeReport { before, after, released, residue, took } = report;
    (memory_tuple(before), memory_tuple(after), *released, *residue, took.as_secs_f64())
}
