//! What is fetched: pictures by address, weights by name. The only server is in this file.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use support::{Said, Workplace};

/// The weights that the program carries; any form will do under any name.
const WEIGHTS: &[u8] = include_bytes!("../../assets/yolov10n-demo.safetensors");

/// Answers every request for its one path, and remembers the lines of the requests.
struct Server {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

/// How much of what was asked for is sent.
#[derive(Clone, Copy)]
enum Sends {
    Everything,
    /// The length is promised, then the line breaks.
    Half,
    /// A length that no file has, then nothing.
    TooMuch,
}

impl Server {
    fn start(path: &'static str, content: &'static [u8], sends: Sends) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("it is bound"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        // Ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that leaves in the middle is what one of the tests is about.
                answer(stream, path, content, sends, &log).ok();
            }
        });
        Self { address, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no test panics while it writes").clone()
    }
}

fn answer(
    mut stream: TcpStream,
    path: &str,
    content: &[u8],
    sends: Sends,
    log: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut lines = Vec::new();
    for line in BufReader::new(stream.try_clone()?).lines() {
        match line?.to_lowercase() {
            line if line.is_empty() => break,
            line => lines.push(line),
        }
    }
    let skipped: usize =
        lines.iter().find_map(|line| line.strip_prefix("range: bytes=")?.strip_suffix('-')?.parse().ok()).unwrap_or(0);
    let is_known = lines.first().is_some_and(|line| line.starts_with(&format!("get {path} ")));
    log.lock().expect("no test panics while it writes").extend(lines);
    let body = &content[skipped.min(content.len())..];
    let status = match (is_known, skipped) {
        (false, _) => "404 Not Found",
        (true, 0) => "200 OK",
        (true, _) => "206 Partial Content",
    };
    let (length, sent) = match sends {
        _ if !is_known => (0, 0),
        Sends::Everything => (body.len(), body.len()),
        Sends::Half => (body.len(), body.len() / 2),
        Sends::TooMuch => (usize::MAX, body.len()),
    };
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n")?;
    stream.write_all(&body[..sent])
}

/// Runs without any proxy that the tests' own surroundings may prescribe.
fn run(place: &Workplace, words: &[&str], release: &str) -> Said {
    let mut command: Command = place.command(words);
    for proxy in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(proxy);
    }
    command.env("YOLO10_BURN_CACHE", place.path("cache")).env("YOLO10_BURN_RELEASE", release);
    command.output().expect("the program starts").into()
}

const SEARCH: [&str; 5] = ["run", "--no-save", "--json", "--imgsz", "32"];

#[test]
fn an_address_is_a_picture() {
    let place = Workplace::new();
    let server = Server::start("/street.jpg?small", support::STREET, Sends::Everything);
    let [there, missing] = ["street.jpg?small", "nowhere.jpg"].map(|path| format!("{}/{path}", server.address));
    let said = run(&place, &["run", &there, &missing, "--json"], "");
    assert_eq!(said.code, Some(2), "{said:?}");
    let lines = said.json();
    assert_eq!((&lines[0]["image"], &lines[0]["width"]), (&there.into(), &1280.into()));
    assert_eq!(lines[1]["error"], "the server answered 404");
    assert_eq!(place.files("runs/detect/predict"), ["street.jpg"]);
}

#[test]
fn a_picture_that_is_too_large_or_broken_off_is_an_error() {
    let place = Workplace::new();
    for (sends, error) in [
        (Sends::TooMuch, "expected at most 1000000000 bytes, found 18446744073709551615"),
        (Sends::Half, "the transfer broke off: "),
    ] {
        let server = Server::start("/street.jpg", support::STREET, sends);
        let said = run(&place, &[&SEARCH[..], &[&format!("{}/street.jpg", server.address)]].concat(), "");
        assert_eq!(said.code, Some(2), "{said:?}");
        let found = said.json()[0]["error"].as_str().expect("an error").to_owned();
        assert!(found.starts_with(error), "{found}");
    }
}

#[test]
fn weights_are_downloaded_by_name_once() {
    let place = Workplace::new();
    let server = Server::start("/yolov10n.pt", WEIGHTS, Sends::Everything);
    for _ in 0..2 {
        let said = run(&place, &[&SEARCH[..], &["--weights", "n"]].concat(), &server.address);
        assert_eq!(said.code, Some(0), "{said:?}");
    }
    let fetches = server.requests().iter().filter(|line| line.starts_with("get ")).count();
    assert_eq!((fetches, place.files("cache")), (1, vec!["yolov10n.pt".to_owned()]));
    let downloaded = place.path("cache/yolov10n.pt");
    assert_eq!(std::fs::read(&downloaded).expect("a file"), WEIGHTS);
    let said = run(&place, &["info", "n", "--json"], &server.address);
    assert_eq!((&said.json()[0]["weights"], &said.json()[0]["file"]), (&"n".into(), &downloaded.to_str().into()));
}

#[test]
fn a_broken_download_is_taken_up_where_it_ended() {
    let place = Workplace::new();
    let half = Server::start("/yolov10s.pt", WEIGHTS, Sends::Half);
    let words = [&SEARCH[..], &["--weights", "yolov10s"]].concat();
    let said = run(&place, &words, &half.address);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.stderr.contains("the download was interrupted; the next run resumes it"), "{said:?}");
    assert_eq!(place.files("cache"), ["yolov10s.pt.part"]);
    let whole = Server::start("/yolov10s.pt", WEIGHTS, Sends::Everything);
    assert_eq!(run(&place, &words, &whole.address).code, Some(0));
    assert!(whole.requests().contains(&format!("range: bytes={}-", WEIGHTS.len() / 2)), "{:?}", whole.requests());
    assert_eq!(std::fs::read(place.path("cache/yolov10s.pt")).expect("a file"), WEIGHTS);
    assert_eq!(place.files("cache"), ["yolov10s.pt"]);
}

/// A zip of one entry, as checkpoints are, with one byte of the entry's content changed.
fn damaged_zip() -> &'static [u8] {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    writer.start_file("archive/data.pkl", stored).expect("a name");
    writer.write_all(b"untouched").expect("memory");
    let mut bytes = writer.finish().expect("a zip").into_inner();
    let at = bytes.windows(9).position(|window| window == b"untouched");
    bytes[at.expect("it is stored as it is")] ^= 1;
    bytes.leak()
}

#[test]
fn a_download_that_is_no_whole_checkpoint_is_removed_and_said() {
    let page: &[u8] = b"<html>sign in first</html>";
    for (content, error) in
        [(damaged_zip(), "zip entry archive/data.pkl: Invalid checksum"), (page, "not a checkpoint but a web page")]
    {
        let place = Workplace::new();
        let server = Server::start("/yolov10n.pt", content, Sends::Everything);
        let said = run(&place, &[&SEARCH[..], &["--weights", "n"]].concat(), &server.address);
        assert_eq!(said.code, Some(2), "{said:?}");
        let removed = format!("the download is broken and has been deleted: {error}");
        assert!(said.stderr.contains(&removed), "{said:?}");
        assert!(place.files("cache").is_empty());
    }
}

#[test]
fn without_a_network_one_line_says_where_to_put_the_file() {
    let place = Workplace::new();
    // Nobody listens there: the port is given back before it is used.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let release = format!("http://127.0.0.1:{port}");
    let said = run(&place, &[&SEARCH[..], &["--weights", "x"]].concat(), &release);
    assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{said:?}");
    let cache = place.path("cache");
    let advice = format!(
        "error: {release}/yolov10x.pt: cannot be downloaded; put yolov10x.pt into this folder or into {}: ",
        cache.display()
    );
    assert!(said.stderr.lines().any(|line| line.starts_with(&advice)), "{said:?}");
    assert!(place.files("cache").is_empty());
}

#[test]
fn a_file_of_that_name_goes_before_the_network() {
    let place = Workplace::new();
    place.file("yolov10m.safetensors", WEIGHTS);
    let said = run(&place, &[&SEARCH[..], &["--weights", "m"]].concat(), "http://127.0.0.1:1");
    assert_eq!(said.code, Some(0), "{said:?}");
}
