//! rten as one of the engines that `benches/compare` runs in turns.
//!
//! `rten-serve MODEL.onnx` answers lines on stdin as yolo10-burn's `serve_timing` does: `heads INPUT OUTPUT` and
//! `network`. `rten-serve WHOLE.onnx PICTURE.jpg OUTPUT.txt` writes what it finds to a file and ends: for the time from
//! process start to first detections.

use std::fmt::Write as _;
use std::io::{BufRead, Write};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use rten::{FloatOperators, Model, Value};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, Tensor};

const SIDE: usize = 640;
/// Grey around the picture, 0..1.
const PAD: f32 = 114.0 / 255.0;
const CONFIDENCE: f32 = 0.25;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [model] => serve(&Model::load_file(model)?),
        [model, picture, output] => detect(model, picture, output),
        _ => bail!("usage: rten-serve MODEL.onnx [PICTURE.jpg OUTPUT.txt]"),
    }
}

fn serve(model: &Model) -> Result<()> {
    let mut input = Tensor::zeros(&[1, 3, SIDE, SIDE]);
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["heads", from, to] => {
                let planes = std::fs::read(from)?;
                let floats = planes.as_chunks().0.iter().copied().map(f32::from_le_bytes);
                input = Tensor::from_data(&[1, 3, SIDE, SIDE], floats.collect::<Vec<_>>());
                let maps = run(model, &input)?;
                std::fs::write(to, bytes(maps)?)?;
                writeln!(out, "{{}}")?;
            }
            ["network"] => {
                let started = Instant::now();
                run(model, &input)?;
                writeln!(out, "{{\"ms\": {}}}", started.elapsed().as_secs_f64() * 1e3)?;
            }
            _ => bail!("expected heads or network, found {line}"),
        }
        out.flush()?;
    }
    Ok(())
}

fn run(model: &Model, input: &Tensor<f32>) -> Result<Vec<Value>> {
    let inputs = vec![(model.input_ids()[0], input.view().into())];
    Ok(model.run(inputs, model.output_ids(), None)?)
}

/// The numbers of all maps as little-endian f32.
fn bytes(maps: Vec<Value>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for map in maps {
        let map = map.into_tensor::<f32>().context("a map is of f32")?;
        bytes.extend(map.to_vec().into_iter().flat_map(f32::to_le_bytes));
    }
    Ok(bytes)
}

fn detect(model: &str, picture: &str, output: &str) -> Result<()> {
    let model = Model::load_file(model)?;
    let found = run(&model, &letterbox(picture)?)?.remove(0);
    let found: NdTensor<f32, 3> = found.try_into().context("expected [1, 300, 6]")?;
    let mut text = String::new();
    for row in found
        .slice(0)
        .iter()
        .copied()
        .collect::<Vec<f32>>()
        .as_chunks::<6>()
        .0
    {
        let [x1, y1, x2, y2, score, class] = row;
        if *score > CONFIDENCE {
            writeln!(text, "{class} {x1} {y1} {x2} {y2} {score}")?;
        }
    }
    Ok(std::fs::write(output, text)?)
}

/// A picture file in the middle of a square of grey, planes `[1, 3, 640, 640]` in 0..1.
fn letterbox(path: &str) -> Result<Tensor<f32>> {
    let picture = image::open(path)?.into_rgb8();
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let pixels = picture
        .into_raw()
        .into_iter()
        .map(|level| f32::from(level) / 255.0);
    let pixels = NdTensor::from_data([1, height, width, 3], pixels.collect::<Vec<_>>());
    let planes = pixels.permuted([0, 3, 1, 2]).to_tensor();
    let gain = (SIDE as f64 / height as f64).min(SIDE as f64 / width as f64);
    let [height, width] = [height, width].map(|side| (side as f64 * gain).round() as usize);
    let scaled = planes.as_dyn().resize_image([height, width])?;
    let (top, left) = ((SIDE - height) / 2, (SIDE - width) / 2);
    let mut input = Tensor::full(&[1, 3, SIDE, SIDE], PAD);
    input
        .slice_mut((.., .., top..top + height, left..left + width))
        .copy_from(&scaled.view());
    Ok(input)
}
