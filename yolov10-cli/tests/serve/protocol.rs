//! The protocol, and the plainer dialect beside it: the same boxes whichever way a picture comes.

use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};
use yolov10_model::letterbox::Letterbox;
use yolov10_model::picture::decode_picture;
use yolov10_model::{Detector, Options, Selection, Weights};

use crate::client::{Answer, Server};
use crate::{OBJECTS, STREET, model, weights};

const ROWS: usize = 300;
const COLUMNS: usize = 6;
const BINARY: &str = "inference-header-content-length";

/// A request with one tensor in binary behind it, and the rows that come back in the same way.
fn infer(server: &Server, datatype: &str, shape: &[usize], tensor: &[u8]) -> Vec<f32> {
    let head = json!({
        "id": "a request",
        "inputs": [{
            "name": "images", "datatype": datatype, "shape": shape, "parameters": { "binary_data_size": tensor.len() },
        }],
        "outputs": [{ "name": "output0", "parameters": { "binary_data": true } }],
    })
    .to_string();
    let body = [head.as_bytes(), tensor].concat();
    let answer = server.ask("POST", "/v2/models/n/infer", &[(BINARY, &head.len().to_string())], &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let length: usize = answer.header(BINARY).and_then(|length| length.parse().ok()).expect("the JSON's length");
    let head: Value = serde_json::from_slice(&answer.body[..length]).expect("JSON");
    let bytes = shape[0] * ROWS * COLUMNS * 4;
    let output = json!({
        "name": "output0", "datatype": "FP32", "shape": [shape[0], ROWS, COLUMNS],
        "parameters": { "binary_data_size": bytes },
    });
    let expected = json!({ "model_name": "n", "model_version": "1", "id": "a request", "outputs": [output] });
    assert_eq!(head, expected);
    let (floats, rest) = answer.body[length..].as_chunks::<4>();
    assert_eq!((floats.len() * 4, rest.len()), (bytes, 0));
    floats.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

fn as_bytes_tensor(pictures: &[&[u8]]) -> Vec<u8> {
    pictures.iter().flat_map(|picture| [&(picture.len() as u32).to_le_bytes()[..], picture].concat()).collect()
}

/// What the library finds, every row of it.
struct Here {
    detector: Detector,
    picture: image::RgbImage,
}

impl Here {
    fn new() -> Self {
        let weights = Arc::new(Weights::open(&weights()).expect("weights"));
        let selection = Selection { confidence: 0.0, ..Selection::default() };
        let detector = Detector::new(&weights, &Options { selection, ..Options::default() }).expect("a detector");
        Self { detector, picture: decode_picture(STREET).expect("a picture") }
    }

    fn rows(found: &[yolov10_model::Detection]) -> Vec<f32> {
        let row = |found: &yolov10_model::Detection| {
            let rect = found.rect;
            [rect.x1, rect.y1, rect.x2, rect.y2, found.score, found.class as f32]
        };
        found.iter().flat_map(row).collect()
    }
}

#[test]
fn each_datatype_gives_the_rows_that_the_library_finds() {
    let server = Server::start(&[&model("n")]);
    let mut here = Here::new();
    let picture = here.picture.clone();
    let whole = Here::rows(&here.detector.detect(&picture).expect("found"));
    assert_eq!(whole.len(), ROWS * COLUMNS);
    assert_eq!(infer(&server, "BYTES", &[1], &as_bytes_tensor(&[STREET])), whole);
    assert_eq!(infer(&server, "BYTES", &[2], &as_bytes_tensor(&[STREET, STREET])), [&whole[..], &whole].concat());
    let (height, width) = (picture.height() as usize, picture.width() as usize);
    assert_eq!(infer(&server, "UINT8", &[1, height, width, 3], picture.as_raw()), whole);

    // Letterboxed by the client: a part of the picture that is an input by itself.
    let input = image::imageops::crop_imm(&picture, 100, 200, 640, 448).to_image();
    let size = yolov10_model::Size { height: 448, width: 640 };
    let as_it_is = Letterbox { image: size, scaled: size, input: size, top: 0, left: 0 };
    let expected = Here::rows(&here.detector.detect_in_input(&input, &as_it_is).expect("found"));
    let planes: Vec<u8> = (0..3)
        .flat_map(|channel| input.pixels().map(move |pixel| f32::from(pixel.0[channel]) / 255.0))
        .flat_map(f32::to_le_bytes)
        .collect();
    assert_eq!(infer(&server, "FP32", &[1, 3, 448, 640], &planes), expected);
}

#[test]
fn json_alone_carries_numbers_and_base64() {
    let server = Server::start(&[&model("n")]);
    let grey: Vec<Vec<Vec<u8>>> = vec![vec![vec![114; 3]; 32]; 32];
    let body =
        json!({ "inputs": [{ "name": "images", "datatype": "UINT8", "shape": [1, 32, 32, 3], "data": [grey] }] });
    let answer = server.post("/v2/models/n/versions/1/infer", body.to_string().as_bytes()).json(200);
    assert_eq!(answer["outputs"][0]["shape"], json!([1, ROWS, COLUMNS]));
    assert_eq!(answer["outputs"][0]["data"].as_array().expect("numbers").len(), ROWS * COLUMNS);
    assert!(answer.get("id").is_none());

    let expected = infer(&server, "BYTES", &[1], &as_bytes_tensor(&[STREET]));
    let text = base64(STREET);
    let body = json!({ "inputs": [{ "name": "images", "datatype": "BYTES", "shape": [1], "data": [text] }] });
    let answer = server.post("/v2/models/n/infer", body.to_string().as_bytes()).json(200);
    let numbers = answer["outputs"][0]["data"].as_array().expect("numbers");
    let found: Vec<f32> = numbers.iter().map(|number| number.as_f64().expect("a number") as f32).collect();
    assert_eq!(found, expected);
}

/// As RFC 4648 has it.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |three: &[u8]| {
        let number = three.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        (0..4)
            .map(
                move |at| {
                    if at <= three.len() { LETTERS[(number >> (18 - 6 * at) & 63) as usize] as char } else { '=' }
                },
            )
            .collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

#[test]
fn detect_answers_as_run_json_does_however_the_picture_is_sent() {
    let server = Server::start(&[&model("n")]);
    let picture = tempfile::NamedTempFile::with_suffix(".jpg").expect("a file");
    std::fs::write(picture.path(), STREET).expect("written");
    let weights = weights();
    let mut run = Command::new(env!("CARGO_BIN_EXE_yolo10-burn"));
    run.args(["run", "--json", "--no-save", "--weights"]).arg(&weights).arg(picture.path());
    let output = run.output().expect("the program runs");
    let mut expected: Value = serde_json::from_slice(&output.stdout).expect("a line of JSON");
    let without = |row: &mut Value| {
        let row = row.as_object_mut().expect("an object");
        assert!(row.remove("ms").expect("times")["inference"].as_f64().expect("a time") > 0.0);
        row.insert("image".to_owned(), "street".into());
    };
    without(&mut expected);
    assert_eq!(expected["detections"].as_array().expect("detections").len(), OBJECTS);

    let form = [
        b"--edge\r\ncontent-disposition: form-data; name=\"about\"\r\n\r\nnothing\r\n".as_slice(),
        b"--edge\r\ncontent-disposition: form-data; name=\"file\"; filename=\"street\"\r\ncontent-type: image/jpeg\r\n\r\n",
        STREET,
        b"\r\n--edge--\r\n",
    ]
    .concat();
    let in_json =
        json!({ "image": format!("data:image/jpeg;base64,{}", base64(STREET)), "name": "street" }).to_string();
    for (path, kind, body) in [
        ("/v1/models/n/detect?name=street", "image/jpeg", STREET),
        ("/v1/models/n/detect", "multipart/form-data; boundary=edge", &form),
        ("/v1/models/n/detect", "application/json; charset=utf-8", in_json.as_bytes()),
    ] {
        let mut found = server.ask("POST", path, &[("content-type", kind)], body).json(200);
        without(&mut found);
        assert_eq!(found, expected, "{kind}");
    }
}

#[test]
fn detect_keeps_what_is_asked_for() {
    let server = Server::start(&[&model("n")]);
    let names = |query: &str| {
        let found = server.post(&format!("/v1/models/n/detect?{query}"), STREET).json(200);
        let found = found["detections"].as_array().expect("detections").clone();
        found.iter().map(|found| found["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    let all = names("");
    assert_eq!(names("max_det=3"), all[..3]);
    assert_eq!(names("conf=0&max_det=300").len(), ROWS);
    let trucks: Vec<String> = all.iter().filter(|name| *name == "truck").cloned().collect();
    assert!(!trucks.is_empty());
    assert_eq!(names("classes=truck"), trucks);
    for (query, error) in [
        ("conf=2", "conf: expected 0 to 1, found 2"),
        ("max_det=0", "max_det: expected 1 to 300, found 0"),
        ("classes=unicorn", "class \"unicorn\": expected a number from 0 to 79 or a name of the model"),
    ] {
        assert_eq!(server.post(&format!("/v1/models/n/detect?{query}"), STREET).error(400), error);
    }
}

#[test]
fn the_server_describes_itself_and_its_models() {
    let server = Server::start(&[&model("n")]);
    let extensions = ["binary_tensor_data", "model_configuration", "model_repository", "parameters", "statistics"];
    let version = env!("CARGO_PKG_VERSION");
    let about = server.get("/v2").json(200);
    assert_eq!(about, json!({ "name": "yolo10-burn", "version": version, "extensions": extensions }));
    for path in ["/v2/health/live", "/v2/health/ready", "/v2/models/n/ready", "/v2/models/n/versions/1/ready"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    let metadata = server.get("/v2/models/n").json(200);
    assert_eq!(metadata["inputs"], json!([{ "name": "images", "datatype": "FP32", "shape": [-1, 3, -1, -1] }]));
    assert_eq!(metadata["outputs"], json!([{ "name": "output0", "datatype": "FP32", "shape": [-1, 300, 6] }]));
    let config = server.get("/v2/models/n/config").json(200);
    assert_eq!(config["input"][0]["data_type"], "TYPE_FP32");
    let metadata = config["parameters"]["metadata"]["string_value"].as_str().expect("a dictionary");
    assert!(
        metadata.starts_with("{'description': 'YOLOv10n', 'task': 'detect', 'stride': 32, 'batch': 1, "),
        "{metadata}"
    );
    assert!(metadata.contains("'names': {0: 'person', "), "{metadata}");
    let index = server.post("/v2/repository/index", b"").json(200);
    assert_eq!(index, json!([{ "name": "n", "version": "1", "state": "READY" }]));
}

#[test]
fn statistics_and_metrics_count_what_was_done() {
    let server = Server::start(&[&model("n")]);
    infer(&server, "BYTES", &[2], &as_bytes_tensor(&[STREET, STREET]));
    assert_eq!(server.post("/v1/models/n/detect", b"no picture").status, 400);
    let stats = server.get("/v2/models/n/stats").json(200)["model_stats"][0].clone();
    assert_eq!(
        (&stats["name"], &stats["inference_count"], &stats["execution_count"]),
        (&json!("n"), &json!(2), &json!(1))
    );
    let counted = |key: &str| stats["inference_stats"][key]["count"].as_u64().expect("a count");
    assert_eq!(["success", "fail", "queue", "compute_infer", "cache_hit"].map(counted), [1, 1, 1, 1, 0]);
    assert_eq!(stats["batch_stats"][0]["batch_size"], 2);
    let held = server.get("/v1/memory").json(200)["held"].as_u64().expect("bytes");
    assert!(stats["memory_usage"][0]["byte_size"].as_u64().expect("bytes") <= held);
    assert_eq!(server.get("/v2/models/stats").json(200)["model_stats"].as_array().expect("models").len(), 1);

    let metrics = server.get("/metrics");
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4"));
    let metrics = metrics.text();
    for line in [
        "nv_inference_request_success{model=\"n\",version=\"1\"} 1",
        "nv_inference_request_failure{model=\"n\",version=\"1\",reason=\"OTHER\"} 1",
        "nv_inference_count{model=\"n\",version=\"1\"} 2",
        "nv_inference_exec_count{model=\"n\",version=\"1\"} 1",
        "nv_inference_pending_request_count{model=\"n\",version=\"1\"} 0",
        "yolo10_request_duration_seconds_bucket{model=\"n\",version=\"1\",le=\"+Inf\"} 1",
        "yolo10_residue_bytes{model=\"n\",version=\"1\"} 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
    }
    let weights = "yolo10_model_bytes{model=\"n\",version=\"1\",kind=\"weights\"} ";
    let bytes = metrics.lines().find_map(|line| line.strip_prefix(weights)).expect("a line");
    assert!(bytes.parse::<f64>().expect("bytes") > 1e7, "{bytes}");
}

#[test]
fn what_cannot_be_answered_is_refused_in_the_protocols_shape() {
    let server = Server::start(&[&model("n")]);
    let refused = |answer: Answer, status| answer.error(status);
    assert_eq!(refused(server.get("/v2/models/x"), 404), "no model x is known here");
    assert_eq!(refused(server.get("/v2/models/n/versions/2"), 404), "model n has version 1, found \"2\"");
    assert_eq!(refused(server.get("/v3"), 404), "no such path: /v3");
    assert_eq!(refused(server.get("/v2/models/n/infer"), 405), "/v2/models/n/infer takes no GET");
    assert_eq!(refused(server.get("/v2/models/%FF"), 400), "Invalid URL: Invalid UTF-8 in `model`");
    let dots = server.post("/v2/repository/models/..%2F..%2Fetc/load", b"");
    assert!(refused(dots, 400).starts_with("name \"../../etc\": expected 1 to 128 letters"));
    assert!(refused(server.post("/v2/models/n/infer", b"{"), 400).starts_with("not a request of the protocol: EOF"));
    assert!(refused(server.post("/v2/models/n/infer", b""), 400).starts_with("not a request of the protocol: EOF"));
    let long = server.ask("POST", "/v2/models/n/infer", &[(BINARY, "9")], b"{}");
    assert_eq!(refused(long, 400), format!("{BINARY}: expected at most the body's 2 bytes, found \"9\""));
    assert_eq!(refused(server.post("/v1/models/n/detect", b""), 400), "expected a picture, found no bytes");
    assert!(refused(server.post("/v1/models/n/detect", &STREET[..9000]), 400).starts_with("not a picture"));
    let packed = server.ask("POST", "/v1/models/n/detect", &[("content-encoding", "gzip")], STREET);
    assert_eq!(refused(packed, 400), "content-encoding \"gzip\": expected none");
    let url =
        server.ask("POST", "/v1/models/n/detect", &[("content-type", "application/json")], br#"{"url": "http://a/"}"#);
    assert_eq!(refused(url, 403), "no url is fetched: see --allow-url");
    let parameter = server.post("/v2/repository/models/n/load", br#"{"parameters": {"config": "{}"}}"#);
    assert_eq!(refused(parameter, 400), "parameter config: a model is loaded as its file has it");
    // The server is as it was.
    assert_eq!(server.post("/v1/models/n/detect", STREET).status, 200);
}

#[test]
fn the_page_comes_from_the_program_and_allows_nothing_from_elsewhere() {
    let server = Server::start(&[&model("n")]);
    for (path, kind, begins) in [
        ("/", "text/html; charset=utf-8", "<!doctype html>"),
        ("/page.js", "text/javascript; charset=utf-8", "//"),
        ("/page.css", "text/css; charset=utf-8", ":root"),
        ("/openapi.json", "application/json", "{"),
    ] {
        let answer = server.get(path);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)), "{path}");
        assert!(answer.text().starts_with(begins), "{path}");
        assert!(!answer.text().contains("https://") && !answer.text().contains("src=\"http"), "{path}");
        assert!(answer.header("content-security-policy").expect("a policy").starts_with("default-src 'none'"));
    }
}
