//! How bytes come and go: plain or through TLS, over whatever tokio can read and write.
//!
//! Nothing here knows XML or stanzas. Every method is a poll, so that a connection that waits is one small future, and
//! buffers come from [`scratch`], so that it holds none.

pub(crate) mod binding;
pub(crate) mod plain;
pub(crate) mod scratch;
pub(crate) mod tls;
pub(crate) mod websocket;

use std::io;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

pub use tls::{Certificate, TlsConfig};

/// What a transport can stand on.
pub trait Socket: AsyncRead + AsyncWrite + Send + Unpin + 'static {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Socket for T {}

/// One connection's bytes.
pub(crate) trait Transport: Send {
    /// Appends what has arrived to `into`, which must have room (see [`scratch::ensure`]); 0 when the peer sends no more.
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut Vec<u8>) -> Poll<io::Result<usize>>;

    /// Takes a buffer from [`scratch`] to be written; [`Transport::poll_flush`] does it.
    fn write(&mut self, buffer: Vec<u8>) -> io::Result<()>;

    /// How many bytes the socket has yet to take.
    fn unwritten(&self) -> usize;

    /// Writes what was taken.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Queues the last bytes of the transport itself (TLS: `close_notify`).
    fn finish(&mut self);

    /// Flushes and closes our direction.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Hears how large an element may be from now on, in bytes: for transports that take elements whole.
    fn expect(&mut self, _largest: usize) {}

    /// The socket beneath, for STARTTLS.
    fn into_socket(self: Box<Self>) -> Box<dyn Socket>;
}
