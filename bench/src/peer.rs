//! Other servers, started from Debian's packages with a configuration for this load, and prepared over the wire: what the
//! store's own door does for Folkmoot, in-band registration and presence subscriptions do for anybody.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::ValueEnum;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::client::Client;
use crate::process::{Process, address};
use crate::scenario::xmpps;
use crate::seed::Seed;

const AT_ONCE: usize = 8;

/// Which server.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Kind {
    /// Ours.
    Folkmoot,
    /// `ejabberd` of Debian.
    Ejabberd,
    /// `prosody` of Debian.
    Prosody,
}

impl Kind {
    /// All of them, ours first.
    pub const ALL: [Kind; 3] = [Kind::Folkmoot, Kind::Ejabberd, Kind::Prosody];

    /// Starts it over an empty folder.
    pub async fn start(self, folkmoot: &Path, data: &Path) -> Result<Process> {
        let data = data.canonicalize()?;
        match self {
            Kind::Folkmoot => Process::folkmoot(folkmoot, &data).await,
            Kind::Ejabberd => Process::peer(ejabberd(&data)?, &data).await,
            Kind::Prosody => Process::peer(prosody(&data)?, &data).await,
        }
    }
}

/// A certificate and its key for `localhost`, in one file.
fn certificate(data: &Path) -> Result<String> {
    let mut about = rcgen::CertificateParams::new(vec!["localhost".to_owned()])?;
    // Not every server can wait for a date that is many centuries away.
    about.not_after = rcgen::date_time_ymd(2040, 1, 1);
    let key = rcgen::KeyPair::generate()?;
    let file = data.join("localhost.pem");
    fs::write(&file, key.serialize_pem() + &about.self_signed(&key)?.pem())?;
    Ok(file.display().to_string())
}

fn prosody(data: &Path) -> Result<Command> {
    let (pem, folder, ip) = (certificate(data)?, data.display(), address());
    let config = data.join("prosody.cfg.lua");
    let text = format!(
        "data_path = '{folder}'\npidfile = '{folder}/prosody.pid'\nrun_as_root = true\n\
         log = {{ warn = '*console' }}\ninterfaces = {{ '{ip}' }}\nc2s_ports = {{}}\ns2s_ports = {{}}\nhttp_ports = {{}}\nhttps_ports = {{}}\n\
         c2s_direct_tls_ports = {{ 5223 }}\nmodules_disabled = {{ 's2s' }}\n\
         modules_enabled = {{ 'roster', 'saslauth', 'tls', 'disco', 'pep', 'register', 'ping', 'presence', 'message', 'iq' }}\n\
         network_backend = 'epoll'\nauthentication = 'internal_hashed'\npassword_hash = 'SHA-256'\ndefault_iteration_count = 4096\n\
         storage = 'internal'\nallow_registration = true\nmin_seconds_between_registrations = 0\n\
         ssl = {{ certificate = '{pem}'; key = '{pem}' }}\n\
         c2s_direct_tls_ssl = {{ certificate = '{pem}'; key = '{pem}' }}\nVirtualHost 'localhost'\n"
    );
    fs::write(&config, text)?;
    let mut command = Command::new("/usr/bin/prosody");
    command.arg("-F").arg("--config").arg(&config);
    Ok(command)
}

fn ejabberd(data: &Path) -> Result<Command> {
    let (pem, folder, ip) = (certificate(data)?, data.display(), address());
    let config = data.join("ejabberd.yml");
    let text = format!(
        "hosts: [localhost]\nloglevel: warning\ncertfiles: ['{pem}']\nauth_method: internal\nauth_password_format: scram\n\
         auth_scram_hash: sha256\ndefault_db: mnesia\nregistration_timeout: infinity\n\
         listen:\n  - port: 5223\n    ip: '{ip}'\n    module: ejabberd_c2s\n    tls: true\n    max_stanza_size: 262144\n\
         access_rules:\n  c2s: {{allow: all}}\n  register: {{allow: all}}\n\
         modules:\n  mod_roster: {{}}\n  mod_disco: {{}}\n  mod_ping: {{}}\n  mod_caps: {{}}\n\
         \x20 mod_register: {{access: register, ip_access: all, password_strength: 0}}\n\
         \x20 mod_pubsub:\n    access_createnode: all\n    plugins: [flat, pep]\n    ignore_pep_from_offline: true\n    last_item_cache: false\n"
    );
    fs::write(&config, text)?;
    let library = fs::read_dir("/usr/lib/x86_64-linux-gnu")
        .or_else(|_| fs::read_dir("/usr/lib/aarch64-linux-gnu"))?
        .filter_map(Result::ok)
        .map(|entry| entry.path().join("ebin"))
        .find(|path| path.join("ejabberd.app").exists())
        .context("ejabberd's beam files were not found: is the package installed?")?;
    // No name, so no port mapper daemon that would outlive the run.
    let mut command = Command::new("/usr/bin/erl");
    command
        .args(["-noinput", "+K", "true", "+P", "250000", "-pa"])
        .arg(library)
        .args(["-mnesia", "dir"])
        .arg(format!("\"{folder}/mnesia\""))
        .args(["-s", "ejabberd"])
        .env("EJABBERD_CONFIG_PATH", &config)
        .env("EJABBERD_LOG_PATH", data.join("ejabberd.log"))
        .env("EJABBERD_SO_PATH", "")
        .env("SPOOL_DIR", data)
        .env("HOME", data)
        .env("ERL_CRASH_DUMP", data.join("crash.dump"));
    Ok(command)
}

/// Makes accounts and contacts on the server that runs.
pub async fn seed(seed: Seed) -> Result<()> {
    anyhow::ensure!(
        seed.followers_of_first == 0,
        "followers are not prepared over the wire"
    );
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut registering = JoinSet::new();
    for n in 0..seed.accounts {
        let permit = permits.clone().acquire_owned().await?;
        registering.spawn(async move {
            Client::register(xmpps(), &format!("user{n}")).await?;
            drop(permit);
            anyhow::Ok(())
        });
    }
    while let Some(done) = registering.join_next().await {
        done??;
    }
    let mut pairs = Vec::new();
    for n in 0..seed.accounts {
        for ahead in 1..=seed.contacts_each / 2 {
            pairs.push((n, (n + ahead) % seed.accounts));
        }
    }
    pairs.extend((1..=seed.contacts_of_first).map(|contact| (0, contact)));
    for host in 0..seed.hosts {
        pairs.extend((seed.hosts..seed.accounts).map(|guest| (host, guest)));
    }
    befriend(&pairs).await
}

/// Makes pairs mutual contacts: those who ask first, in one session each, then those who answer and ask back.
async fn befriend(pairs: &[(usize, usize)]) -> Result<()> {
    let mut asks: Vec<Vec<usize>> = Vec::new();
    let mut answers: Vec<Vec<usize>> = Vec::new();
    for &(one, other) in pairs {
        let most = one.max(other) + 1;
        asks.resize(asks.len().max(most), Vec::new());
        answers.resize(answers.len().max(most), Vec::new());
        asks[one].push(other);
        answers[other].push(one);
    }
    rounds(&asks, &["subscribe"]).await?;
    rounds(&answers, &["subscribed", "subscribe"]).await?;
    rounds(&asks, &["subscribed"]).await
}

async fn rounds(lists: &[Vec<usize>], kinds: &[&'static str]) -> Result<()> {
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut all = JoinSet::new();
    for (n, list) in lists.iter().enumerate().filter(|(_, list)| !list.is_empty()) {
        let permit = permits.clone().acquire_owned().await?;
        let (list, kinds) = (list.clone(), kinds.to_vec());
        all.spawn(async move {
            let mut client = Client::sign_in(xmpps(), &format!("user{n}"), "seed").await?;
            // Ten at a time, each lot answered before the next, so that no server's shaper is met.
            for some in list.chunks(10) {
                let mut text = String::new();
                for other in some {
                    for kind in &kinds {
                        text += &format!("<presence type='{kind}' to='user{other}@localhost'/>");
                    }
                }
                text += "<iq type='get' id='sync' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>";
                client.send(&text).await?;
                client.until_id("sync").await?;
            }
            client.send("</stream:stream>").await?;
            drop(permit);
            anyhow::Ok(())
        });
    }
    while let Some(done) = all.join_next().await {
        done??;
    }
    Ok(())
}
