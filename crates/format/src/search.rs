//! Full-text search: what counts as a word of a text, what somebody searches for, and whether a text has it.
//!
//! Specification: none binds; [XEP-0431](https://xmpp.org/extensions/xep-0431.html) leaves the meaning of a search to the
//! server. A word is compared without case and accents ([`crate::words`]). Scripts that write no spaces between words
//! (Han, kana, Thai…) are cut into single characters, so that any run of them is found. There are words and
//! `"phrases"`, all of which must be there; nothing else has a meaning, whatever a search engine's own language says.

use std::collections::HashSet;
use std::sync::Arc;

use crate::words::{fold, split};

/// Words and phrases of one search.
const MAX_PHRASES: usize = 8;
/// The longest search, in bytes.
const MAX_SEARCH: usize = 512;
/// The longest word, in bytes. A longer one (a key, encoded data) is no word.
const MAX_WORD: usize = 64;
/// How much of a text is looked at, in bytes.
const MAX_TEXT: usize = 128 * 1024;
/// Different words of a text that are remembered.
const MAX_REMEMBERED: usize = 1_024;

/// The words of a text, in their order.
pub fn words_of(text: &str) -> Vec<String> {
    let folded = fold(beginning(text, MAX_TEXT));
    let mut words = Vec::new();
    for run in split(&folded) {
        cut(run, &mut words);
    }
    words
}

/// Cuts a run of letters and digits where its script writes no spaces.
fn cut(run: &str, words: &mut Vec<String>) {
    let mut start = 0;
    for (at, c) in run.char_indices() {
        if is_spaceless(c) {
            push(&run[start..at], words);
            start = at + c.len_utf8();
            words.push(c.to_string());
        }
    }
    push(&run[start..], words);
}

fn push(word: &str, words: &mut Vec<String>) {
    if !word.is_empty() && word.len() <= MAX_WORD {
        words.push(word.to_owned());
    }
}

fn is_spaceless(c: char) -> bool {
    matches!(c,
        '\u{0E00}'..='\u{0EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}'
        | '\u{2E80}'..='\u{A4CF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

fn beginning(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A search that cannot be made: too long, or of too many words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too much to search for")]
pub struct TooMuch;

/// What somebody searches for: phrases of one word or more, all of which must be there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Search {
    phrases: Vec<Vec<String>>,
}

impl Search {
    /// Reads what somebody typed: words, and phrases between `"`. What is written together (`c-d`) is a phrase too.
    /// Nothing is found by what has no word.
    ///
    /// # Errors
    /// [`TooMuch`] for more than 512 bytes, or more than eight words and phrases.
    pub fn parse(text: &str) -> Result<Search, TooMuch> {
        if text.len() > MAX_SEARCH {
            return Err(TooMuch);
        }
        let mut search = Search { phrases: Vec::new() };
        for (number, part) in text.split(['"', '“', '”', '„']).enumerate() {
            if number % 2 == 1 {
                search.add(words_of(part))?;
                continue;
            }
            for word in part.split_whitespace() {
                search.add(words_of(word))?;
            }
        }
        Ok(search)
    }

    fn add(&mut self, phrase: Vec<String>) -> Result<(), TooMuch> {
        if phrase.is_empty() || self.phrases.contains(&phrase) {
            return Ok(());
        }
        if self.phrases.len() == MAX_PHRASES {
            return Err(TooMuch);
        }
        self.phrases.push(phrase);
        Ok(())
    }

    /// The words and phrases; none when nothing can be found by it.
    pub fn phrases(&self) -> &[Vec<String>] {
        &self.phrases
    }

    /// Whether a text of these words has all of it.
    pub fn is_in(&self, words: &[String]) -> bool {
        !self.phrases.is_empty()
            && self
                .phrases
                .iter()
                .all(|phrase| words.windows(phrase.len()).any(|window| window == phrase))
    }

    /// Whether a text of which this is remembered may have all of it.
    pub fn may_be_in(&self, remembered: &WordSet) -> bool {
        !self.phrases.is_empty()
            && self
                .phrases
                .iter()
                .flatten()
                .all(|word| remembered.may_have(word))
    }

    /// The word of it that few texts have: the longest.
    pub fn rarest(&self) -> Option<&str> {
        let words = self.phrases.iter().flatten();
        words.max_by_key(|word| word.len()).map(String::as_str)
    }
}

/// Words that are followed: folded, sorted, each once. There is one way to write each set of words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FollowedWords(Arc<str>);

impl FollowedWords {
    /// Reads words with `+` or spaces between them; `None` where there is none, one is too long, or there are more than
    /// eight.
    #[must_use]
    pub fn parse(text: &str) -> Option<FollowedWords> {
        if text.len() > MAX_SEARCH {
            return None;
        }
        let mut name = text.to_owned();
        // Folding can make a letter that folds again; what does not settle is no word.
        for _ in 0..4 {
            let folded = fold(&name);
            let mut words: Vec<_> = split(&folded).collect();
            words.sort_unstable();
            words.dedup();
            let fits = words.len() <= MAX_PHRASES && words.iter().all(|word| word.len() <= MAX_WORD);
            if words.is_empty() || !fits {
                return None;
            }
            let again = words.join("+");
            if again == name {
                return Some(FollowedWords(again.into()));
            }
            name = again;
        }
        None
    }

    /// The words with `+` between them.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What a text must have.
    pub fn search(&self) -> Search {
        let phrases = self.0.split('+').map(words_of);
        Search {
            phrases: phrases.filter(|phrase| !phrase.is_empty()).collect(),
        }
    }
}

/// Which words a text has, in four bytes each: it may say that there is one which is not, and never the opposite.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WordSet(Remembered);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Remembered {
    /// Sorted.
    These(Arc<[u32]>),
    /// Too many to remember.
    Any,
}

impl Default for Remembered {
    fn default() -> Self {
        Remembered::These(Arc::from([]))
    }
}

impl WordSet {
    /// What there is to remember of a text of these words.
    pub fn of(words: &[String]) -> WordSet {
        let different: HashSet<u32> = words.iter().map(|word| mark(word)).collect();
        if different.len() > MAX_REMEMBERED {
            return WordSet::any();
        }
        let mut sorted: Vec<_> = different.into_iter().collect();
        sorted.sort_unstable();
        WordSet(Remembered::These(sorted.into()))
    }

    /// Of a text about which nothing is known.
    #[must_use]
    pub fn any() -> WordSet {
        WordSet(Remembered::Any)
    }

    /// Whether the text may have this word.
    pub fn may_have(&self, word: &str) -> bool {
        match &self.0 {
            Remembered::These(marks) => marks.binary_search(&mark(word)).is_ok(),
            Remembered::Any => true,
        }
    }

    /// The marks of its words; `None` where it may have any.
    pub fn marks(&self) -> Option<&[u32]> {
        match &self.0 {
            Remembered::These(marks) => Some(marks),
            Remembered::Any => None,
        }
    }
}

/// What a word is remembered by (FNV-1a).
pub fn mark(word: &str) -> u32 {
    word.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(search: &str, text: &str) -> bool {
        let words = words_of(text);
        let search = Search::parse(search).unwrap();
        let is_in = search.is_in(&words);
        assert!(!is_in || search.may_be_in(&WordSet::of(&words)));
        is_in
    }

    #[test]
    fn words_and_phrases() {
        for (search, text) in [
            ("wherefore", "O Romeo, Romeo, Wherefore art thou Romeo?"),
            ("ROMEO art", "wherefore art thou Romeo"),
            ("\"art thou\"", "wherefore art thou"),
            ("zoe", "Zoë was here"),
            ("Zoë", "zoe was here"),
            ("c-d", "a/c d"),
            ("#rust", "I learn Rust"),
            ("田太", "山田太郎です"),
            ("\"art", "art"),
        ] {
            assert!(found(search, text), "{search} in {text}");
        }
        for (search, text) in [
            ("where", "wherefore"),
            ("\"thou art\"", "wherefore art thou"),
            ("art -thou", "art without the other"),
            ("art OR none", "art"),
            ("ar*", "art"),
            ("太田", "山田太郎です"),
            ("", "anything"),
            ("\"\" - *", "anything"),
        ] {
            assert!(!found(search, text), "{search} in {text}");
        }
    }

    #[test]
    fn bounded() {
        assert_eq!(Search::parse(&"a".repeat(513)), Err(TooMuch));
        assert_eq!(Search::parse("1 2 3 4 5 6 7 8 9"), Err(TooMuch));
        assert_eq!(Search::parse("1 2 3 4 5 6 7 8 8 1").unwrap().phrases().len(), 8);
        assert!(words_of(&"x".repeat(65)).is_empty());
        assert_eq!(words_of(&"x ".repeat(1 << 20)).len(), MAX_TEXT / 2);
        let many: Vec<_> = (0..2_000).map(|n| format!("w{n}")).collect();
        assert_eq!(WordSet::of(&many), WordSet::any());
    }

    #[test]
    fn followed_words_have_one_name() {
        for (text, name) in [
            ("Rust", "rust"),
            ("xmpp+Rust", "rust+xmpp"),
            ("rust  xmpp rust", "rust+xmpp"),
            ("Zoë", "zoe"),
            ("a-b", "a+b"),
            ("山田", "山田"),
        ] {
            assert_eq!(FollowedWords::parse(text).unwrap().as_str(), name, "{text}");
        }
        for none in ["", "+", " ", "-", "1+2+3+4+5+6+7+8+9", &"x".repeat(65)] {
            assert_eq!(FollowedWords::parse(none), None, "{none}");
        }
        let words = FollowedWords::parse("山田 rust").unwrap();
        assert_eq!(
            words.search().phrases(),
            [vec!["rust".to_owned()], vec!["山".into(), "田".into()]]
        );
    }

    proptest! {
        #[test]
        fn a_name_stays(text in "\\PC{0,40}") {
            if let Some(words) = FollowedWords::parse(&text) {
                prop_assert_eq!(FollowedWords::parse(words.as_str()), Some(words.clone()));
                prop_assert!(!words.search().phrases().is_empty());
            }
        }

        #[test]
        fn whatever_a_text_says_is_found(text in "\\PC{0,60}", at in 0..20_usize) {
            let words = words_of(&text);
            if let Some(word) = words.get(at) {
                let search = Search::parse(word).unwrap();
                prop_assert!(search.is_in(&words));
                prop_assert!(WordSet::of(&words).may_have(word));
            }
        }
    }
}
