//! Words that stand for a missing value in columns of text.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What databases, Hive, pandas, R and spreadsheets write for a missing value.
const USUAL: [&str; 17] = [
    "\\N", "NULL", "Null", "null", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NaT", "None",
    "none", "nil", "(null)", "<null>",
];

/// A list of words, compared exactly. Ids are tested row by row, so most of them are told apart by their
/// length alone.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub struct NullWords {
    words: Arc<[String]>,
    /// The bit of each length that a word has; the highest one stands for all longer words.
    lengths: u64,
}

impl NullWords {
    /// True if the text is one of the words.
    #[inline]
    pub fn contains(&self, text: &[u8]) -> bool {
        self.lengths & length_bit(text.len()) != 0 && self.is_listed(text)
    }

    fn is_listed(&self, text: &[u8]) -> bool {
        self.words.iter().any(|word| word.as_bytes() == text)
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(String::as_str)
    }
}

fn length_bit(length: usize) -> u64 {
    1 << length.min(63)
}

impl Default for NullWords {
    fn default() -> Self {
        USUAL.map(str::to_owned).to_vec().into()
    }
}

impl From<Vec<String>> for NullWords {
    fn from(words: Vec<String>) -> Self {
        let lengths = words.iter().fold(0, |bits, word| bits | length_bit(word.len()));
        NullWords { words: words.into(), lengths }
    }
}

impl From<NullWords> for Vec<String> {
    fn from(nulls: NullWords) -> Self {
        nulls.words.to_vec()
    }
}

impl fmt::Debug for NullWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.words.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_words_are_missing_values() {
        let nulls = NullWords::default();
        for word in ["\\N", "NULL", "NA", "null", "None", "nan", "<NA>"] {
            assert!(nulls.contains(word.as_bytes()), "{word}");
        }
        for text in ["", "N", "NULLS", "nA", "0", "-1", "EE"] {
            assert!(!nulls.contains(text.as_bytes()), "{text}");
        }
        let long = "x".repeat(100);
        let own = NullWords::from(vec!["-1".to_owned(), long.clone()]);
        assert!(own.contains(b"-1") && own.contains(long.as_bytes()));
        assert!(!own.contains(b"NULL") && !own.contains("x".repeat(99).as_bytes()));
        assert!(!NullWords::from(Vec::new()).contains(b"NULL"));
    }
}
