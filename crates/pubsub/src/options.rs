//! Options of subscriptions as data forms: [XEP-0060](https://xmpp.org/extensions/xep-0060.html) §6.3, §6.4, §13.5, §13.8, §13.19
//! and §17.4.2 (the fields).
//!
//! There are no collections, so of their fields only the value that says what happens anyway is accepted; what is not
//! understood is refused.

use std::borrow::Cow;

use bus::{Show, Shows, SubscribeOptions};
use format::form::{DataForm, Field, FieldOption, FieldType, FormType, parse_bool};
use store::Timestamp;
use store::subscriptions::Expiry;

use crate::error::PubsubError;

/// The `FORM_TYPE` of the options of a subscription.
pub const SUBSCRIBE_OPTIONS: &str = "http://jabber.org/protocol/pubsub#subscribe_options";

/// The word for a subscription that ends with its subscriber's presence (§13.5).
const PRESENCE: &str = "presence";

/// Registered fields that are not supported, with the values that describe what happens here.
const FIXED: [(&str, &[&str]); 2] = [
    ("pubsub#subscription_type", &["items"]),
    ("pubsub#subscription_depth", &["1"]),
];

/// The milliseconds between two digests where nobody says how many (§6.3.2: approximately one per day), the fewest and the most.
const DIGEST_USUAL: u32 = 86_400_000;
const DIGEST_MIN: u32 = 1_000;
const DIGEST_MAX: u32 = 7 * 86_400_000;

/// How much of the name of a field that nobody knows is told.
const NAME_SHOWN: usize = 64;

/// Whether items of a node can be told in words (§13.8: offered only where they can).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// They are posts.
    Known,
    /// Their payloads mean nothing here.
    Unknown,
}

/// Options as a form: to fill in (§6.3.3) or as they are (§6.3.7, §6.4.2).
#[must_use]
pub fn form(options: &SubscribeOptions, words: Words, kind: FormType) -> DataForm {
    let mut form = DataForm::new(kind)
        .with_form_type(SUBSCRIBE_OPTIONS)
        .with(Field::boolean("pubsub#deliver", options.deliver).label("Whether notifications are sent"))
        .with(
            Field::boolean("pubsub#digest", options.digest.is_some())
                .label("Whether several come together, seldom, instead of each at once"),
        )
        .with(
            Field::text(
                "pubsub#digest_frequency",
                options.digest.unwrap_or(DIGEST_USUAL).to_string(),
            )
            .label("The milliseconds that pass between two of these at least"),
        );
    let expire = match options.expire {
        None => String::new(),
        Some(Expiry::Presence) => PRESENCE.to_owned(),
        Some(Expiry::At(at)) => format::datetime::to_text(at.0),
    };
    form = form.with(
        Field::text("pubsub#expire", expire)
            .label("When the subscription ends: a date and time, presence, or never if empty"),
    );
    if words == Words::Known {
        form = form.with(
            Field::boolean("pubsub#include_body", options.include_body)
                .label("Whether posts also come as plain text"),
        );
    }
    let labels = [
        "Ready to chat",
        "Available",
        "Away",
        "Away for long",
        "Not to be disturbed",
    ];
    let choices = Show::ALL
        .into_iter()
        .zip(labels)
        .map(|(show, label)| FieldOption {
            label: Some(label.to_owned()),
            value: show.as_str().to_owned(),
        });
    let shown = Show::ALL.into_iter().filter(|show| options.show.has(*show));
    let show = Field {
        options: choices.collect(),
        ..Field::new("pubsub#show-values", FieldType::ListMulti)
    };
    form.with(
        show.values(shown.map(Show::as_str))
            .label("How available a client must be to be notified"),
    )
}

/// The options that a filled-in form asks for, where `before` holds for what it does not name.
///
/// # Errors
/// `InvalidOptions` for a wrong `FORM_TYPE`, for unknown fields and for values that cannot be (§6.3.6.2).
pub fn parse(
    form: &DataForm,
    before: &SubscribeOptions,
    words: Words,
    now: Timestamp,
) -> Result<SubscribeOptions, PubsubError> {
    // COMPAT: some clients leave the FORM_TYPE out.
    if !matches!(form.form_type(), Some(SUBSCRIBE_OPTIONS) | None) {
        return Err(invalid("unexpected FORM_TYPE"));
    }
    let mut options = *before;
    let mut digest = options.digest.is_some();
    let mut period = options.digest.unwrap_or(DIGEST_USUAL);
    if form.kind == FormType::Cancel {
        return Ok(options);
    }
    for field in &form.fields {
        let value = field.values.first().map_or("", |value| value.trim());
        let flag = || parse_bool(value).ok_or_else(|| invalid("not a boolean"));
        match field.var.as_str() {
            "" | "FORM_TYPE" => {}
            "pubsub#deliver" => options.deliver = flag()?,
            "pubsub#digest" => digest = flag()?,
            "pubsub#digest_frequency" if value.is_empty() => {}
            "pubsub#digest_frequency" => {
                let asked: u64 = value
                    .parse()
                    .map_err(|_| invalid("not a number of milliseconds"))?;
                // Who asks for what cannot be gets what is next to it, and is told so by the form.
                period = u32::try_from(asked)
                    .unwrap_or(DIGEST_MAX)
                    .clamp(DIGEST_MIN, DIGEST_MAX);
            }
            "pubsub#include_body" => match (words, flag()?) {
                (Words::Known, wanted) => options.include_body = wanted,
                (Words::Unknown, false) => {}
                (Words::Unknown, true) => {
                    return Err(invalid("the items of this node cannot be put in words"));
                }
            },
            "pubsub#show-values" => options.show = shows(&field.values)?,
            "pubsub#expire" => options.expire = expiry(value, now)?,
            other => match FIXED.iter().find(|(var, _)| *var == other) {
                Some((_, accepted)) if value.is_empty() || accepted.contains(&value) => {}
                Some(_) => return Err(invalid("value not supported")),
                None => {
                    let name: String = other.chars().take(NAME_SHOWN).collect();
                    let text = format!("unknown field {name}");
                    return Err(PubsubError::InvalidOptions(Cow::Owned(text)));
                }
            },
        }
    }
    options.digest = digest.then_some(period);
    Ok(options)
}

fn invalid(text: &'static str) -> PubsubError {
    PubsubError::InvalidOptions(Cow::Borrowed(text))
}

fn shows(values: &[String]) -> Result<Shows, PubsubError> {
    let mut shows = Shows::NONE;
    for value in values {
        let show = Show::from_word(value.trim()).ok_or_else(|| invalid("unknown availability"))?;
        shows = shows.with(show);
    }
    // Who wants nothing at all says so by `pubsub#deliver`.
    if shows == Shows::NONE {
        return Err(invalid("no availability chosen"));
    }
    Ok(shows)
}

fn expiry(value: &str, now: Timestamp) -> Result<Option<Expiry>, PubsubError> {
    match value {
        "" => Ok(None),
        PRESENCE => Ok(Some(Expiry::Presence)),
        value => {
            let at = format::datetime::parse(value).ok_or_else(|| invalid("not a date and time"))?;
            if at <= now.0 {
                return Err(invalid("that time is over"));
            }
            Ok(Some(Expiry::At(Timestamp(at))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn submitted(fields: &[(&str, &[&str])]) -> DataForm {
        fields.iter().fold(
            DataForm::new(FormType::Submit).with_form_type(SUBSCRIBE_OPTIONS),
            |form, (var, values)| {
                form.with(Field {
                    var: format!("pubsub#{var}"),
                    values: values.iter().map(|value| (*value).to_owned()).collect(),
                    ..Field::default()
                })
            },
        )
    }

    fn asked(fields: &[(&str, &[&str])], words: Words) -> Result<SubscribeOptions, PubsubError> {
        parse(&submitted(fields), &SubscribeOptions::DEFAULT, words, NOW)
    }

    #[test]
    fn what_is_shown_can_be_sent_back() {
        let options = SubscribeOptions {
            deliver: false,
            include_body: false,
            show: Shows::NONE.with(Show::Away).with(Show::Online),
            digest: Some(60_000),
            expire: Some(Expiry::At(Timestamp(NOW.0 + 1_000))),
        };
        for options in [options, SubscribeOptions::DEFAULT] {
            let filled_in = DataForm {
                kind: FormType::Submit,
                ..form(&options, Words::Known, FormType::Form)
            };
            let again = parse(&filled_in, &SubscribeOptions::DEFAULT, Words::Known, NOW);
            assert_eq!(again.as_ref(), Ok(&options));
        }
        let mute = form(&options, Words::Unknown, FormType::Result);
        assert!(mute.field("pubsub#include_body").is_none());
    }

    #[test]
    fn what_is_not_named_stays() {
        let before = SubscribeOptions {
            deliver: false,
            ..SubscribeOptions::DEFAULT
        };
        let form = submitted(&[("expire", &["presence"])]);
        let now = parse(&form, &before, Words::Known, NOW);
        assert_eq!(
            now,
            Ok(SubscribeOptions {
                expire: Some(Expiry::Presence),
                ..before
            })
        );
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let refused: [(&str, &[&str]); 14] = [
            ("deliver", &["perhaps"]),
            ("deliver", &[]),
            ("digest", &["daily"]),
            ("digest_frequency", &["-1"]),
            ("include_body", &["1"]),
            ("show-values", &[]),
            ("show-values", &["chat", "asleep"]),
            ("expire", &["tomorrow"]),
            ("expire", &["2006-02-28T11:59:59Z"]),
            ("subscription_type", &["nodes"]),
            ("subscription_depth", &["all"]),
            ("colour", &["red"]),
            ("title", &["a node's"]),
            ("show-values", &[""]),
        ];
        for (var, values) in refused {
            let asked = asked(&[(var, values)], Words::Unknown);
            assert!(
                matches!(asked, Err(PubsubError::InvalidOptions(_))),
                "{var} {values:?}: {asked:?}"
            );
        }
        let other = DataForm::new(FormType::Submit).with_form_type(crate::form::NODE_CONFIG);
        assert!(parse(&other, &SubscribeOptions::DEFAULT, Words::Known, NOW).is_err());
    }

    #[test]
    fn digests_come_daily_unless_another_period_is_asked_for() {
        let period = |fields: &[(&str, &[&str])]| asked(fields, Words::Unknown).unwrap().digest;
        assert_eq!(period(&[("digest", &["1"])]), Some(86_400_000));
        assert_eq!(
            period(&[("digest", &["1"]), ("digest_frequency", &["60000"])]),
            Some(60_000)
        );
        assert_eq!(
            period(&[("digest_frequency", &["1"]), ("digest", &["true"])]),
            Some(1_000)
        );
        assert_eq!(
            period(&[("digest", &["1"]), ("digest_frequency", &["99999999999999"])]),
            Some(604_800_000)
        );
        assert_eq!(period(&[("digest_frequency", &["60000"])]), None);
    }

    #[test]
    fn what_happens_anyway_is_accepted() {
        let fields: [(&str, &[&str]); 5] = [
            ("digest", &["0"]),
            ("digest_frequency", &[""]),
            ("include_body", &["false"]),
            ("subscription_type", &["items"]),
            ("subscription_depth", &["1"]),
        ];
        assert_eq!(asked(&fields, Words::Unknown), Ok(SubscribeOptions::DEFAULT));
    }
}
