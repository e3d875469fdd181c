//! The server put together from the configuration: store, rules, sessions. With listeners it is
//! `serve`; without, it is what the administrator's commands work on when no server runs.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use store::{Clock, Store, SystemClock};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use xmpp::auth::Auth;
use xmpp::listen::Connections;
use xmpp::server::{Parts, Server};

use crate::config::Config;
use crate::push::Carrier;
use crate::{files, settings, token_key, upgrades};

/// How long what still runs may take when nobody is connected.
const QUIET_END: Duration = Duration::from_secs(30);

/// One server with its configuration.
pub struct House {
    /// The configuration in force.
    pub config: Config,
    /// The XMPP server.
    pub server: Arc<Server>,
}

/// Whether a server is for tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As configured.
    Usual,
    /// `--dev`: no limits, sign-in without TLS.
    Development,
}

/// Takes the data folder: makes it where it is missing, and opens its database.
pub async fn open_store(config: &Config) -> anyhow::Result<Store> {
    files::make_private_folder(&config.data)?;
    files::refuse_as_root(&config.data)?;
    let data = config.data.clone();
    let options = store::Options {
        readers: config.store.readers,
        on_upgrade: Arc::new(|upgrade| upgrades::tell(&upgrade)),
        ..store::Options::default()
    };
    let opened = tokio::task::spawn_blocking(move || Store::open(&data, &options))
        .await
        .context("the database's opening failed")?;
    Ok(opened?)
}

impl House {
    /// Puts the server together on an open store.
    pub async fn build(
        config: Config,
        store: Store,
        site_url: &str,
        mode: Mode,
    ) -> anyhow::Result<Arc<Self>> {
        let mut settings = settings::xmpp(&config, site_url, mode);
        for component in &config.components {
            settings.components.push(component.settings()?);
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let auth = Auth::open(store.clone(), clock.clone(), &settings)
            .await?
            .with_token_key(token_key::open(&config.data)?);
        let server = Server::build(Parts {
            connections: Connections::new(&settings),
            settings,
            store,
            clock,
            auth,
            tasks: TaskTracker::new(),
            shutdown: CancellationToken::new(),
        })
        .await?;
        if config.push.browsers {
            server.push.set_post(Arc::new(Carrier::new(mode)));
        }
        Ok(Arc::new(Self { config, server }))
    }

    /// The same for one command, with no listeners.
    pub async fn open_quietly(config: &Config) -> anyhow::Result<Arc<Self>> {
        let store = open_store(config).await?;
        let site_url = settings::site_url(config, None);
        Self::build(config.clone(), store, &site_url, Mode::Usual).await
    }

    /// Ends what runs and closes the store; everything handed in is stored.
    pub async fn close(&self) {
        self.server.shutdown.cancel();
        self.server.tasks.close();
        if tokio::time::timeout(QUIET_END, self.server.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("some work did not end; it goes on at the next start");
        }
        self.server.store.close().await;
    }
}
