//! Words as people search for them: without case and without accents, so that `Zoe` finds `Zoë`.
//!
//! Specification: [UTS 10](https://www.unicode.org/reports/tr10/) §8 says what searchers expect at the first level of
//! comparison; this is a plain folding of it. Languages in which an accented letter is one of its own get it as well: who
//! searches may have no such key.

use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_properties::CodePointMapData;
use icu_properties::props::CanonicalCombiningClass;

/// The least combining class of marks that make no other letter: below it are nuktas, voicing marks and viramas.
const FIRST_ACCENT: CanonicalCombiningClass = CanonicalCombiningClass::CCC10;

/// A text as it is compared: decomposed, without accents, in lower case.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let decomposing = DecomposingNormalizerBorrowed::new_nfkd();
    let classes = CodePointMapData::<CanonicalCombiningClass>::new();
    let mut folded = String::with_capacity(text.len());
    for c in decomposing.normalize(text).chars() {
        if classes.get(c) >= FIRST_ACCENT {
            continue;
        }
        match letters(c) {
            Some(letters) => folded.push_str(letters),
            None => folded.extend(c.to_uppercase().flat_map(char::to_lowercase)),
        }
    }
    folded
}

/// Letters with a stroke or joined ones, which Unicode does not take apart.
fn letters(c: char) -> Option<&'static str> {
    Some(match c {
        'ø' | 'Ø' => "o",
        'ł' | 'Ł' => "l",
        'đ' | 'Đ' | 'ð' | 'Ð' => "d",
        'ħ' | 'Ħ' => "h",
        'ı' => "i",
        'ŧ' | 'Ŧ' => "t",
        'æ' | 'Æ' => "ae",
        'œ' | 'Œ' => "oe",
        'þ' | 'Þ' => "th",
        _ => return None,
    })
}

/// The words of a folded text.
pub fn split(folded: &str) -> impl Iterator<Item = &str> {
    folded
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
}

/// Whether a folded name has a word that begins with this one. Scripts that write no spaces between words have it
/// anywhere.
pub fn has_word(name: &str, beginning: &str) -> bool {
    const FIRST_IDEOGRAPH: char = '\u{2E80}';
    if beginning.starts_with(|c| c >= FIRST_IDEOGRAPH) {
        return name.contains(beginning);
    }
    split(name).any(|word| word.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_accents_do_not_matter() {
        for (text, folded) in [
            ("Juliet Capulet", "juliet capulet"),
            ("Zoë", "zoe"),
            ("zoe\u{308}", "zoe"),
            ("ÅSA Øst", "asa ost"),
            ("Straße", "strasse"),
            ("Łukasz", "lukasz"),
            ("Ælfgifu", "aelfgifu"),
            ("İbrahim ışık", "ibrahim isik"),
            ("Ἀθηνᾶ", "αθηνα"),
            ("ﬁn", "fin"),
            ("", ""),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
        assert_ne!(fold("ば"), fold("は"), "another syllable is no accent");
    }

    #[test]
    fn a_word_is_found_by_its_beginning() {
        let name = fold("Anne-Marie O'Neil");
        for beginning in ["anne", "mar", "o", "neil"] {
            assert!(has_word(&name, beginning), "{beginning}");
        }
        for other in ["nne", "eil", "anne-marie"] {
            assert!(!has_word(&name, other), "{other}");
        }
        assert!(has_word(&fold("山田太郎"), &fold("田太")));
        assert_eq!(split(" a,b ").collect::<Vec<_>>(), ["a", "b"]);
    }
}
