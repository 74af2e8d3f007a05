//! Words that stand for a missing value in columns of ids and in text.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What databases, Hive, pandas, R and spreadsheets write for a missing value.
const USUAL: [&str; 17] = [
    "\\N", "NULL", "Null", "null", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NaT", "None",
    "none", "nil", "(null)", "<null>",
];

/// A list of words, which values equal apart from spaces around them. Ids are tested row by row, so most of them are told apart by their
/// length alone.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub struct NullWords {
    words: Arc<[String]>,
    /// The bit of each length that a word has; the highest one stands for all longer words.
    lengths: u64,
    /// The words that are integers, which ids may be stored as.
    numbers: Arc<[i64]>,
}

impl NullWords {
    /// True if the text is blank or one of the words.
    #[inline]
    pub fn is_missing(&self, text: &[u8]) -> bool {
        let (Some(first), Some(last)) = (text.first(), text.last()) else { return true };
        if first.is_ascii_whitespace() || last.is_ascii_whitespace() {
            let text = text.trim_ascii();
            return text.is_empty() || self.is_listed(text);
        }
        self.lengths & length_bit(text.len()) != 0 && self.is_listed(text)
    }

    /// True if the decimal text of the number is one of the words.
    #[inline]
    pub fn is_missing_number(&self, number: i64) -> bool {
        !self.numbers.is_empty() && self.numbers.contains(&number)
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
        let number = |word: &String| word.parse().ok().filter(|n: &i64| n.to_string() == *word);
        let numbers = words.iter().filter_map(number).collect();
        NullWords { words: words.into(), lengths, numbers }
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
            assert!(nulls.is_missing(word.as_bytes()), "{word}");
        }
        for text in ["", " ", "\t", " NULL", "NA "] {
            assert!(nulls.is_missing(text.as_bytes()), "{text:?}");
        }
        for text in ["N", "NULLS", "nA", "0", "-1", "EE", " EE "] {
            assert!(!nulls.is_missing(text.as_bytes()), "{text}");
        }
        assert!(!nulls.is_missing_number(0));
        let long = "x".repeat(100);
        let own = NullWords::from(vec!["-1".to_owned(), "007".to_owned(), long.clone()]);
        assert!(own.is_missing(b"-1") && own.is_missing(long.as_bytes()));
        assert!(own.is_missing_number(-1) && !own.is_missing_number(7));
        assert!(!own.is_missing(b"NULL") && !own.is_missing("x".repeat(99).as_bytes()));
        assert!(!NullWords::from(Vec::new()).is_missing(b"NULL"));
    }
}
