//! Attention in one kernel: scores are never in the device's memory.

use cubecl::prelude::*;

use super::place;

/// Positions that a cube makes the output of: so many times less often it reads keys and values.
pub const QUERIES: usize = 4;
/// Units of a cube, and positions whose scores they make at a time, each that of one.
pub const TILE: usize = 64;
/// Below every score.
const LOWEST: f32 = f32::MIN;

/// Softmax attention: `query` and `key` `[B, heads * K, H, W]`, `value` `[B, heads * V, H, W]` to `output`, which is like
/// `value`. The softmax is taken on the way over the tiles (arXiv:1805.02867), in f32. One cube for so many queries, each
/// head, each sample.
#[cube(launch)]
pub fn attend<F: Float>(
    query: &Tensor<F>,
    key: &Tensor<F>,
    value: &Tensor<F>,
    output: &mut Tensor<F>,
    scale: f32,
    #[comptime] key_channels: usize,
    #[comptime] value_channels: usize,
    #[define(F)] _dtype: ElemType,
) {
    let unit = UNIT_POS as usize;
    let first = CUBE_POS_X as usize * QUERIES;
    let head = CUBE_POS_Y as usize;
    let sample = CUBE_POS_Z as usize;
    let positions = output.shape(2) * output.shape(3);
    let first_key = head * key_channels;
    let first_value = head * value_channels;

    let mut queries = Shared::new_slice(QUERIES * key_channels);
    let mut index = unit;
    while index < QUERIES * key_channels {
        // Beyond the last there is nothing to be made; whatever comes of it is not written.
        let position = min(first + index / key_channels, positions - 1);
        let from = place::in_cell(query, sample, first_key + index % key_channels, position);
        queries[index] = f32::cast_from(query[from]) * scale;
        index += TILE;
    }

    // By query, and of the sums by channel of this unit: the first and each `TILE`th after it.
    let channels = value_channels.div_ceil(TILE);
    let mut sums = Array::<f32>::new(QUERIES * channels);
    let mut weights = Array::<f32>::new(QUERIES);
    let mut largest = Array::<f32>::new(QUERIES);
    #[unroll]
    for query in 0..QUERIES {
        weights[query] = 0.0;
        largest[query] = LOWEST;
        #[unroll]
        for channel in 0..channels {
            sums[query * channels + channel] = 0.0;
        }
    }
    let mut scores = Shared::new_slice(QUERIES * TILE);
    let mut start = 0;
    while start < positions {
        let known = min(TILE, positions - start);
        let position = min(start + unit, positions - 1);
        let from = place::in_cell(key, sample, first_key, position);
        let mut own = Array::<f32>::new(QUERIES);
        #[unroll]
        for query in 0..QUERIES {
            own[query] = 0.0;
        }
        // Queries are there; and nobody still needs the scores of the last tile.
        sync_cube();
        for channel in 0..key_channels {
            let level = f32::cast_from(key[from + channel * key.stride(1)]);
            #[unroll]
            for query in 0..QUERIES {
                own[query] += queries[query * key_channels + channel] * level;
            }
        }
        #[unroll]
        for query in 0..QUERIES {
            scores[query * TILE + unit] = own[query];
        }
        sync_cube();
        #[unroll]
        for query in 0..QUERIES {
            let mut highest = largest[query];
            for other in 0..known {
                highest = max(highest, scores[query * TILE + other]);
            }
            // What was summed up so far, as if this had been the largest from the start.
            let kept = f32::exp(largest[query] - highest);
            largest[query] = highest;
            weights[query] *= kept;
            #[unroll]
            for channel in 0..channels {
                sums[query * channels + channel] *= kept;
            }
        }
        sync_cube();
        #[unroll]
        for query in 0..QUERIES {
            scores[query * TILE + unit] = f32::exp(own[query] - largest[query]);
        }
        sync_cube();
        for other in 0..known {
            let from = place::in_cell(value, sample, first_value, start + other);
            #[unroll]
            for channel in 0..channels {
                let read = min(unit + channel * TILE, value_channels - 1);
                let level = f32::cast_from(value[from + read * value.stride(1)]);
                #[unroll]
                for query in 0..QUERIES {
                    sums[query * channels + channel] += scores[query * TILE + other] * level;
                }
            }
            #[unroll]
            for query in 0..QUERIES {
                weights[query] += scores[query * TILE + other];
            }
        }
        start += TILE;
    }
    #[unroll]
    for query in 0..QUERIES {
        let position = first + query;
        #[unroll]
        for channel in 0..channels {
            let written = unit + channel * TILE;
            if position < positions && written < value_channels {
                let to = place::in_cell(&*output, sample, first_value + written, position);
                output[to] = F::cast_from(sums[query * channels + channel] / weights[query]);
            }
        }
    }
}
