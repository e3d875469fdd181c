//! The scenarios, one file each.

mod archive;
mod catch_up;
mod chat;
mod contacts;
mod empty;
mod fanout;
mod history;
mod idle;
pub mod large;
mod login;
mod publish;
mod resume;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;

use crate::Options;
use crate::process::{Process, address};
use crate::report::Report;
use crate::seed::Seed;

/// What can be measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Scenario {
    /// The server without anybody: memory, binary, time to the first page.
    Empty,
    /// Memory of sessions that do nothing.
    Idle,
    /// CPU of signing in.
    Login,
    /// Presence among contacts.
    Contacts,
    /// One-to-one messages.
    Chat,
    /// A post to many who follow or whose clients announced interest.
    Fanout,
    /// Reading the newest items of a node.
    History,
    /// Durable, acknowledged items.
    Publish,
    /// Coming back to 300 contacts' nodes.
    CatchUp,
    /// Ten thousand nodes with a thousand items each, one of them with fifty thousand subscribers.
    Large,
    /// Coming back after all connections were cut.
    Resume,
    /// Pages of archives among ten million messages.
    Archive,
}

impl Scenario {
    /// In the order in which they run.
    pub const ALL: [Scenario; 12] = [
        Scenario::Empty,
        Scenario::Idle,
        Scenario::Login,
        Scenario::Contacts,
        Scenario::Chat,
        Scenario::Fanout,
        Scenario::History,
        Scenario::Publish,
        Scenario::CatchUp,
        Scenario::Resume,
        Scenario::Large,
        Scenario::Archive,
    ];

    /// Measures it.
    pub async fn run(self, options: &Options, report: &mut Report) -> Result<()> {
        match self {
            Scenario::Empty => empty::run(options, report).await,
            Scenario::Idle => idle::run(options, report).await,
            Scenario::Login => login::run(options, report).await,
            Scenario::Contacts => contacts::run(options, report).await,
            Scenario::Chat => chat::run(options, report).await,
            Scenario::Fanout => fanout::run(options, report).await,
            Scenario::History => history::run(options, report).await,
            Scenario::Publish => publish::run(options, report).await,
            Scenario::CatchUp => catch_up::run(options, report).await,
            Scenario::Large => large::run(options, report).await,
            Scenario::Resume => resume::run(options, report).await,
            Scenario::Archive => archive::run(options, report).await,
        }
    }
}

/// Where the server's direct TLS port is.
pub fn xmpps() -> SocketAddr {
    SocketAddr::new(address(), 5223)
}

/// A fresh data folder, seeded, and the server over it.
async fn start(options: &Options, name: &str, seed: Seed) -> Result<(Process, PathBuf)> {
    start_with(options, name, seed, &[]).await
}

/// The same with settings from the environment.
async fn start_with(
    options: &Options,
    name: &str,
    seed: Seed,
    settings: &[(&str, &str)],
) -> Result<(Process, PathBuf)> {
    let data = options.out.join("data").join(name);
    if data.exists() {
        std::fs::remove_dir_all(&data)?;
    }
    std::fs::create_dir_all(&data)?;
    if options.over_the_wire {
        let server = options.kind.start(&options.server, &data).await?;
        crate::peer::seed(seed).await?;
        return Ok((server, data));
    }
    crate::seed::write(&data, seed).await?;
    // What seeding and the scenario before have left to be written back would weigh on this one's fsyncs.
    let synced = tokio::task::spawn_blocking(|| std::process::Command::new("sync").status()).await??;
    anyhow::ensure!(synced.success(), "sync failed");
    let server = Process::folkmoot_with(&options.server, &data, settings).await?;
    Ok((server, data))
}

/// The caps element of a client that wants microblog events, and the answer to
/// the server's question what is behind it.
mod caps {
    /// Sent with presence; the hash is of `ANSWER` (XEP-0115 §5.1).
    pub const ELEMENT: &str = "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' \
                               node='urn:x-folkmoot:bench' ver='VER'/>";
    /// What `ver` is the hash of.
    pub const IDENTITY_AND_FEATURES: &str = "<identity category='client' type='bot' name='bench'/>\
                                             <feature var='http://jabber.org/protocol/disco#info'/>\
                                             <feature var='urn:xmpp:microblog:0+notify'/>";
    /// The verification string before hashing.
    pub const STRING: &str =
        "client/bot//bench<http://jabber.org/protocol/disco#info<urn:xmpp:microblog:0+notify<";
}
