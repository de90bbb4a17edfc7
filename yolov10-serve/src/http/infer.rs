//! `infer`: JSON, optionally followed by binary tensors.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::elements::Elements;
use super::path::Path;
use super::v2::Names;
use super::{App, HEADER_LENGTH, body};
use crate::problem::Problem;
use crate::repository::VERSION;
use crate::server::Ask;
use crate::tensors::{self, COLUMNS, Data, OUTPUT, ROWS, Tensor};

/// Longer JSON is parsed on one of the pool's threads.
const LONG: usize = 64 << 10;

type Parameters = Map<String, Value>;

#[derive(Deserialize)]
struct Asked {
    id: Option<String>,
    #[serde(default)]
    parameters: Parameters,
    inputs: Vec<AskedInput>,
    #[serde(default)]
    outputs: Vec<AskedOutput>,
}

#[derive(Deserialize)]
struct AskedInput {
    name: String,
    shape: Vec<i64>,
    datatype: String,
    #[serde(default)]
    parameters: Parameters,
    data: Option<Elements>,
}

#[derive(Deserialize)]
struct AskedOutput {
    name: String,
    #[serde(default)]
    parameters: Parameters,
}

/// A parsed request.
struct Parsed {
    id: Option<String>,
    inputs: Vec<Tensor>,
    is_binary: bool,
    deadline: Option<Duration>,
}

pub(super) async fn infer(State(server): App, Path(names): Names, request: Request) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    // Check that the model exists before reading the body.
    super::v2::find(&server, &names)?;
    let body = body::read(&server, &head.headers, body).await?;
    let json_length = json_length(&head.headers, body.len())?;
    let Parsed { id, inputs, is_binary, deadline } = if json_length > LONG {
        server.pool.run(move || parse(&body, json_length)).await?
    } else {
        parse(&body, json_length)?
    };
    let ask = Ask {
        model: names.get("model").map_or("", String::as_str),
        version: names.get("version").map(String::as_str),
        pictures: tensors::count(&inputs)?,
        deadline,
    };
    let (done, ticket) = server.search(ask, move |bounds| tensors::pictures(&inputs, bounds)).await?;
    let rows = tensors::rows(&done.seen);
    let shape = [done.seen.len(), ROWS, COLUMNS];
    let mut output = json!({ "name": OUTPUT, "datatype": "FP32", "shape": shape });
    let mut answer = json!({ "model_name": ticket.model.name, "model_version": VERSION });
    if let Some(id) = id.filter(|id| !id.is_empty()) {
        answer["id"] = id.into();
    }
    if !is_binary {
        output["data"] = rows.into();
        answer["outputs"] = json!([output]);
        return Ok(super::json(&answer));
    }
    output["parameters"] = json!({ "binary_data_size": rows.len() * size_of::<f32>() });
    answer["outputs"] = json!([output]);
    let mut bytes = answer.to_string().into_bytes();
    let length = bytes.len().to_string();
    bytes.extend(rows.iter().flat_map(|value| value.to_le_bytes()));
    Ok(([(CONTENT_TYPE.as_str(), "application/octet-stream"), (HEADER_LENGTH, &length)], bytes).into_response())
}

/// Bytes of JSON before the binary tensors; the whole body if the client does not say.
fn json_length(headers: &HeaderMap, body: usize) -> Result<usize, Problem> {
    let Some(length) = headers.get(HEADER_LENGTH) else { return Ok(body) };
    let number = length.to_str().ok().and_then(|length| length.parse().ok()).filter(|length| *length <= body);
    number.ok_or_else(|| {
        Problem::invalid(format_args!("{HEADER_LENGTH}: expected at most the body's {body} bytes, found {length:?}"))
    })
}

fn parse(body: &Bytes, json_length: usize) -> Result<Parsed, Problem> {
    let asked: Asked = serde_json::from_slice(&body[..json_length])
        .map_err(|error| Problem::invalid(format_args!("not a request of the protocol: {error}")))?;
    let mut rest = body.slice(json_length..);
    let mut inputs = Vec::new();
    for input in asked.inputs {
        let AskedInput { name, shape, datatype, parameters, data } = input;
        refuse_shared_memory(&name, &parameters)?;
        let data = match (parameters.get("binary_data_size"), data) {
            (Some(size), None) => {
                let size = size.as_u64().and_then(|size| usize::try_from(size).ok()).filter(|size| *size <= rest.len());
                let size = size.ok_or_else(|| {
                    let found = rest.len();
                    Problem::invalid(format_args!(
                        "input {name}: binary_data_size is {}, found {found} bytes",
                        parameters["binary_data_size"]
                    ))
                })?;
                Data::Raw(rest.split_to(size))
            }
            (None, Some(elements)) => elements.into_data(),
            (Some(_), Some(_)) => {
                return Err(Problem::invalid(format_args!(
                    "input {name}: expected data or binary_data_size, found both"
                )));
            }
            (None, None) => return Err(Problem::invalid(format_args!("input {name}: it has no data"))),
        };
        inputs.push(Tensor { name, datatype, shape, data });
    }
    if !rest.is_empty() {
        let left = rest.len();
        return Err(Problem::invalid(format_args!("{left} bytes behind the last tensor belong to none")));
    }
    let usual = truth("binary_data_output", &asked.parameters)?.unwrap_or(false);
    let mut is_binary = usual;
    for AskedOutput { name, parameters } in &asked.outputs {
        if name != OUTPUT {
            return Err(Problem::invalid(format_args!("expected the output {OUTPUT}, found {name:?}")));
        }
        refuse_shared_memory(name, parameters)?;
        if parameters.contains_key("classification") {
            return Err(Problem::invalid(format_args!("output {name}: there is no classification extension here")));
        }
        is_binary = truth("binary_data", parameters)?.unwrap_or(usual);
    }
    Ok(Parsed { id: asked.id, inputs, is_binary, deadline: timeout(&asked.parameters)? })
}

fn truth(key: &str, parameters: &Parameters) -> Result<Option<bool>, Problem> {
    let wrong =
        |found: &Value| Problem::invalid(format_args!("parameter {key}: expected true or false, found {found}"));
    parameters.get(key).map(|value| value.as_bool().ok_or_else(|| wrong(value))).transpose()
}

/// The timeout in microseconds, as in Triton; 0 means the server's default.
fn timeout(parameters: &Parameters) -> Result<Option<Duration>, Problem> {
    let Some(timeout) = parameters.get("timeout") else { return Ok(None) };
    let micros = timeout.as_u64();
    let micros = micros
        .ok_or_else(|| Problem::invalid(format_args!("parameter timeout: expected microseconds, found {timeout}")))?;
    Ok(Some(micros).filter(|micros| *micros > 0).map(Duration::from_micros))
}

fn refuse_shared_memory(name: &str, parameters: &Parameters) -> Result<(), Problem> {
    match parameters.keys().find(|key| key.starts_with("shared_memory")) {
        None => Ok(()),
        Some(_) => Err(Problem::invalid(format_args!("{name}: there is no shared memory extension here"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(body: &str) -> String {
        parse(&Bytes::from(body.to_owned()), body.len()).err().expect("it is refused").message
    }

    #[test]
    fn what_does_not_work_here_is_refused_by_name() {
        let input = r#"{"name": "images", "datatype": "BYTES", "shape": [1], "data": ["aaaa"]}"#;
        for (outputs, message) in [
            (r#"{"name": "boxes"}"#, "expected the output output0, found \"boxes\""),
            (
                r#"{"name": "output0", "parameters": {"classification": 3}}"#,
                "output output0: there is no classification extension here",
            ),
            (
                r#"{"name": "output0", "parameters": {"shared_memory_region": "a"}}"#,
                "output0: there is no shared memory extension here",
            ),
            (
                r#"{"name": "output0", "parameters": {"binary_data": 1}}"#,
                "parameter binary_data: expected true or false, found 1",
            ),
        ] {
            assert_eq!(refusal(&format!(r#"{{"inputs": [{input}], "outputs": [{outputs}]}}"#)), message);
        }
        assert_eq!(
            refusal(r#"{"inputs": [{"name": "images", "datatype": "BYTES", "shape": [1]}]}"#),
            "input images: it has no data"
        );
        assert_eq!(
            refusal(
                r#"{"inputs": [{"name": "images", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 9}}]}"#
            ),
            "input images: binary_data_size is 9, found 0 bytes"
        );
    }

    #[test]
    fn a_timeout_is_in_microseconds_and_0_is_none() {
        let input = r#"{"name": "images", "datatype": "BYTES", "shape": [1], "data": ["aaaa"]}"#;
        let parsed = |timeout: u64| {
            let body = format!(r#"{{"inputs": [{input}], "parameters": {{"timeout": {timeout}}}}}"#);
            parse(&Bytes::from(body.clone()), body.len()).unwrap_or_else(|problem| panic!("{problem}")).deadline
        };
        assert_eq!(parsed(0), None);
        assert_eq!(parsed(2_500), Some(Duration::from_micros(2_500)));
    }
}
