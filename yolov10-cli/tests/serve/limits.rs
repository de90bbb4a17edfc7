//! Under load, with clients that dawdle, hang up or may not: a bound and a status for everything.

use std::io::Write;
use std::net::TcpStream;
use std::thread;

use serde_json::json;

use crate::client::{Answer, Server, read, waits_until};
use crate::{OBJECTS, STREET, model};

#[test]
fn a_full_queue_is_429_and_nobody_else_suffers() {
    let server = Server::start(&[&model("n"), "--queue", "2"]);
    let sent: Vec<_> = (0..24).map(|_| server.send("POST", "/v1/models/n/detect", &[], STREET)).collect();
    let answers: Vec<Answer> = sent.into_iter().map(read).collect();
    let (good, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert!(good.len() >= 2, "{} were answered", good.len());
    assert!(!refused.is_empty(), "24 requests at once fit a queue of 2");
    for answer in &good {
        assert_eq!(answer.json(200)["detections"].as_array().expect("detections").len(), OBJECTS);
    }
    for answer in &refused {
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert!(answer.error(429).starts_with("the queue is full: "));
    }
    assert_eq!(server.post("/v1/models/n/detect", STREET).status, 200);
    let many: Vec<String> = (0..3).map(|_| "AAAA".to_owned()).collect();
    let body = json!({ "inputs": [{ "name": "images", "datatype": "BYTES", "shape": [3], "data": many }] }).to_string();
    let refused = server.post("/v2/models/n/infer", body.as_bytes()).error(413);
    assert_eq!(refused, "expected at most 2 pictures in a request, found 3");
}

#[test]
fn a_deadline_that_passes_before_the_search_is_504() {
    let server = Server::start(&[&model("n")]);
    let grey = vec![vec![vec![114; 3]; 32]; 32];
    let body = |timeout: u64| {
        let input = json!({ "name": "images", "datatype": "UINT8", "shape": [1, 32, 32, 3], "data": [grey] });
        json!({ "inputs": [input], "parameters": { "timeout": timeout } }).to_string()
    };
    let refused = server.post("/v2/models/n/infer", body(1).as_bytes()).error(504);
    assert!(refused.starts_with("the deadline passed while the request was "), "{refused}");
    assert_eq!(server.post("/v2/models/n/infer", body(20_000_000).as_bytes()).status, 200);
}

#[test]
fn a_client_that_hangs_up_takes_its_request_along() {
    let server = Server::start(&[&model("n")]);
    // The first is searched, the others wait.
    let sent: Vec<TcpStream> = (0..12).map(|_| server.send("POST", "/v1/models/n/detect", &[], STREET)).collect();
    waits_until(|| server.get("/v1/memory").json(200)["models"][0]["waiting"].as_u64() > Some(4));
    drop(sent);
    waits_until(|| server.get("/v1/memory").json(200)["models"][0]["requests"] == 0);
    let metrics = server.get("/metrics").text();
    let cancelled = metrics.lines().find_map(|line| {
        line.strip_prefix("nv_inference_request_failure{model=\"n\",version=\"1\",reason=\"CANCELED\"} ")
    });
    assert!(cancelled.and_then(|count| count.parse().ok()) > Some(0), "{metrics}");
    let executed = server.get("/v2/models/n/stats").json(200)["model_stats"][0]["execution_count"].as_u64();
    assert!(executed < Some(12), "all of them were searched");
}

#[test]
fn bodies_pixels_and_heads_are_bounded() {
    let server = Server::start(&[&model("n"), "--max-body", "300kB", "--max-pixels", "1000000"]);
    let told = server.post("/v1/models/n/detect", &[0; 300_001]).error(413);
    assert_eq!(told, "expected a body of at most 300000 bytes, found 300001");
    let mut stream = TcpStream::connect(&server.address).expect("it listens");
    stream.write_all(b"POST /v1/models/n/detect HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n").expect("sent");
    for _ in 0..40 {
        // Refused before its end.
        if stream.write_all(&[b"2710\r\n".as_slice(), &[0; 10_000], b"\r\n"].concat()).is_err() {
            break;
        }
    }
    assert_eq!(read(stream).error(413), "expected a body of at most 300000 bytes, found more");
    let large = server.post("/v1/models/n/detect", STREET).error(413);
    assert_eq!(large, "expected a picture of at most 1000000 pixels, found 1280x896");
    // A header that promises what no memory has, before any of it is decoded.
    let mut bomb = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xff\xff\0\0\xff\xff\x08\x02\0\0\0".to_vec();
    bomb.extend(crc(&bomb[12..29]).to_be_bytes());
    let bomb = server.post("/v1/models/n/detect", &bomb);
    assert!(matches!(bomb.status, 400 | 413), "{}", bomb.text());
    let head = server.ask("GET", "/v2", &[("x-long", &"x".repeat(100_000))], b"");
    assert_eq!(head.status, 431);
}

/// As PNG has it (ISO 3309).
fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

#[test]
fn a_client_that_dawdles_is_let_go_and_keeps_nobody_waiting() {
    let server = Server::start(&[&model("n"), "--patience", "300ms", "--max-connections", "2"]);
    // More than there is room for: two hold the places until their time is over.
    let heads: Vec<TcpStream> = (0..3)
        .map(|_| {
            let mut stream = TcpStream::connect(&server.address).expect("the system takes it");
            stream.write_all(b"GET /v2 HTTP/1.1\r\nhost: local").expect("sent");
            stream
        })
        .collect();
    assert_eq!(server.get("/v2/health/live").status, 200);
    drop(heads);
    // The same for those that say nothing at all.
    let silent: Vec<TcpStream> =
        (0..3).map(|_| TcpStream::connect(&server.address).expect("the system takes it")).collect();
    assert_eq!(server.get("/v2/health/live").status, 200);
    drop(silent);
    let mut stream = TcpStream::connect(&server.address).expect("it listens");
    stream
        .write_all(b"POST /v1/models/n/detect HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 1000\r\n\r\nabc")
        .expect("sent");
    assert_eq!(read(stream).error(408), "the body came too slowly: 3 bytes so far");
}

#[test]
fn a_token_opens_everything_and_its_lack_only_health_and_the_page() {
    let token = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(token.path(), "a-token-of-some-length\n").expect("written");
    let server = Server::start(&[&model("n"), "--token-file", token.path().to_str().expect("a path")]);
    for path in ["/", "/page.js", "/openapi.json", "/v2/health/live", "/v2/health/ready"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    for (method, path) in [
        ("GET", "/v2"),
        ("GET", "/v1/memory"),
        ("GET", "/metrics"),
        ("GET", "/v2/models/n/ready"),
        ("POST", "/v1/models/n/detect"),
        ("POST", "/v2/repository/models/n/unload"),
        ("GET", "/nothing"),
    ] {
        let refused = server.ask(method, path, &[], STREET);
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
        assert_eq!(refused.error(401), "expected the header authorization: Bearer TOKEN, no token was shown", "{path}");
    }
    let wrong = server.ask("GET", "/v2", &[("authorization", "Bearer a-token-of-some-lengthy")], b"");
    assert_eq!(wrong.error(401), "expected the header authorization: Bearer TOKEN, another token was shown");
    let right = [("authorization", "Bearer a-token-of-some-length")];
    assert_eq!(server.ask("POST", "/v1/models/n/detect", &right, STREET).status, 200);
}

#[test]
fn pages_of_other_origins_may_not_ask() {
    let server = Server::start(&[&model("n"), "--cors", "https://good.example"]);
    let with = |origin: &str| server.ask("POST", "/v1/models/n/detect", &[("origin", origin)], STREET);
    assert_eq!(with("https://evil.example").error(403), "origin https://evil.example is not allowed: see --cors");
    let good = with("https://good.example");
    assert_eq!((good.status, good.header("access-control-allow-origin")), (200, Some("https://good.example")));
    assert_eq!(with(&format!("http://{}", server.address)).status, 200);
    let asked = [("origin", "https://good.example"), ("access-control-request-method", "POST")];
    let asked = server.ask("OPTIONS", "/v1/models/n/detect", &asked, b"");
    assert_eq!((asked.status, asked.header("access-control-allow-methods")), (200, Some("GET,POST")));
}

#[test]
fn pictures_are_fetched_from_named_hosts_alone_and_from_ones_own_network_only_by_address() {
    let pictures = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = pictures.local_addr().expect("it is bound").port();
    // Ends with the test's process.
    thread::spawn(move || {
        for mut stream in pictures.incoming().flatten() {
            let mut request = [0; 4096];
            // Whatever was asked for.
            let _length = std::io::Read::read(&mut stream, &mut request);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", STREET.len());
            let _gone = stream.write_all(&[head.as_bytes(), STREET].concat());
        }
    });
    let ask = |server: &Server, host: &str| {
        let body = json!({ "url": format!("http://{host}:{port}/street.jpg") }).to_string();
        server.ask("POST", "/v1/models/n/detect", &[("content-type", "application/json")], body.as_bytes())
    };
    let by_name = Server::start(&[&model("n"), "--allow-url", "localhost"]);
    let refused = ask(&by_name, "localhost").error(403);
    assert_eq!(
        refused,
        format!("url http://localhost:{port}/street.jpg: its host has no address that may be fetched from")
    );
    let refused = ask(&by_name, "127.0.0.1").error(403);
    assert!(refused.ends_with("the host 127.0.0.1 is not among those of --allow-url"), "{refused}");
    let by_address = Server::start(&[&model("n"), "--allow-url", "localhost,127.0.0.1"]);
    for host in ["localhost", "127.0.0.1"] {
        let found = ask(&by_address, host).json(200);
        assert_eq!(found["detections"].as_array().expect("detections").len(), OBJECTS);
    }
}
