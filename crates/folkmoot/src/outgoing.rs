//! Requests that this program makes over HTTP: to the authority that issues certificates, and to itself by its public name.
//!
//! One request a connection; bounded in time and size. No redirects are followed.

use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::body::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, HttpClient};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// How long one request may take in all.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most that an answer may hold, unless its asker wants less.
const ANSWER_BYTES: usize = 1 << 20;

/// Whom to connect to.
#[derive(Clone, Copy, Debug)]
pub enum To {
    /// Whatever the name in the URL stands for.
    Named,
    /// This address, whatever its name stands for here.
    At(SocketAddr),
}

/// An answer.
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// A client that trusts the machine's authorities, or one of its own.
#[derive(Clone)]
pub struct Outgoing {
    tls: Arc<ClientConfig>,
    answer_bytes: usize,
}

/// The authorities that this machine trusts, or the ones in a file.
pub fn roots(file: Option<&Path>) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    match file {
        Some(path) => {
            let unreadable = || format!("cannot read the authority's own certificate {}", path.display());
            for certificate in CertificateDer::pem_file_iter(path).with_context(unreadable)? {
                roots.add(certificate.with_context(unreadable)?)?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        bail!("this machine trusts no certificate authority: install the package ca-certificates");
    }
    Ok(roots)
}

/// TLS towards others, which verifies them.
pub fn tls(roots: RootCertStore) -> anyhow::Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

impl Outgoing {
    /// Trusts the authorities in this file, or the machine's.
    pub fn new(file: Option<&Path>) -> anyhow::Result<Self> {
        let mut tls = tls(roots(file)?)?;
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            tls: Arc::new(tls),
            answer_bytes: ANSWER_BYTES,
        })
    }

    /// The same for answers of at most so many bytes.
    #[must_use]
    pub fn with_answers_of(self, answer_bytes: usize) -> Self {
        Self { answer_bytes, ..self }
    }

    /// Gets a page.
    pub async fn get(&self, url: &str, to: To) -> anyhow::Result<Answer> {
        let request = Request::get(url)
            .header(header::USER_AGENT, agent())
            .body(Full::new(Bytes::new()))?;
        self.send(request, to).await
    }

    /// Sends a request and reads the whole answer.
    pub async fn send<B>(&self, request: Request<B>, to: To) -> anyhow::Result<Answer>
    where
        B: hyper::body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let uri = request.uri().clone();
        let host = uri.host().context("the address names no host")?.to_owned();
        let shown = uri
            .authority()
            .map_or(host.as_str(), |authority| authority.as_str());
        let is_secure = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let whole = async {
            let stream = match to {
                To::Named => TcpStream::connect((bare.as_str(), port)).await,
                To::At(address) => TcpStream::connect(address).await,
            };
            let stream = stream.with_context(|| format!("cannot connect to {shown}"))?;
            if is_secure {
                let name = ServerName::try_from(bare.clone()).context("the address's host is no name")?;
                let stream = tokio_rustls::TlsConnector::from(Arc::clone(&self.tls))
                    .connect(name, stream)
                    .await
                    .with_context(|| format!("no TLS with {shown}"))?;
                exchange(stream, request, self.answer_bytes).await
            } else {
                exchange(stream, request, self.answer_bytes).await
            }
        };
        match tokio::time::timeout(PATIENCE, whole).await {
            Ok(answer) => answer,
            Err(_) => bail!("{shown} did not answer within {} s", PATIENCE.as_secs()),
        }
    }
}

/// What others know this program by.
fn agent() -> String {
    format!("folkmoot/{}", env!("CARGO_PKG_VERSION"))
}

async fn exchange<S, B>(stream: S, mut request: Request<B>, most: usize) -> anyhow::Result<Answer>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: hyper::body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if let Some(authority) = request.uri().authority() {
        let host = authority.as_str().parse()?;
        request.headers_mut().insert(header::HOST, host);
    }
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse()?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answering = async {
        let (parts, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, most)
            .collect()
            .await
            .map_err(|error| anyhow::anyhow!(error))?;
        anyhow::Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.to_bytes(),
        })
    };
    // The connection moves the bytes; it ends with the answer, or before it with the reason.
    tokio::pin!(answering);
    tokio::select! {
        biased;
        answer = &mut answering => answer,
        // What came before it broke may be all that was wanted.
        ended = connection => answering.await.or_else(|error| {
            ended?;
            Err(error)
        }),
    }
}

impl HttpClient for Outgoing {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, instant_acme::Error>> + Send>> {
        let client = self.clone();
        Box::pin(async move {
            let answer = client
                .send(request, To::Named)
                .await
                .map_err(|error| instant_acme::Error::Other(format!("{error:#}").into()))?;
            let mut response = http::Response::new(Full::new(answer.body));
            *response.status_mut() = answer.status;
            *response.headers_mut() = answer.headers;
            Ok(BytesResponse::from(response))
        })
    }
}
