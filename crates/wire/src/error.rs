//! Stanza errors and stream errors: their conditions, default types, and their bytes.
//!
//! Specification: [RFC 6120 §8.3](https://www.rfc-editor.org/rfc/rfc6120#section-8.3) and
//! [§4.9](https://www.rfc-editor.org/rfc/rfc6120#section-4.9). Which error answers what is decided elsewhere.

use std::borrow::Cow;
use std::fmt;

use crate::{Kind, Stanza, Writer, ns};

/// What whoever gets a stanza error may do about it (§8.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorType {
    /// Retry after providing credentials.
    Auth,
    /// Do not retry: it cannot be remedied.
    Cancel,
    /// Proceed: the condition was only a warning.
    Continue,
    /// Retry after changing the data sent.
    Modify,
    /// Retry after waiting: the error is temporary.
    Wait,
}

impl ErrorType {
    /// The value of the attribute `type`.
    pub fn name(self) -> &'static str {
        match self {
            ErrorType::Auth => "auth",
            ErrorType::Cancel => "cancel",
            ErrorType::Continue => "continue",
            ErrorType::Modify => "modify",
            ErrorType::Wait => "wait",
        }
    }
}

/// One table makes the enum, the elements' names, the default types and the constructors.
macro_rules! conditions {
    ($($(#[$doc:meta])* $variant:ident $constructor:ident $name:literal $kind:ident;)+) => {
        /// What went wrong with a stanza (§8.3.3).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Condition {
            $($(#[$doc])* $variant,)+
        }

        impl Condition {
            /// Every condition, in the RFC's order.
            pub const ALL: &'static [Condition] = &[$(Condition::$variant,)+];

            /// The name of the condition's element.
            pub fn name(self) -> &'static str {
                match self {
                    $(Condition::$variant => $name,)+
                }
            }

            /// The type that §8.3.3 gives the condition.
            pub fn default_type(self) -> ErrorType {
                match self {
                    $(Condition::$variant => ErrorType::$kind,)+
                }
            }
        }

        impl StanzaError {
            $(
                $(#[$doc])*
                pub fn $constructor() -> StanzaError {
                    StanzaError::new(Condition::$variant)
                }
            )+
        }
    };
}

conditions! {
    /// The XML is well-formed and makes no sense (§8.3.3.1).
    BadRequest bad_request "bad-request" Modify;
    /// Something of that name exists already (§8.3.3.2).
    Conflict conflict "conflict" Cancel;
    /// The feature exists in the protocol and not here (§8.3.3.3).
    FeatureNotImplemented feature_not_implemented "feature-not-implemented" Cancel;
    /// The sender may not do that, but perhaps with other credentials (§8.3.3.4).
    Forbidden forbidden "forbidden" Auth;
    /// The addressee is no longer here (§8.3.3.5).
    Gone gone "gone" Cancel;
    /// The server failed (§8.3.3.6).
    InternalServerError internal_server_error "internal-server-error" Cancel;
    /// There is no such thing, or the sender may not know of it (§8.3.3.7).
    ItemNotFound item_not_found "item-not-found" Cancel;
    /// An address is no JID (§8.3.3.8).
    JidMalformed jid_malformed "jid-malformed" Modify;
    /// Understood, and against a rule of the addressee (§8.3.3.9).
    NotAcceptable not_acceptable "not-acceptable" Modify;
    /// Nobody may do that (§8.3.3.10).
    NotAllowed not_allowed "not-allowed" Cancel;
    /// Credentials come first (§8.3.3.11).
    NotAuthorized not_authorized "not-authorized" Auth;
    /// Against a local policy, such as a limit (§8.3.3.12).
    PolicyViolation policy_violation "policy-violation" Modify;
    /// The addressee cannot be reached just now (§8.3.3.13).
    RecipientUnavailable recipient_unavailable "recipient-unavailable" Wait;
    /// The addressee is elsewhere for now (§8.3.3.14).
    Redirect redirect "redirect" Modify;
    /// Registration comes first (§8.3.3.15).
    RegistrationRequired registration_required "registration-required" Auth;
    /// The other server does not exist (§8.3.3.16).
    RemoteServerNotFound remote_server_not_found "remote-server-not-found" Cancel;
    /// The other server did not answer in time (§8.3.3.17).
    RemoteServerTimeout remote_server_timeout "remote-server-timeout" Wait;
    /// The server is too busy (§8.3.3.18).
    ResourceConstraint resource_constraint "resource-constraint" Wait;
    /// The service is not offered here (§8.3.3.19).
    ServiceUnavailable service_unavailable "service-unavailable" Cancel;
    /// A subscription comes first (§8.3.3.20).
    SubscriptionRequired subscription_required "subscription-required" Auth;
    /// Said by the application's own condition (§8.3.3.21, which leaves the type open).
    UndefinedCondition undefined_condition "undefined-condition" Cancel;
    /// The request came out of order (§8.3.3.22).
    UnexpectedRequest unexpected_request "unexpected-request" Wait;
}

/// A condition of an application's own (§8.3.4): an empty element with at most one attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// The element's name.
    pub name: &'static str,
    /// Its namespace.
    pub ns: &'static str,
    /// An attribute and its value, such as `feature='…'` of XEP-0060's `<unsupported/>`.
    pub attr: Option<(&'static str, String)>,
}

/// Why a stanza was refused. Small, so that results carry it cheaply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StanzaError {
    /// What the sender may do.
    pub kind: ErrorType,
    /// What went wrong.
    pub condition: Condition,
    /// A text in English for people and logs of the other side.
    pub text: Option<Cow<'static, str>>,
    /// The application's own condition.
    pub app: Option<Box<App>>,
}

impl StanzaError {
    /// An error with the condition's default type.
    pub fn new(condition: Condition) -> StanzaError {
        StanzaError {
            kind: condition.default_type(),
            condition,
            text: None,
            app: None,
        }
    }

    /// The same with another type.
    #[must_use]
    pub fn kind(mut self, kind: ErrorType) -> StanzaError {
        self.kind = kind;
        self
    }

    /// The same with a text.
    #[must_use]
    pub fn text(mut self, text: impl Into<Cow<'static, str>>) -> StanzaError {
        self.text = Some(text.into());
        self
    }

    /// The same with an application's condition.
    #[must_use]
    pub fn app(mut self, name: &'static str, ns: &'static str) -> StanzaError {
        self.app = Some(Box::new(App { name, ns, attr: None }));
        self
    }

    /// The same with an attribute on the application's condition; nothing when there is none.
    #[must_use]
    pub fn app_attr(mut self, name: &'static str, value: impl Into<String>) -> StanzaError {
        if let Some(app) = &mut self.app {
            app.attr = Some((name, value.into()));
        }
        self
    }

    /// Writes `<error/>`, to stand in a stanza of `type='error'`.
    pub fn write(&self, writer: &mut Writer) {
        writer.open("error").attr("type", self.kind.name());
        writer.open(self.condition.name()).ns(ns::STANZAS).close();
        if let Some(text) = &self.text {
            writer
                .open("text")
                .ns(ns::STANZAS)
                .attr("xml:lang", "en")
                .text(text)
                .close();
        }
        if let Some(app) = &self.app {
            writer.open(app.name).ns(app.ns);
            if let Some((name, value)) = &app.attr {
                writer.attr(name, value);
            }
            writer.close();
        }
        writer.close();
    }
}

impl fmt::Display for StanzaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.condition.name())?;
        if let Some(app) = &self.app {
            write!(f, " ({})", app.name)?;
        }
        if let Some(text) = &self.text {
            write!(f, ": {text}")?;
        }
        Ok(())
    }
}

impl std::error::Error for StanzaError {}

impl From<Condition> for StanzaError {
    fn from(condition: Condition) -> StanzaError {
        StanzaError::new(condition)
    }
}

/// The answer that tells a stanza's sender of an error (§8.3.1): `to` and `from` change places, the id is kept, the
/// content is not sent back. `None` for what must not be answered so: errors, results of IQs, and what is no stanza.
pub fn error_reply(stanza: &Stanza, error: &StanzaError) -> Option<Vec<u8>> {
    if stanza.kind() == Kind::Other {
        return None;
    }
    if matches!(stanza.type_().as_deref(), Some("error" | "result")) {
        return None;
    }
    let mut writer = Writer::new();
    writer.open(stanza.name()).attr("type", "error");
    for (name, value) in [("to", stanza.from()), ("from", stanza.to()), ("id", stanza.id())] {
        if let Some(value) = value {
            writer.attr(name, &value);
        }
    }
    error.write(&mut writer);
    writer.close();
    Some(writer.finish())
}

/// One table makes the enum and the elements' names.
macro_rules! stream_conditions {
    ($($(#[$doc:meta])* $variant:ident $name:literal;)+) => {
        /// Why a stream is closed (§4.9.3). `see-other-host` is missing: this server sends nobody elsewhere.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum StreamCondition {
            $($(#[$doc])* $variant,)+
        }

        impl StreamCondition {
            /// Every condition, in the RFC's order.
            pub const ALL: &'static [StreamCondition] = &[$(StreamCondition::$variant,)+];

            /// The name of the condition's element.
            pub fn name(self) -> &'static str {
                match self {
                    $(StreamCondition::$variant => $name,)+
                }
            }
        }
    };
}

stream_conditions! {
    /// XML that cannot be processed (§4.9.3.1).
    BadFormat "bad-format";
    /// A namespace prefix that is not bound, or bound wrongly (§4.9.3.2).
    BadNamespacePrefix "bad-namespace-prefix";
    /// A newer stream took this one's place (§4.9.3.3).
    Conflict "conflict";
    /// Nothing came for too long (§4.9.3.4).
    ConnectionTimeout "connection-timeout";
    /// The domain is no longer served here (§4.9.3.5).
    HostGone "host-gone";
    /// The domain is not served here (§4.9.3.6).
    HostUnknown "host-unknown";
    /// A stanza between servers without `to` or `from` (§4.9.3.7).
    ImproperAddressing "improper-addressing";
    /// The server failed (§4.9.3.8).
    InternalServerError "internal-server-error";
    /// A `from` that is not the sender's (§4.9.3.9).
    InvalidFrom "invalid-from";
    /// A stream or content namespace that is not ours (§4.9.3.10).
    InvalidNamespace "invalid-namespace";
    /// XML that a schema forbids (§4.9.3.11).
    InvalidXml "invalid-xml";
    /// Something was sent before authentication (§4.9.3.12).
    NotAuthorized "not-authorized";
    /// XML that is not well-formed (§4.9.3.13).
    NotWellFormed "not-well-formed";
    /// Against a local policy, such as a limit (§4.9.3.14).
    PolicyViolation "policy-violation";
    /// A server needed for this could not be reached (§4.9.3.15).
    RemoteConnectionFailed "remote-connection-failed";
    /// The stream has to be opened anew (§4.9.3.16).
    Reset "reset";
    /// The server is too busy (§4.9.3.17).
    ResourceConstraint "resource-constraint";
    /// XML that §11.1 forbids (§4.9.3.18).
    RestrictedXml "restricted-xml";
    /// The server is shutting down (§4.9.3.20).
    SystemShutdown "system-shutdown";
    /// Said by the application's own condition (§4.9.3.21).
    UndefinedCondition "undefined-condition";
    /// Not UTF-8 (§4.9.3.22).
    UnsupportedEncoding "unsupported-encoding";
    /// A mandatory feature is not supported (§4.9.3.23).
    UnsupportedFeature "unsupported-feature";
    /// A first-level element that is no stanza (§4.9.3.24).
    UnsupportedStanzaType "unsupported-stanza-type";
    /// Not version 1.0 (§4.9.3.25).
    UnsupportedVersion "unsupported-version";
}

/// The error that ends a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamError {
    /// Why.
    pub condition: StreamCondition,
    /// A text in English for people and logs of the other side.
    pub text: Option<Cow<'static, str>>,
    /// What an extension says of it: one whole element (§4.9.4).
    pub application: Option<Box<[u8]>>,
}

impl StreamError {
    /// An error without a text.
    pub fn new(condition: StreamCondition) -> StreamError {
        StreamError {
            condition,
            text: None,
            application: None,
        }
    }

    /// The same with a text.
    #[must_use]
    pub fn text(mut self, text: impl Into<Cow<'static, str>>) -> StreamError {
        self.text = Some(text.into());
        self
    }

    /// The same with an extension's condition, one whole element that declares its namespace (§4.9.4).
    #[must_use]
    pub fn application(mut self, element: Vec<u8>) -> StreamError {
        self.application = Some(element.into());
        self
    }

    /// Writes `<stream:error/>` with its prefix declared, so that it can stand in a WebSocket message as well.
    pub fn write(&self, writer: &mut Writer) {
        writer.open("stream:error").attr("xmlns:stream", ns::STREAMS);
        writer.open(self.condition.name()).ns(ns::STREAM_ERRORS).close();
        if let Some(text) = &self.text {
            writer
                .open("text")
                .ns(ns::STREAM_ERRORS)
                .attr("xml:lang", "en")
                .text(text)
                .close();
        }
        if let Some(application) = &self.application {
            writer.raw(application);
        }
        writer.close();
    }
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.condition.name())?;
        if let Some(text) = &self.text {
            write!(f, ": {text}")?;
        }
        Ok(())
    }
}

impl std::error::Error for StreamError {}

impl From<StreamCondition> for StreamError {
    fn from(condition: StreamCondition) -> StreamError {
        StreamError::new(condition)
    }
}

#[cfg(test)]
mod tests;
