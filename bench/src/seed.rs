//! Fills a data folder before the server starts: accounts `user0`, `user1`, … with one
//! password, their microblogs, rosters and follows, written through the store's own door.

use std::path::Path;

use anyhow::Result;
use base64::Engine;
use bus::{AccessModel, NodeConfig};
use sha1::Digest;
use store::accounts::{Account, AccountState};
use store::credentials::Credential;
use store::nodes::Node;
use store::roster::{RosterItem, Subscription as Presence};
use store::subscriptions::Subscription;
use store::{JidNo, NodeNo, Options, Pending, Store, Timestamp, Write};
use wire::sasl::{Hash, ScramKeys};

/// Everybody's password.
pub const PASSWORD: &str = "bench";
/// Everybody's salt: with one salt the generator derives its key once.
pub const SALT: &[u8] = b"folkmoot bench 1";
/// RFC 7677 §4's minimum; it costs the server nothing at sign-in.
pub const ITERATIONS: u32 = 4096;

const MICROBLOG: &str = "urn:xmpp:microblog:0";

/// What to make.
#[derive(Clone, Copy, Default)]
pub struct Seed {
    /// How many accounts.
    pub accounts: usize,
    /// Mutual contacts of everybody, among the accounts that follow in number.
    pub contacts_each: usize,
    /// How many follow `user0`: `user1` and so on.
    pub followers_of_first: usize,
    /// How many are mutual contacts of `user0`.
    pub contacts_of_first: usize,
    /// So many accounts come first, each a mutual contact of everybody who is not among them.
    pub hosts: usize,
}

/// Writes it; the server must not run yet.
pub async fn write(data: &Path, seed: Seed) -> Result<()> {
    let store = Store::open(data, &Options::default())?;
    let keys = credentials();
    let now = store.clock().now();
    let mut people: Vec<(JidNo, NodeNo)> = Vec::with_capacity(seed.accounts);
    let mut pending = Queue::default();
    for n in 0..seed.accounts {
        let no = store.jids().number(&format!("user{n}@localhost")).await?;
        let node = store.next_node();
        people.push((no, node));
        let account = account(no, n, now);
        let microblog = Node {
            no: node,
            owner: no,
            name: MICROBLOG.to_owned(),
            kind: "pep".to_owned(),
            access: AccessModel::Open.as_str().to_owned(),
            config: NodeConfig::microblog(AccessModel::Open).to_text(),
            created: now,
        };
        let parts = vec![
            store::accounts::create(account),
            store::credentials::set(no, keys.clone()),
            store::nodes::create(microblog),
        ];
        pending.add(store.write(Write::all(parts))).await?;
    }
    let befriend = |one: JidNo, other: JidNo| {
        let item = |contact| RosterItem {
            contact,
            name: String::new(),
            groups: Vec::new(),
            subscription: Presence::Both,
            ask: false,
            approved: false,
        };
        Write::all(vec![
            store::roster::put(one, item(other), 1),
            store::roster::put(other, item(one), 1),
        ])
    };
    for n in 0..seed.accounts {
        // Half the contacts lie ahead; the other half have this account ahead of them.
        for ahead in 1..=seed.contacts_each / 2 {
            let other = (n + ahead) % seed.accounts;
            if other != n {
                pending
                    .add(store.write(befriend(people[n].0, people[other].0)))
                    .await?;
            }
        }
    }
    for follower in 1..=seed.followers_of_first {
        let subscription = Subscription {
            node: people[0].1,
            no: people[follower].0,
            resource: String::new(),
            subid: follower.to_string(),
            state: "subscribed".to_owned(),
            options: None,
            created: now,
            expires: None,
        };
        pending
            .add(store.write(store::subscriptions::put(subscription)))
            .await?;
    }
    for contact in 1..=seed.contacts_of_first {
        pending
            .add(store.write(befriend(people[0].0, people[contact].0)))
            .await?;
    }
    for host in 0..seed.hosts {
        for guest in seed.hosts..seed.accounts {
            pending
                .add(store.write(befriend(people[host].0, people[guest].0)))
                .await?;
        }
    }
    pending.finish().await?;
    store.close().await;
    Ok(())
}

/// The keys of everybody's password.
pub fn credentials() -> Vec<Credential> {
    [Hash::Sha1, Hash::Sha256, Hash::Sha512]
        .into_iter()
        .map(|hash| {
            let keys = ScramKeys::derive(hash, PASSWORD, SALT.to_vec(), ITERATIONS);
            Credential {
                hash: hash.name().to_owned(),
                salt: keys.salt,
                iterations: keys.iterations,
                stored_key: keys.stored_key,
                server_key: keys.server_key,
            }
        })
        .collect()
}

/// The account `user{n}`.
pub fn account(no: JidNo, n: usize, created: Timestamp) -> Account {
    Account {
        no,
        domain: "localhost".to_owned(),
        localpart: format!("user{n}"),
        state: AccountState::Active,
        is_admin: false,
        created,
        last_login: None,
        settings: String::new(),
    }
}

/// Writes under way, few enough for the store's queue.
#[derive(Default)]
struct Queue(Vec<Pending>);

impl Queue {
    async fn add(&mut self, write: Pending) -> Result<()> {
        self.0.push(write);
        if self.0.len() >= 4096 {
            self.finish().await
        } else {
            Ok(())
        }
    }

    async fn finish(&mut self) -> Result<()> {
        for write in self.0.drain(..) {
            write.await?;
        }
        Ok(())
    }
}

/// An Atom entry such as a client sends, about 600 bytes.
pub fn entry(n: usize) -> String {
    format!(
        "<entry xmlns='http://www.w3.org/2005/Atom'><title type='text'>Post {n}: what light through yonder window \
         breaks? It is the east, and Juliet is the sun. Arise, fair sun, and kill the envious moon, who is already \
         sick and pale with grief that thou her maid art far more fair than she.</title>\
         <id>tag:localhost,2026-11-21:post-{n}</id><published>2026-11-21T12:00:00Z</published>\
         <updated>2026-11-21T12:00:00Z</updated><category term='verona'/><generator uri='https://example.org/' \
         version='1.0'>bench</generator></entry>"
    )
}

/// The `ver` of a capabilities string (XEP-0115 §5.1).
pub fn caps_ver(string: &str) -> String {
    let digest = sha1::Sha1::digest(string.as_bytes());
    base64::engine::general_purpose::STANDARD.encode(digest)
}
