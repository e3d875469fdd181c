//! A lean XMPP client over direct TLS: signs in, sends bytes, looks for bytes.
//!
//! It parses no XML: the generator shares two cores with the server, so whatever it
//! saves the server can use. Signing in is SCRAM-SHA-256 with one salt for all accounts,
//! so that the client derives its key once (`seed` stores the matching keys).

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock};

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac};
use memchr::memmem;
use rustls::pki_types::ServerName;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::seed;

/// One signed-in connection.
pub struct Client {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
    /// The full JID that the server gave.
    pub jid: String,
}

const OPEN: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
                    to='localhost' version='1.0'>";

/// The mechanism of tokens that stays what it is on another connection.
const TOKEN: &str = "HT-SHA-256-NONE";

fn hmac(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

/// SaltedPassword of RFC 5802 §3. Seeded accounts share one salt, so it is derived once; a peer gives each its own.
fn salted_password(salt: &[u8], iterations: u32) -> Arc<[u8]> {
    type Known = Mutex<HashMap<(Vec<u8>, u32), Arc<[u8]>>>;
    static KNOWN: OnceLock<Known> = OnceLock::new();
    let known = KNOWN.get_or_init(Known::default);
    let key = (salt.to_vec(), iterations);
    if let Some(password) = known.lock().expect("nobody panics with it").get(&key) {
        return password.clone();
    }
    let mut block = salt.to_vec();
    block.extend_from_slice(&1u32.to_be_bytes());
    let mut round = hmac(seed::PASSWORD.as_bytes(), &block);
    let mut sum = round.clone();
    for _ in 1..iterations {
        round = hmac(seed::PASSWORD.as_bytes(), &round);
        sum.iter_mut().zip(&round).for_each(|(s, r)| *s ^= r);
    }
    let password: Arc<[u8]> = sum.into();
    known
        .lock()
        .expect("nobody panics with it")
        .insert(key, password.clone());
    password
}

/// The last message of SCRAM-SHA-256, in base64, to a `<challenge/>`.
fn scram_response(first_bare: &str, challenge: &str) -> Result<String> {
    let encoded = between(challenge, "<challenge", "</challenge>")
        .and_then(|rest| rest.split_once('>'))
        .map(|(_, text)| text)
        .with_context(|| format!("no challenge in {challenge}"))?;
    let server_first = String::from_utf8(BASE64.decode(encoded)?)?;
    let part = |name: &str| {
        let found = server_first.split(',').find_map(|part| part.strip_prefix(name));
        found.with_context(|| format!("no {name} in {server_first}"))
    };
    let nonce = part("r=")?;
    let salted = salted_password(&BASE64.decode(part("s=")?)?, part("i=")?.parse()?);
    let without_proof = format!("c=biws,r={nonce}");
    let message = format!("{first_bare},{server_first},{without_proof}");
    let client_key = hmac(&salted, b"Client Key");
    let signature = hmac(&Sha256::digest(&client_key), message.as_bytes());
    let proof: Vec<u8> = client_key.iter().zip(&signature).map(|(k, s)| k ^ s).collect();
    Ok(BASE64.encode(format!("{without_proof},p={}", BASE64.encode(proof))))
}

/// What a client needs to go on after its connection was lost.
pub struct Kept {
    user: String,
    token: String,
    previd: String,
}

/// A connector that trusts anybody: the server's certificate is its own.
pub fn connector() -> TlsConnector {
    static CONFIG: OnceLock<Arc<rustls::ClientConfig>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("the provider knows TLS 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(trust::Anybody(provider)))
            .with_no_client_auth();
        config.resumption = rustls::client::Resumption::disabled();
        config.alpn_protocols = vec![b"xmpp-client".to_vec()];
        Arc::new(config)
    });
    TlsConnector::from(config.clone())
}

/// Opens a TLS connection; `source` spreads many connections over loopback addresses.
pub async fn connect(server: SocketAddr, source: Option<IpAddr>) -> Result<TlsStream<TcpStream>> {
    let socket = TcpSocket::new_v4()?;
    if let Some(ip) = source {
        socket.bind(SocketAddr::new(ip, 0))?;
    }
    let tcp = socket
        .connect(server)
        .await
        .with_context(|| format!("connecting to {server}"))?;
    tcp.set_nodelay(true)?;
    let name = ServerName::try_from("localhost")?;
    Ok(connector().connect(name, tcp).await?)
}

impl Client {
    /// Connects, signs in as `user` of localhost and binds `resource`.
    pub async fn sign_in(server: SocketAddr, user: &str, resource: &str) -> Result<Client> {
        let stream = connect(server, None).await?;
        let mut client = Client {
            stream,
            buffer: Vec::new(),
            jid: String::new(),
        };
        client
            .negotiate(user, resource)
            .await
            .with_context(|| format!("signing in as {user}"))?;
        client.buffer = Vec::new();
        Ok(client)
    }

    /// Connects and signs in by SASL2 with Bind 2, a token and, if it is to be resumed, stream management (XEP-0388, 0386,
    /// 0484, 0198).
    pub async fn sign_in_to_stay(
        server: SocketAddr,
        user: &str,
        is_resumable: bool,
    ) -> Result<(Client, Option<Kept>)> {
        let mut client = Client {
            stream: connect(server, None).await?,
            buffer: Vec::new(),
            jid: String::new(),
        };
        client.send(OPEN).await?;
        client.until("</stream:features>").await?;
        let first_bare = format!("n={user},r=bench{user}nonce");
        let auth = BASE64.encode(format!("n,,{first_bare}"));
        let enable = match is_resumable {
            true => "<enable xmlns='urn:xmpp:sm:3' resume='true'/>",
            false => "",
        };
        client
            .send(&format!(
                "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-256'>\
                 <initial-response>{auth}</initial-response><user-agent id='bench-{user}'/>\
                 <request-token xmlns='urn:xmpp:fast:0' mechanism='{TOKEN}'/>\
                 <bind xmlns='urn:xmpp:bind:0'>{enable}</bind></authenticate>"
            ))
            .await?;
        let challenge = client.until_any(&["</challenge>", "</failure>"]).await?;
        let response = scram_response(&first_bare, &challenge)?;
        client
            .send(&format!(
                "<response xmlns='urn:xmpp:sasl:2'>{response}</response>"
            ))
            .await?;
        let success = client.until_any(&["</success>", "</failure>"]).await?;
        let attribute = |start: &str, name: &str| {
            let element = success.split_once(start)?.1;
            let element = &element[..element.find('>')?];
            between(element, &format!(" {name}='"), "'").map(str::to_owned)
        };
        let kept = is_resumable.then(|| {
            anyhow::Ok(Kept {
                user: user.to_owned(),
                token: attribute("<token", "token").with_context(|| format!("no token in {success}"))?,
                previd: attribute("<enabled", "id").with_context(|| format!("not resumable: {success}"))?,
            })
        });
        let kept = kept.transpose()?;
        client.until("</stream:features>").await?;
        client.buffer = Vec::new();
        Ok((client, kept))
    }

    /// Connects and goes on with a session, in one round trip after TLS.
    pub async fn resume(server: SocketAddr, kept: &Kept, h: u32) -> Result<Client> {
        let mut client = Client {
            stream: connect(server, None).await?,
            buffer: Vec::new(),
            jid: String::new(),
        };
        let mut message = format!("{}\0", kept.user).into_bytes();
        message.extend(hmac(kept.token.as_bytes(), b"Initiator"));
        let (user, previd) = (&kept.user, &kept.previd);
        client
            .send(&format!(
                "{OPEN}<authenticate xmlns='urn:xmpp:sasl:2' mechanism='{TOKEN}'>\
                 <initial-response>{}</initial-response><user-agent id='bench-{user}'/>\
                 <fast xmlns='urn:xmpp:fast:0'/><resume xmlns='urn:xmpp:sm:3' previd='{previd}' h='{h}'/></authenticate>",
                BASE64.encode(message)
            ))
            .await?;
        let outcome = client.until_any(&["</success>", "</failure>"]).await?;
        anyhow::ensure!(outcome.contains("<resumed"), "not resumed: {outcome}");
        Ok(client)
    }

    /// Registers an account in-band (XEP-0077).
    pub async fn register(server: SocketAddr, user: &str) -> Result<()> {
        let mut client = Client {
            stream: connect(server, None).await?,
            buffer: Vec::new(),
            jid: String::new(),
        };
        client.send(OPEN).await?;
        client.until("</stream:features>").await?;
        client
            .send(&format!(
                "<iq type='set' id='register' to='localhost'><query xmlns='jabber:iq:register'>\
                 <username>{user}</username><password>{}</password></query></iq>",
                seed::PASSWORD
            ))
            .await?;
        let answer = client.until_any(&["/>", "</iq>"]).await?;
        anyhow::ensure!(!answer.contains("error"), "registering {user}: {answer}");
        Ok(())
    }

    async fn negotiate(&mut self, user: &str, resource: &str) -> Result<()> {
        self.send(OPEN).await?;
        self.until("</stream:features>").await?;

        let first_bare = format!("n={user},r=bench{user}nonce");
        let auth = BASE64.encode(format!("n,,{first_bare}"));
        self.send(&format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256'>{auth}</auth>"
        ))
        .await?;
        let challenge = self.until_any(&["</challenge>", "</failure>"]).await?;
        let response = scram_response(&first_bare, &challenge)?;
        self.send(&format!(
            "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{response}</response>"
        ))
        .await?;
        let outcome = self.until_any(&["</success>", "</failure>"]).await?;
        if outcome.contains("<failure") {
            bail!("refused: {outcome}");
        }

        self.send(OPEN).await?;
        self.until("</stream:features>").await?;
        self.send(&format!(
            "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
             <resource>{resource}</resource></bind></iq>"
        ))
        .await?;
        let bound = self.until("</iq>").await?;
        self.jid = between(&bound, "<jid>", "</jid>")
            .context("bound without a JID")?
            .to_owned();
        Ok(())
    }

    /// Announces availability and waits until the server reflects it.
    pub async fn come_online(&mut self, caps: &str) -> Result<()> {
        self.send(&format!("<presence id='online'>{caps}</presence><iq type='get' id='sync'><ping xmlns='urn:xmpp:ping'/></iq>"))
            .await?;
        self.until_id("sync").await?;
        Ok(())
    }

    /// Writes bytes and flushes them.
    pub async fn send(&mut self, xml: &str) -> Result<()> {
        self.stream.write_all(xml.as_bytes()).await?;
        self.stream.flush().await?;
        Ok(())
    }

    /// Reads until `needle` was seen; returns everything up to its end.
    pub async fn until(&mut self, needle: &str) -> Result<String> {
        self.until_any(&[needle]).await
    }

    /// Reads until the stanza with this id was seen.
    pub async fn until_id(&mut self, id: &str) -> Result<String> {
        let single = format!("id='{id}'");
        let double = format!("id=\"{id}\"");
        self.until_any(&[&single, &double]).await
    }

    async fn until_any(&mut self, needles: &[&str]) -> Result<String> {
        loop {
            let end = needles
                .iter()
                .filter_map(|n| memmem::find(&self.buffer, n.as_bytes()).map(|at| at + n.len()))
                .min();
            if let Some(end) = end {
                let rest = self.buffer.split_off(end);
                let seen = std::mem::replace(&mut self.buffer, rest);
                return Ok(String::from_utf8_lossy(&seen).into_owned());
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!(
                    "the server closed the connection after {}",
                    String::from_utf8_lossy(&self.buffer)
                );
            }
        }
    }

    /// Splits into a writer and a counter of occurrences of `needle`.
    pub fn split(self, needle: &'static str) -> (Sender, Counter) {
        let (read, write) = tokio::io::split(self.stream);
        let counter = Counter {
            read,
            tail: Vec::new(),
            finder: memmem::Finder::new(needle),
        };
        (Sender { write }, counter)
    }
}

/// The writing half.
pub struct Sender {
    write: tokio::io::WriteHalf<TlsStream<TcpStream>>,
}

impl Sender {
    /// Writes bytes and flushes them.
    pub async fn send(&mut self, xml: &str) -> Result<()> {
        self.write.write_all(xml.as_bytes()).await?;
        self.write.flush().await?;
        Ok(())
    }
}

/// The reading half: counts a needle in what arrives, across reads.
pub struct Counter {
    read: tokio::io::ReadHalf<TlsStream<TcpStream>>,
    tail: Vec<u8>,
    finder: memmem::Finder<'static>,
}

impl Counter {
    /// Waits for more bytes; how often the needle ended in them. `None`: closed.
    pub async fn next(&mut self) -> Result<Option<usize>> {
        let keep = self.finder.needle().len() - 1;
        let mut chunk = std::mem::take(&mut self.tail);
        chunk.reserve(8192);
        if self.read.read_buf(&mut chunk).await? == 0 {
            return Ok(None);
        }
        let count = self.finder.find_iter(&chunk).count();
        // A needle that ends here was counted, so the tail starts behind the last one.
        let last_end = self.finder.find_iter(&chunk).last().map_or(0, |at| at + keep + 1);
        let start = last_end.max(chunk.len().saturating_sub(keep));
        self.tail = chunk[start..].to_vec();
        Ok(Some(count))
    }
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    let from = text.find(start)? + start.len();
    let to = text[from..].find(end)? + from;
    Some(&text[from..to])
}

mod trust {
    use std::sync::Arc;

    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::CryptoProvider;
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{DigitallySignedStruct, Error, SignatureScheme};

    /// Accepts every certificate: only for a load generator on loopback.
    #[derive(Debug)]
    pub struct Anybody(pub Arc<CryptoProvider>);

    impl ServerCertVerifier for Anybody {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }
        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }
        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }
        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.signature_verification_algorithms.supported_schemes()
        }
    }
}
