//! The memory contract on the CPU engines, promise by promise. It has its own process, as the resident set and the
//! allocator's counts are global. `memory_wgpu.rs` tests the same on a GPU's memory manager.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test panics to fail")]

#[path = "support/counting.rs"]
mod counting;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use counting::{allocations, live_bytes};
use image::{Rgb, RgbImage};
use yolov10_model::letterbox::Fit;
use yolov10_model::memory::MemoryReport;
use yolov10_model::picture::decode_picture;
use yolov10_model::{Detection, Detector, Device, Error, Options, Selection, Size, Weights};

const WEIGHTS: &[u8] = include_bytes!("../assets/yolov10n-demo.safetensors");
const STREET: &[u8] = include_bytes!("../assets/street.jpg");

/// How far the resident set may vary without a leak: thread stacks, the allocator's own pages.
const RESIDENT_NOISE: u64 = 2 << 20;
/// What a panic's message may leave in the test's captured output, in bytes.
const PANIC_NOISE: usize = 1 << 16;
/// How many times to load, run and drop.
const CYCLES: usize = 200;
/// Sizes of input kept by the plan cache, as `yolov10-cpu` documents.
const PLANS: usize = 8;

/// Runs tests one at a time, as they share the resident set and the counts.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn weights() -> Arc<Weights> {
    Arc::new(Weights::from_static(WEIGHTS).unwrap())
}

fn options(device: Device) -> Options {
    Options {
        device,
        input: Some(Size::square(320)),
        // Scores are low with such a small input.
        selection: Selection { confidence: 0.05, ..Selection::default() },
        ..Options::default()
    }
}

fn detector(device: Device) -> Detector {
    Detector::new(&weights(), &options(device)).unwrap()
}

fn street() -> RgbImage {
    decode_picture(STREET).unwrap()
}

/// An empty picture.
fn grey(width: u32, height: u32) -> RgbImage {
    RgbImage::from_pixel(width, height, Rgb([114; 3]))
}

/// Detections to the last bit.
fn bits(detections: &[Detection]) -> Vec<[u32; 6]> {
    let bits = |found: &Detection| {
        let rect = [found.rect.x1, found.rect.y1, found.rect.x2, found.rect.y2, found.score].map(f32::to_bits);
        [rect[0], rect[1], rect[2], rect[3], rect[4], found.class as u32]
    };
    detections.iter().map(bits).collect()
}

/// The engines' own counts, without the witnesses beside them.
fn counts(report: MemoryReport) -> MemoryReport {
    MemoryReport { resident: None, driver: None, ..report }
}

fn resident(detector: &Detector) -> u64 {
    detector.memory().resident.unwrap()
}

#[test]
fn close_gives_every_byte_back_and_says_so() {
    let _alone = alone();
    for device in [Device::Cpu, Device::Flex] {
        let mut detector = detector(device);
        detector.detect(&street()).unwrap();
        let held = detector.memory();
        assert!(held.weights.in_use > 8 << 20, "{device}: {held}");
        let freed = detector.close().unwrap();
        assert_eq!(counts(freed.before), counts(held), "{device}");
        assert_eq!(freed.after.total().reserved, 0, "{device}");
        assert_eq!((freed.released, freed.residue), (held.total().reserved, 0));
    }
}

#[test]
fn the_resident_set_falls_by_what_the_native_engine_held_when_drop_returns() {
    let _alone = alone();
    drop(detector(Device::Cpu));
    let mut detector = detector(Device::Cpu);
    detector.detect(&street()).unwrap();
    let freed = detector.close().unwrap();
    let [before, after] = [freed.before, freed.after].map(|report| report.resident.unwrap());
    // The kernel may have made less of the workspace resident than was mapped.
    assert!(before - after > freed.before.weights.reserved, "{before} before, {after} after {}", freed.before);
}

#[test]
fn burn_flex_frees_every_byte_that_it_took_from_the_allocator() {
    let _alone = alone();
    let weights = weights();
    let picture = street();
    // Some things of the first detector stay: thread pools, caches of the processor's features.
    let run = || {
        let mut detector = Detector::new(&weights, &options(Device::Flex)).unwrap();
        detector.detect(&picture).unwrap();
    };
    run();
    let before = live_bytes();
    run();
    assert_eq!(live_bytes(), before);
}

#[test]
fn a_detector_keeps_nothing_of_the_weight_file() {
    let _alone = alone();
    let weights = weights();
    for device in [Device::Cpu, Device::Flex] {
        let _detector = Detector::new(&weights, &options(device)).unwrap();
        assert_eq!(Arc::strong_count(&weights), 1, "{device}");
    }
}

#[test]
fn trim_gives_the_workspace_back_and_the_next_run_has_the_same_bits() {
    let _alone = alone();
    let mut detector = detector(Device::Cpu);
    let loaded = counts(detector.memory());
    let expected = bits(&detector.detect(&street()).unwrap());
    let ran = counts(detector.memory());
    assert!(ran.workspace.reserved > 1 << 20);
    let freed = detector.trim().unwrap();
    assert_eq!(counts(freed.after), loaded);
    assert_eq!(freed.released, ran.total().reserved - loaded.total().reserved);
    assert_eq!(bits(&detector.detect(&street()).unwrap()), expected);
    assert_eq!(counts(detector.memory()), ran);
}

#[test]
fn a_steady_state_run_allocates_nothing_beside_the_detections_it_returns() {
    let _alone = alone();
    let mut detector = detector(Device::Cpu);
    for (picture, expected) in [(grey(500, 300), 0), (street(), 1)] {
        detector.detect(&picture).unwrap();
        let held = counts(detector.memory());
        let before = allocations();
        let found = detector.detect(&picture).unwrap();
        assert_eq!(allocations() - before, expected);
        assert_eq!(found.is_empty(), expected == 0);
        assert_eq!(counts(detector.memory()), held);
    }
}

#[test]
fn two_hundred_cycles_of_load_run_and_drop_leave_the_resident_set_flat() {
    let _alone = alone();
    let (weights, picture) = (weights(), grey(64, 64));
    let options = Options { input: Some(Size::square(64)), ..options(Device::Cpu) };
    let cycle = || {
        let mut detector = Detector::new(&weights, &options).unwrap();
        detector.detect(&picture).unwrap();
        detector.close().unwrap().after.resident.unwrap()
    };
    let warm = (0..10).map(|_| cycle()).max().unwrap();
    let last = (10..CYCLES).fold(warm, |_, _| cycle());
    assert!(last < warm + RESIDENT_NOISE, "{warm} bytes at first, {last} at last");
}

#[test]
fn dropping_on_another_thread_frees_the_same() {
    let _alone = alone();
    for device in [Device::Cpu, Device::Flex] {
        let mut detector = detector(device);
        detector.detect(&grey(64, 64)).unwrap();
        let held = detector.memory().total();
        let freed = thread::spawn(move || detector.close().unwrap()).join().unwrap();
        assert_eq!(freed.released, held.reserved, "{device}");
    }
}

#[test]
fn dropping_one_detector_while_another_runs_changes_none_of_its_bits() {
    let _alone = alone();
    for device in [Device::Cpu, Device::Flex] {
        let mut stays = detector(device);
        let expected = bits(&stays.detect(&street()).unwrap());
        let held = counts(stays.memory());
        let others = thread::spawn(move || {
            for _ in 0..3 {
                let mut goes = detector(device);
                goes.detect(&grey(320, 200)).unwrap();
                goes.close().unwrap();
            }
        });
        while !others.is_finished() {
            assert_eq!(bits(&stays.detect(&street()).unwrap()), expected);
        }
        others.join().unwrap();
        assert_eq!(counts(stays.memory()), held, "{device}");
    }
}

#[test]
fn swapping_models_returns_to_the_same_reserved_bytes() {
    let _alone = alone();
    let load = |side| {
        let options = Options { input: Some(Size::square(side)), fit: Fit::Full, ..Options::default() };
        let mut detector = Detector::new(&weights(), &options).unwrap();
        detector.detect(&street()).unwrap();
        detector
    };
    let first = load(160);
    let expected = counts(first.memory());
    drop(first);
    for _ in 0..3 {
        drop(load(480));
        let again = load(160);
        assert_eq!(counts(again.memory()), expected);
    }
}

#[test]
fn detectors_that_share_weights_hold_one_copy_and_the_last_gives_it_back() {
    let _alone = alone();
    for device in [Device::Cpu, Device::Flex] {
        let mut first = detector(device);
        let expected = bits(&first.detect(&street()).unwrap());
        let held = counts(first.memory());
        assert_eq!(first.sharers(), 1);

        let mut second = first.share().unwrap();
        assert_eq!([first.sharers(), second.sharers()], [2, 2]);
        assert_eq!(counts(second.memory()), MemoryReport { weights: held.weights, ..MemoryReport::default() });
        assert_eq!(bits(&second.detect(&street()).unwrap()), expected);
        assert_eq!(counts(second.memory()), held, "{device}");

        // The first detector closes: its weights now belong to the other one, and are no residue.
        let freed = first.close().unwrap();
        assert_eq!(counts(freed.after), MemoryReport { weights: held.weights, ..MemoryReport::default() });
        let of_its_own = held.total().reserved - held.weights.reserved;
        assert_eq!((freed.released, freed.residue), (of_its_own, 0), "{device}");
        assert_eq!(bits(&second.detect(&street()).unwrap()), expected);
        assert_eq!((counts(second.memory()), second.sharers()), (held, 1));

        let freed = second.close().unwrap();
        assert_eq!(freed.after.total().reserved, 0);
        assert_eq!((freed.released, freed.residue), (held.total().reserved, 0), "{device}");
    }
}

#[test]
fn the_resident_set_has_shared_weights_once_and_loses_them_with_the_last_detector() {
    let _alone = alone();
    drop(detector(Device::Cpu));
    let mut first = detector(Device::Cpu);
    first.detect(&street()).unwrap();
    let held = first.memory();
    let (weights, others) = (held.weights.reserved, held.total().reserved - held.weights.reserved);
    let one = resident(&first);
    let mut second = first.share().unwrap();
    second.detect(&street()).unwrap();
    let two = resident(&second);
    assert!(two < one + others + RESIDENT_NOISE, "{one} bytes with one, {two} with two");
    let still = first.close().unwrap().after.resident.unwrap();
    assert!(still + weights / 2 > one, "{one} bytes with one, {still} when it was closed");
    let none = second.close().unwrap().after.resident.unwrap();
    assert!(none + weights < still + RESIDENT_NOISE, "{still} bytes with the last, {none} without");
}

#[test]
fn burn_flex_shares_every_parameter() {
    let _alone = alone();
    let (weights, picture) = (weights(), street());
    let cycle = || {
        let first = Detector::new(&weights, &options(Device::Flex)).unwrap();
        let before = live_bytes();
        let mut second = first.share().unwrap();
        let parameters = second.memory().weights.reserved as usize;
        // A copy of a tensor's handle, its name, its shape: nothing that grows with it.
        assert!(live_bytes() < before + parameters / 10, "{before} bytes before, {} after", live_bytes());
        drop(first);
        second.detect(&picture).unwrap();
    };
    // A thread of burn-flex's pool that takes part for the first time keeps its buffers; what a cycle left would be left
    // by each.
    assert!((0..8).any(|_| {
        let before = live_bytes();
        cycle();
        live_bytes() == before
    }));
}

#[test]
fn of_detectors_closed_at_once_one_gives_the_shared_weights_back() {
    let _alone = alone();
    for device in [Device::Cpu, Device::Flex] {
        let mut first = detector(device);
        let expected = bits(&first.detect(&grey(320, 320)).unwrap());
        let held = counts(first.memory()).total().reserved;
        let weights = first.memory().weights.reserved;
        let others: Vec<_> = (0..3).map(|_| first.share().unwrap()).collect();
        let closing: Vec<_> = others
            .into_iter()
            .chain([first])
            .map(|mut detector| {
                let expected = expected.clone();
                thread::spawn(move || {
                    assert_eq!(bits(&detector.detect(&grey(320, 320)).unwrap()), expected);
                    detector.close().unwrap().released
                })
            })
            .collect();
        let released: u64 = closing.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(released, weights + 4 * (held - weights), "{device}");
    }
}

#[test]
fn trimming_one_of_two_that_share_weights_takes_nothing_from_the_other() {
    let _alone = alone();
    let mut first = detector(Device::Cpu);
    let expected = bits(&first.detect(&street()).unwrap());
    let held = counts(first.memory());
    let mut second = first.share().unwrap();
    second.detect(&street()).unwrap();
    let freed = second.trim().unwrap();
    assert_eq!(freed.released, held.total().reserved - held.weights.reserved);
    assert_eq!(counts(first.memory()), held);
    assert_eq!(bits(&first.detect(&street()).unwrap()), expected);
    assert_eq!(bits(&second.detect(&street()).unwrap()), expected);
}

#[test]
fn a_detector_dropped_while_a_panic_unwinds_gives_its_bytes_back() {
    let _alone = alone();
    let unwind = |device| {
        let unwound = catch_unwind(|| {
            let mut detector = detector(device);
            detector.detect(&street()).unwrap();
            panic!("the caller's own");
        });
        assert!(unwound.is_err());
    };
    // The first panic reads the program's symbols and keeps them.
    unwind(Device::Cpu);
    let witness = detector(Device::Cpu);
    let before = resident(&witness);
    unwind(Device::Cpu);
    let after = resident(&witness);
    // A panic itself takes memory, but less than the weights would.
    let weights = witness.memory().weights.reserved;
    assert!(after < before + weights / 2, "{before} before, {after} after");
    unwind(Device::Flex);
    let before = live_bytes();
    unwind(Device::Flex);
    let after = live_bytes();
    assert!(after < before + PANIC_NOISE, "{before} before, {after} after");
}

#[test]
fn a_panic_of_the_caller_while_it_borrows_the_detector_leaves_it_usable() {
    let _alone = alone();
    let mut detector = detector(Device::Cpu);
    let expected = bits(&detector.detect(&street()).unwrap());
    let held = counts(detector.memory());
    let borrowed = catch_unwind(AssertUnwindSafe(|| {
        let letterbox = detector.letterbox(Size { height: 10, width: 10 }).unwrap();
        // Not the picture that the letterbox is for.
        detector.detect_in_input(&street(), &letterbox).unwrap()
    }));
    assert!(borrowed.is_err());
    assert_eq!(counts(detector.memory()), held);
    assert_eq!(bits(&detector.detect(&street()).unwrap()), expected);
    detector.close().unwrap();
}

#[test]
fn a_load_that_fails_half_way_leaves_nothing() {
    let _alone = alone();
    // The last tensor of the network by another name of the same length: everything before it is found.
    let name = b"neck.";
    let mut broken = WEIGHTS.to_vec();
    let at = broken.windows(name.len()).rposition(|window| window == name).unwrap();
    broken[at] = b'N';
    let broken = Arc::new(Weights::from_bytes(&broken).unwrap());
    for device in [Device::Cpu, Device::Flex] {
        let load = || Detector::new(&broken, &options(device)).err().unwrap();
        assert!(matches!(load(), Error::MissingTensor { .. }));
        let before = live_bytes();
        drop(load());
        assert_eq!(live_bytes(), before, "{device}");
    }
}

#[test]
fn a_forgotten_detector_does_not_poison_the_next() {
    let _alone = alone();
    let mut forgotten = detector(Device::Cpu);
    let expected = bits(&forgotten.detect(&street()).unwrap());
    std::mem::forget(forgotten);
    let mut next = detector(Device::Cpu);
    assert_eq!(bits(&next.detect(&street()).unwrap()), expected);
    assert_eq!(next.close().unwrap().residue, 0);
}

#[test]
fn a_limit_that_is_exceeded_is_named_and_the_detector_stays_usable() {
    let _alone = alone();
    let mut options = options(Device::Cpu);
    let mut unlimited = Detector::new(&weights(), &options).unwrap();
    let expected = bits(&unlimited.detect(&street()).unwrap());
    let held = unlimited.memory();
    let limit = usize::try_from(held.weights.reserved + held.workspace.reserved).unwrap();
    options.cpu.memory_limit = Some(limit);
    options.input = Some(Size::square(640));
    let mut limited = Detector::new(&weights(), &options).unwrap();

    let error = limited.detect(&grey(640, 640)).unwrap_err();
    assert!(error.to_string().ends_with(&format!("bytes needed, {limit} allowed")), "{error}");
    let small = unlimited.letterbox(Size::of(&street())).unwrap();
    let found = limited.detect_in_input(&street(), &small).unwrap();
    assert_eq!(found.len(), expected.len(), "the limit's detector still finds");

    options.cpu.memory_limit = Some(1 << 20);
    let refused = Detector::new(&weights(), &options).err().unwrap();
    assert!(refused.to_string().ends_with("1048576 allowed"));
    options.device = Device::Flex;
    assert!(matches!(Detector::new(&weights(), &options), Err(Error::LimitUnsupported { .. })));
}

#[test]
fn many_shapes_take_the_workspace_of_the_largest_and_a_bounded_number_of_plans() {
    let _alone = alone();
    let mut detector = detector(Device::Cpu);
    let shapes = || (1..=10).flat_map(|rows| (1..=10).map(move |columns| grey(columns, rows)));
    detector.detect(&grey(1, 1)).unwrap();
    let largest = counts(detector.memory());
    let mut held_after = || {
        for picture in shapes() {
            detector.detect(&picture).unwrap();
        }
        assert_eq!(detector.memory().workspace, largest.workspace);
        live_bytes()
    };
    let once = held_after();
    for _ in 0..3 {
        assert_eq!(held_after(), once, "more than {PLANS} plans are kept");
    }
}

#[test]
fn the_processor_has_nothing_to_shut_down() {
    let _alone = alone();
    let freed = Device::Cpu.shutdown().unwrap();
    assert_eq!((freed.released, freed.residue), (0, 0));
}
