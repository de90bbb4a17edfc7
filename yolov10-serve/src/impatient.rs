//! A connection that ends if its client sends nothing, or does not read, for too long.
//!
//! Between the two, the protocol's server has its own limits. It has none before it knows the protocol.

use std::future::Future;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// Bytes that tell HTTP/2 from HTTP/1 at most: the preface of HTTP/2.
const OPENING: usize = 24;

pub(crate) struct Impatient<S> {
    stream: S,
    patience: Duration,
    /// Bytes of the opening still missing.
    missing: usize,
    /// Set while waiting for them.
    opening: Option<Pin<Box<Sleep>>>,
    /// Set while a write waits.
    writing: Option<Pin<Box<Sleep>>>,
}

impl<S> Impatient<S> {
    pub(crate) fn new(stream: S, patience: Duration) -> Self {
        Self { stream, patience, missing: OPENING, opening: None, writing: None }
    }

    /// The result of a write, or an error if it has waited too long.
    fn bound<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.writing = None;
            return written;
        }
        wait(&mut self.writing, self.patience, context)
    }
}

/// An error once `patience` has passed since the first call.
fn wait<T>(since: &mut Option<Pin<Box<Sleep>>>, patience: Duration, context: &mut Context<'_>) -> Poll<io::Result<T>> {
    let over = since.get_or_insert_with(|| Box::pin(sleep(patience))).as_mut().poll(context);
    over.map(|()| Err(ErrorKind::TimedOut.into()))
}

impl<S: AsyncRead + Unpin> AsyncRead for Impatient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if self.missing == 0 {
            return read;
        }
        self.missing = self.missing.saturating_sub(buffer.filled().len() - before);
        let Self { missing, opening, patience, .. } = &mut *self;
        match read {
            Poll::Pending => wait(opening, *patience, context),
            ready => {
                if *missing == 0 {
                    *opening = None;
                }
                ready
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Impatient<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.bound(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.bound(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.bound(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ended = Pin::new(&mut self.stream).poll_shutdown(context);
        self.bound(context, ended)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn a_client_that_reads_gets_everything() {
        let (near, mut far) = duplex(1);
        let mut near = Impatient::new(near, Duration::from_secs(60));
        let reading = tokio::spawn(async move {
            let mut read = [0; 3];
            far.read_exact(&mut read).await.map(|_| read)
        });
        near.write_all(&[1, 2, 3]).await.expect("it is read");
        assert_eq!(reading.await.expect("no panic").expect("three came"), [1, 2, 3]);
    }

    #[tokio::test]
    async fn a_client_that_says_nothing_ends_its_connection_and_one_that_has_said_something_does_not() {
        let (near, mut far) = duplex(64);
        let mut near = Impatient::new(near, Duration::from_millis(10));
        far.write_all(b"PRI * HTTP").await.expect("there is room");
        let mut read = [0; 64];
        assert_eq!(near.read(&mut read).await.expect("it came"), 10);
        assert_eq!(near.read(&mut read).await.expect_err("nothing comes").kind(), ErrorKind::TimedOut);
        let mut near = Impatient::new(near.stream, Duration::from_millis(10));
        far.write_all(&[0; OPENING]).await.expect("there is room");
        assert_eq!(near.read(&mut read).await.expect("it came"), OPENING);
        tokio::time::timeout(Duration::from_millis(50), near.read(&mut read)).await.expect_err("it waits");
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_ends_its_connection() {
        let (near, _far) = duplex(1);
        let mut near = Impatient::new(near, Duration::from_millis(10));
        let failed = near.write_all(&[0; 2]).await.expect_err("nobody reads");
        assert_eq!(failed.kind(), ErrorKind::TimedOut);
    }
}
