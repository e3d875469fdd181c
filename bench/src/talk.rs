//! Ten million messages between two thousand people, made once through the store's bulk path and kept between runs, as
//! [`crate::large`]'s set is and beside it.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use serde_json::{Value, json};
use store::bulk::Bulk;
use store::messages::{Direction, MessageOwner, NewMessage, append};
use store::{JidNo, Timestamp};

use crate::Options;
use crate::large::{self, gib};
use crate::seed::{account, credentials};

/// Grows when what is made here changes.
const GENERATOR: u64 = 1;
/// The first message is from this moment: 2026-01-01.
pub const BEGIN: i64 = 1_767_225_600_000;
/// Milliseconds between two messages.
pub const STEP: i64 = 2_000;
/// With how many people somebody talks.
pub const PEERS: usize = 20;
/// One message in so many is to or from the first account, which so has very many.
const FIRST_EVERY: usize = 10;
/// The size of a message with its rows and indexes, about, in bytes.
const MESSAGE_BYTES: u64 = 560;

/// What to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Talk {
    /// How many messages.
    pub messages: usize,
    /// How many people.
    pub people: usize,
}

impl Talk {
    /// The set of the project's figures, or a small one to see that it works.
    pub fn of(options: &Options) -> Talk {
        Talk {
            messages: options.amount(60_000, 10_000_000, 0),
            people: options.amount(40, 2_000, 0),
        }
    }

    /// Who talks with whom in a message: the sender and the recipient.
    fn between(self, n: usize) -> (usize, usize) {
        let mixed = n.wrapping_mul(2_654_435_761) >> 7;
        let one = if n.is_multiple_of(FIRST_EVERY) {
            0
        } else {
            mixed % self.people
        };
        let other = self.peer(one, mixed / self.people % PEERS);
        if mixed.is_multiple_of(2) {
            (one, other)
        } else {
            (other, one)
        }
    }

    /// One of those with whom somebody talks.
    pub fn peer(self, one: usize, which: usize) -> usize {
        (one + 1 + which * 37) % self.people
    }

    /// When a message was sent.
    pub fn time(n: usize) -> Timestamp {
        Timestamp(BEGIN + n as i64 * STEP)
    }
}

impl large::Set for Talk {
    fn stamp(&self) -> Value {
        json!({ "generator": GENERATOR, "messages": self.messages, "people": self.people })
    }

    fn bytes(&self) -> u64 {
        self.messages as u64 * MESSAGE_BYTES + (64 << 20)
    }

    fn count(&self) -> (usize, &'static str) {
        (self.messages, "messages")
    }

    fn fill(&self, bulk: &mut Bulk, begun: Instant) -> Result<()> {
        let keys = credentials();
        let mut people: Vec<JidNo> = Vec::with_capacity(self.people);
        for n in 0..self.people {
            let no = bulk.jid(&format!("user{n}@localhost"))?;
            bulk.write(&store::accounts::create(account(no, n, Timestamp(BEGIN))))?;
            bulk.write(&store::credentials::set(no, keys.clone()))?;
            people.push(no);
        }
        let report = (self.messages / 20).max(1);
        for n in 0..self.messages {
            let (from, to) = self.between(n);
            let at = Talk::time(n);
            let row = |owner: JidNo, peer: JidNo, direction| {
                Some(MessageOwner {
                    owner,
                    peer,
                    direction,
                    offline: false,
                    archived: true,
                    requested: false,
                })
            };
            let (sender, recipient) = (people[from], people[to]);
            let mut owners = [row(sender, recipient, Direction::Out), None];
            if from != to {
                owners[1] = row(recipient, sender, Direction::In);
            }
            bulk.write(&append(NewMessage {
                id: bulk.next_message(at),
                created: at,
                sender,
                recipient,
                told: Some((n as i64).wrapping_mul(6_364_136_223_846_793_005)),
                stanza: stanza(from, to, n).into_bytes().into(),
                owners,
            }))?;
            if (n + 1).is_multiple_of(report) {
                println!(
                    "{} of {} messages, {}, {:.0} s",
                    n + 1,
                    self.messages,
                    gib(bulk.bytes()?),
                    begun.elapsed().as_secs_f64()
                );
            }
        }
        Ok(())
    }
}

/// A message as a client sends it.
fn stanza(from: usize, to: usize, n: usize) -> String {
    format!(
        "<message from='user{from}@localhost/phone' to='user{to}@localhost' type='chat' id='talk-{n}'><body>O Romeo, Romeo! \
         Wherefore art thou Romeo? Deny thy father and refuse thy name.</body>\
         <request xmlns='urn:xmpp:receipts'/><origin-id xmlns='urn:xmpp:sid:0' id='talk-{n}'/></message>"
    )
}

/// The set, made if there is none that fits.
pub async fn have(options: &Options) -> Result<large::Made<Talk>> {
    let name = if options.quick {
        "quick-messages"
    } else {
        "messages"
    };
    large::have(options, Path::new(name), Talk::of(options)).await
}
