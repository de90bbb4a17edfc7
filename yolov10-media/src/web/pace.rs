//! The least rate of a transfer: a server that drips would else be waited for without end.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use super::PATIENCE;
use crate::error::Error;

/// Bytes per second.
const LEAST_RATE: u64 = 1000;

/// How much has come in how long.
#[derive(Debug)]
pub(super) struct Pace {
    looked: Instant,
    came: u64,
}

impl Pace {
    /// From now on.
    pub fn new() -> Self {
        Self { looked: Instant::now(), came: 0 }
    }

    /// Counts what came; looks at the rate once every `window`.
    pub fn add(&mut self, bytes: usize, window: Duration) -> Result<(), Error> {
        self.came += bytes as u64;
        let within = self.looked.elapsed();
        if within < window {
            return Ok(());
        }
        let (found, expected) = (self.came, LEAST_RATE * within.as_secs());
        *self = Self::new();
        if found < expected { Err(Error::TooSlow { found, expected, within }) } else { Ok(()) }
    }
}

/// A transfer that fails when it comes too slowly.
#[derive(Debug)]
pub struct Paced<R> {
    reader: R,
    pace: Pace,
}

/// What `reader` gives, unless that comes too slowly.
pub fn paced<R: Read>(reader: R) -> Paced<R> {
    Paced { reader, pace: Pace::new() }
}

impl<R: Read> Read for Paced<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(bytes)?;
        if read > 0 {
            self.pace.add(read, PATIENCE).map_err(|error| io::Error::new(io::ErrorKind::TimedOut, error))?;
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_looked_at_when_the_window_is_over() {
        let mut pace = Pace { looked: Instant::now() - Duration::from_secs(3), came: 0 };
        assert!(pace.add(10, Duration::from_secs(60)).is_ok());
        let slow = pace.add(10, Duration::from_secs(2));
        assert!(matches!(slow, Err(Error::TooSlow { found: 20, expected: 3000, .. })), "{slow:?}");
        let mut pace = Pace { looked: Instant::now() - Duration::from_secs(3), came: 5000 };
        assert!(pace.add(1, Duration::from_secs(2)).is_ok());
        assert_eq!(pace.came, 0);
    }
}
