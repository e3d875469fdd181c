//! `<authenticate/>`: one request to sign in and, with the same answer, to have a session, by the second profile of SASL.
//!
//! Specifications: [XEP-0388](https://xmpp.org/extensions/xep-0388.html), and inside it
//! [XEP-0386](https://xmpp.org/extensions/xep-0386.html) (Bind 2), [XEP-0484](https://xmpp.org/extensions/xep-0484.html)
//! (FAST) and [XEP-0198](https://xmpp.org/extensions/xep-0198.html) (resumption). What is not known is passed over: it asks
//! for features that are not announced. Nothing is decided here.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{MAX_MESSAGE, SaslError};
use crate::Writer;
use crate::element::Element;
use crate::ns;

/// The longest id of a client, in bytes. A UUID has 36.
const MAX_ID: usize = 128;
/// The longest name of a client's software or device that is taken, in bytes.
const MAX_NAME: usize = 200;
/// The longest tag that can be part of a resource together with what the server adds, in bytes.
const MAX_TAG: usize = 1000;

/// What a client asks for (§2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authenticate {
    /// The name of the mechanism.
    pub mechanism: String,
    /// The mechanism's first message, if the client begins with one.
    pub initial_response: Option<Vec<u8>>,
    /// What the client tells of itself; nobody but its account learns it.
    pub user_agent: UserAgent,
    /// The session that it wants to go on with.
    pub resume: Option<Resume>,
    /// The session that it wants.
    pub bind: Option<Bind>,
    /// It shows a token.
    pub fast: Option<Fast>,
    /// The mechanism for which it wants a token.
    pub request_token: Option<String>,
}

/// `<user-agent/>` (§2.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserAgent {
    /// Which installation it is, always the same: a UUID by the standard, anything else by some.
    pub id: Option<String>,
    /// What it is called.
    pub software: Option<String>,
    /// Where it runs.
    pub device: Option<String>,
}

/// `<resume/>` (XEP-0198 §5). One that makes no sense fails for itself, not the whole request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// The session's id, if it is said.
    pub previd: Option<String>,
    /// How many stanzas of the server's the client has, if it says so in a number.
    pub h: Option<u32>,
}

/// `<bind/>` (XEP-0386 §3.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bind {
    /// What is to stand in the resource.
    pub tag: Option<String>,
    /// Whether copies of messages are wanted (XEP-0280).
    pub wants_carbons: bool,
    /// Whether stanzas are to be acknowledged (XEP-0198), and how.
    pub enable: Option<Enable>,
    /// Whether a person looks at it from the beginning (XEP-0352), if it says.
    pub is_active: Option<bool>,
}

/// `<enable/>` (XEP-0198 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enable {
    /// Whether it wants to go on with the session after a lost connection.
    pub wants_resume: bool,
    /// For how many seconds at most, if it says.
    pub max: Option<u32>,
}

/// `<fast/>` (XEP-0484 §3.4, §3.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fast {
    /// How often the client has shown the token, if it counts.
    pub count: Option<u32>,
    /// Whether the token is to be worth nothing from now on.
    pub is_invalidated: bool,
}

impl Authenticate {
    /// Reads the element.
    ///
    /// # Errors
    /// [`SaslError::IncorrectEncoding`] for bad base64, [`SaslError::MalformedRequest`] for what cannot be read or is too
    /// long, [`SaslError::InvalidMechanism`] where none is named.
    pub fn parse(element: Element<'_>) -> Result<Authenticate, SaslError> {
        let malformed = SaslError::MalformedRequest;
        let mechanism = element.attr("mechanism").ok_or(SaslError::InvalidMechanism)?;
        let mut read = Authenticate {
            mechanism: mechanism.into_owned(),
            initial_response: None,
            user_agent: UserAgent::default(),
            resume: None,
            bind: None,
            fast: None,
            request_token: None,
        };
        for child in element.children() {
            match (child.ns(), child.name()) {
                (ns::SASL2, "initial-response") => read.initial_response = Some(decode2(&child.text())?),
                (ns::SASL2, "user-agent") => read.user_agent = UserAgent::parse(child)?,
                (ns::BIND2, "bind") => read.bind = Some(Bind::parse(child)?),
                (ns::STREAM_MANAGEMENT, "resume") => {
                    read.resume = Some(Resume {
                        previd: child.attr("previd").map(Cow::into_owned),
                        h: number(child, "h").ok().flatten(),
                    });
                }
                (ns::FAST, "fast") => {
                    read.fast = Some(Fast {
                        count: number(child, "count")?,
                        is_invalidated: boolean(child, "invalidate")?,
                    });
                }
                (ns::FAST, "request-token") => {
                    read.request_token = Some(child.attr("mechanism").ok_or(malformed)?.into_owned());
                }
                _ => {}
            }
        }
        Ok(read)
    }
}

impl UserAgent {
    fn parse(element: Element<'_>) -> Result<UserAgent, SaslError> {
        let id = element.attr("id").filter(|id| !id.is_empty());
        if id.as_ref().is_some_and(|id| id.len() > MAX_ID) {
            return Err(SaslError::MalformedRequest);
        }
        let name = |name| {
            let text = element.child(name, ns::SASL2)?.text();
            let mut text: String = text.trim().chars().filter(|c| !c.is_control()).collect();
            text.truncate(text.floor_char_boundary(MAX_NAME));
            (!text.is_empty()).then_some(text)
        };
        Ok(UserAgent {
            id: id.map(Cow::into_owned),
            software: name("software"),
            device: name("device"),
        })
    }
}

impl Bind {
    fn parse(element: Element<'_>) -> Result<Bind, SaslError> {
        let mut bind = Bind::default();
        for child in element.children() {
            match (child.ns(), child.name()) {
                (ns::BIND2, "tag") => {
                    let tag = child.text();
                    bind.tag = (1..=MAX_TAG).contains(&tag.len()).then(|| tag.into_owned());
                }
                (ns::CARBONS, "enable") => bind.wants_carbons = true,
                (ns::STREAM_MANAGEMENT, "enable") => {
                    bind.enable = Some(Enable {
                        wants_resume: boolean(child, "resume")?,
                        max: number(child, "max")?,
                    });
                }
                (ns::CLIENT_STATE, "active") => bind.is_active = Some(true),
                (ns::CLIENT_STATE, "inactive") => bind.is_active = Some(false),
                _ => {}
            }
        }
        Ok(bind)
    }
}

/// An attribute of XML Schema's type `unsignedInt`.
fn number(element: Element<'_>, name: &str) -> Result<Option<u32>, SaslError> {
    let parsed = element.attr(name).map(|value| {
        let is_number = value.bytes().all(|digit| digit.is_ascii_digit());
        value.parse().ok().filter(|_| is_number)
    });
    match parsed {
        None => Ok(None),
        Some(Some(number)) => Ok(Some(number)),
        Some(None) => Err(SaslError::MalformedRequest),
    }
}

/// An attribute of XML Schema's type `boolean`, false where it is missing.
fn boolean(element: Element<'_>, name: &str) -> Result<bool, SaslError> {
    match element.attr(name).as_deref() {
        None | Some("0" | "false") => Ok(false),
        Some("1" | "true") => Ok(true),
        Some(_) => Err(SaslError::MalformedRequest),
    }
}

/// Decodes the text of `<initial-response/>` or `<response/>` (§2.2): an empty element is an empty message. White space
/// around it is none of the message's, as in the examples.
///
/// # Errors
/// [`SaslError::IncorrectEncoding`] when it is no canonical base64, [`SaslError::MalformedRequest`] when it is longer
/// than [`MAX_MESSAGE`].
pub fn decode2(text: &str) -> Result<Vec<u8>, SaslError> {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    if text.len() > MAX_MESSAGE / 3 * 4 {
        return Err(SaslError::MalformedRequest);
    }
    STANDARD.decode(text).map_err(|_| SaslError::IncorrectEncoding)
}

impl SaslError {
    /// Writes the `<failure/>` of the second profile (§2.6.2): the condition is the first one's.
    pub fn write2(self, text: Option<&str>, writer: &mut Writer) {
        writer.open("failure").ns(ns::SASL2);
        writer.open(self.name()).ns(ns::SASL).close();
        if let Some(text) = text {
            writer.leaf("text", text);
        }
        writer.close();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::Document;

    fn parse(xml: &str) -> Result<Authenticate, SaslError> {
        Authenticate::parse(Document::parse(xml.as_bytes()).unwrap().root())
    }

    fn inside(children: &str) -> Result<Authenticate, SaslError> {
        parse(&format!(
            "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'>{children}</authenticate>"
        ))
    }

    #[test]
    fn an_example() {
        // XEP-0388 example 3.
        let read = parse(
            "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-1-PLUS'>\
             <initial-response>cD10bHMtZXhwb3J0ZXIsLG49dXNlcixyPTEyQzRDRDVDLUUzOEUtNEE5OC04RjZELTE1QzM4RjUxQ0NDNg==</initial-response>\
             <user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'>\
             <software>AwesomeXMPP</software><device>Kiva's Phone</device></user-agent></authenticate>",
        )
        .unwrap();
        assert_eq!(read.mechanism, "SCRAM-SHA-1-PLUS");
        assert_eq!(
            read.initial_response.unwrap(),
            b"p=tls-exporter,,n=user,r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6"
        );
        assert_eq!(
            read.user_agent.id.as_deref(),
            Some("d4565fa7-4d72-4749-b3d3-740edbf87770")
        );
        assert_eq!(read.user_agent.software.as_deref(), Some("AwesomeXMPP"));
        assert_eq!(read.user_agent.device.as_deref(), Some("Kiva's Phone"));
        assert!(
            read.bind.is_none()
                && read.fast.is_none()
                && read.resume.is_none()
                && read.request_token.is_none()
        );
    }

    #[test]
    fn what_is_asked_for_inline() {
        // XEP-0386 example 3, with XEP-0484's and XEP-0198's requests.
        let read = inside(
            "<initial-response/>\
             <bind xmlns='urn:xmpp:bind:0'><tag>AwesomeXMPP</tag><enable xmlns='urn:xmpp:carbons:2'/>\
             <enable xmlns='urn:xmpp:sm:3' resume='true' max='60'/><inactive xmlns='urn:xmpp:csi:0'/>\
             <enable xmlns='urn:example:other'/></bind>\
             <resume xmlns='urn:xmpp:sm:3' h='4294967295' previd='some id'/>\
             <fast xmlns='urn:xmpp:fast:0' count='123' invalidate='1'/>\
             <request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/><unknown xmlns='urn:example:x'/>",
        )
        .unwrap();
        assert_eq!(read.initial_response.as_deref(), Some(&b""[..]));
        let bind = read.bind.unwrap();
        assert_eq!(bind.tag.as_deref(), Some("AwesomeXMPP"));
        assert!(bind.wants_carbons && bind.is_active == Some(false));
        assert_eq!(
            bind.enable,
            Some(Enable {
                wants_resume: true,
                max: Some(60)
            })
        );
        assert_eq!(
            read.resume,
            Some(Resume {
                previd: Some("some id".to_owned()),
                h: Some(u32::MAX)
            })
        );
        assert_eq!(
            read.fast,
            Some(Fast {
                count: Some(123),
                is_invalidated: true
            })
        );
        assert_eq!(read.request_token.as_deref(), Some("HT-SHA-256-NONE"));
    }

    #[test]
    fn what_cannot_be_read() {
        assert_eq!(
            parse("<authenticate xmlns='urn:xmpp:sasl:2'/>"),
            Err(SaslError::InvalidMechanism)
        );
        let incorrect = inside("<initial-response>A</initial-response>");
        assert_eq!(incorrect, Err(SaslError::IncorrectEncoding));
        let long = format!("<user-agent id='{}'/>", "x".repeat(MAX_ID + 1));
        for bad in [
            "<fast xmlns='urn:xmpp:fast:0' count='-1'/>",
            "<fast xmlns='urn:xmpp:fast:0' count='+1'/>",
            "<fast xmlns='urn:xmpp:fast:0' count=''/>",
            "<fast xmlns='urn:xmpp:fast:0' count='4294967296'/>",
            "<fast xmlns='urn:xmpp:fast:0' invalidate='yes'/>",
            "<request-token xmlns='urn:xmpp:fast:0'/>",
            "<bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:sm:3' resume='maybe'/></bind>",
            &long,
        ] {
            assert_eq!(inside(bad), Err(SaslError::MalformedRequest), "{bad}");
        }
    }

    #[test]
    fn names_are_bounded_and_printable() {
        let read = inside(&format!(
            "<user-agent id=''><software> \t</software><device>{}&#x7F;&#x85;é</device></user-agent>",
            "x".repeat(MAX_NAME - 1)
        ))
        .unwrap();
        assert_eq!(read.user_agent.id, None);
        assert_eq!(read.user_agent.software, None);
        // The last character would not fit whole.
        assert_eq!(read.user_agent.device, Some("x".repeat(MAX_NAME - 1)));
        let tag = |tag: &str| {
            let bind = format!("<bind xmlns='urn:xmpp:bind:0'><tag>{tag}</tag></bind>");
            inside(&bind).unwrap().bind.unwrap().tag
        };
        assert_eq!(tag(""), None);
        assert_eq!(tag(&"x".repeat(MAX_TAG + 1)), None);
        assert_eq!(tag("a b").as_deref(), Some("a b"));
    }

    #[test]
    fn base64_and_failures() {
        assert_eq!(decode2(""), Ok(vec![]));
        assert_eq!(decode2("\n  AGE=\n"), Ok(vec![0, b'a']));
        assert_eq!(decode2("="), Err(SaslError::IncorrectEncoding));
        assert_eq!(decode2(&"A".repeat(20_000)), Err(SaslError::MalformedRequest));
        let mut writer = Writer::new();
        SaslError::Aborted.write2(Some("a & b"), &mut writer);
        assert_eq!(
            String::from_utf8(writer.finish()).unwrap(),
            "<failure xmlns='urn:xmpp:sasl:2'><aborted xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>\
             <text>a &amp; b</text></failure>"
        );
    }
}
