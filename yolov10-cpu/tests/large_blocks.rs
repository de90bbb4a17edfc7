//! Large blocks of the allocator go back to the system when they are freed, small ones when that is asked for. Alone in its
//! process, whose resident set it reads.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::hint::black_box;

use yolov10_cpu::{release_freed_blocks, unmap_large_blocks};

const LARGE: usize = 24 << 20;
const SMALL: usize = 1 << 20;

fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"));
    kibibytes.and_then(|number| number.trim().parse::<usize>().ok()).expect("a number of kB") * 1024
}

/// Unseen, a block might never be allocated.
fn block(bytes: usize) -> Vec<u8> {
    black_box(vec![1; bytes])
}

#[test]
fn large_blocks_go_back_when_they_are_freed_and_small_ones_on_request() {
    unmap_large_blocks();
    // Without it, the second one would come from what the first one left.
    for _ in 0..2 {
        let before = resident();
        let block = block(LARGE);
        let during = resident();
        assert!(during >= before + LARGE / 2, "{before} bytes before, {during} with the block");
        drop(block);
        let after = resident();
        assert!(after < before + LARGE / 2, "{before} bytes before, {after} after the block");
    }
    let before = resident();
    let small: Vec<_> = (0..LARGE / SMALL).map(|_| block(SMALL)).collect();
    // It lies behind them, so that none of them is at the arena's end.
    let last = block(1);
    drop(small);
    release_freed_blocks();
    let after = resident();
    assert!(after < before + LARGE / 2, "{before} bytes before, {after} after small blocks");
    drop(last);
}
