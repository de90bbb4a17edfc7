//! A server's answer, with waits that can be ended: a thread reads it, and stops when nobody listens.

use std::io::Read;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::pace::Pace;
use super::{Answer, get};
use crate::error::Error;
use crate::patience::Patience;

/// A file takes no longer than this.
const LONGEST_TRANSFER: Duration = Duration::from_secs(600);
/// Bytes that are read at a time, and how many of these may wait.
const PIECE: usize = 1 << 16;
const QUEUE: usize = 4;

/// What a server sends, as it comes.
#[derive(Debug)]
pub struct Response {
    /// The content type, if the server says.
    pub content_type: Option<String>,
    /// How many bytes there are, if the server says.
    length: Option<u64>,
    pieces: Receiver<Piece>,
    name: String,
    patience: Patience,
    /// Bytes that came before they were wanted.
    early: Vec<u8>,
}

#[derive(Debug)]
enum Piece {
    Head { content_type: Option<String>, length: Option<u64> },
    Bytes(Vec<u8>),
    Failed(Error),
}

/// Fetches what is at `url`, whose name in results is `name`.
///
/// # Errors
/// The server can't be reached, refuses, or does not answer.
pub fn open(url: &str, name: &str, patience: &Patience) -> Result<Response, Error> {
    let (sender, pieces) = sync_channel(QUEUE);
    let address = url.to_owned();
    thread::Builder::new().name("download".to_owned()).spawn(move || {
        if let Err(error) = read(&address, &sender) {
            // If nobody listens any more, nobody wants to know.
            sender.send(Piece::Failed(error)).ok();
        }
    })?;
    let (content_type, length) = match patience.receive(name, &pieces)? {
        Some(Piece::Head { content_type, length }) => (content_type, length),
        Some(Piece::Failed(error)) => return Err(error),
        Some(Piece::Bytes(_)) | None => return Err(Error::Unreachable { reason: "no answer".to_owned() }),
    };
    let (name, patience) = (name.to_owned(), patience.clone());
    Ok(Response { content_type, length, pieces, name, patience, early: Vec::new() })
}

fn read(url: &str, sender: &SyncSender<Piece>) -> Result<(), Error> {
    let Answer { content_type, length, mut body, .. } = get(url, 0)?;
    if sender.send(Piece::Head { content_type, length }).is_err() {
        return Ok(());
    }
    loop {
        let mut bytes = vec![0; PIECE];
        let read = body.read(&mut bytes).map_err(Error::BrokenOff)?;
        bytes.truncate(read);
        if read == 0 || sender.send(Piece::Bytes(bytes)).is_err() {
            return Ok(());
        }
    }
}

impl Response {
    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// The transfer broke off, nothing comes any more, or `pace` finds that it comes too slowly.
    pub(super) fn next_bytes(&mut self, pace: &mut Pace) -> Result<Option<Vec<u8>>, Error> {
        if !self.early.is_empty() {
            return Ok(Some(std::mem::take(&mut self.early)));
        }
        match self.patience.receive(&self.name, &self.pieces)? {
            Some(Piece::Bytes(bytes)) => pace.add(bytes.len(), self.patience.limit).map(|()| Some(bytes)),
            Some(Piece::Failed(error)) => Err(error),
            Some(Piece::Head { .. }) | None => Ok(None),
        }
    }

    /// The first bytes, which remain to be read: at least `count`, unless there are fewer.
    ///
    /// # Errors
    /// The transfer broke off, comes too slowly, or not at all any more.
    pub fn peek(&mut self, count: usize) -> Result<&[u8], Error> {
        let (mut first, mut pace) = (std::mem::take(&mut self.early), Pace::new());
        while first.len() < count {
            match self.next_bytes(&mut pace)? {
                Some(bytes) => first.extend(bytes),
                None => break,
            }
        }
        self.early = first;
        Ok(&self.early)
    }

    /// All of it.
    ///
    /// # Errors
    /// It has more than `limit` bytes, broke off, comes too slowly, or nothing more comes.
    pub fn read_all(mut self, limit: u64) -> Result<Vec<u8>, Error> {
        if let Some(length) = self.length.filter(|length| *length > limit) {
            return Err(Error::TooLarge { limit, found: Some(length) });
        }
        let (begun, mut pace, mut all) = (Instant::now(), Pace::new(), Vec::new());
        while let Some(bytes) = self.next_bytes(&mut pace)? {
            all.extend(bytes);
            if all.len() as u64 > limit {
                return Err(Error::TooLarge { limit, found: None });
            }
            let within = begun.elapsed();
            if within >= LONGEST_TRANSFER {
                return Err(Error::TooLong { found: all.len() as u64, within });
            }
        }
        match self.length {
            Some(length) if length > all.len() as u64 => {
                Err(Error::BrokenOff(std::io::ErrorKind::UnexpectedEof.into()))
            }
            _ => Ok(all),
        }
    }
}
