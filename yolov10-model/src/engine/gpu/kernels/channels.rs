//! Channels of maps: runs of them, and maps one after another. burn's own would lay them out as `[B, C, H, W]`, and then
//! anew.

use cubecl::prelude::*;

use super::place;

/// Maps that [`concat()`] takes at a time.
pub const PARTS: usize = 4;

/// Writes four maps `[B, C, H, W]` into `output`, one after another: as many of them as it has channels for.
#[cube(launch)]
pub fn concat<F: Float>(
    first: &Tensor<F>,
    second: &Tensor<F>,
    third: &Tensor<F>,
    fourth: &Tensor<F>,
    output: &mut Tensor<F>,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= place::count(&*output) {
        terminate!();
    }
    let at = place::nth(&*output, ABSOLUTE_POS);
    let to = place::index(&*output, at.sample, at.channel, at.y, at.x);
    let ends_first = first.shape(1);
    let ends_second = ends_first + second.shape(1);
    let ends_third = ends_second + third.shape(1);
    if at.channel < ends_first {
        output[to] = first[place::index(first, at.sample, at.channel, at.y, at.x)];
    } else if at.channel < ends_second {
        output[to] = second[place::index(second, at.sample, at.channel - ends_first, at.y, at.x)];
    } else if at.channel < ends_third {
        output[to] = third[place::index(third, at.sample, at.channel - ends_second, at.y, at.x)];
    } else {
        output[to] = fourth[place::index(fourth, at.sample, at.channel - ends_third, at.y, at.x)];
    }
}

/// Copies channels of `map`, from `start` on, to `output`, both `[B, C, H, W]`.
#[cube(launch)]
pub fn take<F: Float>(map: &Tensor<F>, output: &mut Tensor<F>, start: usize, #[define(F)] _dtype: ElemType) {
    if ABSOLUTE_POS >= place::count(&*output) {
        terminate!();
    }
    let at = place::nth(&*output, ABSOLUTE_POS);
    let to = place::index(&*output, at.sample, at.channel, at.y, at.x);
    output[to] = map[place::index(map, at.sample, start + at.channel, at.y, at.x)];
}
