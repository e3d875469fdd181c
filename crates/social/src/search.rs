//! People search: accounts of this server by the beginnings of their names, without case and accents.
//!
//! Found is who may be read by everybody and has not chosen otherwise, and who the asker's contacts are. No index is kept: what a search costs is
//! bounded by how many accounts it looks at, and one search runs at a time. Addresses of other servers are the client's
//! to resolve.

use std::collections::HashSet;

use bus::{AccessModel, Affiliation, NodeView};
use format::words::{fold, has_word, split};
use pubsub::access::may_read;
use pubsub::{Actor, PubsubError};
use store::accounts::Telling;
use store::{JidNo, ReadError, Reader};
use wire::BareJid;

use crate::follows::followers;
use crate::people::{NICK, Person, nick_of};
use crate::timelines::Timelines;

/// Words of a search; more are not looked at.
const MAX_WORDS: usize = 8;
/// Where the names are, and the largest payload that is taken for one.
const TOLD: (&str, u32) = (NICK, 2_048);
/// Accounts looked at by one read.
const PAGE: u32 = 1_000;
/// Accounts of each domain that one search looks at, by the alphabet; beyond them only the beginning of the address is
/// looked for.
const LOOK_AT: usize = 50_000;
/// Accounts found that may turn out to be hidden from the asker.
const MAX_FOUND: usize = 500;

/// What somebody searches for.
#[derive(Clone, Debug)]
struct Wanted {
    /// Folded, none empty.
    words: Vec<String>,
}

/// How well something fits: the smaller the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    WholeAddress,
    AddressBegins,
    WholeName,
    Words,
}

/// An account that fits.
#[derive(Debug)]
struct Found {
    no: JidNo,
    jid: BareJid,
    /// By the address alone.
    by_address: Option<Fit>,
    /// With the name, which the asker may turn out not to read.
    by_name: Option<(Fit, String)>,
}

impl Wanted {
    fn read(text: &str) -> Wanted {
        let words = text
            .split_whitespace()
            .map(|word| fold(word.trim_start_matches('@')))
            .filter(|word| word.chars().any(char::is_alphanumeric))
            .take(MAX_WORDS)
            .collect();
        Wanted { words }
    }

    /// How an address fits by itself.
    fn fit_address(&self, local: &str, jid: &str) -> Option<Fit> {
        if let [only] = self.words.as_slice() {
            if *only == local || *only == jid {
                return Some(Fit::WholeAddress);
            }
            if jid.starts_with(only) {
                return Some(Fit::AddressBegins);
            }
        }
        let is_there = |word: &String| jid.starts_with(word) || has_words(local, word);
        self.words.iter().all(is_there).then_some(Fit::Words)
    }

    /// How an address and a name fit together.
    fn fit_name(&self, local: &str, jid: &str, name: &str) -> Option<Fit> {
        if name == self.words.join(" ") {
            return Some(Fit::WholeName);
        }
        let is_there =
            |word: &String| jid.starts_with(word) || has_words(local, word) || has_words(name, word);
        self.words.iter().all(is_there).then_some(Fit::Words)
    }

    fn look_at(&self, domain: &str, row: Telling) -> Option<Found> {
        let jid = BareJid::from_parts(Some(&row.localpart), domain).ok()?;
        let local = fold(&row.localpart);
        let address = fold(jid.as_str());
        let by_address = self.fit_address(&local, &address);
        let name = row.payload.and_then(nick_of);
        let by_name = name.and_then(|name| Some((self.fit_name(&local, &address, &fold(&name))?, name)));
        (by_address.is_some() || by_name.is_some()).then_some(Found {
            no: row.no,
            jid,
            by_address,
            by_name,
        })
    }
}

/// Whether each word of what was typed without a space begins a word of the name.
fn has_words(name: &str, typed: &str) -> bool {
    let mut typed = split(typed).peekable();
    typed.peek().is_some() && typed.all(|word| has_word(name, word))
}

impl Found {
    fn fit(&self) -> Option<Fit> {
        let by_name = self.by_name.as_ref().map(|(fit, _)| *fit);
        self.by_address.into_iter().chain(by_name).min()
    }
}

impl Timelines {
    /// Up to `max` people whose address or name has words that begin so, those who fit best first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn search_people(
        &self,
        actor: &Actor,
        text: &str,
        max: u32,
    ) -> Result<Vec<Person>, PubsubError> {
        let wanted = Wanted::read(text);
        if wanted.words.is_empty() || max == 0 {
            return Ok(Vec::new());
        }
        let Ok(_turn) = self.inner.searching.acquire().await else {
            return Ok(Vec::new());
        };
        self.inner.store.wait(self.inner.host.last_write()).await;
        let mut found = Vec::new();
        for domain in self.inner.host.settings().domains.clone() {
            self.look_in(&domain, &wanted, &mut found).await?;
        }
        found.sort_by(|a, b| (a.fit(), a.jid.as_str()).cmp(&(b.fit(), b.jid.as_str())));
        let mut people = Vec::new();
        let mut hidden_names = Vec::new();
        for one in found {
            if people.len() >= max as usize {
                return Ok(people);
            }
            match self.shown(actor, &one).await? {
                Shown::Fully(person) => people.push(person),
                // It fits less well than its place in this list says.
                Shown::ByAddress(person) => hidden_names.push(person),
                Shown::Not => {}
            }
        }
        people.extend(hidden_names);
        people.truncate(max as usize);
        Ok(people)
    }

    async fn look_in(
        &self,
        domain: &str,
        wanted: &Wanted,
        found: &mut Vec<Found>,
    ) -> Result<(), PubsubError> {
        let mut seen = HashSet::new();
        // The beginning of an address is found however many accounts there are.
        if let [only] = wanted.words.as_slice() {
            let (of, local) = (
                domain.to_owned(),
                only.split('@').next().unwrap_or_default().to_owned(),
            );
            let rows = self.fitting(domain, wanted, move |reader| {
                reader.accounts_beginning(&of, &local, TOLD, PAGE)
            });
            let rows = rows.await?;
            seen.extend(rows.found.iter().map(|one| one.no));
            found.extend(rows.found);
        }
        let mut after = String::new();
        let mut looked_at = 0;
        while looked_at < LOOK_AT && found.len() < MAX_FOUND {
            let of = domain.to_owned();
            let rows = self.fitting(domain, wanted, move |reader| {
                reader.accounts_telling(&of, &after, TOLD, PAGE)
            });
            let rows = rows.await?;
            found.extend(rows.found.into_iter().filter(|one| !seen.contains(&one.no)));
            let Some(last) = rows.last.filter(|_| rows.count == PAGE as usize) else {
                break;
            };
            after = last;
            looked_at += rows.count;
        }
        Ok(())
    }

    async fn fitting(
        &self,
        domain: &str,
        wanted: &Wanted,
        read: impl FnOnce(&Reader) -> Result<Vec<Telling>, ReadError> + Send + 'static,
    ) -> Result<Rows, PubsubError> {
        let (domain, wanted) = (domain.to_owned(), wanted.clone());
        let read = self.inner.store.read(move |reader| {
            let rows = read(reader)?;
            Ok(Rows {
                count: rows.len(),
                last: rows.last().map(|row| row.localpart.clone()),
                found: rows
                    .into_iter()
                    .filter_map(|row| wanted.look_at(&domain, row))
                    .collect(),
            })
        });
        Ok(read.await?)
    }

    async fn shown(&self, actor: &Actor, found: &Found) -> Result<Shown, PubsubError> {
        let host = &self.inner.host;
        if host.blocking(actor, found.no, &found.jid).parts() {
            return Ok(Shown::Not);
        }
        let Some(view) = self.posts_of(found.no).await? else {
            return Ok(Shown::Not);
        };
        let is_cast_out = view.affiliation(actor.no) == Affiliation::Outcast;
        let is_public = view.config.access == AccessModel::Open && view.config.in_search && !is_cast_out;
        let is_listed = is_public || actor.no == found.no || host.are_contacts(actor.no, found.no).await;
        if !is_listed {
            return Ok(Shown::Not);
        }
        let name = self.nick(actor, &found.jid).await?;
        // The name may have changed since, or be for others only: nobody finds by what they may not read.
        let is_name_read = match &found.by_name {
            Some((_, matched)) => name.as_ref() == Some(matched),
            None => true,
        };
        if !is_name_read && found.by_address.is_none() {
            return Ok(Shown::Not);
        }
        let person = self.told(actor, &view, name).await?;
        Ok(if is_name_read {
            Shown::Fully(person)
        } else {
            Shown::ByAddress(person)
        })
    }

    /// What an asker is told of a person.
    pub(crate) async fn told(
        &self,
        actor: &Actor,
        view: &NodeView,
        name: Option<String>,
    ) -> Result<Person, PubsubError> {
        let inner = &self.inner;
        let mut person = Person {
            jid: view.owner_jid.clone(),
            name,
            posts: None,
            followers: None,
            is_followed: view.is_subscribed(actor.no),
        };
        if may_read(&inner.host.reader(actor, view).await, view).is_ok() {
            let node = view.no;
            let count = inner.store.read(move |reader| reader.item_count(node)).await?;
            person.posts = Some(count);
            person.followers = Some(followers(view));
        }
        Ok(person)
    }
}

/// What an asker sees of an account that fits.
enum Shown {
    Not,
    /// It fits by its address alone.
    ByAddress(Person),
    Fully(Person),
}

struct Rows {
    count: usize,
    last: Option<String>,
    found: Vec<Found>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(text: &str, local: &str, name: &str) -> Option<Fit> {
        let wanted = Wanted::read(text);
        let jid = format!("{local}@a.example");
        let by_address = wanted.fit_address(local, &jid);
        by_address
            .into_iter()
            .chain(wanted.fit_name(local, &jid, &fold(name)))
            .min()
    }

    #[test]
    fn how_well_it_fits() {
        for (text, expected) in [
            ("juliet", Some(Fit::WholeAddress)),
            ("@Juliet@A.example", Some(Fit::WholeAddress)),
            ("jul", Some(Fit::AddressBegins)),
            ("juliet@a", Some(Fit::AddressBegins)),
            ("Zoë Capulet", Some(Fit::WholeName)),
            ("zoe", Some(Fit::Words)),
            ("cap zo", Some(Fit::Words)),
            ("jul cap", Some(Fit::Words)),
            ("uliet", None),
            ("jul mont", None),
        ] {
            assert_eq!(fit(text, "juliet", "Zoë Capulet"), expected, "{text}");
        }
        assert_eq!(fit("mary", "anne.mary", ""), Some(Fit::Words));
        for nothing in ["", "  ", "@", "- _"] {
            assert!(Wanted::read(nothing).words.is_empty(), "{nothing}");
        }
    }
}
