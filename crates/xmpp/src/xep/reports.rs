//! XEP-0377: Blocking Command Reports, <https://xmpp.org/extensions/xep-0377.html>: what is said with a block is kept for the
//! administrators, and those who are online are told. Nothing of it leaves this server, whatever processing it allows (§5), and
//! the reported person learns nothing.

use std::sync::Arc;

use format::form::{DataForm, Field, FieldType, FormType};
use store::reports::NewReport;
use store::{JidNo, MessageId};
use wire::{Element, Jid, StanzaError, Writer};

use super::Xeps;
use super::admin::is_admin;
use super::commands::{Command, Note, Outcome, Step};
use crate::failures::unreadable;
use crate::iq::{Cx, Target};
use crate::messages;
use crate::reports;
use crate::server::Server;

const REPORTING: &str = "urn:xmpp:reporting:1";
const STANZA_ID: &str = "urn:xmpp:sid:0";

/// The longest reason, in bytes.
const REASON_MAX: usize = 256;
/// The longest text, in bytes; what is beyond it is cut off.
const TEXT_MAX: usize = 4_096;
/// How many messages are kept with one report.
const MESSAGES_MAX: usize = 20;
/// How many reports of one person are kept a day; the block takes effect all the same.
pub(crate) const PER_DAY: u32 = 50;

/// What people reported, for administrators.
pub(super) static REPORTS: Command = Command {
    at: &[Target::Server],
    node: "urn:x-folkmoot:reports:0",
    name: "Reports",
    is_for: is_admin,
    run: newest,
};

/// How many reports the command tells.
const TOLD: u32 = 20;
/// Of each reported message, the most that it tells; in bytes.
const TOLD_BYTES: usize = 500;

/// The newest reports, each a field; they are closed on the command line.
fn newest(cx: &Cx, _: Option<DataForm>) -> Step<'_> {
    Box::pin(async move {
        let read = cx.server.store.read(|reader| reader.reports(None, TOLD));
        let reports = read.await.map_err(|error| unreadable(&error))?;
        if reports.is_empty() {
            return Ok(Outcome::Told(Note::Info(catalogue::NONE.to_owned())));
        }
        let mut form = DataForm::new(FormType::Result);
        form.title = Some("Reports".to_owned());
        for report in reports {
            let by = report.reporter.as_deref().unwrap_or(catalogue::DELETED);
            let reason = reports::reason_name(&report.reason);
            let at = format::datetime::to_text(report.created.0);
            let said = report
                .messages
                .iter()
                .map(|stanza| format!("> {}", reports::said(stanza, TOLD_BYTES)));
            let lines = std::iter::once(report.text.clone())
                .filter(|text| !text.is_empty())
                .chain(said);
            let field = Field::new(format!("report-{}", report.id), FieldType::TextMulti)
                .label(format!(
                    "{}: {at}, {by} reports {}: {reason}",
                    report.id, report.reported
                ))
                .values(lines);
            form = form.with(field);
        }
        Ok(Outcome::Done(form))
    })
}

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(377, "Blocking Command Reports", "0.4.1")
        .without("passing reports on to the reported person's server and to others (§5 MAY)")
        .feature(Target::Server, REPORTING)
        .own_feature(REPORTING);
}

/// What is said of one address that is being blocked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Report {
    reported: Jid,
    reason: String,
    text: String,
    /// Ids of messages in the reporter's archive, as told.
    messages: Vec<String>,
}

/// Reads the report inside an item of a block, if there is one (§6).
///
/// # Errors
/// `bad-request` without a reason (§4), and for more than one report of one address.
pub(super) fn read(item: Element<'_>, reported: &Jid) -> Result<Option<Report>, StanzaError> {
    let mut reports = item.children().filter(|child| child.is("report", REPORTING));
    let Some(report) = reports.next() else {
        return Ok(None);
    };
    let reason = report.attr("reason").unwrap_or_default();
    if reports.next().is_some() || reason.is_empty() || reason.len() > REASON_MAX {
        return Err(StanzaError::bad_request());
    }
    let mut text = report
        .child("text", REPORTING)
        .map(|text| text.text().trim().to_owned())
        .unwrap_or_default();
    text.truncate(text.floor_char_boundary(TEXT_MAX));
    let messages = report
        .children()
        .filter(|child| child.is("stanza-id", STANZA_ID))
        .filter_map(|child| child.attr("id").map(std::borrow::Cow::into_owned));
    Ok(Some(Report {
        reported: reported.clone(),
        reason: reason.into_owned(),
        text,
        messages: messages.take(MESSAGES_MAX).collect(),
    }))
}

/// Keeps what an account reports with a block that took effect, and tells the administrators. Nobody waits for it: the block
/// is answered as if no report were there (§6).
pub(super) async fn keep(server: &Arc<Server>, reporter: JidNo, report: Report) {
    let now = server.clock.monotonic_ms();
    if !server.reports.is_allowed(&reporter, now) {
        tracing::info!("a report was not kept: its author reports too often");
        return;
    }
    server.reports.charge(reporter, now);
    let messages = match reported_messages(server, reporter, &report).await {
        Ok(messages) => messages,
        Err(error) => {
            tracing::warn!(%error, "reported messages could not be read");
            Vec::new()
        }
    };
    let new = NewReport {
        created: server.clock.now(),
        reporter,
        reported: report.reported.as_str().to_owned(),
        reason: report.reason,
        text: report.text,
        messages,
    };
    if let Err(error) = server.store.write(store::reports::add(new)).await {
        tracing::warn!(%error, "a report could not be kept");
        return;
    }
    tell(server).await;
}

/// The messages that are meant, of those that the reporter has from the reported address.
async fn reported_messages(
    server: &Server,
    reporter: JidNo,
    report: &Report,
) -> Result<Vec<Vec<u8>>, StanzaError> {
    let ids: Vec<MessageId> = report
        .messages
        .iter()
        .filter_map(|id| server.archive_ids.parse(reporter, id))
        .collect();
    let Some(reported) = server.find(report.reported.bare_str()).await else {
        return Ok(Vec::new());
    };
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let read = server
        .store
        .read(move |reader| reader.received_messages(reporter, reported, &ids));
    read.await.map_err(|error| unreadable(&error))
}

/// Tells the administrators who are online that there is something to look at; what it is, they ask.
async fn tell(server: &Arc<Server>) {
    let admins = match server.store.read(store::Reader::administrators).await {
        Ok(admins) => admins,
        Err(error) => {
            tracing::warn!(%error, "administrators were not told of a report");
            return;
        }
    };
    for admin in admins {
        let Ok(jid) = Jid::parse(&admin) else { continue };
        let mut writer = Writer::new();
        writer
            .open("message")
            .attr("type", "headline")
            .attr("from", jid.domain())
            .attr("to", jid.as_str());
        writer.leaf("subject", catalogue::SUBJECT);
        writer.leaf("body", catalogue::BODY);
        writer.close();
        messages::send_from_service(server, &jid, &writer.finish().into()).await;
    }
}

/// What administrators read.
mod catalogue {
    pub(super) const NONE: &str = "Nothing was reported.";
    pub(super) const DELETED: &str = "a deleted account";
    pub(super) const SUBJECT: &str = "A report";
    pub(super) const BODY: &str = "Somebody was blocked and reported. Look at the reports with the command \"Reports\" of this server, or with `folkmoot reports`.";
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use wire::Document;

    fn parsed(report: &str) -> Result<Option<Report>, StanzaError> {
        let item = std::format!("<item xmlns='urn:xmpp:blocking' jid='a@b'>{report}</item>");
        let document = Document::parse(item.into_bytes()).unwrap();
        read(document.root(), &Jid::parse("a@b").unwrap())
    }

    #[test]
    fn a_report_has_a_reason_and_is_one() {
        assert_eq!(parsed("").unwrap(), None);
        let report = "<report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'>\
                      <stanza-id xmlns='urn:xmpp:sid:0' by='a@b' id='1'/><text> No. </text></report>";
        let read = parsed(report).unwrap().unwrap();
        assert_eq!(
            (read.reason.as_str(), read.text.as_str(), read.messages),
            ("urn:xmpp:reporting:spam", "No.", vec!["1".to_owned()])
        );
        assert!(parsed("<report xmlns='urn:xmpp:reporting:1'/>").is_err());
        assert!(parsed(&report.repeat(2)).is_err());
        assert_eq!(parsed("<report xmlns='urn:example' reason='x'/>").unwrap(), None);
        let long = std::format!(
            "<report xmlns='urn:xmpp:reporting:1' reason='x'><text>{}</text></report>",
            "ä".repeat(TEXT_MAX)
        );
        assert_eq!(parsed(&long).unwrap().unwrap().text.len(), TEXT_MAX);
    }
}
