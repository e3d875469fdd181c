//! Archives in SQL against the simplest thing that could be right: a list of messages.

use proptest::prelude::*;
use store::accounts::{self, Account, AccountState};
use store::archive::{End, Selection, remove};
use store::archive_words::{MessageWords, index};
use store::messages::{Direction, MessageOwner, NewMessage, append, delivered};
use store::{JidNo, MessageId, Store, Timestamp};

use crate::fixtures::{Folder, START, open, rows};

const PEOPLE: usize = 3;
const WORDS: [&str; 3] = ["sun", "moon", "the sun"];

/// What the list knows of a message in one archive.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    owner: JidNo,
    peer: JidNo,
    id: MessageId,
    created: Timestamp,
    text: String,
    is_archived: bool,
    is_offline: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Send {
        from: usize,
        to: usize,
        word: usize,
        /// How much sooner than its number it was received.
        late_ms: i64,
        archived: (bool, bool),
        offline: bool,
    },
    Delivered {
        who: usize,
    },
    Remove {
        who: usize,
        count: u32,
    },
    Index {
        who: usize,
    },
    Ask {
        who: usize,
        with: Option<usize>,
        after: Option<usize>,
        before: Option<usize>,
        since: Option<i64>,
        until: Option<i64>,
        word: Option<usize>,
        is_newest: bool,
        limit: u32,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = || 0..PEOPLE;
    let late = prop_oneof![4 => Just(0_i64), 1 => 0..5_000_i64];
    let send = (
        who(),
        who(),
        0..WORDS.len(),
        late,
        any::<(bool, bool)>(),
        any::<bool>(),
    )
        .prop_map(|(from, to, word, late_ms, archived, offline)| Step::Send {
            from,
            to,
            word,
            late_ms,
            archived,
            offline,
        });
    let bounds = (
        prop::option::of(0..30_usize),
        prop::option::of(0..30_usize),
        prop::option::weighted(0.3, 0..40_000_i64),
        prop::option::weighted(0.3, 0..40_000_i64),
    );
    let ask = (
        (who(), prop::option::of(who())),
        bounds,
        prop::option::weighted(0.3, 0..WORDS.len()),
        any::<bool>(),
        0..8_u32,
    )
        .prop_map(
            |((who, with), (after, before, since, until), word, is_newest, limit)| Step::Ask {
                who,
                with,
                after,
                before,
                since,
                until,
                word,
                is_newest,
                limit,
            },
        );
    let step = prop_oneof![
        8 => send,
        1 => who().prop_map(|who| Step::Delivered { who }),
        1 => (who(), 1..4_u32).prop_map(|(who, count)| Step::Remove { who, count }),
        2 => who().prop_map(|who| Step::Index { who }),
        8 => ask,
    ];
    prop::collection::vec(step, 1..60)
}

struct World {
    store: Store,
    people: Vec<JidNo>,
    entries: Vec<Entry>,
    sent: i64,
    /// Up to which message each archive's words are there.
    indexed: Vec<MessageId>,
}

async fn account(store: &Store, name: &str) -> JidNo {
    let no = store.jids().number(&format!("{name}@example.org")).await.unwrap();
    let account = Account {
        no,
        domain: "example.org".into(),
        localpart: name.into(),
        state: AccountState::Active,
        is_admin: false,
        created: START,
        last_login: None,
        settings: String::new(),
    };
    store.write(accounts::create(account)).await.unwrap();
    no
}

impl World {
    async fn new(folder: &Folder) -> World {
        let store = open(folder);
        let mut people = Vec::new();
        for name in ["juliet", "romeo", "nurse"] {
            people.push(account(&store, name).await);
        }
        World {
            store,
            people,
            entries: Vec::new(),
            sent: 0,
            indexed: vec![MessageId(i64::MIN); PEOPLE],
        }
    }

    async fn act(&mut self, step: Step) {
        match step {
            Step::Send {
                from,
                to,
                word,
                late_ms,
                archived,
                offline,
            } => self.send((from, to), word, late_ms, archived, offline).await,
            Step::Delivered { who } => {
                let owner = self.people[who];
                let mut of_owner: Vec<MessageId> = Vec::new();
                for entry in self
                    .entries
                    .iter_mut()
                    .filter(|entry| entry.owner == owner && entry.is_offline)
                {
                    entry.is_offline = false;
                    of_owner.push(entry.id);
                }
                self.store.write(delivered(owner, of_owner)).await.unwrap();
            }
            Step::Remove { who, count } => {
                let owner = self.people[who];
                let before = MessageId(i64::MAX);
                let read = self.store.read(move |r| r.archived_before(owner, before, count));
                let found = read.await.unwrap();
                let archived = self
                    .entries
                    .iter_mut()
                    .filter(|one| one.owner == owner && one.is_archived);
                let mut expected = Vec::new();
                for entry in archived.take(count as usize) {
                    entry.is_archived = false;
                    expected.push((owner, entry.id));
                }
                assert_eq!(found, expected);
                self.store.write(remove(found)).await.unwrap();
            }
            Step::Index { who } => self.index(who).await,
            ask @ Step::Ask { .. } => self.ask(ask).await,
        }
        self.entries.retain(|entry| entry.is_archived || entry.is_offline);
    }

    async fn send(
        &mut self,
        (from, to): (usize, usize),
        word: usize,
        late_ms: i64,
        archived: (bool, bool),
        offline: bool,
    ) {
        self.sent += 1;
        let (sender, recipient) = (self.people[from], self.people[to]);
        // A second apart, each with the number of its moment.
        let now = Timestamp(START.0 + self.sent * 1_000);
        let id = MessageId::first_at(now);
        let created = Timestamp(now.0 - late_ms);
        let text = format!("{} {}", WORDS[word], self.sent);
        let row = |owner, peer, direction, is_archived: bool, is_offline: bool| {
            (is_archived || is_offline).then_some(MessageOwner {
                owner,
                peer,
                direction,
                offline: is_offline,
                archived: is_archived,
                requested: false,
            })
        };
        let mut owners = [
            row(recipient, sender, Direction::In, archived.0, offline),
            row(sender, recipient, Direction::Out, archived.1, false),
        ];
        if from == to {
            owners[1] = None;
        }
        if owners.iter().all(Option::is_none) {
            return;
        }
        for owner in owners.iter().flatten() {
            self.entries.push(Entry {
                owner: owner.owner,
                peer: owner.peer,
                id,
                created,
                text: text.clone(),
                is_archived: owner.archived,
                is_offline: owner.offline,
            });
        }
        let message = NewMessage {
            id,
            created,
            sender,
            recipient,
            told: None,
            stanza: text.as_bytes().into(),
            owners,
        };
        self.store.write(append(message)).await.unwrap();
    }

    async fn index(&mut self, who: usize) {
        let owner = self.people[who];
        let mut selection = Selection::all(owner);
        selection.begin_after(self.indexed[who]);
        let page = self
            .store
            .read(move |r| r.archive_page(&selection, End::Oldest, 1_000));
        let messages = page.await.unwrap().messages;
        let Some(last) = messages.last() else { return };
        let upto = last.id;
        let words = messages.into_iter().map(|one| MessageWords {
            id: one.id,
            peer: one.peer,
            words: String::from_utf8(one.stanza.clone()).unwrap(),
            stanza: one.stanza,
        });
        self.store
            .write(index(owner, words.collect(), upto))
            .await
            .unwrap();
        self.indexed[who] = upto;
    }

    async fn ask(&mut self, ask: Step) {
        let Step::Ask {
            who,
            with,
            after,
            before,
            since,
            until,
            word,
            is_newest,
            limit,
        } = ask
        else {
            return;
        };
        if word.is_some() {
            self.index(who).await;
        }
        let owner = self.people[who];
        let with = with.map(|who| self.people[who]);
        let moment = |seconds: usize| MessageId::first_at(Timestamp(START.0 + seconds as i64 * 1_000));
        let mut selection = Selection::all(owner);
        selection.with = with;
        if let Some(after) = after {
            selection.begin_after(moment(after));
        }
        if let Some(before) = before {
            selection.end_before(moment(before));
        }
        let since = since.map(|ms| Timestamp(START.0 + ms));
        let until = until.map(|ms| Timestamp(START.0 + ms));
        if let Some(since) = since {
            selection.begin_at(since);
        }
        if let Some(until) = until {
            selection.end_at(until);
        }
        let phrase: Option<Vec<String>> =
            word.map(|word| WORDS[word].split(' ').map(str::to_owned).collect());
        selection.phrases = phrase.clone().map(|phrase| vec![phrase]);
        let mut expected: Vec<&Entry> = self
            .entries
            .iter()
            .filter(|one| one.owner == owner && one.is_archived)
            .filter(|one| with.is_none_or(|with| one.peer == with))
            .filter(|one| after.is_none_or(|after| one.id > moment(after)))
            .filter(|one| before.is_none_or(|before| one.id < moment(before)))
            .filter(|one| since.is_none_or(|since| one.created >= since))
            // What came in later than it was received is not looked for beyond its number.
            .filter(|one| until.is_none_or(|until| one.created <= until && one.id.timestamp() <= until))
            .filter(|one| {
                phrase
                    .as_ref()
                    .is_none_or(|phrase| one.text.contains(&phrase.join(" ")))
            })
            .collect();
        let count = expected.len();
        let end = if is_newest {
            expected.drain(..count.saturating_sub(limit as usize));
            End::Newest
        } else {
            expected.truncate(limit as usize);
            End::Oldest
        };
        let both = self.store.read(move |r| {
            Ok((
                r.archive_page(&selection, end, limit)?,
                r.archive_count(&selection, 1_000)?,
            ))
        });
        let (page, counted) = both.await.unwrap();
        let found: Vec<_> = page
            .messages
            .iter()
            .map(|one| (one.id, one.peer, one.created))
            .collect();
        let wanted: Vec<_> = expected
            .iter()
            .map(|one| (one.id, one.peer, one.created))
            .collect();
        assert_eq!(found, wanted);
        assert_eq!(page.has_more, count > limit as usize);
        assert_eq!(counted, count as u64);
    }

    /// The ends of each archive, and each message by its number.
    async fn ends(&self) {
        for owner in self.people.clone() {
            let of_owner = |entry: &&Entry| entry.owner == owner && entry.is_archived;
            let first = self
                .entries
                .iter()
                .find(of_owner)
                .map(|one| (one.id, one.created));
            let last = self
                .entries
                .iter()
                .rfind(of_owner)
                .map(|one| (one.id, one.created));
            let ids: Vec<MessageId> = self.entries.iter().map(|one| one.id).collect();
            let all = self.store.read(move |r| {
                let there = ids
                    .iter()
                    .map(|id| r.is_archived(owner, *id))
                    .collect::<Result<Vec<_>, _>>()?;
                Ok((
                    r.archive_end(owner, MessageId(i64::MIN), End::Oldest)?,
                    r.archive_end(owner, MessageId(i64::MIN), End::Newest)?,
                    there,
                ))
            });
            let there: Vec<bool> = self
                .entries
                .iter()
                .map(|one| {
                    self.entries
                        .iter()
                        .any(|other| other.id == one.id && of_owner(&other))
                })
                .collect();
            assert_eq!(all.await.unwrap(), (first, last, there));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn an_archive_is_what_a_list_would_be(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let folder = Folder::new();
        let (entries, words) = runtime.block_on(async {
            let mut world = World::new(&folder).await;
            for step in steps {
                world.act(step).await;
            }
            world.ends().await;
            world.store.close().await;
            let (mut ids, mut words) = (Vec::new(), 0);
            for (who, person) in world.people.iter().enumerate() {
                let own = world.entries.iter().filter(|one| one.owner == *person);
                words += own.filter(|one| one.is_archived && one.id <= world.indexed[who]).count() as i64;
            }
            ids.extend(world.entries.iter().map(|one| one.id));
            ids.dedup();
            ((world.entries.len() as i64, ids.len() as i64), words)
        });
        // Nothing is left of what is nobody's.
        prop_assert_eq!(rows(&folder, "message_owners"), entries.0);
        prop_assert_eq!(rows(&folder, "messages"), entries.1);
        prop_assert_eq!(rows(&folder, "message_word_rows"), words);
        prop_assert_eq!(rows(&folder, "message_words"), words);
    }
}
