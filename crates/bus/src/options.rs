//! What a subscriber wants of a subscription: [XEP-0060](https://xmpp.org/extensions/xep-0060.html) §6.3, §17.4.2.
//!
//! How it is written in a data form is in `pubsub`; here is only the text that the database keeps.

use std::fmt::Write;

use store::subscriptions::Expiry;

/// How available somebody is, as `pubsub#show-values` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// Available, and nothing more said.
    Online,
    /// Wants to chat.
    Chat,
    /// Away.
    Away,
    /// Away for long.
    ExtendedAway,
    /// Not to be disturbed.
    DoNotDisturb,
}

impl Show {
    /// All of them.
    pub const ALL: [Show; 5] = [
        Show::Chat,
        Show::Online,
        Show::Away,
        Show::ExtendedAway,
        Show::DoNotDisturb,
    ];

    /// The word in a form.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Show::Online => "online",
            Show::Chat => "chat",
            Show::Away => "away",
            Show::ExtendedAway => "xa",
            Show::DoNotDisturb => "dnd",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Show> {
        Show::ALL.into_iter().find(|show| show.as_str() == word)
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Some kinds of availability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shows(u8);

impl Shows {
    /// Every kind.
    pub const ALL: Shows = Shows(0b1_1111);
    /// None.
    pub const NONE: Shows = Shows(0);

    /// The same with one more.
    #[must_use]
    pub fn with(self, show: Show) -> Shows {
        Shows(self.0 | show.bit())
    }

    /// Whether this kind is among them.
    #[must_use]
    pub fn has(self, show: Show) -> bool {
        self.0 & show.bit() != 0
    }
}

/// What a subscriber wants of one subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscribeOptions {
    /// `pubsub#deliver`: whether anything is sent at all.
    pub deliver: bool,
    /// `pubsub#include_body`: whether posts come with their words as a message's text too.
    pub include_body: bool,
    /// `pubsub#show-values`: how available a client must be to be sent something.
    pub show: Shows,
    /// `pubsub#digest` with `pubsub#digest_frequency`: how many milliseconds pass at least between two notifications, each of
    /// which then tells all that happened.
    pub digest: Option<u32>,
    /// `pubsub#expire`: when the subscription ends by itself.
    pub expire: Option<Expiry>,
}

impl SubscribeOptions {
    /// What holds for whoever chose nothing.
    pub const DEFAULT: SubscribeOptions = SubscribeOptions {
        deliver: true,
        include_body: true,
        show: Shows::ALL,
        digest: None,
        expire: None,
    };

    /// Whether a client that is so available (not at all: `None`) is to be sent something.
    #[must_use]
    pub fn reaches(&self, show: Option<Show>) -> bool {
        self.deliver && (self.show == Shows::ALL || show.is_some_and(|show| self.show.has(show)))
    }

    /// The text that the database keeps, a line for each value that is not the default; `None` where all are. When the
    /// subscription ends is kept beside it.
    #[must_use]
    pub fn to_text(&self) -> Option<String> {
        let mut text = String::new();
        // Writing to a string cannot fail.
        if !self.deliver {
            let _ = writeln!(text, "deliver 0");
        }
        if !self.include_body {
            let _ = writeln!(text, "include_body 0");
        }
        if self.show != Shows::ALL {
            let shown = Show::ALL.into_iter().filter(|show| self.show.has(*show));
            let words: Vec<_> = shown.map(Show::as_str).collect();
            let _ = writeln!(text, "show {}", words.join(" "));
        }
        if let Some(period) = self.digest {
            let _ = writeln!(text, "digest {period}");
        }
        (!text.is_empty()).then_some(text)
    }

    /// Reads [`to_text`](SubscribeOptions::to_text)'s lines; those that it does not know are left out.
    #[must_use]
    pub fn from_text(text: Option<&str>, expire: Option<Expiry>) -> SubscribeOptions {
        let mut options = SubscribeOptions {
            expire,
            ..SubscribeOptions::DEFAULT
        };
        for (key, value) in text
            .unwrap_or_default()
            .lines()
            .filter_map(|line| line.split_once(' '))
        {
            match key {
                "deliver" => options.deliver = value != "0",
                "include_body" => options.include_body = value != "0",
                "digest" => options.digest = value.parse().ok(),
                "show" => {
                    let words = value.split(' ').filter_map(Show::from_word);
                    options.show = words.fold(Shows::NONE, Shows::with);
                }
                _ => {}
            }
        }
        options
    }
}

impl Default for SubscribeOptions {
    fn default() -> Self {
        SubscribeOptions::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use store::Timestamp;

    use super::*;

    #[test]
    fn what_is_kept_is_read_again() {
        assert_eq!(SubscribeOptions::DEFAULT.to_text(), None);
        let expire = Some(Expiry::At(Timestamp(17)));
        let quiet = SubscribeOptions {
            deliver: false,
            include_body: false,
            show: Shows::NONE.with(Show::Chat).with(Show::DoNotDisturb),
            digest: Some(86_400_000),
            expire,
        };
        let text = quiet.to_text();
        assert_eq!(
            text.as_deref(),
            Some("deliver 0\ninclude_body 0\nshow chat dnd\ndigest 86400000\n")
        );
        assert_eq!(SubscribeOptions::from_text(text.as_deref(), expire), quiet);
        assert_eq!(
            SubscribeOptions::from_text(Some("future 1\n"), None),
            SubscribeOptions::DEFAULT
        );
    }

    #[test]
    fn who_is_reached() {
        let all = SubscribeOptions::DEFAULT;
        assert!(all.reaches(None) && all.reaches(Some(Show::Away)));
        let chatting = SubscribeOptions {
            show: Shows::NONE.with(Show::Chat),
            ..all
        };
        assert!(chatting.reaches(Some(Show::Chat)));
        assert!(!chatting.reaches(Some(Show::Online)) && !chatting.reaches(None));
        let off = SubscribeOptions {
            deliver: false,
            ..all
        };
        assert!(!off.reaches(Some(Show::Online)));
    }
}
