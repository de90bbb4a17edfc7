//! `info`: what a weight file holds, and how much work running it takes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Serialize;
use yolov10_model::Size;
use yolov10_model::inventory::{Inventory, Step};

use crate::engine_args::InputSize;
use crate::message;
use crate::outcome::Outcome;
use crate::{release, weights};

/// Fixed weights of the box distribution, which the reference counts; they are not a tensor here.
const DISTRIBUTION_WEIGHTS: usize = 16;

/// Show what weights hold: variant, classes, parameters, FLOPs, layers, origin.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A weight file in any form [default: the built-in demo].
    weights: Option<PathBuf>,
    /// The same as WEIGHTS.
    #[arg(long = "weights", short = 'w', visible_alias = "model", value_name = "FILE", conflicts_with = "weights")]
    named_weights: Option<PathBuf>,
    /// Input size in pixels for the count of FLOPs [default: the size the weights were trained at, otherwise 640].
    #[arg(long, value_name = "PIXELS")]
    imgsz: Option<InputSize>,
    /// Print one row per layer.
    #[arg(long)]
    layers: bool,
    /// Print one JSON object, layers included.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Info<'a> {
    weights: String,
    /// The file that was found, if the weights are a name like `n`.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
    variant: &'a str,
    classes: &'a [String],
    /// Parameters, as the reference counts them.
    parameters: usize,
    flops: u64,
    input: Size,
    /// Of the numbers in the file.
    dtype: String,
    heads: &'static str,
    /// The digest of the file; `None` for the built-in weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    /// Metadata of the original checkpoint.
    source: BTreeMap<&'a str, &'a str>,
    layers: &'a [Step],
}

pub fn info(args: &Args) -> Result<Outcome> {
    let path = args.weights.as_deref().or(args.named_weights.as_deref());
    let name = weights::name_of(path);
    let file = path.map(release::find).transpose()?.flatten();
    let weights = weights::load(path, &weights_convert::Options::default())?;
    let input = args.imgsz.map_or(weights.input_size(), |InputSize(size)| size.to_stride());
    let inventory = Inventory::new(&weights, input).with_context(|| name.clone())?;
    let metadata = weights.metadata();
    let info = Info {
        weights: name,
        file,
        variant: metadata.get("variant").map_or("custom", String::as_str),
        classes: weights.class_names(),
        parameters: inventory.parameters() + DISTRIBUTION_WEIGHTS,
        flops: inventory.flops(),
        input,
        dtype: weights::dtype_in_file(path, &weights)?,
        heads: if weights.has_one_to_many_head() { "one-to-one and one-to-many" } else { "one-to-one" },
        sha256: path.map(|path| weights::digest(Some(path))).transpose()?,
        source: metadata.iter().filter_map(|(key, value)| Some((key.strip_prefix("source_")?, &**value))).collect(),
        layers: &inventory.steps,
    };
    if args.json {
        message::result(serde_json::to_string(&info)?)?;
    } else {
        rows(&info, args.layers).iter().try_for_each(message::result)?;
    }
    Ok(Outcome::Done)
}

fn rows(info: &Info<'_>, layers: bool) -> Vec<String> {
    let classes: Vec<String> = info.classes.iter().zip(0..).map(|(name, class)| format!("{class} {name}")).collect();
    let row = |name: &str, value: String| format!("{name:<15} {value}");
    let mut rows = vec![
        row("weights", info.weights.clone()),
        row("variant", format!("YOLOv10 {}", info.variant)),
        row("parameters", format!("{}, as {}", grouped(info.parameters), info.dtype)),
        row("heads", info.heads.to_owned()),
        row("cost", format!("{:.2} GFLOPs at {}", info.flops as f64 / 1e9, info.input)),
        row("layers", format!("{}{}", info.layers.len(), if layers { "" } else { "; --layers lists them" })),
    ];
    rows.extend(info.file.iter().map(|file| row("file", file.display().to_string())));
    rows.extend(info.sha256.iter().map(|digest| row("sha256", digest.clone())));
    rows.extend(info.source.iter().map(|(key, value)| row(&format!("source {key}"), (*value).to_owned())));
    rows.push(row("classes", format!("{}: {}", classes.len(), classes.join(", "))));
    if layers {
        rows.push(String::new());
        rows.push(format!("{:<44} {:>12} {:>10}  output [C, H, W]", "layer", "parameters", "MFLOPs"));
        rows.extend(info.layers.iter().map(|Step { path, parameters, flops, output }| {
            format!("{path:<44} {:>12} {:>10.1}  {output:?}", grouped(*parameters), *flops as f64 / 1e6)
        }));
    }
    rows
}

/// Formats 2299264 as 2,299,264.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let is_start = |position: usize| position > 0 && (digits.len() - position).is_multiple_of(3);
    digits
        .char_indices()
        .flat_map(|(position, digit)| is_start(position).then_some(',').into_iter().chain([digit]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_by_three() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (2_299_264, "2,299,264")] {
            assert_eq!(grouped(number), text);
        }
    }
}
