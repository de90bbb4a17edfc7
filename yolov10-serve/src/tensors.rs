//! The protocol's tensors, however they were sent: the one input in its three datatypes, and the one output.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use yolov10_model::Size;

use crate::decode::Bounds;
use crate::picture::{Picture, Seen};
use crate::problem::Problem;

/// The input's name.
pub(crate) const INPUT: &str = "images";
/// The output's name.
pub(crate) const OUTPUT: &str = "output0";
/// Rows per picture in the output: the most that YOLOv10 can find.
pub(crate) const ROWS: usize = 300;
/// Values per row: left, top, right, bottom, score, class.
pub(crate) const COLUMNS: usize = 6;
/// Bytes of the length field before each element of BYTES.
const LENGTH: usize = 4;

/// A tensor as received.
#[derive(Debug)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    pub(crate) datatype: String,
    pub(crate) shape: Vec<i64>,
    pub(crate) data: Data,
}

/// The elements of a tensor.
#[derive(Debug)]
pub(crate) enum Data {
    /// Little-endian, from the binary extension or gRPC's raw contents.
    Raw(Bytes),
    /// Numbers from JSON or typed gRPC fields.
    Numbers(Vec<f32>),
    /// The elements of BYTES.
    Elements(Vec<Bytes>),
    /// JSON strings: the elements of BYTES in base64.
    Texts(Vec<String>),
}

/// The number of pictures that an input announces, before it is checked closely.
pub(crate) fn count(inputs: &[Tensor]) -> Result<usize, Problem> {
    let input = only(inputs)?;
    let first = input.shape.first().copied().unwrap_or(0);
    usize::try_from(first).ok().filter(|count| *count > 0).ok_or_else(|| {
        Problem::invalid(format_args!("input {INPUT}: expected at least one picture, found shape {:?}", input.shape))
    })
}

/// The pictures of an input.
pub(crate) fn pictures(inputs: &[Tensor], bounds: &Bounds) -> Result<Vec<Picture>, Problem> {
    let count = count(inputs)?;
    let input = only(inputs)?;
    match (input.datatype.as_str(), &input.shape[1..]) {
        ("FP32", &[3, height, width]) => planes(input, count, sides(input, height, width)?, bounds),
        ("UINT8", &[height, width, 3]) => pixels(input, count, sides(input, height, width)?, bounds),
        ("BYTES", [] | [1]) => {
            let elements = elements(input, count)?;
            elements.iter().map(|element| bounds.decode(element)).collect()
        }
        ("FP32" | "UINT8" | "BYTES", _) => {
            let expected = match input.datatype.as_str() {
                "FP32" => "[n, 3, height, width]",
                "UINT8" => "[n, height, width, 3]",
                _ => "[n]",
            };
            let (datatype, shape) = (&input.datatype, &input.shape);
            Err(Problem::invalid(format_args!("input {INPUT}: {datatype} has shape {expected}, found {shape:?}")))
        }
        (other, _) => {
            Err(Problem::invalid(format_args!("input {INPUT}: expected FP32, UINT8 or BYTES, found {other:?}")))
        }
    }
}

fn only(inputs: &[Tensor]) -> Result<&Tensor, Problem> {
    match inputs {
        [input] if input.name == INPUT => Ok(input),
        [input] => Err(Problem::invalid(format_args!("expected the input {INPUT}, found {:?}", input.name))),
        _ => Err(Problem::invalid(format_args!("expected 1 input, {INPUT}, found {}", inputs.len()))),
    }
}

fn sides(input: &Tensor, height: i64, width: i64) -> Result<[u32; 2], Problem> {
    let side = |side: i64| u32::try_from(side).ok().filter(|side| *side > 0);
    match (side(height), side(width)) {
        (Some(height), Some(width)) => Ok([height, width]),
        _ => Err(Problem::invalid(format_args!("input {INPUT}: no picture has shape {:?}", input.shape))),
    }
}

/// FP32 `[n, 3, H, W]`.
fn planes(input: &Tensor, count: usize, [height, width]: [u32; 2], bounds: &Bounds) -> Result<Vec<Picture>, Problem> {
    let size = Size { height: height as usize, width: width as usize };
    if size != size.to_stride() {
        return Err(Problem::invalid(format_args!(
            "input {INPUT}: height and width of FP32 must be multiples of {}, found {size}",
            Size::STRIDE
        )));
    }
    let values = length(input, count, 3 * size.height * size.width, size_of::<f32>())?;
    let each = values / count;
    (0..count)
        .map(|index| match &input.data {
            Data::Raw(bytes) => {
                let (floats, _) = bytes[index * each * 4..(index + 1) * each * 4].as_chunks::<4>();
                bounds.planes(height, width, |at| f32::from_le_bytes(floats[at]))
            }
            Data::Numbers(numbers) => bounds.planes(height, width, |at| numbers[index * each + at]),
            Data::Elements(_) | Data::Texts(_) => Err(not_numbers(input)),
        })
        .collect()
}

/// UINT8 `[n, H, W, 3]`.
fn pixels(input: &Tensor, count: usize, [height, width]: [u32; 2], bounds: &Bounds) -> Result<Vec<Picture>, Problem> {
    let each = length(input, count, 3 * height as usize * width as usize, 1)? / count;
    (0..count)
        .map(|index| {
            let range = index * each..(index + 1) * each;
            match &input.data {
                Data::Raw(bytes) => bounds.pixels(height, width, &bytes[range]),
                Data::Numbers(numbers) => {
                    let level = |number: &f32| {
                        let is_level = number.fract() == 0.0 && (0.0..=255.0).contains(number);
                        let wrong = || format!("input {INPUT}: UINT8 is 0 to 255, found {number}");
                        is_level.then_some(*number as u8).ok_or_else(|| Problem::invalid(wrong()))
                    };
                    let levels = numbers[range].iter().map(level).collect::<Result<Vec<_>, _>>()?;
                    bounds.pixels(height, width, &levels)
                }
                Data::Elements(_) | Data::Texts(_) => Err(not_numbers(input)),
            }
        })
        .collect()
}

/// The number of elements; it must match the shape.
fn length(input: &Tensor, count: usize, each: usize, width: usize) -> Result<usize, Problem> {
    let expected = count.checked_mul(each).and_then(|elements| elements.checked_mul(width));
    let (found, unit) = match &input.data {
        Data::Raw(bytes) => (bytes.len(), "bytes"),
        Data::Numbers(numbers) => (numbers.len().saturating_mul(width), "bytes"),
        Data::Elements(_) | Data::Texts(_) => return Err(not_numbers(input)),
    };
    match expected {
        Some(expected) if expected == found => Ok(count * each),
        _ => Err(Problem::invalid(format_args!(
            "input {INPUT}: shape {:?} of {} takes {} {unit}, found {found}",
            input.shape,
            input.datatype,
            expected.map_or("too many".to_owned(), |expected| expected.to_string())
        ))),
    }
}

fn not_numbers(input: &Tensor) -> Problem {
    Problem::invalid(format_args!("input {INPUT}: expected numbers for {}, found strings", input.datatype))
}

/// The elements of BYTES.
fn elements(input: &Tensor, count: usize) -> Result<Vec<Bytes>, Problem> {
    let elements = match &input.data {
        Data::Raw(bytes) => split(bytes)?,
        Data::Elements(elements) => elements.clone(),
        Data::Texts(texts) => {
            let decode = |text: &String| BASE64_STANDARD.decode(text.trim()).map(Bytes::from);
            let not_base64 =
                |error| Problem::invalid(format_args!("input {INPUT}: strings are base64 of pictures: {error}"));
            texts.iter().map(decode).collect::<Result<Vec<_>, _>>().map_err(not_base64)?
        }
        Data::Numbers(_) => {
            return Err(Problem::invalid(format_args!("input {INPUT}: expected strings for BYTES, found numbers")));
        }
    };
    if elements.len() != count {
        let found = elements.len();
        return Err(Problem::invalid(format_args!("input {INPUT}: expected {count} elements of BYTES, found {found}")));
    }
    Ok(elements)
}

/// Splits elements, each of which follows its length.
fn split(bytes: &Bytes) -> Result<Vec<Bytes>, Problem> {
    let mut rest = bytes.clone();
    let mut elements = Vec::new();
    while !rest.is_empty() {
        let cut_off = || Problem::invalid(format_args!("input {INPUT}: an element of BYTES is cut off"));
        let head: [u8; LENGTH] = rest.get(..LENGTH).and_then(|head| head.try_into().ok()).ok_or_else(cut_off)?;
        let end = LENGTH.checked_add(u32::from_le_bytes(head) as usize).filter(|end| *end <= rest.len());
        let end = end.ok_or_else(cut_off)?;
        elements.push(rest.slice(LENGTH..end));
        rest = rest.slice(end..);
    }
    Ok(elements)
}

/// Detections as rows `[n, 300, 6]`; missing rows are zero.
pub(crate) fn rows(seen: &[Seen]) -> Vec<f32> {
    let mut rows = vec![0.0; seen.len() * ROWS * COLUMNS];
    for (seen, table) in seen.iter().zip(rows.chunks_exact_mut(ROWS * COLUMNS)) {
        for (found, row) in seen.detections.iter().zip(table.chunks_exact_mut(COLUMNS)) {
            let rect = found.rect;
            row.copy_from_slice(&[rect.x1, rect.y1, rect.x2, rect.y2, found.score, found.class as f32]);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::budget::Budget;
    use crate::buffers::Buffers;

    fn read(datatype: &str, shape: &[i64], data: Data) -> Result<Vec<Picture>, String> {
        let bounds = Bounds { pixels: 10_000, take: Arc::new(|bytes| Buffers::new(&Budget::new(None)).take(bytes)) };
        let (name, datatype, shape) = (INPUT.to_owned(), datatype.to_owned(), shape.to_vec());
        pictures(&[Tensor { name, datatype, shape, data }], &bounds).map_err(|problem| problem.message)
    }

    #[test]
    fn planes_become_the_levels_they_were_made_of() {
        let values: Vec<f32> = (0..3 * 32 * 32).map(|at| (at % 256) as f32 / 255.0).collect();
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        for data in [Data::Raw(raw.into()), Data::Numbers(values)] {
            let read = read("FP32", &[1, 3, 32, 32], data).expect("a picture");
            let rgb = read[0].pixels().rgb();
            assert_eq!((rgb[0], rgb[3 * (32 + 5)], rgb[3 * 32 * 32 - 1]), (0, 37, 255));
        }
    }

    #[test]
    fn what_does_not_fit_its_shape_is_refused_with_both_numbers() {
        let numbers = |count| Data::Numbers(vec![0.0; count]);
        for (datatype, shape, data, message) in [
            (
                "FP32",
                &[1, 3, 32, 32][..],
                numbers(5),
                "input images: shape [1, 3, 32, 32] of FP32 takes 12288 bytes, found 20",
            ),
            (
                "FP32",
                &[1, 3, 33, 32],
                numbers(5),
                "input images: height and width of FP32 must be multiples of 32, found 33x32",
            ),
            (
                "FP32",
                &[1, 32, 32, 3],
                numbers(5),
                "input images: FP32 has shape [n, 3, height, width], found [1, 32, 32, 3]",
            ),
            ("FP64", &[1], numbers(5), "input images: expected FP32, UINT8 or BYTES, found \"FP64\""),
            (
                "UINT8",
                &[0, 1, 1, 3],
                numbers(0),
                "input images: expected at least one picture, found shape [0, 1, 1, 3]",
            ),
            (
                "UINT8",
                &[1, 1, 1, 3],
                Data::Numbers(vec![0.0, 256.0, 1.0]),
                "input images: UINT8 is 0 to 255, found 256",
            ),
            ("UINT8", &[1, 200, 200, 3], numbers(120_000), "expected a picture of at most 10000 pixels, found 200x200"),
            ("UINT8", &[1, -1, 1, 3], numbers(3), "input images: no picture has shape [1, -1, 1, 3]"),
            (
                "BYTES",
                &[1],
                Data::Raw(Bytes::from_static(&[9, 0, 0, 0, 1])),
                "input images: an element of BYTES is cut off",
            ),
            (
                "BYTES",
                &[2],
                Data::Raw(Bytes::from_static(&[0; 4])),
                "input images: expected 2 elements of BYTES, found 1",
            ),
        ] {
            assert_eq!(read(datatype, shape, data).expect_err("it does not fit"), message);
        }
    }

    #[test]
    fn values_beyond_0_to_1_are_named() {
        let values = [&[255.0][..], &[0.5; 3 * 32 * 32 - 1]].concat();
        let refused = read("FP32", &[1, 3, 32, 32], Data::Numbers(values)).expect_err("it was not normalised");
        assert_eq!(refused, "images: expected values of 0 to 1, found 255");
    }
}
