//! The transport of a stream over HTTP: what requests bring is read, what is written waits for a request to answer.
//!
//! It also notices a client that makes no more requests.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::future::BoxFuture;
use store::Clock;

use super::Bound;
use crate::transport::{Socket, Transport, scratch};

/// See the module.
pub(super) struct Pipe {
    session: Arc<Bound>,
    clock: Arc<dyn Clock>,
    /// When to look whether the client is still there.
    look: Option<(u64, BoxFuture<'static, ()>)>,
}

impl Pipe {
    pub(super) fn new(session: Arc<Bound>, clock: Arc<dyn Clock>) -> Pipe {
        Pipe {
            session,
            clock,
            look: None,
        }
    }

    /// Ready when the client has been silent for too long (§10).
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let now = self.clock.monotonic_ms();
            let due = self.session.state.lock().silence_due(now);
            if due <= now {
                self.session.state.lock().give_up();
                return Poll::Ready(());
            }
            if self.look.as_ref().is_none_or(|(at, _)| due < *at) {
                self.look = Some((due, self.clock.sleep(due - now)));
            }
            if let Some((_, look)) = &mut self.look {
                ready!(look.as_mut().poll(cx));
                self.look = None;
            }
        }
    }
}

impl Transport for Pipe {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut Vec<u8>) -> Poll<io::Result<usize>> {
        let now = self.clock.monotonic_ms();
        let read = self.session.state.lock().poll_read(cx, into, now);
        match read {
            Poll::Ready(read) => Poll::Ready(Ok(read)),
            Poll::Pending => self.poll_silence(cx).map(|()| Ok(0)),
        }
    }

    fn write(&mut self, buffer: Vec<u8>) -> io::Result<()> {
        self.session.state.lock().write(&buffer);
        scratch::give(buffer);
        Ok(())
    }

    fn unwritten(&self) -> usize {
        self.session.state.lock().unwritten()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let now = self.clock.monotonic_ms();
        let flushed = self.session.state.lock().poll_flush(cx, now);
        self.session.tell_end();
        match flushed {
            Poll::Ready(true) => Poll::Ready(Ok(())),
            Poll::Ready(false) => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Poll::Pending => self
                .poll_silence(cx)
                .map(|()| Err(io::ErrorKind::TimedOut.into())),
        }
    }

    fn finish(&mut self) {}

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }

    fn expect(&mut self, largest: usize) {
        self.session.state.lock().element_bytes = largest;
    }

    fn into_socket(self: Box<Self>) -> Box<dyn Socket> {
        // TLS is not begun inside of HTTP (XEP-0206 §2): nothing is beneath.
        Box::new(tokio::io::empty())
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let now = self.clock.monotonic_ms();
        self.session.state.lock().end_stream(now);
        self.session.tell_end();
    }
}
