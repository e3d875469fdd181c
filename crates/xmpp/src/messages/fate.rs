//! Whom a message is for: the rules of RFC 6121 §8.5, <https://www.rfc-editor.org/rfc/rfc6121#section-8.5>, as a table.
//!
//! It hands out nothing.

use wire::Stanza;

/// The `type` of a message; an unknown one counts as normal (§5.2.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageType {
    /// `normal` or none.
    Normal,
    /// `chat`
    Chat,
    /// `groupchat`
    Groupchat,
    /// `headline`
    Headline,
    /// `error`
    Error,
}

impl MessageType {
    pub(crate) fn of(stanza: &Stanza) -> MessageType {
        match stanza.type_().as_deref() {
            Some("chat") => MessageType::Chat,
            Some("groupchat") => MessageType::Groupchat,
            Some("headline") => MessageType::Headline,
            Some("error") => MessageType::Error,
            _ => MessageType::Normal,
        }
    }
}

/// How the addressee is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Addressed {
    /// By bare address.
    Bare,
    /// By the full address of a connected resource.
    Connected,
    /// By a full address that nobody holds.
    Absent,
}

/// Whether the account has an available resource of non-negative priority.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reachable {
    Yes,
    No,
}

/// What becomes of a message to an existing account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// To the resource that was named.
    ToResource,
    /// To the available resources of the highest priority.
    ToMostAvailable,
    /// To every available resource of non-negative priority.
    ToAll,
    /// Kept until somebody comes.
    Kept,
    /// Nothing happens.
    Ignored,
    /// `service-unavailable` to the sender.
    Refused,
}

/// The summary table, §8.5.4.
pub(super) fn fate(kind: MessageType, addressed: Addressed, reachable: Reachable) -> Fate {
    use MessageType::{Chat, Error, Groupchat, Headline, Normal};
    match (addressed, kind, reachable) {
        // §8.5.3.1: whatever its type and priority.
        (Addressed::Connected, _, _) => Fate::ToResource,
        // §8.5.2.1.1, §8.5.2.2.1, §8.5.3.2.1
        (Addressed::Bare | Addressed::Absent, Error, _) => Fate::Ignored,
        // §8.5.2.1.1
        (Addressed::Bare, Normal | Chat, Reachable::Yes) => Fate::ToMostAvailable,
        (Addressed::Bare, Headline, Reachable::Yes) => Fate::ToAll,
        // §8.5.2.2.1
        (Addressed::Bare, Normal | Chat, Reachable::No) => Fate::Kept,
        (Addressed::Bare, Headline, Reachable::No) => Fate::Ignored,
        (Addressed::Bare, Groupchat, _) => Fate::Refused,
        // §8.5.3.2.1
        (Addressed::Absent, Chat, Reachable::Yes) => Fate::ToMostAvailable,
        (Addressed::Absent, Chat, Reachable::No) => Fate::Kept,
        (Addressed::Absent, Headline, _) => Fate::Ignored,
        (Addressed::Absent, Normal | Groupchat, _) => Fate::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The RFC's table: D to the resource, M most available, A all, O kept, S ignored, E error; columns normal, chat,
    /// groupchat, headline, error. Where the RFC leaves a choice (§8.5.3.2.1), ours.
    #[test]
    fn every_cell_of_the_summary_table() {
        let rows = [
            (Addressed::Bare, Reachable::No, "OOESS"),
            (Addressed::Bare, Reachable::Yes, "MMEAS"),
            (Addressed::Connected, Reachable::No, "DDDDD"),
            (Addressed::Connected, Reachable::Yes, "DDDDD"),
            (Addressed::Absent, Reachable::No, "EOESS"),
            (Addressed::Absent, Reachable::Yes, "EMESS"),
        ];
        let kinds = [
            MessageType::Normal,
            MessageType::Chat,
            MessageType::Groupchat,
            MessageType::Headline,
            MessageType::Error,
        ];
        for (addressed, reachable, row) in rows {
            for (kind, expected) in kinds.iter().zip(row.chars()) {
                let letter = match fate(*kind, addressed, reachable) {
                    Fate::ToResource => 'D',
                    Fate::ToMostAvailable => 'M',
                    Fate::ToAll => 'A',
                    Fate::Kept => 'O',
                    Fate::Ignored => 'S',
                    Fate::Refused => 'E',
                };
                assert_eq!(letter, expected, "{kind:?} {addressed:?} {reachable:?}");
            }
        }
    }
}
