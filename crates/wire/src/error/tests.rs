#![allow(clippy::unwrap_used)]

use super::*;

fn written(error: &StanzaError) -> String {
    let mut writer = Writer::new();
    error.write(&mut writer);
    String::from_utf8(writer.finish()).unwrap()
}

/// RFC 6120 §8.3.3.1 to §8.3.3.22, typed out again from the RFC.
#[test]
fn default_types() {
    let table = [
        (
            "modify",
            "bad-request jid-malformed not-acceptable policy-violation redirect",
        ),
        (
            "cancel",
            "conflict feature-not-implemented gone internal-server-error item-not-found not-allowed \
             remote-server-not-found service-unavailable undefined-condition",
        ),
        (
            "auth",
            "forbidden not-authorized registration-required subscription-required",
        ),
        (
            "wait",
            "recipient-unavailable remote-server-timeout resource-constraint unexpected-request",
        ),
    ];
    let mut count = 0;
    for (kind, names) in table {
        for name in names.split_whitespace() {
            let condition = Condition::ALL
                .iter()
                .find(|condition| condition.name() == name)
                .unwrap();
            assert_eq!(condition.default_type().name(), kind, "{name}");
            count += 1;
        }
    }
    assert_eq!(count, Condition::ALL.len());
}

#[test]
fn written_errors() {
    assert_eq!(
        written(&StanzaError::item_not_found()),
        "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
    );
    let error = StanzaError::feature_not_implemented()
        .text("not <yet>")
        .app("unsupported", "http://jabber.org/protocol/pubsub#errors")
        .app_attr("feature", "config-node");
    assert_eq!(
        written(&error),
        "<error type='cancel'>\
         <feature-not-implemented xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
         <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>not &lt;yet&gt;</text>\
         <unsupported xmlns='http://jabber.org/protocol/pubsub#errors' feature='config-node'/></error>"
    );
    assert_eq!(
        error.to_string(),
        "feature-not-implemented (unsupported): not <yet>"
    );
    assert_eq!(
        StanzaError::forbidden().kind(ErrorType::Cancel).kind,
        ErrorType::Cancel
    );
    assert!(size_of::<StanzaError>() <= 64);
}

#[test]
fn stream_errors() {
    assert_eq!(StreamCondition::ALL.len(), 24);
    let mut writer = Writer::new();
    StreamError::new(StreamCondition::PolicyViolation)
        .text("too big")
        .write(&mut writer);
    assert_eq!(
        String::from_utf8(writer.finish()).unwrap(),
        "<stream:error xmlns:stream='http://etherx.jabber.org/streams'>\
         <policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
         <text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>too big</text></stream:error>"
    );
}

fn reply(stanza: &str) -> Option<String> {
    let stanza = Stanza::parse(stanza.as_bytes()).unwrap();
    error_reply(&stanza, &StanzaError::service_unavailable()).map(|bytes| String::from_utf8(bytes).unwrap())
}

#[test]
fn replies() {
    assert_eq!(
        reply("<iq type='get' id='1&amp;' to='b@d' from='a@c/r'><ping xmlns='urn:xmpp:ping'/></iq>").unwrap(),
        "<iq type='error' to='a@c/r' from='b@d' id='1&amp;'><error type='cancel'>\
         <service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    );
    assert!(
        reply("<message><body>x</body></message>")
            .unwrap()
            .starts_with("<message type='error'><error")
    );
    assert!(
        reply("<presence to='a@b'/>")
            .unwrap()
            .starts_with("<presence type='error' from='a@b'><error")
    );
    assert_eq!(reply("<message type='error' id='1'/>"), None);
    assert_eq!(reply("<iq type='result' id='1'/>"), None);
    assert_eq!(reply("<r xmlns='urn:xmpp:sm:3'/>"), None);
}
