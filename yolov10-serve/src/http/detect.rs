//! `detect`: takes a picture in any form, answers like `run --json`.

use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use yolov10_media::{About, Row};
use yolov10_model::Detection;
use yolov10_model::speed::Speed;

use super::multipart::{self, Sent};
use super::path::Path;
use super::{App, body};
use crate::fetch;
use crate::problem::{Kind, Problem};
use crate::server::{Ask, Server};
use crate::tensors::ROWS;

/// Which detections to return.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Choice {
    /// Scores must be above this; `None` means the server's default.
    pub(super) conf: Option<f32>,
    /// Most detections, the best ones.
    pub(super) max_det: Option<usize>,
    /// Class numbers or names, separated by commas.
    pub(super) classes: Option<String>,
    /// The name of the picture in the answer.
    pub(super) name: Option<String>,
    /// Search every Nth frame of a video.
    pub(super) vid_stride: Option<std::num::NonZeroUsize>,
}

/// A picture in JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InJson {
    /// In base64, optionally after `data:...;base64,`.
    image: Option<String>,
    url: Option<String>,
    name: Option<String>,
}

pub(super) async fn detect(
    State(server): App,
    Path(model): Path<String>,
    choice: Result<Query<Choice>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let Query(choice) = choice.map_err(Problem::invalid)?;
    choice.check()?;
    let (head, body) = request.into_parts();
    server.registry.get(&model)?;
    let body = body::read(&server, &head.headers, body).await?;
    let sent = pictures(&server, &head.headers, body, &choice).await?;
    let (names, files): (Vec<String>, Vec<Bytes>) = sent.into_iter().map(|sent| (sent.name, sent.bytes)).unzip();
    let ask = Ask { model: &model, version: None, pictures: files.len(), deadline: None };
    let (done, ticket) =
        server.search(ask, move |bounds| files.iter().map(|file| bounds.decode(file)).collect()).await?;
    let class_names = &ticket.running.facts.class_names;
    let keep = choice.keep(server.confidence, class_names)?;
    let rows: Vec<String> = names
        .iter()
        .zip(&done.seen)
        .map(|(name, seen)| row(name, None, seen, done.speed, &keep.of(&seen.detections), class_names))
        .collect::<Result<_, _>>()?;
    // One picture gives one object, as a line of `run --json`.
    let body = if let [row] = &rows[..] { row.clone() } else { format!("[{}]", rows.join(",")) };
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}

/// A line of `run --json`.
pub(super) fn row(
    name: &str,
    frame: Option<yolov10_media::Frame>,
    seen: &crate::picture::Seen,
    speed: Speed,
    detections: &[Detection],
    class_names: &[String],
) -> Result<String, Problem> {
    let (stem, extension, damage) = (String::new(), String::new(), seen.damage.clone());
    let about = About { index: 1, name: name.to_owned(), stem, extension, frame, damage };
    serde_json::to_string(&Row::new(&about, seen.size, detections, speed, class_names)).map_err(Problem::internal)
}

async fn pictures(server: &Server, headers: &HeaderMap, body: Bytes, choice: &Choice) -> Result<Vec<Sent>, Problem> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let essence = kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    let named = |name: Option<String>| choice.name.clone().or(name).unwrap_or_else(|| "image".to_owned());
    let sent = match essence.as_str() {
        "multipart/form-data" => multipart::pictures(kind, body).await?,
        "application/json" => {
            let asked: InJson = serde_json::from_slice(&body)
                .map_err(|error| Problem::invalid(format_args!("expected {{\"image\": base64}}: {error}")))?;
            match asked {
                InJson { image: Some(text), url: None, name } => {
                    vec![Sent { name: named(name), bytes: in_base64(&text)? }]
                }
                InJson { image: None, url: Some(url), name } => {
                    let bytes = fetch::fetch(server, &url).await?;
                    vec![Sent { name: named(name.or(Some(url))), bytes }]
                }
                _ => return Err(Problem::invalid("expected image or url, found both or none")),
            }
        }
        _ => vec![Sent { name: named(None), bytes: body }],
    };
    if sent.iter().any(|sent| sent.bytes.is_empty()) || sent.is_empty() {
        return Err(Problem::invalid("expected a picture, found no bytes"));
    }
    Ok(sent)
}

fn in_base64(text: &str) -> Result<Bytes, Problem> {
    let data = match text.split_once(";base64,") {
        Some((start, data)) if start.starts_with("data:") => data,
        _ => text,
    };
    let wrong = |error| Problem::invalid(format_args!("image: expected base64: {error}"));
    BASE64_STANDARD.decode(data.trim()).map(Bytes::from).map_err(wrong)
}

/// A choice with resolved class names.
pub(super) struct Keep {
    confidence: f32,
    most: usize,
    classes: Option<Vec<usize>>,
}

impl Choice {
    pub(super) fn check(&self) -> Result<(), Problem> {
        if let Some(found) = self.conf.filter(|conf| !(0.0..=1.0).contains(conf)) {
            return Err(Problem::invalid(format_args!("conf: expected 0 to 1, found {found}")));
        }
        match self.max_det {
            Some(found) if !(1..=ROWS).contains(&found) => {
                Err(Problem::invalid(format_args!("max_det: expected 1 to {ROWS}, found {found}")))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn keep(&self, confidence: f32, class_names: &[String]) -> Result<Keep, Problem> {
        let class = |class: &str| {
            let class = class.trim();
            let by_number = class.parse().ok().filter(|number| *number < class_names.len());
            let by_name = || class_names.iter().position(|name| name.eq_ignore_ascii_case(class));
            by_number.or_else(by_name).ok_or_else(|| {
                let last = class_names.len().saturating_sub(1);
                Problem::new(
                    Kind::Invalid,
                    format_args!("class {class:?}: expected a number from 0 to {last} or a name of the model"),
                )
            })
        };
        let classes = self.classes.as_ref().map(|list| list.split(',').map(class).collect::<Result<Vec<_>, _>>());
        Ok(Keep {
            confidence: self.conf.unwrap_or(confidence),
            most: self.max_det.unwrap_or(ROWS),
            classes: classes.transpose()?,
        })
    }
}

impl Keep {
    /// The requested detections, in their order.
    pub(super) fn of(&self, detections: &[Detection]) -> Vec<Detection> {
        let is_wanted = |found: &&Detection| {
            found.score > self.confidence && self.classes.as_ref().is_none_or(|classes| classes.contains(&found.class))
        };
        detections.iter().filter(is_wanted).take(self.most).copied().collect()
    }
}
