//! A connection whose other side may not stop reading for ever.
//!
//! Hyper bounds how long a request's head takes, not how long an answer is left unread. A WebSocket has rules of its
//! own about slow readers: once one is open, this is over.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// A connection that fails when nothing could be written for too long.
pub struct Patient<S> {
    inner: S,
    most: Duration,
    /// Runs while the other side takes nothing.
    waiting: Option<Pin<Box<Sleep>>>,
    switch: Patience,
}

/// Ends the patience with one connection; travels with its requests.
#[derive(Clone)]
pub struct Patience(Arc<AtomicBool>);

impl Patience {
    /// From now on the connection may be left unread as long as its user likes.
    pub fn end(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl<S> Patient<S> {
    /// A connection of which nothing may be left unread for longer than `most`.
    pub fn new(inner: S, most: Duration) -> (Self, Patience) {
        let switch = Patience(Arc::new(AtomicBool::new(true)));
        (
            Self {
                inner,
                most,
                waiting: None,
                switch: switch.clone(),
            },
            switch,
        )
    }

    /// Lets a result through; while there is none, looks at the time.
    fn watch<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if result.is_ready() || !self.switch.0.load(Ordering::Relaxed) {
            self.waiting = None;
            return result;
        }
        let most = self.most;
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(most)));
        match waiting.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.watch(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        self.watch(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.inner).poll_flush(cx);
        self.watch(cx, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.watch(cx, result)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn who_reads_nothing_is_left() {
        let (ours, mut theirs) = tokio::io::duplex(4);
        let (mut patient, _switch) = Patient::new(ours, Duration::from_millis(20));
        let error = patient.write_all(b"longer than four").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let mut seen = [0; 4];
        theirs.read_exact(&mut seen).await.unwrap();
        assert_eq!(&seen, b"long");
    }

    #[tokio::test]
    async fn once_ended_it_waits_for_ever() {
        let (ours, theirs) = tokio::io::duplex(4);
        let (mut patient, switch) = Patient::new(ours, Duration::from_millis(1));
        switch.end();
        let writing = patient.write_all(b"longer than four");
        assert!(
            tokio::time::timeout(Duration::from_millis(30), writing)
                .await
                .is_err()
        );
        drop(theirs);
    }
}
