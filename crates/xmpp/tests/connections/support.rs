//! A server in this process and clients that say exactly what a test tells them to.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use store::invites::InviteKind;
use store::{Options, Store};
use testkit::manual_clock::ManualClock;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use xmpp::auth::Auth;
use xmpp::auth::accounts::{Authority, NewAccount};
use xmpp::invitations::Wish;
use xmpp::listen::{Connections, Peer, serve_io, serve_websocket};
use xmpp::server::{Parts, Server};
use xmpp::settings::{Registration, Settings};
use xmpp::transport::TlsConfig;

pub const HEADER: &str = "<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xmlns='jabber:client' \
                          xmlns:stream='http://etherx.jabber.org/streams'>";
pub const PASSWORD: &str = "pencil";
/// Far longer than anything here takes; a test that hangs fails instead.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server, its time and its certificate.
pub struct World {
    pub server: Arc<Server>,
    pub clock: ManualClock,
    certificate: CertificateDer<'static>,
    folder: PathBuf,
}

impl Drop for World {
    fn drop(&mut self) {
        self.server.shutdown.cancel();
        // It lies among temporary files; what cannot be removed harms nobody.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A server for `localhost` with settings of production, except that accounts are open.
pub async fn world(change: impl FnOnce(&mut Settings)) -> World {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("folkmoot-connections-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let clock = ManualClock::new();
    let store = Store::open(
        &folder,
        &Options {
            clock: Arc::new(clock.clone()),
            ..Options::default()
        },
    )
    .unwrap();
    let mut settings = Settings {
        scram_rounds: 4096,
        registration: Registration::Open,
        ..Settings::for_domain("localhost")
    };
    change(&mut settings);
    let auth = Auth::open(store.clone(), Arc::new(clock.clone()), &settings)
        .await
        .unwrap();
    let connections = Connections::new(&settings);
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    connections.set_tls(TlsConfig::new(vec![certificate.clone()], key.into()).unwrap());
    let parts = Parts {
        settings,
        store,
        clock: Arc::new(clock.clone()),
        auth,
        connections,
        tasks: TaskTracker::new(),
        shutdown: CancellationToken::new(),
    };
    let server = Server::build(parts).await.unwrap();
    World {
        server,
        clock,
        certificate,
        folder,
    }
}

/// The same in development mode: no TLS needed, no rates.
pub async fn dev_world() -> World {
    world(|settings| settings.is_dev = true).await
}

impl World {
    /// Makes an account with [`PASSWORD`].
    pub async fn account(&self, name: &str) {
        let new = NewAccount {
            domain: "localhost",
            name,
            password: PASSWORD,
            audience: None,
        };
        let authority = Authority::Operator { is_admin: false };
        self.server.register(authority, new).await.unwrap();
    }

    /// An invitation of the operator's for one; its token.
    pub async fn invite(&self, kind: InviteKind, lifetime_ms: i64) -> String {
        let wish = Wish {
            kind,
            by: None,
            domain: "localhost".to_owned(),
            localpart: None,
            uses: 1,
            lifetime_ms,
        };
        self.server.invite(wish).await.unwrap().token
    }

    /// Lets the server go on until this is so.
    pub async fn until(&self, is_so: impl Fn(&Server) -> bool) {
        let waiting = async {
            while !is_so(&self.server) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .expect("it never was so");
    }

    /// Waits until no connection is left.
    pub async fn until_nobody_is_there(&self) {
        self.until(|server| server.connections.count() == 0 && server.registry.all().is_empty())
            .await;
    }

    /// A connection from this machine to the STARTTLS port.
    pub fn connect(&self) -> Client<DuplexStream> {
        self.connect_from(Ipv4Addr::LOCALHOST.into())
    }

    pub fn connect_from(&self, ip: IpAddr) -> Client<DuplexStream> {
        self.connect_as(Peer::direct(ip))
    }

    pub fn connect_as(&self, peer: Peer) -> Client<DuplexStream> {
        let (ours, theirs) = duplex(64 * 1024);
        self.server
            .tasks
            .spawn(serve_io(self.server.clone(), theirs, peer));
        Client::new(ours)
    }

    /// A WebSocket after its upgrade.
    pub fn websocket(&self, peer: Peer) -> Client<DuplexStream> {
        let (ours, theirs) = duplex(64 * 1024);
        self.server
            .tasks
            .spawn(serve_websocket(self.server.clone(), theirs, peer));
        Client::new(ours)
    }

    pub fn connector(&self, versions: &[&'static rustls::SupportedProtocolVersion]) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        TlsConnector::from(Arc::new(config))
    }

    /// `tls-server-end-point`; the certificate is signed with SHA-256.
    pub fn end_point(&self) -> Vec<u8> {
        use sha2::{Digest, Sha256};
        Sha256::digest(&self.certificate).to_vec()
    }

    /// A stream with STARTTLS done and the features read.
    pub async fn secure(
        &self,
        version: &'static rustls::SupportedProtocolVersion,
    ) -> (Client<TlsStream<DuplexStream>>, String) {
        let mut client = self.connect();
        client.send(HEADER).await;
        client.expect("</stream:features>").await;
        client
            .send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
            .await;
        client
            .expect("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
            .await;
        let name = ServerName::try_from("localhost").unwrap();
        let tls = self.connector(&[version]).connect(name, client.io).await.unwrap();
        let mut client = Client::new(tls);
        client.send(HEADER).await;
        let features = client.expect("</stream:features>").await;
        (client, features)
    }

    /// A bound session over a plain stream; only in development mode.
    pub async fn session(&self, name: &str, resource: &str) -> Client<DuplexStream> {
        self.session_on(self.connect(), name, resource).await
    }

    pub async fn session_on(
        &self,
        mut client: Client<DuplexStream>,
        name: &str,
        resource: &str,
    ) -> Client<DuplexStream> {
        client.send(HEADER).await;
        client.expect("</stream:features>").await;
        client.send(&plain(name, PASSWORD)).await;
        client.expect("<success").await;
        client.bind(resource).await;
        client
    }
}

/// `<auth/>` with PLAIN.
pub fn plain(name: &str, password: &str) -> String {
    let message = STANDARD.encode(format!("\0{name}\0{password}"));
    format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{message}</auth>")
}

/// One connection, seen from the client.
pub struct Client<S> {
    pub io: S,
    pub came: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub fn new(io: S) -> Client<S> {
        Client { io, came: Vec::new() }
    }

    pub async fn send(&mut self, text: &str) {
        self.send_bytes(text.as_bytes()).await;
    }

    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        // The server may have closed already; what it said is judged, not this.
        let _ = self.io.write_all(bytes).await;
        let _ = self.io.flush().await;
    }

    /// Everything up to and with the end of this text.
    pub async fn expect(&mut self, text: &str) -> String {
        loop {
            let found = self
                .came
                .windows(text.len())
                .position(|window| window == text.as_bytes());
            if let Some(at) = found {
                let rest = self.came.split_off(at + text.len());
                return String::from_utf8_lossy(&std::mem::replace(&mut self.came, rest)).into_owned();
            }
            let more = self.read().await;
            assert!(more, "no {text} in {}", String::from_utf8_lossy(&self.came));
        }
    }

    /// Everything up to the end of the connection.
    pub async fn rest(&mut self) -> String {
        while self.read().await {}
        String::from_utf8_lossy(&std::mem::take(&mut self.came)).into_owned()
    }

    /// Reads once; false at the end.
    pub async fn read(&mut self) -> bool {
        let read = tokio::time::timeout(PATIENCE, self.io.read_buf(&mut self.came));
        match read.await {
            Ok(read) => matches!(read, Ok(1..)),
            Err(_) => panic!("nothing more after {}", String::from_utf8_lossy(&self.came)),
        }
    }

    /// The new stream after SASL, with a resource.
    pub async fn bind(&mut self, resource: &str) -> String {
        self.send(HEADER).await;
        self.expect("</stream:features>").await;
        self.send(&bind(resource)).await;
        self.expect("</iq>").await
    }

    /// A stream error with this condition ends the connection, and nothing else comes.
    pub async fn refused(&mut self, condition: &str) {
        let mut rest = self.expect("</stream:stream>").await;
        // The server waits for our end tag, for a while (RFC 6120 §4.4).
        self.send("</stream:stream>").await;
        rest += &self.rest().await;
        let error = format!("<{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>");
        assert!(rest.contains(&error), "no {condition} in {rest}");
        assert!(rest.contains("<stream:error "), "{rest}");
        assert!(rest.ends_with("</stream:error></stream:stream>"), "{rest}");
        // Our direction is opened before it is closed (RFC 6120 §4.9.1.2).
        assert_eq!(
            rest.matches("<stream:stream").count(),
            usize::from(rest.starts_with("<?xml")),
            "{rest}"
        );
    }
}

pub fn bind(resource: &str) -> String {
    format!(
        "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{resource}</resource></bind></iq>"
    )
}
