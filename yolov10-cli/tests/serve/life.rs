//! How a server starts, refuses to, and ends.

use std::io::Read;
use std::net::TcpListener;
use std::time::Instant;

use serde_json::json;

use crate::client::{PATIENCE, Server, command, read};
use crate::{OBJECTS, STREET, model};

/// The one line that a server says that does not start.
pub fn failure(words: &[&str]) -> String {
    let mut process = command(words).spawn().expect("the program starts");
    let mut said = String::new();
    process.stderr.take().expect("it was asked for").read_to_string(&mut said).expect("text");
    assert_eq!(process.wait().expect("it ends").code(), Some(2), "{said}");
    said.trim_end().to_owned()
}

#[test]
fn what_keeps_it_from_starting_is_one_line_and_exit_code_2() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let free = ["--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0"];
    let with = |words: &[&str]| failure(&[&free, words].concat());
    let model = model("n");
    let busy = failure(&["--http", &address, "--no-grpc", &model]);
    assert!(busy.starts_with(&format!("error: cannot listen at {address}: Address already in use")), "{busy}");
    let open = failure(&["--http", "0.0.0.0:0", &model]);
    let expected =
        "error: 0.0.0.0:0 is reachable from elsewhere: expected --token-file, or --no-auth if anybody may use it";
    assert_eq!(open, expected);
    for (words, begins) in [
        (&["--model=n=missing.pt"][..], "error: model n: missing.pt"),
        (&["--model=../n=a.pt"], "error: model name \"../n\": expected 1 to 128 letters"),
        (&[&model, &model], "error: model name n: it is given twice"),
        (&[&model, "--tls-cert", "missing.pem", "--tls-key", "missing.key"], "error: missing.pem: "),
        (&[&model, "--token-file", "missing.txt"], "error: --token-file missing.txt: "),
        (&[&model, "--model-repository", "missing"], "error: --model-repository missing: expected a folder"),
        (&[&model, "--cors", "*"], "error: --cors *: expected an origin"),
        (&[&model, "--memory-limit", "5"], "error: --memory-limit: a server has --memory-budget"),
    ] {
        let said = with(words);
        assert!(said.starts_with(begins) && said.lines().count() == 1, "{said}");
    }
}

#[test]
fn told_to_end_it_is_not_ready_serves_on_gives_everything_back_and_ends_well() {
    let mut server = Server::start(&[&model("n"), "--shutdown-delay", "1500ms"]);
    assert_eq!(server.post("/v1/models/n/detect", STREET).status, 200);
    server.terminate();
    server.wait_for("ending");
    assert_eq!(server.get("/v2/health/ready").error(503), "the server is ending");
    assert_eq!(server.get("/v2/health/live").status, 200);
    assert_eq!(server.post("/v1/models/n/detect", STREET).status, 200);
    let freed = server.wait_for("freed")["details"].clone();
    assert_eq!((&freed["reason"], &freed["residue"]), (&json!("shutdown"), &json!(0)));
    assert!(freed["released"].as_u64() > Some(10_000_000), "{freed}");
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn requests_that_are_being_answered_are_answered_before_it_ends() {
    let mut server = Server::start(&[&model("n"), "--shutdown-delay", "0"]);
    let sent: Vec<_> = (0..8).map(|_| server.send("POST", "/v1/models/n/detect", &[], STREET)).collect();
    let until = Instant::now() + PATIENCE;
    while server.get("/v1/memory").json(200)["models"][0]["requests"].as_u64() < Some(8) {
        assert!(Instant::now() < until, "they never came in");
        if server.get("/v2/models/n/stats").json(200)["model_stats"][0]["inference_count"].as_u64() > Some(0) {
            break;
        }
    }
    server.terminate();
    for answer in sent.into_iter().map(read) {
        assert_eq!(answer.json(200)["detections"].as_array().expect("detections").len(), OBJECTS);
    }
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut server = Server::start(&[&model("n"), "--shutdown-delay", "1h"]);
    server.terminate();
    server.wait_for("ending");
    server.terminate();
    // 128 + SIGTERM.
    assert_eq!(server.ended().code(), Some(143));
}

#[test]
fn every_request_is_a_line_without_its_query() {
    let server = Server::start(&[&model("n")]);
    assert_eq!(server.post("/v1/models/n/detect?name=secret", STREET).status, 200);
    let line = server.wait_for("request");
    assert_eq!(line["path"], "/v1/models/n/detect");
    assert_eq!((&line["protocol"], &line["method"], &line["status"]), (&json!("http"), &json!("POST"), &json!("200")));
    assert!(line["ms"].as_f64() > Some(0.0) && !line.to_string().contains("secret"), "{line}");
}

#[test]
fn without_a_model_the_demo_is_served() {
    let server = Server::start(&[]);
    let found = server.post("/v1/models/demo/detect", STREET).json(200);
    assert_eq!(found["detections"].as_array().expect("detections").len(), OBJECTS);
}
