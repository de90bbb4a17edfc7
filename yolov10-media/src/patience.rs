//! How long to wait for others: servers, cameras, streams.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::cancel::Cancel;
use crate::error::Error;

/// How often a wait is checked.
const GLANCE: Duration = Duration::from_millis(100);
/// Silence that is worth a notice.
const WORTH_A_WORD: Duration = Duration::from_secs(2);
/// The longest pause before reconnecting to a stream.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Hears what happens during a wait for pictures: the source's name, and the notice.
pub type Listener = Arc<dyn Fn(&str, Notice) + Send + Sync>;

/// How to wait for sources that come over a network or from a device.
#[derive(Clone)]
pub struct Patience {
    /// How long a source may send nothing.
    pub limit: Duration,
    /// How many times in a row to reconnect to a stream that broke off.
    pub reconnects: usize,
    /// Ends every wait.
    pub cancel: Cancel,
    /// Hears what happens meanwhile.
    pub notices: Option<Listener>,
}

/// What happens during a wait for pictures.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Notice {
    /// Nothing has come for a while.
    Silence {
        /// When the wait is given up.
        limit: Duration,
    },
    /// A stream broke off and is being reconnected.
    Reconnecting {
        /// Which attempt this is, from 1.
        attempt: usize,
        /// How many there will be at most.
        of: usize,
        /// The pause before it.
        pause: Duration,
        /// Why it broke off.
        reason: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silence { limit } => {
                write!(
                    formatter,
                    "nothing has come for {} s, given up after {} s",
                    WORTH_A_WORD.as_secs(),
                    limit.as_secs()
                )
            }
            Self::Reconnecting { attempt, of, pause, reason } => {
                write!(formatter, "{reason}; connecting again in {} s ({attempt} of {of})", pause.as_secs())
            }
        }
    }
}

impl Default for Patience {
    /// Twenty seconds, no reconnects, no listener.
    fn default() -> Self {
        Self { limit: Duration::from_secs(20), reconnects: 0, cancel: Cancel::new(), notices: None }
    }
}

impl fmt::Debug for Patience {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, reconnects, cancel, notices: _ } = self;
        let mut fields = formatter.debug_struct("Patience");
        fields.field("limit", limit).field("reconnects", reconnects).field("cancel", cancel).finish_non_exhaustive()
    }
}

impl Patience {
    /// The next thing that comes; `None` if the sender is gone.
    pub(crate) fn receive<T>(&self, name: &str, receiver: &Receiver<T>) -> Result<Option<T>, Error> {
        let (started, mut is_said) = (Instant::now(), false);
        loop {
            // Also if more and more comes: a file may have no end.
            if self.cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            match receiver.recv_timeout(GLANCE) {
                Ok(received) => return Ok(Some(received)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let silence = started.elapsed();
            if silence >= WORTH_A_WORD && self.limit > WORTH_A_WORD && !is_said {
                is_said = true;
                self.notify(name, Notice::Silence { limit: self.limit });
            }
            if silence >= self.limit {
                return Err(Error::Silence { limit: self.limit });
            }
        }
    }

    /// Waits before attempt number `attempt` to reconnect, twice as long each time.
    pub(crate) fn pause(&self, name: &str, attempt: usize, reason: String) -> Result<(), Error> {
        let doublings = u32::try_from(attempt - 1).unwrap_or(u32::MAX).min(10);
        let pause = Duration::from_secs(1 << doublings).min(LONGEST_PAUSE);
        self.notify(name, Notice::Reconnecting { attempt, of: self.reconnects, pause, reason });
        let started = Instant::now();
        while started.elapsed() < pause {
            if self.cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            std::thread::sleep(GLANCE);
        }
        Ok(())
    }

    fn notify(&self, name: &str, notice: Notice) {
        if let Some(hears) = &self.notices {
            hears(name, notice);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[test]
    fn silence_is_said_once_and_given_up() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&heard);
        let hears = move |name: &str, notice: Notice| log.lock().expect("one thread").push(format!("{name}: {notice}"));
        let patience =
            Patience { limit: Duration::from_millis(2500), notices: Some(Arc::new(hears)), ..Patience::default() };
        let (_sender, receiver) = sync_channel::<()>(1);
        let started = Instant::now();
        let end = patience.receive("camera", &receiver);
        assert!(matches!(end, Err(Error::Silence { .. })), "{end:?}");
        assert!(started.elapsed() >= patience.limit);
        let heard = heard.lock().expect("one thread");
        assert_eq!(heard[..], ["camera: nothing has come for 2 s, given up after 2 s"]);
    }

    #[test]
    fn a_cancelled_wait_ends_at_once() {
        let patience = Patience::default();
        let (sender, receiver) = sync_channel::<()>(1);
        sender.send(()).expect("there is room for one");
        assert!(!patience.cancel.cancel());
        let started = Instant::now();
        assert!(matches!(patience.receive("camera", &receiver), Err(Error::Cancelled)));
        assert!(matches!(patience.pause("camera", 7, "gone".to_owned()), Err(Error::Cancelled)));
        assert!(started.elapsed() < patience.limit, "both would wait for longer");
    }
}
