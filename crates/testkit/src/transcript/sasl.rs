//! The client's side of SASL's second profile (XEP-0388): the exchanges that no transcript can write down, because what is
//! sent is computed from what was received. The server's protection of its announcements (XEP-0474) is checked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use wire::{Document, Writer};

use crate::world::PASSWORD;

/// A client's nonce.
const NONCE: &str = "fyko+d2lbbFgONRv9qkxdawL";

/// `<authenticate/>` with a first message and what else is asked for.
pub(super) fn authenticate(mechanism: &str, first: &[u8], children: &str) -> String {
    let first = STANDARD.encode(first);
    format!(
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='{mechanism}'>\
         <initial-response>{first}</initial-response>{children}</authenticate>"
    )
}

/// An element whose text is base64, with what that says.
pub(super) fn decoded(element: &Document) -> Result<Document, String> {
    let root = element.root();
    let text = STANDARD.decode(root.text().trim()).ok();
    let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
    let mut writer = Writer::new();
    writer.open(root.name()).ns(root.ns());
    writer.text(&text.ok_or("no base64 of text")?).close();
    Document::parse(writer.finish()).map_err(|error| error.to_string())
}

/// The first message of SCRAM-SHA-256 (RFC 7677).
pub(super) fn scram_first(name: &str) -> String {
    format!("n,,n={name},r={NONCE}")
}

/// `<response/>` to a challenge of SCRAM-SHA-256, and the data that `<success/>` must bring.
pub(super) fn scram_last(
    name: &str,
    challenge: &Document,
    features: &Document,
) -> Result<(String, String), String> {
    if challenge.root().name() != "challenge" {
        return Err(format!(
            "no challenge: {}",
            String::from_utf8_lossy(challenge.bytes())
        ));
    }
    let decoded = STANDARD.decode(challenge.root().text().trim());
    let server_first = decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let server_first = server_first.ok_or("the challenge is no base64 of text")?;
    let attribute = |name: &str| {
        let mut attributes = server_first.split(',');
        attributes.find_map(|attribute| attribute.strip_prefix(name)?.strip_prefix('='))
    };
    let announced = digest(features);
    if attribute("h") != Some(announced.as_str()) {
        return Err(format!(
            "what was announced hashes to {announced}, not as {server_first} says"
        ));
    }
    let nonce = attribute("r").ok_or("no nonce")?;
    let salt = attribute("s").and_then(|salt| STANDARD.decode(salt).ok());
    let salt = salt.ok_or("no salt")?;
    let rounds = attribute("i").and_then(|rounds| rounds.parse().ok());
    let salted =
        pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(PASSWORD.as_bytes(), &salt, rounds.ok_or("no rounds")?);
    let without_proof = format!("c={},r={nonce}", STANDARD.encode("n,,"));
    let bare = scram_first(name);
    let bare = bare.trim_start_matches("n,,");
    let message = format!("{bare},{server_first},{without_proof}");
    let client_key = mac(&salted, b"Client Key");
    let signature = mac(&Sha256::digest(&client_key), message.as_bytes());
    let proof: Vec<u8> = client_key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
    let last = STANDARD.encode(format!("{without_proof},p={}", STANDARD.encode(proof)));
    let server_key = mac(&salted, b"Server Key");
    let verifier = STANDARD.encode(mac(&server_key, message.as_bytes()));
    Ok((
        format!("<response xmlns='urn:xmpp:sasl:2'>{last}</response>"),
        STANDARD.encode(format!("v={verifier}")),
    ))
}

/// XEP-0474 §3.2: what the client saw of the second profile, hashed.
fn digest(features: &Document) -> String {
    let root = features.root();
    let of = |name: &str, ns: &str, entry: &str, attribute: Option<&str>| {
        let list = root.child(name, ns);
        let mut names: Vec<String> = list
            .iter()
            .flat_map(wire::Element::children)
            .filter(|child| child.name() == entry)
            .filter_map(|child| match attribute {
                None => Some(child.text().into_owned()),
                Some(attribute) => child.attr(attribute).map(std::borrow::Cow::into_owned),
            })
            .collect();
        names.sort();
        names.join("\u{1e}")
    };
    let mut text = of("authentication", "urn:xmpp:sasl:2", "mechanism", None);
    let bindings = of(
        "sasl-channel-binding",
        "urn:xmpp:sasl-cb:0",
        "channel-binding",
        Some("type"),
    );
    if !bindings.is_empty() {
        text = format!("{text}\u{1f}{bindings}");
    }
    STANDARD.encode(Sha256::digest(text.as_bytes()))
}

/// The only message of HT-SHA-256-NONE, and the data that `<success/>` must bring.
pub(super) fn hashed_token(name: &str, token: &str) -> (Vec<u8>, String) {
    let message = [name.as_bytes(), b"\0", &mac(token.as_bytes(), b"Initiator")].concat();
    (message, STANDARD.encode(mac(token.as_bytes(), b"Responder")))
}

fn mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mac = <Hmac<Sha256> as Mac>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.chain_update(message).finalize().into_bytes().to_vec()
}
