//! A connection without TLS: a TCP socket, a WebSocket's upgraded stream, or a pipe in memory.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;
use tokio_util::io::poll_read_buf;

use super::{Socket, Transport, scratch};

/// Bytes that the socket has not taken yet.
#[derive(Default)]
pub(crate) struct Unwritten {
    bytes: Vec<u8>,
    at: usize,
}

impl Unwritten {
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where to append; a pooled buffer if nothing waits.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        scratch::ensure(&mut self.bytes, 0);
        &mut self.bytes
    }

    /// Appends a whole buffer, which is kept instead of copied where nothing waits.
    pub(crate) fn push(&mut self, buffer: Vec<u8>) {
        if self.is_empty() {
            scratch::give(std::mem::replace(&mut self.bytes, buffer));
            self.at = 0;
        } else {
            self.bytes.extend_from_slice(&buffer);
            scratch::give(buffer);
        }
    }

    /// Writes until nothing is left or the socket takes no more.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut dyn Socket,
    ) -> Poll<io::Result<()>> {
        while self.at < self.bytes.len() {
            let written = ready!(Pin::new(&mut *socket).poll_write(cx, &self.bytes[self.at..]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.at += written;
        }
        scratch::give(std::mem::take(&mut self.bytes));
        self.at = 0;
        Poll::Ready(Ok(()))
    }
}

/// See the module.
pub(crate) struct Plain<S> {
    socket: S,
    unwritten: Unwritten,
}

impl<S: Socket> Plain<S> {
    pub(crate) fn new(socket: S) -> Plain<S> {
        Plain {
            socket,
            unwritten: Unwritten::default(),
        }
    }
}

impl<S: Socket> Transport for Plain<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut Vec<u8>) -> Poll<io::Result<usize>> {
        poll_read_buf(Pin::new(&mut self.socket), cx, into)
    }

    fn write(&mut self, buffer: Vec<u8>) -> io::Result<()> {
        self.unwritten.push(buffer);
        Ok(())
    }

    fn unwritten(&self) -> usize {
        self.unwritten.len()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.unwritten.poll_write(cx, &mut self.socket))?;
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn finish(&mut self) {}

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(cx))?;
        AsyncWrite::poll_shutdown(Pin::new(&mut self.socket), cx)
    }

    fn into_socket(self: Box<Self>) -> Box<dyn Socket> {
        Box::new(self.socket)
    }
}
