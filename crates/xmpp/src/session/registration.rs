//! Making an account before signing in: [XEP-0077](https://xmpp.org/extensions/xep-0077.html) on the stream, with a
//! token ([XEP-0445](https://xmpp.org/extensions/xep-0445.html)) or a proof of work
//! ([XEP-0158 §7.2](https://xmpp.org/extensions/xep-0158.html#challenge-hashcash)) where the policy demands one.
//!
//! Whether an account may be made is decided in `auth::accounts`; what a signed-in client may change, in `xep::register`.

use std::net::IpAddr;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use wire::{Element, Stanza, StanzaError, Writer, error_reply, ns};

use super::negotiation::result;
use crate::auth::accounts::{Authority, NewAccount, RegisterError, Token, TokenError};
use crate::auth::{self};
use crate::invitations::PREAUTH;
use crate::server::Server;
use crate::settings::{self, Audience, Settings};

/// Our child of `<query/>` that names who may read the new account's posts.
const AUDIENCE: &str = "urn:x-folkmoot:register:0";

/// What one connection has shown so far.
pub(super) struct Registration {
    domain: String,
    peer: IpAddr,
    token: Option<Token>,
    work: Option<Work>,
}

/// A number whose bits must end the hash of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Work {
    label: u64,
}

impl Work {
    /// A random number of exactly so many bits.
    fn new(bits: u8) -> Result<Work, auth::AuthError> {
        let random = u64::from_le_bytes(auth::random::<8>()?);
        let top = 1 << (bits.clamp(1, 63) - 1);
        Ok(Work {
            label: random & (top - 1) | top,
        })
    }

    /// The answer begins with the address that was written to, and its hash ends with the label's bits.
    fn is_done(self, domain: &str, answer: &str) -> bool {
        let hash = Sha256::digest(answer.as_bytes());
        let end = hash.last_chunk::<8>().map_or(0, |end| u64::from_be_bytes(*end));
        let mask = u64::MAX >> self.label.leading_zeros();
        answer.starts_with(domain) && end & mask == self.label
    }
}

/// What was filled in, in the plain fields or in the form.
#[derive(Default)]
struct Fields {
    username: Option<String>,
    password: Option<String>,
    audience: Option<String>,
    work: Option<String>,
}

impl Fields {
    fn read(query: Element<'_>) -> Fields {
        let mut fields = Fields::default();
        for child in query.children() {
            let text = || Some(child.text().into_owned());
            match (child.ns(), child.name()) {
                (ns::REGISTER, "username") => fields.username = text(),
                (ns::REGISTER, "password") => fields.password = text(),
                (AUDIENCE, "audience") => fields.audience = text(),
                (ns::DATA_FORMS, "x") => {
                    let of_form = child.children().filter(|field| field.is("field", ns::DATA_FORMS));
                    for field in of_form {
                        let value = field
                            .child("value", ns::DATA_FORMS)
                            .map(|value| value.text().into_owned());
                        match field.attr("var").as_deref() {
                            Some("username") => fields.username = value,
                            Some("password") => fields.password = value,
                            Some("SHA-256") => fields.work = value,
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        fields
    }
}

impl Registration {
    pub(super) fn new(domain: &str, peer: IpAddr) -> Registration {
        Registration {
            domain: domain.to_owned(),
            peer,
            token: None,
            work: None,
        }
    }

    /// Whether to say that accounts can be made here.
    pub(super) fn is_announced(&self, settings: &Settings) -> bool {
        // With a closed door the operator's own token still opens it, so that the first administrator can sign up.
        settings.registration != settings::Registration::Closed || self.token.is_some()
    }

    /// Answers a request of somebody who is not signed in; `None` when it is about something else.
    pub(super) async fn answer(&mut self, server: &Arc<Server>, iq: &Stanza) -> Option<Vec<u8>> {
        if iq.to().is_some_and(|to| to != self.domain.as_str()) {
            return None;
        }
        let answer = match (iq.type_().as_deref(), iq.first_child()) {
            (Some("get"), Some((ns::REGISTER, "query"))) => self.form(server, iq),
            (Some("set"), Some((ns::REGISTER, "query"))) => self.register(server, iq).await,
            (Some("set"), Some((PREAUTH, "preauth"))) => self.show_token(server, iq).await,
            _ => return None,
        };
        match answer {
            Ok(answer) => Some(answer),
            Err(error) => error_reply(iq, &error),
        }
    }

    /// Whether an account takes work now.
    fn needs_work(&self, settings: &Settings) -> Option<u8> {
        match settings.challenge {
            settings::Challenge::ProofOfWork { bits } if self.token.is_none() => Some(bits),
            settings::Challenge::ProofOfWork { .. } | settings::Challenge::None => None,
        }
    }

    fn form(&mut self, server: &Server, iq: &Stanza) -> Result<Vec<u8>, StanzaError> {
        let settings = &server.settings;
        if settings.registration == settings::Registration::Closed && self.token.is_none() {
            return Err(StanzaError::not_allowed());
        }
        let mut answer = result(iq);
        answer.open("query").ns(ns::REGISTER);
        answer.leaf("instructions", "Choose a name and a password.");
        let kept = self.token.as_ref().and_then(Token::localpart);
        match kept {
            Some(name) => answer.leaf("username", name),
            None => answer.open("username").close(),
        };
        answer.open("password").close();
        if let Some(bits) = self.needs_work(settings) {
            let work = Work::new(bits).map_err(|error| stanza_error(&error.into()))?;
            self.work = Some(work);
            write_form(&mut answer, work);
        }
        Ok(answer.finish())
    }

    async fn show_token(&mut self, server: &Server, iq: &Stanza) -> Result<Vec<u8>, StanzaError> {
        if !server.auth.may_try(self.peer, None) {
            return Err(StanzaError::resource_constraint().text("too many failed attempts; try again later"));
        }
        let document = iq.document();
        let preauth = document.root().child("preauth", PREAUTH);
        let text = preauth
            .and_then(|preauth| preauth.attr("token"))
            .unwrap_or_default();
        let found = server.token(&self.domain, &text).await;
        if let Err(RegisterError::Token(TokenError::Unknown)) = found {
            server.auth.failed(self.peer, None);
        }
        self.token = Some(found.map_err(|error| stanza_error(&error))?);
        Ok(result(iq).finish())
    }

    async fn register(&mut self, server: &Arc<Server>, iq: &Stanza) -> Result<Vec<u8>, StanzaError> {
        let document = iq.document();
        let Some(query) = document.root().child("query", ns::REGISTER) else {
            return Err(StanzaError::bad_request());
        };
        if query.child("remove", ns::REGISTER).is_some() {
            // XEP-0077 §3.2, table 2
            return Err(StanzaError::registration_required());
        }
        let fields = Fields::read(query);
        if let Some(_bits) = self.needs_work(&server.settings) {
            // Each piece of work is good for one try.
            let work = self.work.take();
            let answer = fields.work.as_deref().unwrap_or_default();
            if !work.is_some_and(|work| work.is_done(&self.domain, answer)) {
                return Err(StanzaError::not_acceptable()
                    .text("the proof of work is missing or wrong; ask for the form"));
            }
        }
        let (Some(name), Some(password)) = (&fields.username, &fields.password) else {
            return Err(StanzaError::not_acceptable().text("a name and a password are needed"));
        };
        let audience = match fields
            .audience
            .as_deref()
            .map(|audience| (audience, Audience::from_name(audience)))
        {
            None => None,
            Some((_, Some(audience))) => Some(audience),
            Some((_, None)) => return Err(StanzaError::not_acceptable().text("this audience is not known")),
        };
        let authority = Authority::Peer(self.peer, self.token.clone());
        let new = NewAccount {
            domain: &self.domain,
            name,
            password,
            audience,
        };
        let made = server.register(authority, new).await;
        made.map_err(|error| stanza_error(&error))?;
        self.token = None;
        Ok(result(iq).finish())
    }
}

/// The form of XEP-0158 §4 within XEP-0077: the usual fields and the work.
fn write_form(answer: &mut Writer, work: Work) {
    let label = format!("{:x}", work.label);
    answer.open("x").ns(ns::DATA_FORMS).attr("type", "form");
    answer.leaf(
        "instructions",
        "Choose a name and a password; your client does some work.",
    );
    for (var, value) in [
        ("FORM_TYPE", ns::REGISTER),
        ("challenge", label.as_str()),
        ("sid", label.as_str()),
    ] {
        answer
            .open("field")
            .attr("type", "hidden")
            .attr("var", var)
            .leaf("value", value)
            .close();
    }
    for (var, kind, label) in [
        ("username", "text-single", "Name"),
        ("password", "text-private", "Password"),
        ("SHA-256", "text-single", label.as_str()),
    ] {
        answer
            .open("field")
            .attr("type", kind)
            .attr("var", var)
            .attr("label", label);
        answer.open("required").close().close();
    }
    answer.close();
}

/// What a client is told when no account was made or no password changed; one table for both.
pub(crate) fn stanza_error(error: &RegisterError) -> StanzaError {
    match error {
        RegisterError::Name => StanzaError::not_acceptable(),
        RegisterError::Password(_) => StanzaError::not_acceptable(),
        RegisterError::Taken => StanzaError::conflict(),
        RegisterError::NotAllowed => StanzaError::not_allowed(),
        // XEP-0445 §3
        RegisterError::Token(_) => StanzaError::item_not_found(),
        RegisterError::OtherName(_) => StanzaError::not_acceptable(),
        RegisterError::TooMany | RegisterError::NoPlace => StanzaError::resource_constraint(),
        RegisterError::Auth(error) => {
            tracing::warn!(%error, "accounts cannot be changed now");
            return StanzaError::internal_server_error();
        }
    }
    .text(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_when_the_hash_ends_with_the_label() {
        // The specification's own example does not hash to what it says.
        let work = Work { label: 0x9d };
        let mut answers = (0..).map(|number| format!("localhost{number:X}"));
        let done = answers
            .find(|answer| Sha256::digest(answer).last() == Some(&0x9d))
            .unwrap_or_default();
        assert!(work.is_done("localhost", &done));
        assert!(!work.is_done("example.org", &done));
        assert!(!work.is_done("localhost", &format!("{done} ")));
    }

    #[test]
    fn labels_have_exactly_the_bits() {
        for bits in 1..=63 {
            let label = Work::new(bits).map(|work| work.label).unwrap_or_default();
            assert_eq!(64 - label.leading_zeros(), u32::from(bits));
        }
    }
}
