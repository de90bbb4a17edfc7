//! Large blocks of the allocator go back to the system when they are freed. Alone in its process, whose resident set it
//! reads.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::hint::black_box;

use yolov10_cpu::unmap_large_blocks;

const BLOCK: usize = 24 << 20;

#[test]
fn large_blocks_go_back_when_they_are_freed() {
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
        let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"));
        kibibytes.and_then(|number| number.trim().parse::<usize>().ok()).expect("a number of kB") * 1024
    };
    unmap_large_blocks();
    // Without it, the second one would come from what the first one left.
    for _ in 0..2 {
        let before = resident();
        // Unseen, the block might never be allocated.
        let block = black_box(vec![1_u8; BLOCK]);
        let during = resident();
        assert!(during >= before + BLOCK / 2, "{before} bytes before, {during} with the block");
        drop(block);
        let after = resident();
        assert!(after < before + BLOCK / 2, "{before} bytes before, {after} after the block");
    }
}
