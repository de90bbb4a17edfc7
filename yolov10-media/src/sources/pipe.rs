//! Files that are none: named pipes, `/dev/stdin`, `/dev/fd/63`. Whoever writes into one may never come.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use crate::error::Error;
use crate::patience::Patience;

/// Bytes that are read at a time, and how many of these may wait.
const PIECE: usize = 1 << 16;
const QUEUE: usize = 4;

/// Whether a path leads to something that may keep its reader waiting.
pub fn is_pipe(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// All that comes out of a pipe: a thread reads it, and is let go when the wait ends.
///
/// # Errors
/// It can't be read, is silent, or gives more than `limit` bytes.
pub fn read(path: &Path, limit: u64, patience: &Patience) -> Result<Vec<u8>, Error> {
    let (sender, pieces) = sync_channel(QUEUE);
    let pipe = path.to_owned();
    thread::Builder::new().name("pipe".to_owned()).spawn(move || {
        if let Err(error) = send(&pipe, &sender) {
            // Nobody listens any more: nobody wants to know.
            sender.send(Err(error)).ok();
        }
    })?;
    let mut all = Vec::new();
    while let Some(piece) = patience.receive(&path.display().to_string(), &pieces)? {
        all.extend(piece?);
        if all.len() as u64 > limit {
            return Err(Error::TooLarge { limit, found: None });
        }
    }
    Ok(all)
}

fn send(path: &Path, sender: &SyncSender<io::Result<Vec<u8>>>) -> io::Result<()> {
    let mut pipe = File::open(path)?;
    loop {
        let mut bytes = vec![0; PIECE];
        let read = pipe.read(&mut bytes)?;
        bytes.truncate(read);
        if read == 0 || sender.send(Ok(bytes)).is_err() {
            return Ok(());
        }
    }
}
