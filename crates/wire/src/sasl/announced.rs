//! Protection of what was announced: SCRAM's own proof covers the lists of mechanisms and of channel bindings.
//!
//! Specification: [XEP-0474](https://xmpp.org/extensions/xep-0474.html). The client compares; nothing is refused here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Hash;

/// Between the entries of a list, and between the lists: neither can stand in XML.
const ENTRY: &str = "\u{1E}";
const LIST: &str = "\u{1F}";

/// What one profile of SASL announced on a stream (§3.1: of the profile that the client uses, and of no other).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    mechanisms: Vec<&'static str>,
    bindings: Vec<&'static str>,
}

impl Announced {
    /// The names of the mechanisms, and of the channel bindings where any were announced (XEP-0440), in any order.
    pub fn new(
        mechanisms: impl IntoIterator<Item = &'static str>,
        bindings: impl IntoIterator<Item = &'static str>,
    ) -> Announced {
        let sorted = |mut names: Vec<&'static str>| {
            // As bytes, whatever the language (§3.1, RFC 4790 §9.3).
            names.sort_unstable();
            names
        };
        Announced {
            mechanisms: sorted(mechanisms.into_iter().collect()),
            bindings: sorted(bindings.into_iter().collect()),
        }
    }

    /// The value of the attribute `h` for a SCRAM mechanism with this hash (§3.1).
    pub fn digest(&self, hash: Hash) -> String {
        let mut text = self.mechanisms.join(ENTRY);
        if !self.bindings.is_empty() {
            text.push_str(LIST);
            text.push_str(&self.bindings.join(ENTRY));
        }
        STANDARD.encode(hash.digest(text.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_hash() {
        // §3.3
        let announced = Announced::new(
            ["SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"],
            ["tls-server-end-point", "tls-exporter"],
        );
        assert_eq!(announced.digest(Hash::Sha1), "G6k/rBLDqgOhRRaCuuatSDFkJ08=");
    }

    #[test]
    fn order_does_not_count_and_every_name_does() {
        let of = |mechanisms: &[&'static str], bindings: &[&'static str]| {
            Announced::new(mechanisms.iter().copied(), bindings.iter().copied()).digest(Hash::Sha256)
        };
        let all = of(&["A", "B"], &["x", "y"]);
        assert_eq!(all, of(&["B", "A"], &["y", "x"]));
        for other in [
            of(&["A"], &["x", "y"]),
            of(&["A", "B"], &["x"]),
            of(&["A", "B"], &[]),
            of(&["A", "B", "x", "y"], &[]),
        ] {
            assert_ne!(all, other);
        }
    }
}
