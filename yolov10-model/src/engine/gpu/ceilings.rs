//! What cubecl's tuner takes for the fastest that a device could be: a search ends early with a kernel that comes near.
//!
//! It would measure that first, with buffers of 1 GiB that many a GPU has no room for. Here it is told instead.

use std::time::Duration;

use burn::backend::DispatchDevice;
use burn::tensor::Device;
use cubecl::client::Client;
use cubecl::ir::{ElemType, FloatKind, IntKind, UIntKind};
use cubecl::throughput::{
    CmmaDims, ComputeCmmaConfig, MemoryAccess, MemorySpec, ThroughputCache, ThroughputKey, ThroughputMode,
    ThroughputValue,
};

use crate::device::Choice;

/// The numbers that kernels which are not tuned for matrix units are measured in.
const NUMBERS: [ElemType; 5] = [
    ElemType::Float(FloatKind::F32),
    ElemType::Float(FloatKind::F16),
    ElemType::Float(FloatKind::BF16),
    ElemType::Int(IntKind::I32),
    ElemType::UInt(UIntKind::U32),
];
/// Memory is measured at powers of two, from 2 to this.
const LARGEST_LOGARITHM: u32 = 40;

/// Tells it, before the first search on the device.
pub fn set(device: &Device, choice: Choice) {
    let DispatchDevice::Cube(device) = device.as_dispatch() else { return };
    let client = device.client();
    let told = match choice {
        // So low that the first kernel which works is fast enough.
        Choice::Rule => ThroughputValue { ops_count: 1, duration: Duration::from_secs(1) },
        // Not known: nothing is near, and every kernel is measured.
        Choice::Trial => ThroughputValue::ZERO,
    };
    let cache = ThroughputCache::get_for_device(client.name(), client.properties());
    let mut cache = cache.lock();
    for mode in modes(&client) {
        let key = ThroughputKey { mode };
        if cache.get(&key).is_none() {
            cache.insert(key, told);
        }
    }
}

/// All that it may ask for.
fn modes(client: &Client) -> impl Iterator<Item = ThroughputMode> {
    let memory = (1..=LARGEST_LOGARITHM)
        .map(|logarithm| ThroughputMode::Memory(MemorySpec::new(MemoryAccess::Copy, 1 << logarithm)));
    let numbers = NUMBERS.map(|dtype| ThroughputMode::ComputeDirect { dtype });
    let matmul = &client.properties().features.matmul;
    let units = matmul.cmma.iter().chain(&matmul.mma).map(|unit| ThroughputMode::ComputeCmma {
        dtype: unit.a_type,
        config: ComputeCmmaConfig {
            accumulator_type: unit.cd_type,
            cmma_dims: CmmaDims { m: unit.m as usize, n: unit.n as usize, k: unit.k as usize },
        },
    });
    let units: Vec<_> = units.collect();
    [ThroughputMode::Launch].into_iter().chain(memory).chain(numbers).chain(units)
}
