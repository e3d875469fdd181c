//! The reference: a bare TLS server that does the same socket work and nothing else.
//!
//! `hold` keeps connections idle; `fanout` writes one block to every connection that
//! said `s` whenever one says `p`, in one loop; `answer` answers each byte with a block. It runs as a process of its own, so
//! that its CPU and memory are counted the way the server's are.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use clap::ValueEnum;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, WriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Mutex;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What the reference does with its connections.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Keeps them, idle.
    Hold,
    /// Writes to all that subscribed.
    Fanout,
    /// Answers a byte with that many times [`UNIT`] bytes.
    Answer,
}

/// Bytes in what a request for an answer counts.
pub const UNIT: usize = 256;

/// Bytes of one notification, as long as Folkmoot's in the same run.
pub const BLOCK: usize = 900;

type Subscribers = Arc<Mutex<Vec<WriteHalf<TlsStream<TcpStream>>>>>;

/// Serves until killed.
pub async fn serve(mode: Mode, address: SocketAddr) -> Result<()> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let mut config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)?;
    config.alpn_protocols = vec![b"xmpp-client".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = listen(address)?;
    let subscribers = Subscribers::default();
    loop {
        let (tcp, _) = listener.accept().await?;
        tcp.set_nodelay(true)?;
        let acceptor = acceptor.clone();
        let subscribers = subscribers.clone();
        tokio::spawn(async move {
            let Ok(tls) = Box::pin(acceptor.accept(tcp)).await else {
                return;
            };
            match mode {
                Mode::Hold => hold(tls).await,
                Mode::Fanout => fanout(tls, subscribers).await,
                Mode::Answer => answer(tls).await,
            }
        });
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket.listen(4096)?)
}

async fn hold(mut tls: TlsStream<TcpStream>) {
    let mut byte = [0u8; 1];
    if tls.read_exact(&mut byte).await.is_ok() {
        let _ = tls.write_all(&byte).await;
        let _ = tls.flush().await;
    }
    let _ = tls.get_ref().0.readable().await;
}

async fn answer(mut tls: TlsStream<TcpStream>) {
    let mut byte = [0u8; 1];
    let block = vec![b'x'; UNIT * usize::from(u8::MAX)];
    while tls.read_exact(&mut byte).await.is_ok() {
        let _ = tls.write_all(&block[..UNIT * usize::from(byte[0])]).await;
        let _ = tls.flush().await;
    }
}

async fn fanout(tls: TlsStream<TcpStream>, subscribers: Subscribers) {
    let (mut read, write) = tokio::io::split(tls);
    let mut write = Some(write);
    let mut byte = [0u8; 1];
    let block = vec![b'x'; BLOCK];
    while read.read_exact(&mut byte).await.is_ok() {
        if byte[0] == b's' {
            if let Some(mut write) = write.take() {
                // Under the lock, so that nobody is told to be subscribed who is not yet.
                let mut subscribers = subscribers.lock().await;
                let _ = write.write_all(b"s").await;
                let _ = write.flush().await;
                subscribers.push(write);
            }
            continue;
        }
        for subscriber in subscribers.lock().await.iter_mut() {
            let _ = subscriber.write_all(&block).await;
            let _ = subscriber.flush().await;
        }
    }
}
