//! `/metrics`: Triton's names where they exist, and our own for bytes.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{TEXT_FORMAT, TextEncoder};
use yolov10_model::memory::resident;

use super::App;
use crate::problem::Problem;
use crate::repository::VERSION;
use crate::server::Server;
use crate::stats::{LATENCIES, Numbers, REASONS};

pub(super) async fn metrics(State(server): App) -> Result<Response, Problem> {
    let text = TextEncoder::new().encode_to_string(&families(&server)).map_err(Problem::internal)?;
    Ok(([(CONTENT_TYPE, TEXT_FORMAT)], text).into_response())
}

/// A count of a model: its name in Triton, its help text, and its value.
type Count = (&'static str, &'static str, fn(&Numbers) -> u64);

const COUNTS: [Count; 14] = [
    ("nv_inference_request_success", "Requests that were answered.", |n| n.success.count),
    ("nv_inference_count", "Pictures that were searched.", |n| n.inferences),
    ("nv_inference_exec_count", "Goes of a detector; a batch is one.", |n| n.executions.round() as u64),
    ("nv_inference_request_duration_us", "Microseconds of answered requests.", |n| n.success.microseconds()),
    ("nv_inference_queue_duration_us", "Microseconds in the queue.", |n| n.queue.microseconds()),
    ("nv_inference_compute_input_duration_us", "Microseconds of letterboxes.", |n| n.stages.input.microseconds()),
    ("nv_inference_compute_infer_duration_us", "Microseconds of the network.", |n| n.stages.infer.microseconds()),
    ("nv_inference_compute_output_duration_us", "Microseconds of decoding boxes.", |n| n.stages.output.microseconds()),
    ("yolo10_loads_total", "Loads that succeeded.", |n| n.loads),
    ("yolo10_evictions_total", "Times that it made way for another model.", |n| n.evictions),
    ("yolo10_freed_bytes_total", "Bytes that unloading and trimming gave back.", |n| n.freed),
    ("yolo10_residue_bytes", "Bytes that they should have given back and did not.", |n| n.residue),
    ("yolo10_request_cancelled_total", "Requests whose client hung up.", |n| n.failures[1]),
    ("yolo10_request_refused_total", "Requests that met a full queue or a deadline.", |n| n.failures[0]),
];

fn families(server: &Server) -> Vec<MetricFamily> {
    let models = server.registry.all();
    let numbers: Vec<(&str, Numbers)> =
        models.iter().map(|model| (model.name.as_str(), model.stats.numbers())).collect();
    let mut families = Vec::new();
    for (name, help, read) in COUNTS {
        let metrics = numbers.iter().map(|(model, numbers)| counter(read(numbers), of_model(model)));
        families.push(family(name, help, MetricType::COUNTER, metrics.collect()));
    }
    let failures = numbers.iter().flat_map(|(model, numbers)| {
        let reasons = REASONS.iter().zip(numbers.failures);
        reasons.map(|(reason, count)| counter(count, with(of_model(model), "reason", reason)))
    });
    let help = "Requests that were not answered, by reason.";
    families.push(family("nv_inference_request_failure", help, MetricType::COUNTER, failures.collect()));

    let running = || models.iter().filter_map(|model| Some((model.name.as_str(), model.running()?)));
    let pending = running().map(|(name, running)| gauge(running.queue.waiting() as f64, of_model(name)));
    let help = "Pictures that wait.";
    families.push(family("nv_inference_pending_request_count", help, MetricType::GAUGE, pending.collect()));
    let bytes = running().flat_map(|(name, running)| {
        let memory = running.memory();
        let kinds = [("weights", memory.weights), ("workspace", memory.workspace), ("staging", memory.staging)];
        kinds.map(|(kind, bytes)| gauge(bytes.reserved as f64, with(of_model(name), "kind", kind)))
    });
    families.push(family("yolo10_model_bytes", "Bytes that a model holds.", MetricType::GAUGE, bytes.collect()));
    let ready = models.iter().map(|model| gauge(f64::from(u8::from(model.running().is_some())), of_model(&model.name)));
    families.push(family("yolo10_model_ready", "1 if the model is ready.", MetricType::GAUGE, ready.collect()));

    let budget = &server.registry.budget;
    let whole = [
        ("yolo10_held_bytes", "Bytes of models, requests and pictures.", Some(budget.held())),
        ("yolo10_budget_bytes", "Bytes that they may take.", budget.limit()),
        ("yolo10_spare_bytes", "Bytes of buffers that wait for requests.", Some(server.registry.buffers.spare_bytes())),
        ("yolo10_resident_bytes", "Bytes of the process in main memory.", resident()),
    ];
    for (name, help, value) in whole {
        let metrics = value.map(|value| gauge(value as f64, Vec::new())).into_iter().collect();
        families.push(family(name, help, MetricType::GAUGE, metrics));
    }
    let latencies = numbers.iter().map(|(model, numbers)| histogram(numbers, of_model(model)));
    let help = "Seconds from a request to its answer.";
    families.push(family("yolo10_request_duration_seconds", help, MetricType::HISTOGRAM, latencies.collect()));
    families.retain(|family| !family.get_metric().is_empty());
    families
}

fn family(name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

fn of_model(name: &str) -> Vec<LabelPair> {
    with(with(Vec::new(), "model", name), "version", VERSION)
}

fn with(mut labels: Vec<LabelPair>, name: &str, value: &str) -> Vec<LabelPair> {
    let mut label = LabelPair::default();
    label.set_name(name.to_owned());
    label.set_value(value.to_owned());
    labels.push(label);
    labels
}

fn counter(value: u64, labels: Vec<LabelPair>) -> Metric {
    let mut counter = Counter::default();
    counter.set_value(value as f64);
    let mut metric = Metric::from_label(labels);
    metric.set_counter(counter);
    metric
}

fn gauge(value: f64, labels: Vec<LabelPair>) -> Metric {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    let mut metric = Metric::from_label(labels);
    metric.set_gauge(gauge);
    metric
}

fn histogram(numbers: &Numbers, labels: Vec<LabelPair>) -> Metric {
    let mut histogram = Histogram::default();
    let mut cumulative = 0;
    let buckets = LATENCIES.iter().zip(numbers.latencies).map(|(end, count)| {
        cumulative += count;
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*end);
        bucket.set_cumulative_count(cumulative);
        bucket
    });
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(numbers.success.count);
    histogram.set_sample_sum(numbers.success.time.as_secs_f64());
    let mut metric = Metric::from_label(labels);
    metric.set_histogram(histogram);
    metric
}
