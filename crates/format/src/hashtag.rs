//! Hash tags: found in text, and folded so that `#Rust` and `#rust` are one.
//!
//! Specification: none binds; the characters are those of [UAX 31](https://www.unicode.org/reports/tr31/) §D2 without
//! emoji. On the wire a tag is an Atom category: readers never look for tags in a text, the server that accepts a
//! post does so once.

use std::ops::Range;

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::CodePointMapData;
use icu_properties::props::{GeneralCategory, GeneralCategoryGroup};

/// How many tags of one text count.
pub const MAX_TAGS: usize = 32;

/// The longest tag, in characters without the `#`. A longer one is no tag.
pub const MAX_LEN: usize = 100;

/// A tag in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where it stands, in bytes, its `#` included.
    pub range: Range<usize>,
    /// The tag without `#`, folded.
    pub tag: String,
}

/// The tags of a text: folded, each once, in order, at most [`MAX_TAGS`].
pub fn find(text: &str) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for span in spans(text) {
        if !tags.contains(&span.tag) {
            tags.push(span.tag);
            if tags.len() == MAX_TAGS {
                break;
            }
        }
    }
    tags
}

/// Every place where a tag stands in a text, in order.
pub fn spans(text: &str) -> impl Iterator<Item = Span> {
    let mut rest = 0;
    // Where the last white space before `rest` ends, so that no text is looked through again for each `#`.
    let (mut word, mut looked) = (0, 0);
    std::iter::from_fn(move || {
        while let Some(at) = text[rest..].find(['#', '＃']) {
            let start = rest + at;
            let hash = text[start..].chars().next().map_or(1, char::len_utf8);
            let body = start + hash;
            let end = body + tag_len(&text[body..]);
            rest = end;
            if let Some(space) = text[looked..start].rfind(char::is_whitespace) {
                word = looked + space;
            }
            looked = start;
            if end == body || !may_begin(text, word, start) {
                continue;
            }
            let tag = fold(&text[body..end]);
            if !tag.is_empty() {
                return Some(Span {
                    range: start..end,
                    tag,
                });
            }
        }
        None
    })
}

/// A tag, given without `#`, as it is compared and stored: normalized (NFKC) and case-folded. Empty if it is no tag:
/// without a letter, with other characters than letters, marks, digits and `_`, or longer than [`MAX_LEN`].
pub fn fold(tag: &str) -> String {
    if tag.len() > MAX_LEN * 4 {
        return String::new();
    }
    let mut folded = fold_once(tag);
    // Composition can make a letter that folds again; it settles at once, and what does not is no tag.
    for _ in 0..3 {
        let again = fold_once(&folded);
        if again == folded {
            return if is_tag(&folded) { folded } else { String::new() };
        }
        folded = again;
    }
    String::new()
}

/// Upper case and then lower case is Unicode's full case folding, but for the dotless `ı`, which stays.
fn fold_once(tag: &str) -> String {
    let nfkc = ComposingNormalizerBorrowed::new_nfkc();
    let mut folded = String::with_capacity(tag.len());
    for c in nfkc.normalize(tag).chars() {
        if c.is_ascii() {
            folded.push(c.to_ascii_lowercase());
        } else if c == 'ı' {
            folded.push(c);
        } else {
            folded.extend(c.to_uppercase().flat_map(char::to_lowercase));
        }
    }
    nfkc.normalize(&folded).into_owned()
}

fn is_tag(tag: &str) -> bool {
    tag_len(tag) == tag.len() && tag.chars().any(is_letter) && tag.chars().count() <= MAX_LEN
}

/// How many bytes of a text's beginning belong to a tag. Joiners count only between two of its characters: Persian
/// and the Indic scripts spell with them.
fn tag_len(text: &str) -> usize {
    let mut len = 0;
    for (at, c) in text.char_indices() {
        if is_tag_character(c) {
            len = at + c.len_utf8();
        } else if at == 0 || !matches!(c, '\u{200C}' | '\u{200D}') {
            break;
        }
    }
    len
}

/// True if a `#` here begins a tag: not within a word, after another `#`, or within an address. No white space stands
/// between `word` and it.
fn may_begin(text: &str, word: usize, at: usize) -> bool {
    let before = &text[..at];
    let Some(previous) = before.chars().next_back() else {
        return true;
    };
    if is_tag_character(previous) || matches!(previous, '#' | '＃' | '/' | '&' | '=') {
        return false;
    }
    // An address has no spaces; only so far back can the scheme stand that this `#` belongs to.
    let mut start = before.len().saturating_sub(2048).max(word);
    while !before.is_char_boundary(start) {
        start += 1;
    }
    let word = &before[start..];
    let is_address = word.contains(':') && (word.contains("://") || word.contains("xmpp:"));
    !is_address && !word.contains("www.")
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

pub(crate) fn is_tag_character(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || c == '_';
    }
    let category = category(c);
    GeneralCategoryGroup::Letter.contains(category)
        || GeneralCategoryGroup::Number.contains(category)
        || (GeneralCategoryGroup::Mark.contains(category) && category != GeneralCategory::EnclosingMark)
}

fn is_letter(c: char) -> bool {
    GeneralCategoryGroup::Letter.contains(category(c))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn found() {
        for (text, tags) in [
            ("#rust", &["rust"][..]),
            ("Learning #Rust and #XMPP, #rust!", &["rust", "xmpp"]),
            ("(#a) \"#b\" #c-d #e.f", &["a", "b", "c", "e"]),
            ("#Straße #STRASSE", &["strasse"]),
            ("#été #ÉTÉ #e\u{301}te\u{301}", &["été"]),
            ("＃ｆｕｌｌ", &["full"]),
            ("#日本語タグ。", &["日本語タグ"]),
            ("#हिन्दी है", &["हिन्दी"]),
            ("#می\u{200C}خواهم", &["می\u{200C}خواهم"]),
            ("#snake_case_2 #2nd #_a", &["snake_case_2", "2nd", "_a"]),
            ("#ΟΔΟΣ #οδος", &["οδοσ"]),
            ("#ısı", &["ısı"]),
            ("one\n#two\tthree", &["two"]),
            ("x://#a b #c", &["c"]),
        ] {
            assert_eq!(find(text), tags, "{text}");
        }
    }

    #[test]
    fn no_tags() {
        let long = format!("#{}", "a".repeat(MAX_LEN + 1));
        for text in [
            "",
            "#",
            "# a",
            "##a",
            "#1 #123 #1_2",
            "#__",
            "a#b",
            "é#b",
            "https://example.org/#about",
            "https://example.org/page,#about",
            "www.example.org/(#a",
            "xmpp:a@b?join#frag",
            "/#a",
            "&#x41;",
            "#🎉",
            "#\u{200C}",
            &long,
        ] {
            assert_eq!(find(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn spans_say_where() {
        let text = "á #Rust, #é";
        let spans: Vec<_> = spans(text).map(|span| (&text[span.range], span.tag)).collect();
        assert_eq!(spans, [("#Rust", "rust".to_owned()), ("#é", "é".to_owned())]);
    }

    #[test]
    fn bounded() {
        let many: String = (0..100).map(|n| format!("#a{n} ")).collect();
        assert_eq!(find(&many).len(), MAX_TAGS);
        assert_eq!(fold(&"a".repeat(MAX_LEN)).len(), MAX_LEN);
        assert_eq!(fold(&"a".repeat(1 << 20)), "");
        for no_tag in ["", "1", "a b", "#a", "a/b", "a\u{200D}"] {
            assert_eq!(fold(no_tag), "", "{no_tag}");
        }
    }

    proptest! {
        #[test]
        fn folding_is_stable(tag in "[\\p{L}\\p{M}\\p{N}_]{1,20}") {
            let folded = fold(&tag);
            prop_assert_eq!(fold(&folded), folded);
        }

        #[test]
        fn any_text(text in "\\PC{0,60}") {
            for span in spans(&text) {
                prop_assert!(text[span.range.clone()].starts_with(['#', '＃']));
                prop_assert_eq!(fold(&span.tag), span.tag);
            }
        }

        #[test]
        fn what_is_written_after_a_hash_is_found(tag in "[\\p{Lu}\\p{Ll}]{1,20}") {
            let folded = fold(&tag);
            prop_assume!(!folded.is_empty());
            prop_assert_eq!(find(&format!("so #{tag} it is")), [folded]);
        }
    }
}
