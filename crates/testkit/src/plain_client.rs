//! A small blocking XMPP client over plain TCP, for tests that drive the real binary in its
//! development mode: it signs in with PLAIN, sends bytes and takes stanzas one at a time.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use wire::{Document, Kind, Limits, Scanned, Scanner, Stanza};

/// What can go wrong: the connection ended, or the server said no.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The connection ended or timed out.
    #[error("connection lost: {0}")]
    Lost(#[from] io::Error),
    /// Something other than what was waited for.
    #[error("unexpected: {0}")]
    Unexpected(String),
}

/// One connection, signed in and bound.
pub struct PlainClient {
    socket: TcpStream,
    scanner: Scanner,
    buffer: Vec<u8>,
    inbox: VecDeque<Stanza>,
    /// The full JID.
    pub jid: String,
}

impl PlainClient {
    /// Registers `name` with `password` at the server (XEP-0077), on a connection of its own.
    pub fn register(address: SocketAddr, name: &str, password: &str) -> Result<(), ClientError> {
        let mut client = Self::open(address)?;
        client.ask(
            "register",
            &format!(
                "<iq type='set' id='register'><query xmlns='jabber:iq:register'>\
                 <username>{name}</username><password>{password}</password></query></iq>"
            ),
        )?;
        Ok(())
    }

    /// Connects, signs in and binds a resource.
    pub fn sign_in(
        address: SocketAddr,
        name: &str,
        password: &str,
        resource: &str,
    ) -> Result<Self, ClientError> {
        let mut client = Self::open(address)?;
        let credentials = base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            format!("\0{name}\0{password}"),
        );
        client.send(&format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{credentials}</auth>"
        ))?;
        let outcome = client.take()?;
        if outcome.name() != "success" {
            return Err(unexpected(&outcome));
        }
        client.scanner.restart();
        client.header()?;
        let bound = client.ask(
            "bind",
            &format!(
                "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
                 <resource>{resource}</resource></bind></iq>"
            ),
        )?;
        let document = bound.document();
        let bind = document.root().child("bind", "urn:ietf:params:xml:ns:xmpp-bind");
        let jid = bind.and_then(|b| b.child("jid", "urn:ietf:params:xml:ns:xmpp-bind"));
        client.jid = jid.ok_or_else(|| unexpected(&bound))?.text().into_owned();
        Ok(client)
    }

    fn open(address: SocketAddr) -> Result<Self, ClientError> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(Duration::from_secs(30)))?;
        let mut client = Self {
            socket,
            scanner: Scanner::tcp(Limits::SERVER),
            buffer: Vec::new(),
            inbox: VecDeque::new(),
            jid: String::new(),
        };
        client.header()?;
        Ok(client)
    }

    /// Opens a stream and waits for its features.
    fn header(&mut self) -> Result<(), ClientError> {
        self.send(
            "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
             to='localhost' version='1.0'>",
        )?;
        let features = self.take()?;
        if features.name() == "features" {
            Ok(())
        } else {
            Err(unexpected(&features))
        }
    }

    /// Writes bytes.
    pub fn send(&mut self, xml: &str) -> Result<(), ClientError> {
        self.socket.write_all(xml.as_bytes())?;
        Ok(())
    }

    /// The next stanza, whatever it is.
    pub fn take(&mut self) -> Result<Stanza, ClientError> {
        loop {
            if let Some(stanza) = self.inbox.pop_front() {
                return Ok(stanza);
            }
            self.read()?;
        }
    }

    /// Sends a request and returns the answer with this id; an error is an `Err`. What else arrives stays in the inbox.
    pub fn ask(&mut self, id: &str, request: &str) -> Result<Stanza, ClientError> {
        self.send(request)?;
        let answer = self.answer(id)?;
        if answer.type_().as_deref() == Some("result") {
            Ok(answer)
        } else {
            Err(unexpected(&answer))
        }
    }

    /// Waits for the answer to an earlier request, result or error.
    pub fn answer(&mut self, id: &str) -> Result<Stanza, ClientError> {
        loop {
            let found = self
                .inbox
                .iter()
                .position(|s| s.kind() == Kind::Iq && s.id().as_deref() == Some(id));
            if let Some(stanza) = found.and_then(|at| self.inbox.remove(at)) {
                return Ok(stanza);
            }
            self.read()?;
        }
    }

    /// Everything that arrived and was not taken.
    pub fn arrived(&mut self) -> Vec<Stanza> {
        self.inbox.drain(..).collect()
    }

    fn read(&mut self) -> Result<(), ClientError> {
        let mut chunk = [0u8; 16 * 1024];
        let count = self.socket.read(&mut chunk)?;
        if count == 0 {
            return Err(ClientError::Lost(io::ErrorKind::UnexpectedEof.into()));
        }
        self.buffer.extend_from_slice(&chunk[..count]);
        loop {
            let scanned = self
                .scanner
                .scan(&self.buffer)
                .map_err(|e| ClientError::Unexpected(e.to_string()))?;
            let len = match scanned {
                Scanned::More => return Ok(()),
                Scanned::Space { len } | Scanned::Header { len, .. } => len,
                Scanned::Stanza { len, head } => {
                    let stanza = wire::ingress(&self.buffer[..len], &head, self.scanner.context(), None);
                    self.inbox.push_back(stanza);
                    len
                }
                Scanned::End { .. } => return Err(ClientError::Lost(io::ErrorKind::UnexpectedEof.into())),
            };
            self.buffer.drain(..len);
        }
    }
}

/// The ids of the items in a pubsub answer, in its order.
pub fn item_ids(answer: &Stanza) -> Vec<String> {
    const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
    let document: Document = answer.document();
    let items = document
        .root()
        .child("pubsub", PUBSUB)
        .and_then(|p| p.child("items", PUBSUB));
    let Some(items) = items else { return Vec::new() };
    items
        .children()
        .filter_map(|i| i.attr("id").map(std::borrow::Cow::into_owned))
        .collect()
}

fn unexpected(stanza: &Stanza) -> ClientError {
    ClientError::Unexpected(String::from_utf8_lossy(stanza.bytes()).into_owned())
}
