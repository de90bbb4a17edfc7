//! Descriptions of models for clients, in the protocol's terms.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::model::Model;
use crate::repository::VERSION;
use crate::running::Running;
use crate::stats::{Stages, Tally};
use crate::tensors::{COLUMNS, INPUT, OUTPUT, ROWS};

pub(crate) const SERVER: &str = "yolo10-burn";
pub(crate) const PLATFORM: &str = "yolo10_burn";
/// The extensions of the protocol that work here.
pub(crate) const EXTENSIONS: [&str; 5] =
    ["binary_tensor_data", "model_configuration", "model_repository", "parameters", "statistics"];
/// The shape of a network's input; its sides may be any multiple of 32.
pub(crate) const INPUT_SHAPE: [i64; 4] = [-1, 3, -1, -1];
pub(crate) const OUTPUT_SHAPE: [i64; 3] = [-1, ROWS as i64, COLUMNS as i64];

/// A model's metadata. It names the datatype that clients should send; UINT8 and BYTES work too.
pub(crate) fn metadata(name: &str) -> Value {
    json!({
        "name": name,
        "versions": [VERSION],
        "platform": PLATFORM,
        "inputs": [{ "name": INPUT, "datatype": "FP32", "shape": INPUT_SHAPE }],
        "outputs": [{ "name": OUTPUT, "datatype": "FP32", "shape": OUTPUT_SHAPE }],
    })
}

/// The model's configuration in Triton's form. ultralytics' client reads `metadata` in its parameters.
pub(crate) fn config(name: &str, running: &Running) -> Value {
    json!({
        "name": name,
        "platform": PLATFORM,
        "backend": PLATFORM,
        "version_policy": { "latest": { "num_versions": 1 } },
        "max_batch_size": 0,
        "input": [{ "name": INPUT, "data_type": "TYPE_FP32", "dims": INPUT_SHAPE }],
        "output": [{ "name": OUTPUT, "data_type": "TYPE_FP32", "dims": OUTPUT_SHAPE }],
        "instance_group": [{ "name": name, "kind": "KIND_AUTO", "count": running.instances() }],
        "parameters": { "metadata": { "string_value": python_metadata(running) } },
    })
}

/// A Python dictionary, as in ultralytics' exports; ultralytics' client evaluates it.
pub(crate) fn python_metadata(running: &Running) -> String {
    let facts = &running.facts;
    let [height, width] = facts.input;
    let mut names = String::new();
    for (class, name) in facts.class_names.iter().enumerate() {
        let comma = if class == 0 { "" } else { ", " };
        // Writing to a string can't fail.
        write!(names, "{comma}{class}: {}", python_string(name)).ok();
    }
    format!(
        "{{'description': 'YOLOv10{}', 'task': 'detect', 'stride': 32, 'batch': 1, 'imgsz': [{height}, {width}], \
         'names': {{{names}}}, 'end2end': True, 'channels': 3}}",
        if facts.variant == "custom" { "" } else { &facts.variant }
    )
}

/// `text` as a Python string literal.
fn python_string(text: &str) -> String {
    let mut quoted = String::from("'");
    for letter in text.chars() {
        match letter {
            '\'' | '\\' => quoted.extend(['\\', letter]),
            ' '..='~' => quoted.push(letter),
            other => drop(write!(quoted, "\\U{:08x}", other as u32)),
        }
    }
    quoted + "'"
}

/// Statistics of the model.
pub(crate) fn statistics(model: &Model) -> Value {
    let numbers = model.stats.numbers();
    let tally = |tally: Tally| json!({ "count": tally.count, "ns": tally.nanoseconds() });
    let none = tally(Tally::default());
    let batch = |(size, stages): (&usize, &Stages)| {
        json!({
            "batch_size": size, "compute_input": tally(stages.input), "compute_infer": tally(stages.infer),
            "compute_output": tally(stages.output),
        })
    };
    let usage = model.running().map(
        |running| json!({ "type": running.facts.memory, "id": 0, "byte_size": running.memory().total().reserved }),
    );
    let memory: Vec<Value> = usage.into_iter().collect();
    json!({
        "name": model.name,
        "version": VERSION,
        "last_inference": numbers.last_inference,
        "inference_count": numbers.inferences,
        "execution_count": numbers.executions.round() as u64,
        "inference_stats": {
            "success": tally(numbers.success),
            "fail": tally(numbers.fail),
            "queue": tally(numbers.queue),
            "compute_input": tally(numbers.stages.input),
            "compute_infer": tally(numbers.stages.infer),
            "compute_output": tally(numbers.stages.output),
            "cache_hit": none,
            "cache_miss": none,
        },
        "response_stats": {},
        "batch_stats": numbers.batches.iter().map(batch).collect::<Vec<_>>(),
        "memory_usage": memory,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_name_stays_a_string_of_python() {
        assert_eq!(python_string("stop sign"), "'stop sign'");
        assert_eq!(python_string("it's"), r"'it\'s'");
        assert_eq!(python_string("'}; \\\n\"ü"), "'\\'}; \\\\\\U0000000a\"\\U000000fc'");
    }
}
