//! Converts the protocol's messages from and to the server's own types.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;

use super::protocol::infer_parameter::ParameterChoice;
use super::protocol::model_infer_request::InferInputTensor;
use super::protocol::model_infer_response::InferOutputTensor;
use super::protocol::model_instance_group::Kind;
use super::protocol::model_metadata_response::TensorMetadata;
use super::protocol::model_version_policy::{Latest, PolicyChoice};
use super::protocol::{
    DataType, InferBatchStatistics, InferParameter, InferStatistics, InferTensorContents, MemoryUsage, ModelConfig,
    ModelInferRequest, ModelInferResponse, ModelInput, ModelInstanceGroup, ModelMetadataResponse, ModelOutput,
    ModelParameter, ModelStatistics, ModelVersionPolicy, StatisticDuration,
};
use crate::describe::{INPUT_SHAPE, OUTPUT_SHAPE, PLATFORM, python_metadata};
use crate::model::Model;
use crate::picture::Seen;
use crate::problem::Problem;
use crate::repository::VERSION;
use crate::running::Running;
use crate::stats::{Stages, Tally};
use crate::tensors::{self, COLUMNS, Data, INPUT, OUTPUT, ROWS, Tensor};

/// The inputs and the timeout of a request.
pub(super) fn inputs(request: &mut ModelInferRequest) -> Result<(Vec<Tensor>, Option<Duration>), Problem> {
    for output in &request.outputs {
        let name = &output.name;
        if name != OUTPUT {
            return Err(Problem::invalid(format_args!("expected the output {OUTPUT}, found {name:?}")));
        }
        refuse_shared_memory(name, &output.parameters)?;
        if output.parameters.contains_key("classification") {
            return Err(Problem::invalid(format_args!("output {name}: there is no classification extension here")));
        }
    }
    let (raw, inputs) = (&request.raw_input_contents, &request.inputs);
    if !raw.is_empty() && raw.len() != inputs.len() {
        let (expected, found) = (inputs.len(), raw.len());
        return Err(Problem::invalid(format_args!(
            "expected {expected} raw contents, one for each input, found {found}"
        )));
    }
    let mut raw = std::mem::take(&mut request.raw_input_contents).into_iter();
    let deadline = timeout(&request.parameters)?;
    let inputs = std::mem::take(&mut request.inputs).into_iter();
    let tensors = inputs.map(|input| tensor(input, raw.next())).collect::<Result<_, _>>()?;
    Ok((tensors, deadline))
}

fn tensor(input: InferInputTensor, raw: Option<Bytes>) -> Result<Tensor, Problem> {
    let InferInputTensor { name, datatype, shape, parameters, contents } = input;
    refuse_shared_memory(&name, &parameters)?;
    let data = match (raw, contents) {
        (Some(raw), None) => Data::Raw(raw),
        (Some(_), Some(_)) => {
            return Err(Problem::invalid(format_args!("input {name}: expected raw contents or others, found both")));
        }
        (None, None) => return Err(Problem::invalid(format_args!("input {name}: it has no data"))),
        (None, Some(contents)) => written_out(contents, &datatype),
    };
    Ok(Tensor { name, datatype, shape, data })
}

/// Elements from the protocol's field for the datatype; other fields are ignored.
fn written_out(contents: InferTensorContents, datatype: &str) -> Data {
    let InferTensorContents { fp32_contents, uint_contents, bytes_contents, .. } = contents;
    match datatype {
        "BYTES" => Data::Elements(bytes_contents),
        "UINT8" => Data::Numbers(uint_contents.into_iter().map(|level| level as f32).collect()),
        _ => Data::Numbers(fp32_contents),
    }
}

/// The timeout in microseconds; 0 means the server's default.
fn timeout(parameters: &HashMap<String, InferParameter>) -> Result<Option<Duration>, Problem> {
    let Some(timeout) = parameters.get("timeout") else { return Ok(None) };
    let micros = match timeout.parameter_choice {
        Some(ParameterChoice::Int64Param(micros)) => u64::try_from(micros).ok(),
        Some(ParameterChoice::Uint64Param(micros)) => Some(micros),
        _ => None,
    };
    let micros = micros.ok_or_else(|| Problem::invalid("parameter timeout: expected microseconds"))?;
    Ok(Some(micros).filter(|micros| *micros > 0).map(Duration::from_micros))
}

fn refuse_shared_memory(name: &str, parameters: &HashMap<String, InferParameter>) -> Result<(), Problem> {
    match parameters.keys().find(|key| key.starts_with("shared_memory")) {
        None => Ok(()),
        Some(_) => Err(Problem::invalid(format_args!("{name}: there is no shared memory extension here"))),
    }
}

pub(super) fn answer(model: &str, id: String, seen: &[Seen]) -> ModelInferResponse {
    let rows = tensors::rows(seen);
    let raw: Vec<u8> = rows.iter().flat_map(|value| value.to_le_bytes()).collect();
    ModelInferResponse {
        model_name: model.to_owned(),
        model_version: VERSION.to_owned(),
        id,
        parameters: HashMap::new(),
        outputs: vec![InferOutputTensor {
            name: OUTPUT.to_owned(),
            datatype: "FP32".to_owned(),
            shape: [seen.len(), ROWS, COLUMNS].map(|side| side as i64).to_vec(),
            parameters: HashMap::new(),
            contents: None,
        }],
        raw_output_contents: vec![raw.into()],
    }
}

pub(super) fn metadata(model: &str) -> ModelMetadataResponse {
    let tensor = |name: &str, shape: &[i64]| TensorMetadata {
        name: name.to_owned(),
        datatype: "FP32".to_owned(),
        shape: shape.to_vec(),
    };
    ModelMetadataResponse {
        name: model.to_owned(),
        versions: vec![VERSION.to_owned()],
        platform: PLATFORM.to_owned(),
        inputs: vec![tensor(INPUT, &INPUT_SHAPE)],
        outputs: vec![tensor(OUTPUT, &OUTPUT_SHAPE)],
    }
}

pub(super) fn config(model: &str, running: &Running) -> ModelConfig {
    let metadata = ModelParameter { string_value: python_metadata(running) };
    ModelConfig {
        name: model.to_owned(),
        platform: PLATFORM.to_owned(),
        backend: PLATFORM.to_owned(),
        version_policy: Some(ModelVersionPolicy {
            policy_choice: Some(PolicyChoice::Latest(Latest { num_versions: 1 })),
        }),
        max_batch_size: 0,
        input: vec![ModelInput {
            name: INPUT.to_owned(),
            data_type: DataType::TypeFp32.into(),
            dims: INPUT_SHAPE.to_vec(),
        }],
        output: vec![ModelOutput {
            name: OUTPUT.to_owned(),
            data_type: DataType::TypeFp32.into(),
            dims: OUTPUT_SHAPE.to_vec(),
        }],
        instance_group: vec![ModelInstanceGroup {
            name: model.to_owned(),
            count: i32::try_from(running.instances()).unwrap_or(i32::MAX),
            kind: Kind::Auto.into(),
        }],
        parameters: HashMap::from([("metadata".to_owned(), metadata)]),
    }
}

pub(super) fn statistics(model: &Model) -> ModelStatistics {
    let numbers = model.stats.numbers();
    let some = |tally: Tally| Some(StatisticDuration { count: tally.count, ns: tally.nanoseconds() });
    let batch = |(size, stages): (&usize, &Stages)| InferBatchStatistics {
        batch_size: *size as u64,
        compute_input: some(stages.input),
        compute_infer: some(stages.infer),
        compute_output: some(stages.output),
    };
    let usage = model.running().map(|running| MemoryUsage {
        r#type: running.facts.memory.to_owned(),
        id: 0,
        byte_size: running.memory().total().reserved,
    });
    ModelStatistics {
        name: model.name.clone(),
        version: VERSION.to_owned(),
        last_inference: numbers.last_inference,
        inference_count: numbers.inferences,
        execution_count: numbers.executions.round() as u64,
        inference_stats: Some(InferStatistics {
            success: some(numbers.success),
            fail: some(numbers.fail),
            queue: some(numbers.queue),
            compute_input: some(numbers.stages.input),
            compute_infer: some(numbers.stages.infer),
            compute_output: some(numbers.stages.output),
            cache_hit: some(Tally::default()),
            cache_miss: some(Tally::default()),
        }),
        batch_stats: numbers.batches.iter().map(batch).collect(),
        memory_usage: usage.into_iter().collect(),
    }
}
