//! Whether a promise was kept, and the numbers that prove it.

use serde::Serialize;
use yolov10_model::memory::{FreeReport, MemoryReport};

/// How far the resident set may grow over all cycles without a leak: thread stacks, the allocator's own pages, and
/// what a device's driver sets up on first use.
const RESIDENT_NOISE: u64 = 8 << 20;

/// One promise of the contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    pub promise: &'static str,
    pub kept: bool,
    /// The numbers behind it.
    pub why: String,
}

impl Verdict {
    pub fn new(promise: &'static str, kept: bool, why: String) -> Self {
        Self { promise, kept, why }
    }
}

/// The same is reserved in both states.
pub fn same(promise: &'static str, one: &MemoryReport, other: &MemoryReport) -> Verdict {
    let [one, other] = [one, other].map(|report| report.total().reserved);
    Verdict::new(promise, one == other, format!("{one} bytes reserved, then {other}"))
}

/// Weights and workspace use as much in both states; how many pages a GPU's pools reserve for that may differ.
pub fn same_use(promise: &'static str, one: &MemoryReport, other: &MemoryReport) -> Verdict {
    let [one, other] = [one, other].map(|report| (report.weights + report.workspace).in_use);
    Verdict::new(promise, one == other, format!("{one} bytes in use, then {other}"))
}

/// Nothing is left of what should have been freed.
pub fn gave_back(promise: &'static str, freed: &FreeReport) -> Verdict {
    let FreeReport { released, residue, .. } = freed;
    Verdict::new(promise, *residue == 0, format!("{released} bytes released, {residue} left"))
}

/// The last life stays at the level of the first half, in reserved and in resident bytes.
pub fn flat(promise: &'static str, lives: &[FreeReport]) -> Verdict {
    let (first, last) = lives.split_at(lives.len() / 2);
    let reserved = |lives: &[FreeReport]| most(lives, |life| life.after.total().reserved);
    let resident = |lives: &[FreeReport]| most(lives, |life| life.after.resident.unwrap_or(0));
    let kept = reserved(last) <= reserved(first) && resident(last) <= resident(first) + RESIDENT_NOISE;
    let why = format!(
        "{} cycles; {} then {} bytes reserved, {} then {} bytes resident at most",
        lives.len(),
        reserved(first),
        reserved(last),
        resident(first),
        resident(last)
    );
    Verdict::new(promise, kept, why)
}

fn most(lives: &[FreeReport], bytes: impl Fn(&FreeReport) -> u64) -> u64 {
    lives.iter().map(bytes).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use yolov10_model::memory::Bytes;

    use super::*;

    fn life(resident: u64, reserved: u64) -> FreeReport {
        let after = MemoryReport {
            workspace: Bytes { in_use: 0, reserved },
            resident: Some(resident),
            ..MemoryReport::default()
        };
        FreeReport { before: after, after, released: 7, residue: reserved, took: Duration::ZERO }
    }

    #[test]
    fn lives_that_hold_more_and_more_are_not_flat() {
        let noisy = [life(RESIDENT_NOISE, 0), life(0, 0), life(9, 0), life(RESIDENT_NOISE, 0)];
        assert!(flat("", &noisy).kept);
        let growing = [life(0, 0), life(0, 0), life(1, 0), life(RESIDENT_NOISE + 1, 0)];
        assert!(!flat("", &growing).kept);
        let leaking = [life(0, 0), life(0, 1)];
        assert!(!flat("", &leaking).kept);
    }

    #[test]
    fn what_is_left_breaks_the_promise_to_give_back() {
        let verdict = gave_back("drop", &life(0, 5));
        assert_eq!((verdict.kept, verdict.why.as_str()), (false, "7 bytes released, 5 left"));
        assert!(gave_back("drop", &life(0, 0)).kept);
    }
}
