//! XEP-0280: Message Carbons, <https://xmpp.org/extensions/xep-0280.html>: who wants copies says so here. Which messages are
//! copied is decided in `messages/content`, the copies are made in `messages/copies`.

use wire::{StanzaError, ns};

use super::Xeps;
use crate::iq::{Answer, Answered, Cx, Target};

/// §6.2: every rule of §6.1 is followed.
const RULES: &str = "urn:xmpp:carbons:rules:0";

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(280, "Message Carbons", "1.0.1")
        .feature(Target::Server, ns::CARBONS)
        .feature(Target::Server, RULES)
        .own_feature(ns::CARBONS)
        .own_feature(RULES);
    xeps.xep(297, "Stanza Forwarding", "1.0");
    xeps.set(Target::OwnAccount, ns::CARBONS, "enable", |cx| want(cx, true))
        .set(Target::OwnAccount, ns::CARBONS, "disable", |cx| want(cx, false))
        .set(Target::Account, ns::CARBONS, "enable", others)
        .set(Target::Account, ns::CARBONS, "disable", others);
}

/// §4, §5: the copies of another account are its own.
async fn others(_: Cx) -> Answered {
    Err(StanzaError::not_allowed())
}

/// §4, §5, §10.1: as often as the client likes.
async fn want(cx: Cx, copies: bool) -> Answered {
    cx.session()?.routing.set_carbons(copies);
    Ok(Answer::Empty)
}
