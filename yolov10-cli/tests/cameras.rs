//! What comes over http: an address is what its server says, cameras send one picture after another, and nobody is
//! waited for without end. The only server is in this file.

mod support;

use std::io::{BufRead, BufReader, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use support::{STREET, Said, Workplace};

const SEARCH: [&str; 5] = ["run", "--no-save", "--json", "--imgsz", "32"];
/// Longer than any test may take: only what ends a wait ends it.
const NEVER: &str = "3600";

/// Answers each connection as `answer` does, which is told the path and how many there were before. Its address.
fn serve(answer: impl Fn(&str, usize, &mut TcpStream) -> Result<()> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("it is bound"));
    let (answer, count) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
    // Ends with the test's process.
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (answer, count) = (Arc::clone(&answer), Arc::clone(&count));
            // A client that leaves in the middle is what some of the tests are about.
            thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone()?).lines();
                let request = lines.next().transpose()?.unwrap_or_default();
                while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
                let path = request.split(' ').nth(1).unwrap_or_default();
                answer(path, count.fetch_add(1, Ordering::Relaxed), &mut stream)
            });
        }
    });
    address
}

fn whole(stream: &mut TcpStream, content_type: &str, body: &[u8]) -> Result<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n");
    stream.write_all(format!("{head}connection: close\r\n\r\n").as_bytes())?;
    stream.write_all(body)
}

/// The street scene several times, as cameras send it.
fn pictures(stream: &mut TcpStream, count: usize, says_lengths: bool) -> Result<()> {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: multipart/x-mixed-replace; boundary=frame\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes())?;
    for _ in 0..count {
        let length = if says_lengths { format!("Content-Length: {}\r\n", STREET.len()) } else { String::new() };
        stream.write_all(format!("--frame\r\nContent-Type: image/jpeg\r\n{length}\r\n").as_bytes())?;
        stream.write_all(STREET)?;
        stream.write_all(b"\r\n")?;
    }
    // Without a length a picture ends where the next delimiter begins.
    stream.write_all(if says_lengths { b"" } else { b"--frame\r\n" })?;
    Ok(())
}

/// One byte after the other, each long before silence is given up.
fn drip(stream: &mut TcpStream, bytes: &[u8]) -> Result<()> {
    for byte in bytes {
        stream.write_all(&[*byte])?;
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// Without any proxy that the tests' own surroundings may prescribe.
fn command(place: &Workplace, words: &[&str]) -> Command {
    let mut command = place.command(words);
    for proxy in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(proxy);
    }
    command
}

fn run(place: &Workplace, words: &[&str]) -> Said {
    command(place, &[&SEARCH[..], words].concat()).output().expect("the program starts").into()
}

fn error(said: &Said) -> String {
    said.json().last().and_then(|line| line["error"].as_str().map(str::to_owned)).unwrap_or_default()
}

#[test]
fn an_address_is_what_its_server_says() {
    let place = Workplace::new();
    let frame = |level| image::Frame::new(image::RgbaImage::from_pixel(8, 8, image::Rgba([level, 0, 0, 255])));
    let mut moving = Vec::new();
    image::codecs::gif::GifEncoder::new(&mut moving).encode_frames([frame(0), frame(9)]).expect("a GIF");
    let address = serve(move |path, _, stream| match path {
        "/picture" => whole(stream, "application/octet-stream", STREET),
        "/moving" => whole(stream, "image/gif", &moving),
        "/list" => {
            let host = stream.local_addr()?;
            let list = format!("# three\nhttp://{host}/picture\n/etc/hostname\nhttp://{host}/list\n");
            whole(stream, "text/plain; charset=utf-8", list.as_bytes())
        }
        _ => whole(stream, "text/html", b"<!DOCTYPE html><html>sign in</html>"),
    });
    let at = |path: &str| format!("{address}{path}");
    assert_eq!(run(&place, &[&at("/picture")]).json()[0]["width"], 1280);
    let said = run(&place, &[&at("/moving")]);
    assert_eq!((said.code, said.json().len()), (Some(0), 2), "{said:?}");
    let said = run(&place, &[&at("/list")]);
    let lines = said.json();
    assert_eq!((&lines[0]["image"], &lines[0]["width"]), (&at("/picture").into(), &1280.into()), "{said:?}");
    assert_eq!(lines[1]["error"], "a list from the network names only http and https addresses");
    assert_eq!(lines[2]["error"], "a list within a list");
    for path in ["/login", "/login.mp4"] {
        let page = run(&place, &[&at(path)]);
        assert!(error(&page).contains("this is an HTML page"), "{page:?}");
    }
}

#[test]
fn a_camera_that_ends_is_an_error_with_a_count() {
    let place = Workplace::new();
    let address = serve(|path, _, stream| pictures(stream, 3, path == "/lengths"));
    for path in ["/lengths", "/boundaries"] {
        let said = run(&place, &[&format!("{address}{path}")]);
        let lines = said.json();
        let frames: Vec<_> = lines.iter().filter(|line| line["width"] == 1280).map(|line| &line["frame"]).collect();
        assert_eq!((said.code, frames), (Some(2), vec![&1.into(), &2.into(), &3.into()]), "{said:?}");
        assert!(lines[0]["time"].is_number() && lines[2]["time"].is_number(), "{said:?}");
        assert_eq!(error(&said), "the stream ended after 3 frames");
    }
}

#[test]
fn a_camera_that_breaks_off_is_connected_to_again() {
    let place = Workplace::new();
    let address = serve(|_, before, stream| match before {
        0 | 1 => pictures(stream, 2, true),
        _ => stream.write_all(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
    });
    let said = run(&place, &[&address, "--reconnect", "1"]);
    let frames = said.json().iter().filter(|line| line["width"] == 1280).count();
    assert_eq!((said.code, frames), (Some(2), 4), "{said:?}");
    assert!(said.stderr.contains("the stream ended after 2 frames; connecting again in 1 s (1 of 1)"), "{said:?}");
    assert_eq!(error(&said), "the stream ended after 4 frames: the server answered 503");
}

#[test]
fn a_server_that_drips_or_keeps_silent_is_given_up() {
    let place = Workplace::new();
    let address = serve(|path, _, stream| {
        if path == "/camera" {
            pictures(stream, 1, true)?;
            stream.write_all(b"--frame\r\nContent-Type: image/jpeg\r\n\r\n")?;
            return drip(stream, STREET);
        }
        if path == "/head" {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: image/jpeg\r\n\r\n")?;
            return drip(stream, &STREET[..500]);
        }
        if path == "/drip" {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: image/jpeg\r\ncontent-length: 100000\r\n\r\n")?;
            return drip(stream, STREET);
        }
        thread::sleep(Duration::from_secs(3600));
        Ok(())
    });
    // In the middle of a file, and before there is enough of it to say what it is.
    for path in ["/drip", "/head"] {
        let drips = run(&place, &[&format!("{address}{path}"), "--stream-timeout", "1"]);
        assert!(error(&drips).starts_with("too slow: "), "{drips:?}");
    }
    let camera = run(&place, &[&format!("{address}/camera"), "--stream-timeout", "1"]);
    assert!(error(&camera).starts_with("the stream ended after 1 frame: too slow: "), "{camera:?}");
    let silent = run(&place, &[&format!("{address}/silent"), "--stream-timeout", "3"]);
    assert_eq!(error(&silent), "nothing has come for 3 s");
    let note = format!("note: {address}/silent: nothing has come for 2 s, given up after 3 s");
    assert!(silent.stderr.lines().any(|line| line == note), "{silent:?}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_wait_and_a_download_without_end() {
    let place = Workplace::new();
    place.street("first.jpg");
    let address = serve(|path, _, stream| {
        let kind = if path == "/parts" { "multipart/mixed; boundary=x" } else { "image/jpeg" };
        stream.write_all(format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n\r\n").as_bytes())?;
        if path == "/parts" {
            stream.write_all(b"--x\r\n\r\n")?;
        }
        if path == "/silent" {
            thread::sleep(Duration::from_secs(3600));
        }
        // Fast enough not to be given up.
        loop {
            stream.write_all(&[b'x'; 4000])?;
            thread::sleep(Duration::from_millis(1));
        }
    });
    for path in ["/file", "/parts", "/silent"] {
        let address = format!("{address}{path}");
        let words = [&SEARCH[..], &["first.jpg", &address, "--stream-timeout", NEVER]].concat();
        let mut child = command(&place, &words).spawn().expect("the program starts");
        // It has begun when the first picture is searched: from then on Ctrl-C is caught.
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        stdout.read_line(&mut line).expect("a line");
        assert!(line.contains("\"first.jpg\""), "{line}");
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().expect("kill is there").success());
        assert_eq!(child.wait().expect("it ends").code(), Some(130), "{path}");
        let mut said = String::new();
        child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("UTF-8");
        assert!(said.ends_with("note: interrupted after 1 of 2\n") && !said.contains("error"), "{path}: {said}");
    }
}

#[test]
fn a_password_is_in_no_result() {
    let place = Workplace::new();
    let address = serve(|path, _, stream| match path {
        "/street.jpg" => whole(stream, "image/jpeg", STREET),
        _ => stream.write_all(b"HTTP/1.1 404 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
    });
    let with_password = address.replace("http://", "http://admin:s3cret@");
    let words = [&format!("{with_password}/street.jpg"), &format!("{with_password}/missing.jpg"), "--save-csv"];
    let said: Said = command(&place, &[&["run", "--json", "--imgsz", "32"], &words[..]].concat())
        .output()
        .expect("the program starts")
        .into();
    assert_eq!(said.json()[0]["image"], format!("{address}/street.jpg"));
    assert_eq!(place.files("runs/detect/predict"), ["predictions.csv", "street.jpg"]);
    let everything = format!("{said:?} {}", place.text("runs/detect/predict/predictions.csv"));
    assert!(!everything.contains("s3cret"), "{everything}");
}

#[cfg(unix)]
#[test]
fn a_named_pipe_is_waited_for_like_a_stream() {
    let place = Workplace::new();
    let pipe = place.path("pipe.jpg");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo is there").success());
    let silent = run(&place, &["pipe.jpg", "--stream-timeout", "1"]);
    assert_eq!((silent.code, error(&silent)), (Some(2), "nothing has come for 1 s".to_owned()), "{silent:?}");
    // It waits for its reader.
    let writer = thread::spawn(move || std::fs::write(pipe, STREET));
    let read = run(&place, &["pipe.jpg"]);
    assert_eq!((read.code, &read.json()[0]["width"]), (Some(0), &1280.into()), "{read:?}");
    assert!(writer.join().expect("no panic").is_ok());
}
