//! One file per extension. The list below is the whole set: each file registers the requests that it answers, the features
//! that it announces, and its number and version, from which service discovery and the documentation are made.

use std::collections::HashMap;

use futures_util::future::BoxFuture;

use crate::iq::{Answered, Cx, Target, Verb};

type Handler = Box<dyn Fn(Cx) -> BoxFuture<'static, Answered> + Send + Sync>;

/// Who answers what, and what is announced. Built once, read-only afterwards.
#[derive(Default)]
pub struct Xeps {
    current: &'static str,
    /// By kind of request and target, then by namespace.
    handlers: HashMap<(Verb, Target), HashMap<&'static str, Vec<Entry>>>,
    features: HashMap<Target, Vec<&'static str>>,
    list: Vec<Implemented>,
}

/// Who answers one element.
struct Entry {
    name: &'static str,
    file: &'static str,
    handler: Handler,
}

/// An extension as this server implements it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Implemented {
    /// Its number in the XSF's series.
    pub number: u16,
    /// Its title there.
    pub title: &'static str,
    /// The version of the document that was followed.
    pub version: &'static str,
    /// The file of this folder that implements it.
    pub file: &'static str,
    /// What of it there is not, and why. Empty where all is there that a server has to do.
    pub left_out: &'static str,
}

impl Xeps {
    /// Says which extension the file implements.
    pub(crate) fn xep(&mut self, number: u16, title: &'static str, version: &'static str) -> &mut Self {
        self.list.push(Implemented {
            number,
            title,
            version,
            file: self.current,
            left_out: "",
        });
        self
    }

    /// Says what of the extension named last there is not, and why.
    pub(crate) fn without(&mut self, left_out: &'static str) -> &mut Self {
        if let Some(last) = self.list.last_mut() {
            last.left_out = left_out;
        }
        self
    }

    /// Announces a feature in the service discovery of a target; another's account announces what one's own does.
    pub(crate) fn feature(&mut self, target: Target, var: &'static str) -> &mut Self {
        if target == Target::OwnAccount {
            self.announce(Target::Account, var);
        }
        self.announce(target, var)
    }

    /// Announces what people can ask of their own account only.
    pub(crate) fn own_feature(&mut self, var: &'static str) -> &mut Self {
        self.announce(Target::OwnAccount, var)
    }

    fn announce(&mut self, target: Target, var: &'static str) -> &mut Self {
        let features = self.features.entry(target).or_default();
        if let Err(place) = features.binary_search(&var) {
            features.insert(place, var);
        }
        self
    }

    /// Answers `get` requests for an element.
    pub(crate) fn get<F, Fut>(
        &mut self,
        target: Target,
        ns: &'static str,
        name: &'static str,
        f: F,
    ) -> &mut Self
    where
        F: Fn(Cx) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Answered> + Send + 'static,
    {
        self.answer(Verb::Get, target, ns, name, f)
    }

    /// Answers `set` requests for an element.
    pub(crate) fn set<F, Fut>(
        &mut self,
        target: Target,
        ns: &'static str,
        name: &'static str,
        f: F,
    ) -> &mut Self
    where
        F: Fn(Cx) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Answered> + Send + 'static,
    {
        self.answer(Verb::Set, target, ns, name, f)
    }

    fn answer<F, Fut>(
        &mut self,
        verb: Verb,
        target: Target,
        ns: &'static str,
        name: &'static str,
        f: F,
    ) -> &mut Self
    where
        F: Fn(Cx) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Answered> + Send + 'static,
    {
        let handler: Handler = Box::new(move |cx| Box::pin(f(cx)));
        let entries = self
            .handlers
            .entry((verb, target))
            .or_default()
            .entry(ns)
            .or_default();
        if let Some(other) = entries.iter().find(|other| other.name == name) {
            panic!("{} and {} both answer {{{ns}}}{name}", self.current, other.file);
        }
        entries.push(Entry {
            name,
            file: self.current,
            handler,
        });
        self
    }

    pub(crate) fn handler(&self, verb: Verb, target: Target, ns: &str, name: &str) -> Option<&Handler> {
        let entries = self.handlers.get(&(verb, target))?.get(ns)?;
        entries
            .iter()
            .find(|entry| entry.name == name)
            .map(|entry| &entry.handler)
    }

    /// The features that a target announces, sorted.
    pub fn features(&self, target: Target) -> &[&'static str] {
        self.features.get(&target).map_or(&[], Vec::as_slice)
    }

    /// Every extension, in the order of the list below.
    pub fn list(&self) -> &[Implemented] {
        &self.list
    }
}

macro_rules! xeps { ($($name:ident),* $(,)?) => {
    $(pub(crate) mod $name;)*

    /// All of them.
    pub fn all() -> Xeps {
        let mut xeps = Xeps::default();
        $(
            xeps.current = stringify!($name);
            $name::register(&mut xeps);
        )*
        xeps
    }
} }

xeps![
    ping,
    disco,
    caps,
    roster,
    register,
    devices,
    pubsub,
    communities,
    timelines,
    catch_up,
    choice,
    notifications,
    follow,
    moved,
    shown_subscriptions,
    subscriptions_of,
    people,
    delay,
    stream,
    version,
    time,
    contacts,
    private,
    vcard,
    vcard4,
    avatars,
    server_info,
    pep,
    bookmarks,
    blocking,
    message_ids,
    carbons,
    archive,
    displayed,
    requests,
    reports,
    push,
    web_push,
    commands,
    admin,
    unified_push,
    invites
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_claimed_twice_and_every_file_names_its_source() {
        let xeps = all();
        assert!(xeps.list().iter().any(|xep| xep.number == 199));
        assert!(xeps.features(Target::Server).is_sorted());
        // What is told of another's account works there; of one's own there is more.
        for feature in [wire::ns::ROSTER, wire::ns::REGISTER, bus::HOME] {
            assert!(xeps.features(Target::OwnAccount).contains(&feature), "{feature}");
            assert!(!xeps.features(Target::Account).contains(&feature), "{feature}");
        }
        assert!(xeps.features(Target::Account).contains(&wire::ns::PUBSUB));
    }
}
