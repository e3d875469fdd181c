//! XEP-0401: Ad-hoc Account Invitation Generation, <https://xmpp.org/extensions/xep-0401.html>, and the same with lists and
//! revocation for our own clients: `urn:x-folkmoot:invite:0`, asked of one's own account.
//!
//! Rules and limits are in `invitations`; tokens are used at registration (XEP-0445, `session/registration`) and in
//! subscription requests (XEP-0379, `presence/subscriptions`).

use format::datetime;
use format::form::{DataForm, Field, FieldType, FormType, parse_bool};
use store::invites::InviteKind;
use wire::{BareJid, Element, StanzaError, Writer};

use super::Xeps;
use super::commands::{Command, Outcome, Step, bad_payload};
use crate::invitations::{DAYS_MAX, Invitation, InviteError, Wish, days, failed, makes_accounts};
use crate::iq::{Answer, Answered, Cx, Target};

const INVITES: &str = "urn:x-folkmoot:invite:0";
/// The fields of a result.
const RESULT: &str = "urn:xmpp:invite#invitation";
/// The longest localpart that is given, in bytes.
const NAME_MAX: usize = 64;

/// §"Creating a User Invitation": done at once.
pub(super) static INVITE: Command = Command {
    at: &[Target::Server],
    node: "urn:xmpp:invite#invite",
    name: "Invite somebody",
    is_for: |_| Box::pin(async { Ok(true) }),
    run: invite_by_command,
};

/// §"Initiating Account Creation": for administrators.
pub(super) static CREATE_ACCOUNT: Command = Command {
    at: &[Target::Server],
    node: "urn:xmpp:invite#create-account",
    name: "Invite somebody to an account",
    is_for: |cx| {
        Box::pin(async move {
            let makes_accounts = makes_accounts(&cx.server.settings, InviteKind::Account);
            Ok(makes_accounts && cx.server.is_admin(cx.no()).await.map_err(failed)?)
        })
    },
    run: create_account,
};

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(379, "Pre-Authenticated Roster Subscription", "0.3.3")
        .xep(401, "Ad-hoc Account Invitation Generation", "0.6.0");
    xeps.own_feature(INVITES);
    xeps.set(Target::OwnAccount, INVITES, "invite", make)
        .get(Target::OwnAccount, INVITES, "invites", list)
        .set(Target::OwnAccount, INVITES, "revoke", revoke);
}

fn refused(error: InviteError) -> StanzaError {
    match error {
        InviteError::TooMany | InviteError::TooFast => {
            StanzaError::resource_constraint().text(error.to_string())
        }
        InviteError::NameTaken => StanzaError::conflict().text(error.to_string()),
        InviteError::Auth(error) => failed(error),
    }
}

/// An invitation of whoever asks, of the kind that theirs have.
async fn wished(cx: &Cx, uses: u32, lasts_days: u32) -> Result<Wish, StanzaError> {
    let by = (cx.no(), cx.jid().bare());
    Ok(Wish {
        kind: cx.server.kind_of_invitations(by.0).await.map_err(failed)?,
        domain: by.1.domain().to_owned(),
        by: Some(by),
        localpart: None,
        uses,
        lifetime_ms: days(lasts_days),
    })
}

/// A whole number between 1 and `most`; the usual one where none is given.
fn number(element: Element<'_>, name: &str, usual: u32, most: u32) -> Result<u32, StanzaError> {
    let Some(text) = element.attr(name) else {
        return Ok(usual);
    };
    let number = text.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| StanzaError::not_acceptable().text(format!("{name} must lie between 1 and {most}")))
}

async fn make(cx: Cx) -> Answered {
    let element = cx.payload();
    let settings = &cx.server.settings;
    let uses = number(element, "uses", 1, settings.limits.invites_per_account)?;
    let lasts = number(
        element,
        "days",
        settings.invite_days,
        DAYS_MAX.max(settings.invite_days),
    )?;
    Answer::later(async move {
        let wish = wished(&cx, uses, lasts).await?;
        let made = cx.server.invite_within_limits(wish).await.map_err(refused)?;
        let mut writer = Writer::new();
        writer.open("invite").ns(INVITES).attr("id", &made.id);
        writer
            .attr("token", &made.token)
            .attr("uri", &made.landing)
            .attr("xmpp", &made.uri)
            .attr("expires", &datetime::to_text(made.expires.0))
            .attr("accounts", flag(made.makes_accounts))
            .close();
        Ok(Answer::Payload(writer.finish()))
    })
}

fn flag(is: bool) -> &'static str {
    if is { "true" } else { "false" }
}

async fn list(cx: Cx) -> Answered {
    let open = cx.server.invitations_of(cx.no()).await.map_err(failed)?;
    let mut writer = Writer::new();
    writer.open("invites").ns(INVITES);
    for invite in open {
        writer
            .open("invite")
            .attr("id", &invite.id())
            .attr("created", &datetime::to_text(invite.created.0))
            .attr("expires", &datetime::to_text(invite.expires.0))
            .attr("uses", &invite.uses.to_string())
            .attr(
                "used",
                &(invite.uses - invite.uses_left.min(invite.uses)).to_string(),
            )
            .attr("accounts", flag(makes_accounts(&cx.server.settings, invite.kind)))
            .close();
    }
    writer.close();
    Ok(Answer::Payload(writer.finish()))
}

async fn revoke(cx: Cx) -> Answered {
    let id = cx.payload().attr("id").ok_or_else(StanzaError::bad_request)?;
    let id = id.into_owned();
    Answer::later(async move {
        let revoked = cx.server.revoke_invitation(cx.no(), &id).await;
        if revoked.map_err(failed)? {
            Ok(Answer::Empty)
        } else {
            Err(StanzaError::item_not_found())
        }
    })
}

fn invite_by_command(cx: &Cx, _: Option<DataForm>) -> Step<'_> {
    Box::pin(async move {
        let wish = wished(cx, 1, cx.server.settings.invite_days).await?;
        let made = cx.server.invite_within_limits(wish).await.map_err(refused)?;
        Ok(Outcome::Done(result(&made)))
    })
}

/// The form of a result, of both commands.
fn result(made: &Invitation) -> DataForm {
    DataForm::new(FormType::Result)
        .with_form_type(RESULT)
        .with(Field::text("uri", &made.uri).label("For XMPP apps"))
        .with(Field::text("landing-url", &made.landing).label("For everybody"))
        .with(Field::text("expire", datetime::to_text(made.expires.0)).label("Good until"))
}

fn create_account(cx: &Cx, filled: Option<DataForm>) -> Step<'_> {
    Box::pin(async move {
        let Some(filled) = filled else {
            let mut form = DataForm::new(FormType::Form);
            form.title = Some("Invite somebody to an account".into());
            form.instructions = vec!["Without a name, whoever comes chooses one.".into()];
            let form = form
                .with(Field::new("username", FieldType::TextSingle).label("Name"))
                .with(Field::boolean("roster-subscription", true).label("Become contacts"));
            return Ok(Outcome::Form(form));
        };
        let domain = cx.to.domain().to_owned();
        let localpart = match filled.value("username").map(str::trim) {
            None | Some("") => None,
            Some(name) => Some(prepared(name, &domain)?),
        };
        let is_contact = match filled.value("roster-subscription") {
            None => false,
            Some(value) => parse_bool(value)
                .ok_or_else(|| bad_payload("roster-subscription is neither true nor false"))?,
        };
        let mut wish = wished(cx, 1, cx.server.settings.invite_days).await?;
        wish.kind = if is_contact {
            InviteKind::Contact
        } else {
            InviteKind::Account
        };
        wish.localpart = localpart;
        let made = cx.server.invite_within_limits(wish).await;
        let made = made.map_err(|error| match error {
            InviteError::NameTaken => bad_payload(error.to_string()),
            other => refused(other),
        })?;
        Ok(Outcome::Done(result(&made)))
    })
}

/// A name as accounts have it.
fn prepared(name: &str, domain: &str) -> Result<String, StanzaError> {
    let jid = BareJid::from_parts(Some(name), domain);
    let prepared = jid.ok().and_then(|jid| jid.node().map(str::to_owned));
    prepared
        .filter(|name| name.len() <= NAME_MAX)
        .ok_or_else(|| bad_payload("this cannot be a name"))
}
