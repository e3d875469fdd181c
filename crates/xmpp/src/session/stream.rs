//! One XML stream on a transport: finds what arrives, frames what leaves, over TCP
//! ([RFC 6120 §4](https://www.rfc-editor.org/rfc/rfc6120#section-4)), WebSocket
//! ([RFC 7395](https://www.rfc-editor.org/rfc/rfc7395)) and HTTP ([XEP-0206](https://xmpp.org/extensions/xep-0206.html)).
//!
//! It decides nothing about what the elements say.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use wire::sasl::ChannelBinding;
use wire::{
    Framed, Jid, Limits, ScanError, Scanned, Scanner, Stanza, StreamCondition, StreamContext, StreamError,
    StreamHeader, Writer, ingress, read_framed, write_framed, write_framed_close, write_framed_open,
    write_stream_close, write_stream_open,
};

use crate::listen::bosh;
use crate::session::mailbox::Outgoing;
use crate::transport::plain::Plain;
use crate::transport::tls::Tls;
use crate::transport::websocket::{self, Decoder, FrameError, Received};
use crate::transport::{TlsConfig, Transport, scratch};

/// Bytes that may wait to be written before pings are not answered any more.
const PONGS_MAX: usize = 16 * 1024;

/// What arrived.
#[derive(Debug)]
pub(crate) enum Event {
    /// `<stream:stream>` or `<open/>`.
    Open(Box<StreamHeader>),
    /// A first-level element.
    Stanza(Stanza),
    /// `</stream:stream>`, `<close/>` or the WebSocket's own close frame.
    Close,
}

/// Whose stanzas arrive.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sender<'a> {
    /// Nobody's yet.
    Unknown,
    /// A bound session's; each stanza gets its full JID as `from`.
    Bound(&'a Jid),
}

/// Why nothing more can be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error(transparent)]
    Xml(#[from] ScanError),
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A stanza whose `from` is not its sender.
    #[error("from is not the sender")]
    ForgedFrom,
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The peer is gone without closing its stream.
    #[error("connection ended")]
    Ended,
}

impl Broken {
    /// What to tell the peer, if there is still somebody to tell.
    pub(crate) fn stream_error(&self) -> Option<StreamError> {
        match self {
            Broken::Xml(error) => Some(StreamError::new(error.condition()).text(error.to_string())),
            Broken::Frame(FrameError::TooLarge) => Some(
                StreamError::new(StreamCondition::PolicyViolation).text(FrameError::TooLarge.to_string()),
            ),
            Broken::Frame(error) => {
                Some(StreamError::new(StreamCondition::BadFormat).text(error.to_string()))
            }
            // RFC 6120 §8.1.2.1
            Broken::ForgedFrom => Some(StreamError::new(StreamCondition::InvalidFrom)),
            Broken::Io(_) | Broken::Ended => None,
        }
    }
}

enum Framing {
    Tcp(Scanner),
    WebSocket {
        decoder: Decoder,
        context: StreamContext,
        close_code: u16,
        is_closed: bool,
    },
    /// The frames of `listen::bosh`, which hold what a WebSocket's messages would.
    Http {
        context: StreamContext,
    },
}

/// See the module.
pub(crate) struct Stream {
    transport: Box<dyn Transport>,
    framing: Framing,
    limits: Limits,
    input: Vec<u8>,
    /// Where the input not yet taken begins.
    at: usize,
    /// Whether our direction is open.
    is_open: bool,
    is_ended: bool,
}

impl Stream {
    pub(crate) fn tcp(transport: Box<dyn Transport>, limits: Limits) -> Stream {
        Stream::new(transport, Framing::Tcp(Scanner::tcp(limits)), limits)
    }

    pub(crate) fn websocket(transport: Box<dyn Transport>, limits: Limits) -> Stream {
        let framing = Framing::WebSocket {
            decoder: Decoder::default(),
            context: StreamContext::PLAIN,
            close_code: 1000,
            is_closed: false,
        };
        Stream::new(transport, framing, limits)
    }

    pub(crate) fn bosh(transport: Box<dyn Transport>, limits: Limits) -> Stream {
        let framing = Framing::Http {
            context: StreamContext::PLAIN,
        };
        Stream::new(transport, framing, limits)
    }

    fn new(transport: Box<dyn Transport>, framing: Framing, limits: Limits) -> Stream {
        Stream {
            transport,
            framing,
            limits,
            input: Vec::new(),
            at: 0,
            is_open: false,
            is_ended: false,
        }
    }

    pub(crate) fn is_websocket(&self) -> bool {
        matches!(self.framing, Framing::WebSocket { .. })
    }

    /// Whether TLS can be begun inside of it.
    pub(crate) fn can_start_tls(&self) -> bool {
        matches!(self.framing, Framing::Tcp(_))
    }

    /// Whether the WebSocket was closed, and the stream with it only because of that (RFC 7395 §3.6.1).
    pub(crate) fn is_only_websocket_closed(&self) -> bool {
        matches!(self.framing, Framing::WebSocket { is_closed: true, .. })
    }

    /// Expects a new stream header, after SASL (RFC 6120 §6.4.6).
    pub(crate) fn restart(&mut self) {
        self.is_open = false;
        if let Framing::Tcp(scanner) = &mut self.framing {
            scanner.restart();
        }
    }

    pub(crate) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        if let Framing::Tcp(scanner) = &mut self.framing {
            scanner.set_limits(limits);
        }
        self.transport.expect(limits.max_bytes);
    }

    /// Puts TLS between the socket and the stream, which starts anew (RFC 6120 §5.4.3). The future is large; box it.
    ///
    /// What was sent in the clear after `<starttls/>` may be anybody's and ends the connection.
    pub(crate) async fn start_tls(
        &mut self,
        config: &TlsConfig,
        domain: Option<&str>,
    ) -> Result<ChannelBinding, Broken> {
        if self.at < self.input.len() {
            return Err(Broken::Ended);
        }
        let plain = std::mem::replace(&mut self.transport, Box::new(Plain::new(tokio::io::empty())));
        let (tls, binding) = Tls::accept(plain.into_socket(), config, domain).await?;
        self.transport = Box::new(tls);
        self.restart();
        Ok(binding)
    }

    /// The next thing in what has been read already.
    pub(crate) fn next_buffered(&mut self, sender: Sender<'_>) -> Result<Option<Event>, Broken> {
        while self.at < self.input.len() {
            let data = &mut self.input[self.at..];
            match &mut self.framing {
                Framing::Tcp(scanner) => match scanner.scan(data)? {
                    Scanned::More => break,
                    Scanned::Space { len } => self.at += len,
                    Scanned::Header { len, header } => {
                        self.at += len;
                        return Ok(Some(Event::Open(header)));
                    }
                    Scanned::Stanza { len, head } => {
                        check_from(&head, data, sender)?;
                        let stanza = ingress(data, &head, scanner.context(), sender.from());
                        self.at += len;
                        return Ok(Some(Event::Stanza(stanza)));
                    }
                    Scanned::End { len } => {
                        self.at += len;
                        return Ok(Some(Event::Close));
                    }
                },
                Framing::WebSocket {
                    decoder,
                    context,
                    close_code,
                    is_closed,
                } => {
                    let received = decoder.decode(data, self.limits.max_bytes).inspect_err(|error| {
                        *close_code = error.code();
                    })?;
                    let (taken, event) = match received {
                        Received::More => break,
                        Received::Nothing { taken } => (taken, None),
                        // Who pings without reading gets no more answers than this (RFC 6455 §5.5.3).
                        Received::Ping { taken, .. } if self.transport.unwritten() > PONGS_MAX => {
                            (taken, None)
                        }
                        Received::Ping { taken, at, length } => {
                            let mut out = scratch::take();
                            websocket::write_pong(&data[at..at + length], &mut out);
                            self.transport.write(out)?;
                            (taken, None)
                        }
                        Received::Close { taken } => {
                            *is_closed = true;
                            (taken, Some(Event::Close))
                        }
                        Received::Message { taken, at, length } => (
                            taken,
                            Some(message(&data[at..at + length], &self.limits, context, sender)?),
                        ),
                        Received::Assembled { taken } => {
                            let whole = decoder.take_message();
                            (taken, Some(message(&whole, &self.limits, context, sender)?))
                        }
                    };
                    self.at += taken;
                    if event.is_some() {
                        return Ok(event);
                    }
                }
                Framing::Http { context } => {
                    let Some((frame, _)) = bosh::read_frame(data) else {
                        break;
                    };
                    self.at += 4 + frame.len();
                    return message(frame, &self.limits, context, sender).map(Some);
                }
            }
        }
        if self.at > 0 || self.input.is_empty() {
            // Only the beginning of an element may stay.
            scratch::settle(&mut self.input, self.at);
            self.at = 0;
        }
        Ok(None)
    }

    /// Reads once more from the transport; how many bytes that were.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, Broken>> {
        if self.is_ended {
            return Poll::Ready(Err(Broken::Ended));
        }
        if self.at > 0 {
            self.input.drain(..self.at);
            self.at = 0;
        }
        scratch::ensure(&mut self.input, 4096);
        let read = self.transport.poll_read(cx, &mut self.input);
        if self.input.is_empty() || (read.is_pending() && self.input.capacity() >= 2 * self.input.len()) {
            scratch::settle(&mut self.input, 0);
        }
        match ready!(read)? {
            0 => {
                self.is_ended = true;
                Poll::Ready(Err(Broken::Ended))
            }
            read => Poll::Ready(Ok(read)),
        }
    }

    /// Waits for the next thing, writing meanwhile what waits to be written.
    pub(crate) async fn next(&mut self) -> Result<Event, Broken> {
        loop {
            if let Some(event) = self.next_buffered(Sender::Unknown)? {
                return Ok(event);
            }
            poll_fn(|cx| {
                if let Poll::Ready(Err(error)) = self.poll_flush(cx) {
                    return Poll::Ready(Err(Broken::Io(error)));
                }
                self.poll_fill(cx)
            })
            .await?;
        }
    }

    /// Reads and forgets, up to a bound, until the peer is gone: what it still sends must not make the system throw our
    /// last words away.
    pub(crate) async fn discard(&mut self) {
        const PATIENCE: usize = 1024 * 1024;
        let mut discarded = 0;
        while let Ok(read) = poll_fn(|cx| self.poll_fill(cx)).await {
            self.input.clear();
            discarded += read;
            if discarded > PATIENCE {
                break;
            }
        }
    }

    /// Writes one element that stands on its own (nonzas, features, errors: their namespaces declared).
    pub(crate) async fn send(&mut self, element: &[u8]) -> Result<(), Broken> {
        let mut out = scratch::take();
        self.frame(element, &mut out);
        self.transport.write(out)?;
        poll_fn(|cx| self.poll_flush(cx)).await?;
        Ok(())
    }

    /// The same without waiting for the socket.
    pub(crate) fn write_element(&mut self, element: &[u8]) -> io::Result<()> {
        let mut out = scratch::take();
        self.frame(element, &mut out);
        self.transport.write(out)
    }

    /// Appends one element as it stands on this stream.
    fn frame(&self, element: &[u8], out: &mut Vec<u8>) {
        match self.framing {
            Framing::Tcp(_) => out.extend_from_slice(element),
            Framing::WebSocket { .. } => websocket::write_message(out, |out| write_framed(element, out)),
            Framing::Http { .. } => bosh::write_frame(out, |out| write_framed(element, out)),
        }
    }

    /// Appends something from a mailbox.
    pub(crate) fn frame_outgoing(&self, outgoing: &Outgoing, to: &Jid, out: &mut Vec<u8>) {
        match (&self.framing, outgoing) {
            (Framing::Tcp(_), outgoing) => outgoing.write(to, out),
            (_, Outgoing::Stanza(bytes)) => self.frame(bytes, out),
            (_, Outgoing::Shared(_)) => {
                let mut whole = scratch::take();
                outgoing.write(to, &mut whole);
                self.frame(&whole, out);
                scratch::give(whole);
            }
        }
    }

    /// Hands over what [`Stream::frame_outgoing`] appended to a buffer from [`scratch`].
    pub(crate) fn write(&mut self, out: Vec<u8>) -> io::Result<()> {
        self.transport.write(out)
    }

    /// Asks a WebSocket's client whether it is there.
    pub(crate) fn write_ping(&mut self) -> io::Result<()> {
        let mut out = scratch::take();
        websocket::write_ping(&mut out);
        self.transport.write(out)
    }

    /// Opens our direction.
    pub(crate) fn write_open(&mut self, header: &StreamHeader) -> io::Result<()> {
        self.is_open = true;
        let mut out = scratch::take();
        match self.framing {
            Framing::Tcp(_) => write_stream_open(header, &mut out),
            Framing::WebSocket { .. } => {
                websocket::write_message(&mut out, |out| write_framed_open(header, out));
            }
            // The wrapper has what the client must know of it.
            Framing::Http { .. } => {}
        }
        self.transport.write(out)
    }

    /// Whether our direction is open. It must be before it can be closed, even for an error (RFC 6120 §4.9.1.2).
    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Closes our direction, with an error if there is one to tell (RFC 6120 §4.4, §4.9.1.1).
    pub(crate) fn write_close(&mut self, error: Option<&StreamError>) -> io::Result<()> {
        self.is_open = false;
        let mut out = scratch::take();
        if let Some(error) = error {
            let mut writer = Writer::new();
            error.write(&mut writer);
            self.frame(&writer.finish(), &mut out);
        }
        match &self.framing {
            Framing::Tcp(_) => write_stream_close(&mut out),
            Framing::WebSocket { is_closed: true, .. } => {}
            Framing::WebSocket { .. } => {
                websocket::write_message(&mut out, |out| write_framed_close(None, out));
            }
            Framing::Http { .. } => bosh::write_frame(&mut out, |_| {}),
        }
        self.transport.write(out)
    }

    /// The last bytes of the connection itself, when both directions of the stream are closed or will not be waited for.
    pub(crate) fn write_end(&mut self) -> io::Result<()> {
        if let Framing::WebSocket { close_code, .. } = self.framing {
            let mut out = scratch::take();
            websocket::write_close(close_code, &mut out);
            self.transport.write(out)?;
        }
        self.transport.finish();
        Ok(())
    }

    pub(crate) fn has_unwritten(&self) -> bool {
        self.transport.unwritten() > 0
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.transport.poll_flush(cx)
    }

    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.transport.poll_shutdown(cx)
    }
}

impl Sender<'_> {
    fn from(&self) -> Option<&str> {
        match self {
            Sender::Unknown => None,
            Sender::Bound(jid) => Some(jid.as_str()),
        }
    }
}

/// A client may say that a stanza is from its full or bare JID (RFC 6120 §8.1.2.1).
fn check_from(head: &wire::Head, data: &[u8], sender: Sender<'_>) -> Result<(), Broken> {
    let (Sender::Bound(jid), true) = (sender, head.kind().is_stanza()) else {
        return Ok(());
    };
    match head.from(data) {
        None => Ok(()),
        Some(from) if from == jid.as_str() || from == jid.bare_str() => Ok(()),
        Some(from) => match Jid::parse(&from) {
            Ok(from) if from == *jid || from.as_str() == jid.bare_str() => Ok(()),
            _ => Err(Broken::ForgedFrom),
        },
    }
}

/// One WebSocket message (RFC 7395 §3.3).
fn message(
    data: &[u8],
    limits: &Limits,
    context: &mut StreamContext,
    sender: Sender<'_>,
) -> Result<Event, Broken> {
    Ok(match read_framed(data, limits)? {
        Framed::Open(header) => {
            *context = StreamContext::framed(&header);
            Event::Open(header)
        }
        Framed::Close { .. } => Event::Close,
        Framed::Stanza(head) => {
            check_from(&head, data, sender)?;
            Event::Stanza(ingress(data, &head, context, sender.from()))
        }
    })
}
