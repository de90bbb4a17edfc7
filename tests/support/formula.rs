//! Weights and inputs by formula, as `tests/golden/goldens.py` makes them: no weight file is needed.

use std::collections::BTreeMap;

use safetensors::tensor::{Dtype, TensorView};

/// Height and width of the blocks of one colour that the input consists of, in pixels.
const BLOCK: usize = 32;

/// `count` numbers in -1..1 that depend on nothing but `name`: splitmix64 seeded with its FNV-1a hash.
pub fn noise(name: &str, count: usize) -> Vec<f32> {
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    let seed = name
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3));
    (0..count as u64)
        .map(|index| {
            let mut z = seed.wrapping_add(index.wrapping_mul(GOLDEN)).wrapping_add(GOLDEN);
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^= z >> 31;
            ((z >> 40) as f64 / f64::from(1 << 23) - 1.0) as f32
        })
        .collect()
}

/// The planes `[3, H, W]` of the input: blocks of colour with noise on top, in 0..1.
pub fn input(height: usize, width: usize) -> Vec<f32> {
    let pixels = noise("input", 3 * height * width);
    let (rows, columns) = (height.div_ceil(BLOCK), width.div_ceil(BLOCK));
    let blocks = noise("blocks", 3 * rows * columns);
    pixels
        .iter()
        .enumerate()
        .map(|(index, noise)| {
            let (channel, y, x) = (index / (height * width), index / width % height, index % width);
            0.5 + 0.35 * blocks[(channel * rows + y / BLOCK) * columns + x / BLOCK] + 0.15 * noise
        })
        .collect()
}

/// A state dict with PyTorch's names as a safetensors file; `stored` holds the tensors that are no formula.
pub fn state_dict(shapes: &BTreeMap<String, Vec<usize>>, stored: &safetensors::SafeTensors<'_>) -> Vec<u8> {
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = shapes
        .iter()
        .filter(|(name, _)| !name.ends_with("num_batches_tracked"))
        .map(|(name, shape)| {
            let bytes = match stored.tensor(name) {
                Ok(tensor) => tensor.data().to_vec(),
                Err(_) => values(name, shape).iter().flat_map(|value| value.to_le_bytes()).collect(),
            };
            (name.clone(), shape.clone(), bytes)
        })
        .collect();
    let views = tensors.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).expect("the bytes fit the shape");
        (name.clone(), view)
    });
    safetensors::serialize(views, None).expect("names are unique")
}

fn values(name: &str, shape: &[usize]) -> Vec<f32> {
    let noise = noise(name, shape.iter().product());
    let map = |f: &dyn Fn(f32) -> f32| noise.iter().map(|v| f(*v)).collect();
    match shape {
        _ if name.ends_with("dfl.conv.weight") => (0..16u8).map(f32::from).collect(),
        [_, inputs, kernel_height, kernel_width] => {
            let fan_in = (inputs * kernel_height * kernel_width) as f64;
            let gain = (3.0 / fan_in).sqrt() as f32;
            map(&|v| v * gain)
        }
        _ if name.ends_with("bn.weight") => map(&|v| 1.0 + 0.1 * v),
        _ if name.ends_with("bn.bias") => map(&|v| 0.1 * v),
        _ => map(&|v| 0.5 * v),
    }
}
