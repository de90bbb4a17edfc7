//! The raw maps to a table of the best anchors.

use cubecl::prelude::*;

use super::place;

/// The largest class logit of each anchor: those of P3, P4 and P5, `[B, classes, H, W]`, to `[B, anchors]`.
#[cube(launch)]
pub fn best<F: Float>(
    p3: &Tensor<F>,
    p4: &Tensor<F>,
    p5: &Tensor<F>,
    best: &mut Tensor<f32>,
    #[define(F)] _dtype: ElemType,
) {
    let anchors = best.shape(1);
    if ABSOLUTE_POS >= best.shape(0) * anchors {
        terminate!();
    }
    let sample = ABSOLUTE_POS / anchors;
    let anchor = ABSOLUTE_POS % anchors;
    let before_p4 = cells(p3);
    let before_p5 = before_p4 + cells(p4);
    let to = sample * best.stride(0) + anchor * best.stride(1);
    if anchor < before_p4 {
        best[to] = largest_of(p3, sample, anchor);
    } else if anchor < before_p5 {
        best[to] = largest_of(p4, sample, anchor - before_p4);
    } else {
        best[to] = largest_of(p5, sample, anchor - before_p5);
    }
}

/// The largest of a cell's channels.
#[cube]
fn largest_of<F: Float>(map: &Tensor<F>, sample: usize, cell: usize) -> f32 {
    let first = place::in_cell(map, sample, 0, cell);
    let mut largest = f32::cast_from(map[first]);
    for channel in 1..map.shape(1) {
        largest = max(largest, f32::cast_from(map[first + channel * map.stride(1)]));
    }
    largest
}

/// Cells of a map `[B, C, H, W]`.
#[cube]
fn cells<F: Float>(map: &Tensor<F>) -> usize {
    map.shape(2) * map.shape(3)
}

/// For each sample, the numbers of its `count` best anchors, best first, the lower number first among equals.
///
/// `best` is `[B, anchors]`, `ranked` `[B, count]`. An anchor's rank is how many are better. Each anchor counts for itself,
/// so there is nothing to synchronise, allocate or sort.
#[cube(launch)]
pub fn rank(best: &Tensor<f32>, ranked: &mut Tensor<i32>) {
    let anchors = best.shape(1);
    let position = ABSOLUTE_POS;
    if position >= best.shape(0) * anchors {
        terminate!();
    }
    let sample = position / anchors;
    let number = position % anchors;
    let start = sample * best.stride(0);
    let next = best.stride(1);
    let own = best[start + number * next];
    let mut rank = 0;
    for other in 0..anchors {
        let value = best[start + other * next];
        if value > own || (value == own && other < number) {
            rank += 1;
        }
    }
    if rank < ranked.shape(1) {
        let place = sample * ranked.stride(0) + rank * ranked.stride(1);
        ranked[place] = i32::cast_from(number);
    }
}

/// For each of the ranked anchors, `[B, K]`, its number, its box logits and its class logits: those of P3, P4 and P5,
/// `[B, C, H, W]`, to `[B, K, 1 + 4 * REG_MAX + classes]`.
///
/// A network that went wrong has NaNs, which have no rank and leave places empty: whatever is there, no anchor beyond the
/// last is looked up.
#[cube(launch)]
pub fn table<F: Float>(
    ranked: &Tensor<i32>,
    boxes3: &Tensor<F>,
    boxes4: &Tensor<F>,
    boxes5: &Tensor<F>,
    classes3: &Tensor<F>,
    classes4: &Tensor<F>,
    classes5: &Tensor<F>,
    table: &mut Tensor<f32>,
    #[define(F)] _dtype: ElemType,
) {
    let rows = table.shape(1);
    let columns = table.shape(2);
    if ABSOLUTE_POS >= table.shape(0) * rows * columns {
        terminate!();
    }
    let column = ABSOLUTE_POS % columns;
    let row = ABSOLUTE_POS / columns % rows;
    let sample = ABSOLUTE_POS / columns / rows;
    let before_p4 = cells(boxes3);
    let before_p5 = before_p4 + cells(boxes4);
    let last = before_p5 + cells(boxes5) - 1;
    let found = ranked[sample * ranked.stride(0) + row * ranked.stride(1)];
    let anchor = min(usize::cast_from(max(found, 0)), last);
    let to = sample * table.stride(0) + row * table.stride(1) + column * table.stride(2);
    if column == 0 {
        table[to] = f32::cast_from(anchor);
    } else if anchor < before_p4 {
        write_logit(boxes3, classes3, sample, anchor, column - 1, table, to);
    } else if anchor < before_p5 {
        write_logit(boxes4, classes4, sample, anchor - before_p4, column - 1, table, to);
    } else {
        write_logit(boxes5, classes5, sample, anchor - before_p5, column - 1, table, to);
    }
}

/// Of a cell's logits, first those of its box, then those of its classes, one to a place in the table.
#[cube]
fn write_logit<F: Float>(
    boxes: &Tensor<F>,
    classes: &Tensor<F>,
    sample: usize,
    cell: usize,
    index: usize,
    table: &mut Tensor<f32>,
    to: usize,
) {
    let sides = boxes.shape(1);
    if index < sides {
        table[to] = f32::cast_from(boxes[place::in_cell(boxes, sample, index, cell)]);
    } else {
        table[to] = f32::cast_from(classes[place::in_cell(classes, sample, index - sides, cell)]);
    }
}
