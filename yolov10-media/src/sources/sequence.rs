//! Sources of many pictures: their moments, one after another, and streams that reconnect.

use std::time::Duration;

use yolov10_model::Error as ModelError;

use super::Content;
use crate::error::Error;
use crate::patience::Patience;

/// Pictures that come one after another.
pub struct Sequence {
    pub moments: Moments,
    /// How many there will be, if known.
    pub total: Option<usize>,
}

pub type Moments = Box<dyn Iterator<Item = Result<Moment, Error>>>;

/// A picture and its place in time.
pub struct Moment {
    pub content: Content,
    /// Its time, counted from the first one.
    pub at: Duration,
    /// How long it is shown.
    pub shown: Duration,
}

/// A stream never ends by itself: if it does, it broke off, and is reconnected as often as the patience says.
pub struct Stream<F> {
    pub name: String,
    pub patience: Patience,
    pub connect: F,
    /// `None` before it is connected.
    pub moments: Option<Moments>,
    pub progress: Progress,
}

/// How far a stream has come.
#[derive(Default)]
pub struct Progress {
    frames: usize,
    /// How many connections in a row yielded nothing.
    failures: usize,
    /// When the current connection's first picture came, and when that of the next one may.
    start: Duration,
    next: Duration,
    is_over: bool,
}

impl<F: FnMut() -> Result<Moments, Error>> Stream<F> {
    /// The next moment, from this connection or the next one.
    fn advance(&mut self) -> Result<Moment, Error> {
        loop {
            let step = match &mut self.moments {
                Some(moments) => moments.next(),
                None => match (self.connect)() {
                    Ok(moments) => self.moments.insert(moments).next(),
                    Err(error) => Some(Err(error)),
                },
            };
            let reason = match step {
                Some(Ok(mut moment)) => {
                    moment.at += self.progress.start;
                    let next = moment.at + moment.shown;
                    self.progress = Progress { frames: self.progress.frames + 1, failures: 0, next, ..self.progress };
                    return Ok(moment);
                }
                Some(Err(Error::Cancelled)) => return Err(Error::Cancelled),
                Some(Err(reason)) => Some(reason),
                None => None,
            };
            self.moments = None;
            let broken = self.broken(reason);
            let Progress { failures, next, .. } = self.progress;
            if failures >= self.patience.reconnects {
                return Err(broken);
            }
            self.progress = Progress { failures: failures + 1, start: next, ..self.progress };
            self.patience.pause(&self.name, failures + 1, ModelError::with_causes(&broken))?;
        }
    }

    fn broken(&self, reason: Option<Error>) -> Error {
        match (self.progress.frames, reason) {
            // It has not even begun: there is nothing more to say.
            (0, Some(reason)) => reason,
            (frames, reason) => Error::StreamEnded { frames, reason: reason.map(Box::new) },
        }
    }
}

impl<F: FnMut() -> Result<Moments, Error>> Iterator for Stream<F> {
    type Item = Result<Moment, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.progress.is_over {
            return None;
        }
        let moment = self.advance();
        self.progress.is_over = moment.is_err();
        // Whoever cancelled it knows.
        (!matches!(moment, Err(Error::Cancelled))).then_some(moment)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::patience::Notice;

    fn moment(at: u64) -> Result<Moment, Error> {
        let tick = Duration::from_secs(1);
        Ok(Moment { content: Content::Bytes(vec![].into()), at: at as u32 * tick, shown: tick })
    }

    /// What a stream yields if its connections yield these.
    fn times(connections: Vec<Result<Vec<u64>, Error>>, reconnects: usize) -> (Vec<Result<u64, String>>, usize) {
        let heard = Arc::new(Mutex::new(0));
        let count = Arc::clone(&heard);
        let hears = move |_: &str, _: Notice| *count.lock().expect("one thread") += 1;
        let patience = Patience { reconnects, notices: Some(Arc::new(hears)), ..Patience::default() };
        let mut connections = connections.into_iter();
        let connect = move || {
            let moments = connections.next().expect("no more connections than wanted")?;
            Ok(Box::new(moments.into_iter().map(moment)) as Moments)
        };
        let stream =
            Stream { name: "camera".to_owned(), patience, connect, moments: None, progress: Progress::default() };
        let given = stream
            .map(|moment| moment.map(|moment| moment.at.as_secs()).map_err(|error| ModelError::with_causes(&error)));
        let given = given.collect();
        let heard = *heard.lock().expect("one thread");
        (given, heard)
    }

    #[test]
    fn a_stream_that_ends_is_an_error_with_a_count() {
        let (given, reconnected) = times(vec![Ok(vec![0, 1])], 0);
        assert_eq!(given, [Ok(0), Ok(1), Err("the stream ended after 2 frames".to_owned())]);
        assert_eq!(reconnected, 0);
    }

    #[test]
    fn a_stream_that_is_connected_to_again_goes_on_in_time() {
        let (given, reconnected) = times(vec![Ok(vec![0, 1]), Ok(vec![0]), Err(Error::NotFound)], 1);
        let end = "the stream ended after 3 frames".to_owned();
        // The second connection gave something, so that there was one more; it failed.
        assert_eq!(given, [Ok(0), Ok(1), Ok(2), Err(format!("{end}: no such file or folder"))]);
        assert_eq!(reconnected, 2);
    }
}
