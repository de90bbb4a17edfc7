//! A server in a process of its own, and as much of HTTP as asks it something.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longest wait for anything: a busy machine may take its time, a hang ends here.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Server {
    process: Child,
    pub address: String,
    /// What it says, line by line.
    said: Mutex<Receiver<Value>>,
}

pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

pub fn command(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_yolo10-burn"));
    command.arg("serve").args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

impl Server {
    /// Starts it on free ports and waits until it is ready.
    pub fn start(words: &[&str]) -> Self {
        let mut server = Self::spawn(words);
        let ready = server.wait_for("ready");
        let address = ready["details"]["http"].as_str().expect("an address").trim_start_matches("http://").to_owned();
        server.address = address;
        server
    }

    fn spawn(words: &[&str]) -> Self {
        let ports = ["--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--log-format", "json"];
        let words = [&ports, words].concat();
        let mut process = command(&words).spawn().expect("the program starts");
        let said = Mutex::new(lines(process.stderr.take().expect("it was asked for")));
        Self { process, address: String::new(), said }
    }

    /// The next line about such an event.
    pub fn wait_for(&self, event: &str) -> Value {
        let until = Instant::now() + PATIENCE;
        let said = self.said.lock().expect("no test has panicked with it");
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line = said.recv_timeout(left).unwrap_or_else(|_| panic!("the server never said {event:?}"));
            if line["event"] == event {
                return line;
            }
        }
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Bytes of it, as Linux counts them, in main memory.
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).expect("Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }

    /// How often it has needed a page that it did not have, without reading a disk.
    pub fn page_faults(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).expect("Linux");
        // Of the fields behind the name, which may hold spaces.
        let (_, fields) = stat.rsplit_once(')').expect("a name");
        fields.split_whitespace().nth(7).and_then(|faults| faults.parse().ok()).expect("a number")
    }

    /// Tells it to end, as systemd and Kubernetes do.
    pub fn terminate(&self) {
        let id = self.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill").success());
    }

    pub fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(status) = self.process.try_wait().expect("it can be asked") {
                return status;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("the server never ended");
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"")
    }

    pub fn post(&self, path: &str, body: &[u8]) -> Answer {
        self.ask("POST", path, &[], body)
    }

    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        read(self.send(method, path, headers, body))
    }

    /// Sends a request and leaves its answer to the caller.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time");
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.address);
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("content-length: {}\r\n\r\n", body.len());
        // A server that refuses the head may not read the body.
        let _refused = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        stream
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn lines(stderr: ChildStderr) -> Receiver<Value> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Asks again until it is so.
pub fn waits_until(mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "it never was so");
        thread::sleep(Duration::from_millis(5));
    }
}

/// All of an answer, until the server closes the connection.
pub fn read(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    // A refusal may come with a reset behind it.
    stream.read_to_end(&mut bytes).ok();
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(bytes[..end].to_vec()).expect("ASCII");
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status");
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut answer = Answer { status, headers, body: bytes[end + 4..].to_vec() };
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = unchunked(&answer.body);
    }
    answer
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = bytes.windows(2).position(|window| window == b"\r\n") {
        let length = std::str::from_utf8(&bytes[..end]).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
        let length = length.expect("a chunk's length");
        if length == 0 || bytes.len() < end + 2 + length {
            break;
        }
        whole.extend_from_slice(&bytes[end + 2..end + 2 + length]);
        bytes = bytes.get(end + 4 + length..).unwrap_or(&[]);
    }
    whole
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The body, of an answer with this status.
    #[track_caller]
    pub fn json(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// What a refusal says.
    #[track_caller]
    pub fn error(&self, status: u16) -> String {
        let body = self.json(status);
        assert_eq!(body.as_object().expect("an object").len(), 1, "{body}");
        body["error"].as_str().expect("a sentence").to_owned()
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("text")
    }
}
