//! `folkmoot serve`: start, run, reload, stop.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;
use futures_util::FutureExt;
use http_site::{Client, Content, Find, Invitation, InvitationState, Site};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use store::invites::Standing;
use tokio::signal::unix::{Signal, SignalKind, signal};
use xmpp::listen::{self, Peer};
use xmpp::server::Server;

use crate::certificates::Certificates;
use crate::config::{Config, Policy};
use crate::house::{self, House, Mode};
use crate::limits::OpenFiles;
use crate::listeners::{Listeners, PORTS_FILE, Service, addresses};
use crate::web::connections::Connections;
use crate::web::patience::Patience;
use crate::web::serve::{Security, Web};
use crate::web::{metrics, serve as accept_http, websocket};
use crate::websocket_origins;
use crate::{admin, archive, settings};

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
    let certificates = Certificates::open(&config)?;
    let listeners = Listeners::bind(&config)?;
    let site_url = settings::site_url(&config, Some(&listeners));
    let house = House::build(config, store, &site_url, mode).await?;
    let config = &house.config;

    house.server.connections.set_tls(certificates.pair().for_xmpp()?);
    let site = site(&house);
    let web = web(&house, &site);
    admin::serve(&house)?;
    listeners.write_ports(&config.data)?;
    greet(&house, &listeners, files, mode).await?;

    for (service, listener) in listeners.sockets {
        let server = house.server.clone();
        let tasks = &house.server.tasks;
        match service {
            Service::Xmpp => {
                tasks.spawn(listen::serve_tcp(server, listener, listen::Mode::StartTls));
            }
            Service::XmppTls => {
                tasks.spawn(listen::serve_tcp(server, listener, listen::Mode::DirectTls));
            }
            Service::Http => {
                tasks.spawn(accept_http::serve(web.clone(), listener, Security::Plain));
            }
            Service::Https => {
                let security = Security::Tls(certificates.https.clone());
                tasks.spawn(accept_http::serve(web.clone(), listener, security));
            }
        }
    }
    run(&mut signals, &house, &certificates, &site).await;
    stop(&house, signals).await
}

/// Serves until a signal asks for the end.
async fn run(signals: &mut Signals, house: &House, certificates: &Certificates, site: &Site) {
    let mut tidy = tokio::time::interval(TIDY);
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => return,
            _ = signals.interrupt.recv() => return,
            _ = signals.hangup.recv() => match reload(house, certificates) {
                Ok(()) => tracing::info!(file = %certificates.paths().certificate.display(), "the certificate was read again"),
                Err(error) => tracing::error!(error = format!("{error:#}"), "the certificate stays as it was"),
            },
            _ = tidy.tick() => site.tidy(),
        }
    }
}

/// Shows the certificate anew to those who connect from now on.
fn reload(house: &House, certificates: &Certificates) -> anyhow::Result<()> {
    certificates.reload()?;
    house.server.connections.set_tls(certificates.pair().for_xmpp()?);
    Ok(())
}

/// Takes no more connections, finishes what was received, closes streams with `system-shutdown`, stores everything.
async fn stop(house: &House, mut signals: Signals) -> anyhow::Result<()> {
    let begun = Instant::now();
    let most = Duration::from_secs(house.config.limits.shutdown_seconds);
    tracing::info!(sessions = house.server.registry.count(), "stopping");
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
fn site(house: &Arc<House>) -> Arc<Site> {
    let server = &house.server;
    let content = Content {
        store: server.store.clone(),
        host: server.host.clone(),
        timelines: server.timelines.clone(),
        invitations: invitations(server.clone()),
        metrics: metrics::page(server),
    };
    Site::new(settings::web(&house.config, &server.settings), content)
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
fn web(house: &Arc<House>, site: &Arc<Site>) -> Web {
    let router = Router::new()
        .route(websocket::PATH, any(upgrade))
        .with_state(house.clone())
        .merge(http_site::router(site.clone()));
    let config = &house.config;
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
    let peer = Peer {
        ip: client.address,
        is_secure: client.is_secure,
        is_loopback: client.address.is_loopback() && !client.is_proxied,
    };
    let (server, tasks) = (server.clone(), server.tasks.clone());
    tasks.spawn(async move {
        if let Ok(upgraded) = upgrading.await {
            listen::serve_websocket(server, TokioIo::new(upgraded), peer).await;
        }
    });
    websocket::accepted(accept)
}

/// Tells who started it what runs where, on standard output.
async fn greet(house: &House, listeners: &Listeners, files: OpenFiles, mode: Mode) -> anyhow::Result<()> {
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
    if let Some((link, span)) = admin::admin_link(house).await? {
        text.push_str(&format!("\n  Nobody administers this server yet. This link makes one person its administrator,\n  once, within {span}:\n\n  {link}\n"));
    }
    text.push_str("\nReady. Ctrl-C stops it.");
    let mut out = std::io::stdout().lock();
    // Whoever closed standard output does not want to be told.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    Ok(())
}
