//! What the engine holds, and that it gives it back. Alone in its process, because the resident set is shared.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test panics to fail")]
#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use yolov10_cpu::{Activation, Conv, Engine, Error, Freed, InputRows, MapView, Memory, Options, Value};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Tests share the resident set and the count of allocations: one at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// Stacks of threads, the allocator's own pages: what may remain.
const RESIDUE: usize = 1 << 20;
const SIZE: [usize; 2] = [320, 320];

fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// About 9 MB of weights and as much workspace.
fn engine(options: &Options) -> Result<Engine, Error> {
    let conv = |key, channels_in, channels_out, kernel, stride| Conv {
        key,
        channels_in,
        channels_out,
        kernel,
        stride,
        groups: 1,
        activation: Activation::Silu,
    };
    let stem = Value::input(3).conv(conv(1, 3, 64, 3, 2));
    let wide = stem.conv(conv(2, 64, 256, 3, 2)).conv(conv(3, 256, 256, 3, 1));
    let output = Value::concat(&[wide.clone(), wide.max_pool(5)]).conv(conv(4, 512, 16, 1, 1));
    Engine::new(&[output, wide], options, |key, weight: &mut [f32], bias: &mut [f32]| {
        weight.fill(0.01 / key as f32);
        bias.fill(0.1);
        Ok(())
    })
}

fn fill(mut rows: InputRows<'_>) {
    for channel in 0..rows.channels() {
        for row in rows.range() {
            rows.row_mut(channel, row).fill((channel + row) as f32 / 400.0);
        }
    }
}

fn checksum(outputs: &[MapView<'_>]) -> u32 {
    let bits = outputs.iter().flat_map(|map| (0..map.width).map(|x| map.get(7, 3, x).to_bits()));
    bits.fold(0, |sum, bits| sum.rotate_left(1) ^ bits)
}

fn run(engine: &mut Engine, [height, width]: [usize; 2]) -> u32 {
    engine.run(height, width, fill, checksum).unwrap()
}

#[test]
fn dropping_returns_the_pages_again_and_again() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    run(&mut engine(&Options::default()).unwrap(), SIZE);
    let before = resident();
    for round in 0..4 {
        let mut engine = engine(&Options::default()).unwrap();
        run(&mut engine, SIZE);
        let held = engine.memory();
        assert!(held.weights > 8 << 20 && held.workspace > 4 << 20, "{held:?}");
        assert!(resident() > before + held.weights + held.workspace / 2, "round {round}: not resident");
        drop(engine);
        let after = resident();
        assert!(after < before + RESIDUE, "round {round}: {before} bytes before, {after} after");
    }
}

#[test]
fn a_steady_state_run_allocates_nothing() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut engine = engine(&Options::default()).unwrap();
    let sizes = [SIZE, [64, 96]];
    for size in sizes {
        run(&mut engine, size);
    }
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for _ in 0..3 {
        for size in sizes {
            run(&mut engine, size);
        }
    }
    assert_eq!(ALLOCATIONS.load(Ordering::Relaxed), before);
}

#[test]
fn trimming_returns_the_workspace_and_the_next_run_gives_the_same_bits() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut engine = engine(&Options::default()).unwrap();
    let expected = run(&mut engine, SIZE);
    let (held, resident_before) = (engine.memory(), resident());
    let freed = engine.trim();
    assert_eq!(freed, held.workspace);
    let trimmed = engine.memory();
    assert_eq!((trimmed.weights, trimmed.workspace, trimmed.plans), (held.weights, 0, 0));
    assert!(resident() + freed / 2 < resident_before, "the pages stayed");
    assert_eq!(run(&mut engine, SIZE), expected);
}

#[test]
fn the_workspace_is_that_of_the_largest_size() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut engine = engine(&Options::default()).unwrap();
    run(&mut engine, [64, 64]);
    let small = engine.memory().workspace;
    run(&mut engine, SIZE);
    let large = engine.memory().workspace;
    run(&mut engine, [64, 64]);
    assert!(small < large);
    assert_eq!(engine.memory().workspace, large);
}

#[test]
fn a_limit_is_kept_and_named_and_the_engine_stays_usable() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut unlimited = engine(&Options::default()).unwrap();
    let expected = run(&mut unlimited, [64, 64]);
    let held = unlimited.memory();
    let limit = held.weights + held.workspace;
    let limited = |memory_limit| engine(&Options { memory_limit: Some(memory_limit), ..Options::default() });

    let mut engine = limited(limit).unwrap();
    let error = engine.run(SIZE[0], SIZE[1], fill, checksum).unwrap_err();
    assert!(matches!(error, Error::MemoryLimit { requested, limit: named } if requested > limit && named == limit));
    assert_eq!(run(&mut engine, [64, 64]), expected);

    let refused = limited(held.weights - 1).err().unwrap();
    assert_eq!(refused.to_string(), format!("memory: {} bytes needed, {} allowed", held.weights, held.weights - 1));
}

#[test]
fn a_size_whose_workspace_no_machine_has_is_an_error_and_the_engine_stays_usable() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    // At the largest size a petabyte: more than the address space, whatever the system promises.
    let image = Value::input(16);
    let wide = Value::concat(&vec![image.clone(); 4096]);
    let mut engine = Engine::new(&[wide], &Options::default(), |_, _, _| Ok::<(), Error>(())).unwrap();
    let expected = run(&mut engine, [8, 8]);
    let held = engine.memory();
    for _ in 0..2 {
        let error = engine.run(65536, 65536, fill, checksum).unwrap_err();
        assert!(matches!(error, Error::OutOfMemory { requested, .. } if requested > 1 << 50), "{error}");
        assert_eq!(run(&mut engine, [8, 8]), expected);
        assert_eq!(engine.memory(), held);
    }
}

#[test]
fn engines_that_share_weights_hold_one_copy_and_the_last_gives_it_back() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    run(&mut engine(&Options::default()).unwrap(), SIZE);
    let before = resident();
    let mut first = engine(&Options::default()).unwrap();
    let expected = run(&mut first, SIZE);
    let held = first.memory();
    assert_eq!(held.sharers, 1);

    let with_one = resident();
    let mut second = first.share().unwrap();
    assert_eq!(second.memory(), Memory { sharers: 2, workspace: 0, plans: 0, ..held });
    assert_eq!(run(&mut second, SIZE), expected);
    let with_two = resident();
    assert!(with_two < with_one + held.workspace + RESIDUE, "{with_one} bytes with one, {with_two} with two");
    let ledgers = [first.ledgers(), second.ledgers()];
    assert!(ledgers.iter().all(|ledgers| ledgers.weights.bytes() == held.weights));

    // The one that packed them goes first.
    assert_eq!(first.close(), Freed { weights: 0, workspace: held.workspace });
    assert_eq!([ledgers[0].workspace.bytes(), ledgers[0].weights.bytes()], [0, held.weights]);
    assert!(resident() < with_two - held.workspace / 2, "its workspace is still resident");
    assert_eq!(second.memory(), held);
    assert_eq!(run(&mut second, SIZE), expected);
    assert_eq!(second.close(), Freed { weights: held.weights, workspace: held.workspace });
    assert_eq!([ledgers[1].workspace.bytes(), ledgers[1].weights.bytes()], [0, 0]);
    let after = resident();
    assert!(after < before + RESIDUE, "{before} bytes before, {after} after");
}

#[test]
fn engines_that_share_weights_run_at_once_and_one_of_them_frees_the_weights() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for _ in 0..5 {
        let mut first = engine(&Options::default()).unwrap();
        let expected = run(&mut first, [64, 96]);
        let held = first.memory();
        let others = [first.share().unwrap(), first.share().unwrap()];
        let threads = others.into_iter().chain([first]).map(|mut engine| {
            thread::spawn(move || {
                for _ in 0..5 {
                    assert_eq!(run(&mut engine, [64, 96]), expected);
                }
                engine.close()
            })
        });
        let threads: Vec<_> = threads.collect();
        let freed: Vec<Freed> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(freed.iter().all(|freed| freed.workspace == held.workspace), "{freed:?}");
        let weights: Vec<usize> = freed.iter().map(|freed| freed.weights).filter(|&bytes| bytes > 0).collect();
        assert_eq!(weights, [held.weights]);
    }
}
