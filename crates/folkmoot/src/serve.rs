//! `folkmoot serve`: start, run, reload, stop.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use futures_util::FutureExt;
use http::{StatusCode, header};
use http_site::lan::Lan;
use http_site::{Client, Content, Find, Invitation, InvitationState, Site, qr};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use store::invites::Standing;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use xmpp::listen::{self, Peer};
use xmpp::server::Server;

use crate::certificates::Certificates;
use crate::certificates::acme::{Renewal, challenges};
use crate::config::{Config, Policy};
use crate::doors::Doors;
use crate::house::{self, House, Mode};
use crate::lan::{self, Authority};
use crate::limits::OpenFiles;
use crate::listeners::{Listeners, PORTS_FILE, Service, addresses};
use crate::web::connections::Connections;
use crate::web::patience::Patience;
use crate::web::serve::Web;
use crate::web::{bosh, metrics, unified_push, websocket};
use crate::websocket_origins;
use crate::{admin, archive, check, service, settings};

/// How often what is no longer needed is forgotten.
const TIDY: Duration = Duration::from_secs(60);
/// Kept of the time for stopping, to close the database.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Signals so close together are one wish.
const ONE_WISH: Duration = Duration::from_millis(500);

/// Signals that the process listens to.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    /// A file that may not grow. It would end the process; listened to, the write fails instead, as on a full disk.
    _file_size: Signal,
}

/// Runs until a signal ends it.
pub async fn serve(config: Config, mode: Mode, files: OpenFiles) -> anyhow::Result<()> {
    // Before anything is acknowledged, so that a signal is never met by its default.
    let mut signals = Signals {
        terminate: signal(SignalKind::terminate()).context("cannot listen to signals")?,
        interrupt: signal(SignalKind::interrupt()).context("cannot listen to signals")?,
        hangup: signal(SignalKind::hangup()).context("cannot listen to signals")?,
        _file_size: signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))
            .context("cannot listen to signals")?,
    };
    if mode == Mode::Development {
        refuse_public(&config)?;
    }
    let store = house::open_store(&config).await?;
    // Copies for backups whose taker did not come back.
    let _ = std::fs::remove_dir_all(config.data.join(archive::SNAPSHOTS));
    let authority = lan_authority(&config)?;
    let certificates = Arc::new(Certificates::open(&config)?);
    let listeners = Listeners::bind(&config)?;
    // What keeps it from starting has been said by now.
    for finding in check::before_start(&config, mode) {
        if finding.is_error() {
            tracing::error!(finding = finding.to_string(), "folkmoot check would say");
        } else {
            tracing::warn!(finding = finding.to_string(), "folkmoot check would say");
        }
    }
    let site_url = settings::site_url(&config, Some(&listeners));
    let house = House::build(config, store, &site_url, mode).await?;
    let config = &house.config;

    house.server.connections.set_tls(certificates.for_xmpp()?);
    let lan = authority.map(|authority| on_network(authority, &listeners));
    let site = site(&house, lan.as_ref(), &certificates);
    let web = web(&house, &site, lan.clone(), &certificates);
    admin::serve(&house)?;
    listeners.write_ports(&config.data)?;
    greet(&house, &listeners, files, mode, lan.as_ref()).await?;
    let mut doors = Doors::open(&house, web, certificates.clone(), listeners);
    service::ready();
    let hurry = renew(&house, &certificates);
    run(&mut signals, &house, &certificates, &site, &mut doors, &hurry).await;
    stop(&house, signals).await
}

/// Serves until a signal asks for the end.
async fn run(
    signals: &mut Signals,
    house: &House,
    certificates: &Certificates,
    site: &Site,
    doors: &mut Doors,
    hurry: &Notify,
) {
    let mut tidy = tokio::time::interval(TIDY);
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => return,
            _ = signals.interrupt.recv() => return,
            _ = signals.hangup.recv() => {
                match show(house, certificates) {
                    Ok(()) => tracing::info!(certificates = certificates.shown().len(), "the certificates were read again"),
                    Err(error) => tracing::error!(error = format!("{error:#}"), "the certificates stay as they were"),
                }
                hurry.notify_one();
            }
            _ = tidy.tick() => {
                site.tidy();
                if house.config.lan && let Err(error) = doors.follow_network() {
                    tracing::error!(error = format!("{error:#}"), "the network's addresses are not followed");
                }
            }
        }
    }
}

/// Shows what there is now to those who connect from now on.
fn show(house: &House, certificates: &Certificates) -> anyhow::Result<()> {
    certificates.reload()?;
    house.server.connections.set_tls(certificates.for_xmpp()?);
    Ok(())
}

/// Fetches and renews certificates where the configuration wishes it; what is returned asks for a try at once.
fn renew(house: &Arc<House>, certificates: &Arc<Certificates>) -> Arc<Notify> {
    if !house.config.acme.enabled {
        return Arc::default();
    }
    let (shown_in, shown) = (Arc::downgrade(house), Arc::downgrade(certificates));
    let renewal = Renewal::new(Arc::clone(certificates), &house.config, move || {
        match (shown_in.upgrade(), shown.upgrade()) {
            (Some(house), Some(certificates)) => show(&house, &certificates),
            _ => Ok(()),
        }
    });
    let hurry = Arc::clone(&renewal.hurry);
    let shutdown = house.server.shutdown.clone();
    house.server.tasks.spawn(async move {
        tokio::select! {
            () = renewal.run() => {}
            () = shutdown.cancelled() => {}
        }
    });
    hurry
}

/// Takes no more connections, finishes what was received, closes streams with `system-shutdown`, stores everything.
async fn stop(house: &House, mut signals: Signals) -> anyhow::Result<()> {
    let begun = Instant::now();
    let most = Duration::from_secs(house.config.limits.shutdown_seconds);
    tracing::info!(sessions = house.server.registry.count(), "stopping");
    service::stopping();
    let server = &house.server;
    server.shutdown.cancel();
    server.tasks.close();
    let impatience = async {
        // One wish to stop may reach a process twice, by itself and by its group.
        tokio::time::sleep(ONE_WISH).await;
        let _ = (
            signals.terminate.recv().now_or_never(),
            signals.interrupt.recv().now_or_never(),
        );
        tokio::select! {
            _ = signals.terminate.recv() => {}
            _ = signals.interrupt.recv() => {}
        }
    };
    tokio::select! {
        ended = tokio::time::timeout(most.saturating_sub(LAST_WORDS), server.tasks.wait()) => if ended.is_err() {
            tracing::warn!(tasks = server.tasks.len(), "some connections did not end in time and are cut");
        },
        () = impatience => tracing::warn!("asked twice: connections are cut"),
    }
    let left = most.saturating_sub(begun.elapsed()).max(LAST_WORDS);
    let closed = tokio::time::timeout(left, server.store.close()).await;
    for name in [PORTS_FILE, admin::SOCKET] {
        // Whoever starts next writes them anew.
        let _ = std::fs::remove_file(house.config.data.join(name));
    }
    if closed.is_err() {
        bail!("the database did not close in time; everything acknowledged is stored");
    }
    tracing::info!(milliseconds = begun.elapsed().as_millis() as u64, "stopped");
    Ok(())
}

/// `--dev` gives anybody who can connect an account without limits.
fn refuse_public(config: &Config) -> anyhow::Result<()> {
    match addresses(config).iter().find(|address| !address.is_loopback()) {
        Some(address) => bail!(
            "--dev listens on loopback only, not on {address}: add --bind 127.0.0.1, or leave --dev out"
        ),
        None => Ok(()),
    }
}

/// The web site over this server's content.
fn site(house: &Arc<House>, lan: Option<&Lan>, certificates: &Arc<Certificates>) -> Arc<Site> {
    let server = &house.server;
    let content = Content {
        store: server.store.clone(),
        host: server.host.clone(),
        timelines: server.timelines.clone(),
        invitations: invitations(server.clone()),
        metrics: metrics::page(server, certificates),
    };
    let mut settings = settings::web(&house.config, &server.settings);
    if let Some(lan) = lan {
        let ports = lan.https.into_iter();
        let addresses = addresses(&house.config);
        settings.sockets = ports
            .flat_map(|port| {
                let address = |address: &IpAddr| format!("wss://{}", SocketAddr::new(*address, port));
                addresses.iter().map(address).collect::<Vec<_>>()
            })
            .collect();
        settings.lan = Some(lan.clone());
    }
    Site::new(settings, content)
}

/// Finds what whoever holds an invitation's token is shown.
fn invitations(server: Arc<Server>) -> Find<Option<Invitation>> {
    Box::new(move |token| {
        let server = server.clone();
        Box::pin(async move {
            match server.show_invitation(&token).await {
                Ok(shown) => Some(shown.map(|shown| Invitation {
                    state: match shown.standing {
                        Standing::Open => InvitationState::Open,
                        Standing::Used => InvitationState::Used,
                        Standing::Expired => InvitationState::Expired,
                        Standing::Revoked => InvitationState::Revoked,
                    },
                    by: shown.by,
                    makes_accounts: shown.makes_accounts,
                    username: shown.localpart,
                    uri: shown.uri,
                    expires: shown.expires.0,
                })),
                Err(error) => {
                    tracing::warn!(%error, "an invitation cannot be looked up");
                    None
                }
            }
        })
    })
}

/// The router with the WebSocket beside the site, and what its listeners share.
fn web(house: &Arc<House>, site: &Arc<Site>, lan: Option<Lan>, certificates: &Arc<Certificates>) -> Web {
    let mut router = Router::new()
        .route(websocket::PATH, any(upgrade))
        .route(bosh::PATH, any(http_bind))
        .route(unified_push::PATH, any(push))
        .with_state(house.clone())
        .merge(http_site::router(site.clone()));
    if let Some(lan) = lan {
        let lan = Arc::new(lan);
        router = router.layer(from_fn_with_state(lan, lead_to_https));
    }
    let config = &house.config;
    if config.acme.enabled {
        let answers = Router::new()
            .route(challenges::PATH, get(challenge))
            .with_state(Arc::clone(certificates));
        router = router.merge(answers);
    }
    let per_address = if house.server.settings.is_dev {
        0
    } else {
        config.limits.connections_per_address
    };
    Web {
        router,
        trusted: config.trusted_proxies.clone().into(),
        connections: Connections::new(config.limits.http_connections, per_address),
        tasks: house.server.tasks.clone(),
        shutdown: house.server.shutdown.clone(),
    }
}

/// On a home network plain HTTP is for setting up phones only.
async fn lead_to_https(
    State(lan): State<Arc<Lan>>,
    client: axum::Extension<Client>,
    request: Request,
    next: Next,
) -> Response {
    match http_site::lan::elsewhere(&lan, &client, &request) {
        Some(response) => response,
        None => next.run(request).await,
    }
}

/// The authority of a home network, with a certificate for the addresses of this moment.
fn lan_authority(config: &Config) -> anyhow::Result<Option<Authority>> {
    if !config.lan {
        return Ok(None);
    }
    let (authority, _) = lan::renew(config, &lan::addresses(config))?;
    Ok(Some(authority))
}

/// What phones are told of a home network.
fn on_network(authority: Authority, listeners: &Listeners) -> Lan {
    Lan {
        fingerprint: authority.fingerprint(),
        domain: authority.domain,
        authority: authority.der.to_vec(),
        xmpp: listeners.ports.get(&Service::Xmpp).copied(),
        https: listeners.ports.get(&Service::Https).copied(),
    }
}

/// What whoever started it on a home network does next.
fn network_words(house: &House, listeners: &Listeners, lan: &Lan) -> String {
    let addresses = addresses(&house.config);
    let mut text = String::from("\n");
    let Some(address) = lan::first(&addresses) else {
        return "\n  note     this machine has no address on a private network now; it is looked for again each minute\n".into();
    };
    let all: Vec<String> = addresses
        .iter()
        .filter(|address| !address.is_loopback())
        .map(ToString::to_string)
        .collect();
    if let Some(port) = listeners.ports.get(&Service::Http) {
        let link = format!("http://{}/lan", SocketAddr::new(address, *port));
        text.push_str(&format!("  phones   on this network open {link}\n"));
        text.push_str(&qr::for_terminal(&link).unwrap_or_default());
    }
    if let Some(port) = lan.xmpp {
        text.push_str(&format!(
            "  apps     address NAME@{}, host {address}, port {port}\n",
            lan.domain
        ));
    }
    if all.len() > 1 {
        text.push_str(&format!("  also at  {}\n", all.join(", ")));
    }
    text.push_str(&format!(
        "  trust    the fingerprint (SHA-256) that phones must show when they install the certificate:\n           {}\n",
        lan.fingerprint
    ));
    if !lan::is_answered() {
        text.push_str(&format!(
            "  note     nothing here tells the network where {} is (avahi-daemon does not run): install it (apt install\n           avahi-daemon), or have people use the address {address}, which works as well\n",
            lan.domain
        ));
    }
    text
}

/// What a certificate authority asks to see (RFC 8555 §8.3).
async fn challenge(State(certificates): State<Arc<Certificates>>, Path(token): Path<String>) -> Response {
    match certificates.challenges.text(&token) {
        Some(text) => ([(header::CONTENT_TYPE, "application/octet-stream")], text).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Turns a request into a WebSocket and hands it to the XMPP side.
async fn upgrade(
    State(house): State<Arc<House>>,
    client: axum::Extension<Client>,
    mut request: Request,
) -> Response {
    let server = &house.server;
    let origins = websocket_origins(&house.config);
    let accept = match websocket::handshake(&request, &origins, &server.settings.site_url) {
        Ok(accept) => accept,
        Err(refusal) => return websocket::refused(refusal),
    };
    let Some(upgrading) = request.extensions_mut().remove::<OnUpgrade>() else {
        return websocket::refused(websocket::Refusal::Malformed);
    };
    if let Some(patience) = request.extensions().get::<Patience>() {
        patience.end();
    }
    let peer = peer(&client);
    let (server, tasks) = (server.clone(), server.tasks.clone());
    tasks.spawn(async move {
        if let Ok(upgraded) = upgrading.await {
            listen::serve_websocket(server, TokioIo::new(upgraded), peer).await;
        }
    });
    websocket::accepted(accept)
}

/// Hands a request that carries XMPP to the XMPP side.
async fn http_bind(
    State(house): State<Arc<House>>,
    client: axum::Extension<Client>,
    request: Request,
) -> Response {
    let origins = websocket_origins(&house.config);
    bosh::serve(&house.server, peer(&client), &origins, request).await
}

/// Hands what an app's server pushes to the XMPP side.
async fn push(State(house): State<Arc<House>>, Path(token): Path<String>, request: Request) -> Response {
    unified_push::serve(&house.server, &token, request).await
}

/// Whom the XMPP side takes an HTTP client for.
fn peer(client: &Client) -> Peer {
    Peer {
        ip: client.address,
        is_secure: client.is_secure,
        is_loopback: client.address.is_loopback() && !client.is_proxied,
    }
}

/// Tells who started it what runs where, on standard output.
async fn greet(
    house: &House,
    listeners: &Listeners,
    files: OpenFiles,
    mode: Mode,
    lan: Option<&Lan>,
) -> anyhow::Result<()> {
    let config = &house.config;
    let mut text = format!(
        "Folkmoot {} serves {}\n\n",
        env!("CARGO_PKG_VERSION"),
        config.domains.join(", ")
    );
    text.push_str(&format!("  open     {}\n", house.server.settings.site_url));
    let named = |service: Service| {
        listeners
            .ports
            .get(&service)
            .map_or_else(|| "off".into(), u16::to_string)
    };
    text.push_str(&format!(
        "  ports    XMPP {} (STARTTLS), {} (TLS); HTTP {}, HTTPS {}\n",
        named(Service::Xmpp),
        named(Service::XmppTls),
        named(Service::Http),
        named(Service::Https),
    ));
    text.push_str(&format!("  data     {}\n", config.data.display()));
    let sign_up = house.server.settings.registration.as_str();
    text.push_str(&format!("  sign-up  {sign_up}\n"));
    let before = files
        .before
        .map_or_else(|| "unlimited".into(), |limit| limit.to_string());
    let now = files
        .now
        .map_or_else(|| "unlimited".into(), |limit| limit.to_string());
    text.push_str(&format!(
        "  files    at most {now} open (was {before}); every connection is one\n"
    ));
    if mode == Mode::Development {
        text.push_str("  --dev    for tests: no rate limits, sign-in without TLS, loopback only\n");
    }
    if config.policy() == Policy::Open && mode == Mode::Usual && settings::is_public(config) {
        text.push_str("  note     anybody can sign up from outside; folkmoot check says more\n");
    }
    if let Some(lan) = lan {
        text.push_str(&network_words(house, listeners, lan));
    }
    // On a home network this machine need not trust the certificate: it has plain HTTP to itself.
    let own = listeners.ports.get(&Service::Http).filter(|_| lan.is_some());
    let own = own.filter(|_| addresses(config).contains(&Ipv4Addr::LOCALHOST.into()));
    let base = own.map(|port| format!("http://localhost:{port}"));
    if let Some((link, span)) = admin::admin_link(house, base.as_deref()).await? {
        text.push_str(&format!("\n  Nobody administers this server yet. This link makes one person its administrator,\n  once, within {span}:\n\n  {link}\n"));
    }
    text.push_str("\nReady. Ctrl-C stops it.");
    let mut out = std::io::stdout().lock();
    // Whoever closed standard output does not want to be told.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    Ok(())
}
