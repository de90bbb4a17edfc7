//! The reference: a value of a network and, beside it, the same value computed naively in f64. Whatever a test builds,
//! it builds twice.

use std::ops::Range;

use yolov10_cpu::{Activation, Conv, Engine, Error, MapView, Options, Value};

/// A value, and what it should hold.
#[derive(Clone)]
pub struct Reference {
    pub value: Value,
    pub map: Map,
}

/// `[channels][height][width]`.
#[derive(Clone)]
pub struct Map {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    pub data: Vec<f64>,
}

/// Noise in -1..1 that depends on nothing but its arguments (the finaliser of SplitMix64). bf16 has each of
/// its values: on images and weights alone both precisions agree.
pub fn noise(seed: u64, index: usize) -> f32 {
    let mut bits = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(index as u64);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bf16(((bits ^ (bits >> 31)) >> 40) as f32 / (1u64 << 23) as f32 - 1.0)
}

/// The same number with the eight bits of precision that bf16 has.
fn bf16(value: f32) -> f32 {
    f32::from_bits(value.to_bits() >> 16 << 16)
}

/// Weights and biases of a key, scaled so that activations keep their size.
pub fn weights(key: u64, weight: &mut [f32], bias: &mut [f32]) -> Result<(), Error> {
    let scale = (3.0 * bias.len() as f32 / weight.len() as f32).sqrt();
    weight.iter_mut().enumerate().for_each(|(index, value)| *value = bf16(scale * noise(key, index)));
    bias.iter_mut().enumerate().for_each(|(index, value)| *value = 0.5 * noise(!key, index));
    Ok(())
}

impl Map {
    fn new(channels: usize, height: usize, width: usize, at: impl Fn(usize, usize, usize) -> f64) -> Map {
        let positions = (0..channels).flat_map(|c| (0..height).flat_map(move |y| (0..width).map(move |x| (c, y, x))));
        Map { channels, height, width, data: positions.map(|(c, y, x)| at(c, y, x)).collect() }
    }

    pub fn at(&self, channel: usize, row: usize, column: usize) -> f64 {
        self.data[(channel * self.height + row) * self.width + column]
    }

    /// None outside of the map.
    fn around(&self, channel: usize, row: isize, column: isize) -> Option<f64> {
        let (row, column) = (usize::try_from(row).ok()?, usize::try_from(column).ok()?);
        (row < self.height && column < self.width).then(|| self.at(channel, row, column))
    }
}

impl Reference {
    /// An image of noise.
    pub fn input(channels: usize, height: usize, width: usize) -> Reference {
        let map = Map::new(channels, height, width, |c, y, x| f64::from(noise(7, (c * height + y) * width + x)));
        Reference { value: Value::input(channels), map }
    }

    pub fn conv(&self, conv: Conv) -> Reference {
        let Conv { kernel, stride, .. } = conv;
        let (inputs, outputs) = (conv.channels_in / conv.groups, conv.channels_out / conv.groups);
        let mut weight = vec![0.0; conv.channels_out * inputs * kernel * kernel];
        let mut bias = vec![0.0; conv.channels_out];
        weights(conv.key, &mut weight, &mut bias).unwrap();
        let reach = (kernel / 2) as isize;
        let (height, width) = (self.map.height.div_ceil(stride), self.map.width.div_ceil(stride));
        let map = Map::new(conv.channels_out, height, width, |output, y, x| {
            let mut sum = f64::from(bias[output]);
            for input in 0..inputs {
                for tap in 0..kernel * kernel {
                    let row = (y * stride) as isize + (tap / kernel) as isize - reach;
                    let column = (x * stride) as isize + (tap % kernel) as isize - reach;
                    if let Some(value) = self.map.around(output / outputs * inputs + input, row, column) {
                        sum += value * f64::from(weight[(output * inputs + input) * kernel * kernel + tap]);
                    }
                }
            }
            match conv.activation {
                Activation::Identity => sum,
                Activation::Silu => sum / (1.0 + (-sum).exp()),
            }
        });
        Reference { value: self.value.conv(conv), map }
    }

    pub fn add(&self, other: &Reference) -> Reference {
        let Map { channels, height, width, .. } = self.map;
        let map = Map::new(channels, height, width, |c, y, x| self.map.at(c, y, x) + other.map.at(c, y, x));
        Reference { value: self.value.add(&other.value), map }
    }

    pub fn concat(parts: &[Reference]) -> Reference {
        let values: Vec<Value> = parts.iter().map(|part| part.value.clone()).collect();
        let data: Vec<f64> = parts.iter().flat_map(|part| part.map.data.clone()).collect();
        let channels = parts.iter().map(|part| part.map.channels).sum();
        let Map { height, width, .. } = parts[0].map;
        Reference { value: Value::concat(&values), map: Map { channels, height, width, data } }
    }

    pub fn slice(&self, channels: Range<usize>) -> Reference {
        let plane = self.map.height * self.map.width;
        let data = self.map.data[channels.start * plane..channels.end * plane].to_vec();
        let map = Map { channels: channels.len(), data, ..self.map };
        Reference { value: self.value.slice(channels), map }
    }

    pub fn max_pool(&self, kernel: usize) -> Reference {
        let reach = (kernel / 2) as isize;
        let Map { channels, height, width, .. } = self.map;
        let map = Map::new(channels, height, width, |c, y, x| {
            let window = (-reach..=reach).flat_map(|dy| (-reach..=reach).map(move |dx| (dy, dx)));
            let values = window.filter_map(|(dy, dx)| self.map.around(c, y as isize + dy, x as isize + dx));
            values.fold(f64::NEG_INFINITY, f64::max)
        });
        Reference { value: self.value.max_pool(kernel), map }
    }

    pub fn upsample(&self) -> Reference {
        let Map { channels, height, width, .. } = self.map;
        let map = Map::new(channels, 2 * height, 2 * width, |c, y, x| self.map.at(c, y / 2, x / 2));
        Reference { value: self.value.upsample(), map }
    }

    pub fn attention(query: &Reference, key: &Reference, value: &Reference, heads: usize) -> Reference {
        let Map { height, width, .. } = value.map;
        let (depth, channels) = (query.map.channels / heads, value.map.channels / heads);
        let at = |map: &Map, channel: usize, position: usize| map.at(channel, position / width, position % width);
        let attended = |head: usize, position: usize| -> Vec<f64> {
            let scores = (0..height * width).map(|other| {
                let dot: f64 = (head * depth..(head + 1) * depth)
                    .map(|channel| at(&query.map, channel, position) * at(&key.map, channel, other))
                    .sum();
                (dot / (depth as f64).sqrt()).exp()
            });
            let scores: Vec<f64> = scores.collect();
            let total: f64 = scores.iter().sum();
            (head * channels..(head + 1) * channels)
                .map(|channel| {
                    scores.iter().enumerate().map(|(other, score)| score * at(&value.map, channel, other)).sum()
                })
                .map(|sum: f64| sum / total)
                .collect()
        };
        let mut map = Map { data: vec![0.0; value.map.data.len()], ..value.map };
        for head in 0..heads {
            for position in 0..height * width {
                for (channel, sum) in attended(head, position).into_iter().enumerate() {
                    map.data[(head * channels + channel) * height * width + position] = sum;
                }
            }
        }
        Reference { value: Value::attention(&query.value, &key.value, &value.value, heads), map }
    }
}

/// Runs an engine on the image of [`Reference::input`].
pub fn run<R>(engine: &mut Engine, [height, width]: [usize; 2], read: impl FnOnce(&[MapView<'_>]) -> R) -> R {
    let fill = |mut rows: yolov10_cpu::InputRows<'_>| {
        for channel in 0..rows.channels() {
            for row in rows.range() {
                for (column, value) in rows.row_mut(channel, row).iter_mut().enumerate() {
                    *value = noise(7, (channel * height + row) * width + column);
                }
            }
        }
    };
    engine.run(height, width, fill, read).unwrap()
}

/// Every element of every output, in the order of channels, rows, columns.
pub fn elements(outputs: &[MapView<'_>]) -> Vec<f32> {
    let mut all = Vec::new();
    for output in outputs {
        for channel in 0..output.channels {
            for row in 0..output.height {
                all.extend((0..output.width).map(|column| output.get(channel, row, column)));
            }
        }
    }
    all
}

/// Panics unless an engine for `outputs` agrees with their naive values to `tolerance`.
pub fn assert_agrees(outputs: &[Reference], size: [usize; 2], options: &Options, tolerance: f64) {
    let values: Vec<Value> = outputs.iter().map(|output| output.value.clone()).collect();
    let mut engine = Engine::new(&values, options, weights).unwrap();
    let found = run(&mut engine, size, elements);
    let expected: Vec<f64> = outputs.iter().flat_map(|output| output.map.data.clone()).collect();
    assert_eq!(found.len(), expected.len());
    for (index, (&found, &expected)) in found.iter().zip(&expected).enumerate() {
        let error = (f64::from(found) - expected).abs();
        assert!(
            error <= tolerance * expected.abs().max(1.0),
            "{options:?}, element {index}: expected {expected}, found {found}"
        );
    }
}
