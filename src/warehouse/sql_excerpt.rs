//! Messages about SQL that point at the place of the error: line and column, a misspelt keyword, and the
//! line of the SQL with a mark below it.

use anyhow::anyhow;
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use crate::errors::{EngineError, UsageError};

/// Keywords that are suggested for misspelt ones.
const KEYWORDS: [&str; 33] = [
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP",
    "BY",
    "ORDER",
    "HAVING",
    "LIMIT",
    "OFFSET",
    "JOIN",
    "LEFT",
    "RIGHT",
    "INNER",
    "OUTER",
    "CROSS",
    "USING",
    "DISTINCT",
    "UNION",
    "WITH",
    "BETWEEN",
    "LIKE",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "PARTITION",
    "OVER",
    "FILTER",
    "DESC",
    "NULLS",
    "VALUES",
    "EXCEPT",
    "INTERSECT",
];
/// Longer lines are not shown as a whole.
const MAX_EXCERPT: usize = 100;

/// A place in SQL; line and column count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// The message with its place before it.
pub fn at(place: Place, message: &str) -> String {
    format!("line {}, column {}: {message}", place.line, place.column)
}

/// The message about an error of syntax with its place. If a word at or just before the place is nearly a
/// keyword, the place is that of this word, because parsers take it for a name and fail behind it.
pub fn syntax_error(sql: &str, place: Place, message: &str) -> String {
    match misspelt(sql, place) {
        Some((place, word, keyword)) => {
            at(place, &format!("{message}; did you mean {keyword} instead of {word}?"))
        }
        None => at(place, message),
    }
}

/// The place before a message, and the message.
pub fn place_in(text: &str) -> Option<(Place, &str)> {
    let (line, rest) = text.strip_prefix("line ")?.split_once(", column ")?;
    let (column, message) = rest.split_once(": ")?;
    Some((Place { line: line.parse().ok()?, column: column.parse().ok()? }, message))
}

/// The error with the line of the SQL that it is about, and a mark below its place.
pub fn with_excerpt(sql: &str, error: anyhow::Error) -> anyhow::Error {
    let text = format!("{error:#}");
    match place_in(&text) {
        Some((place, _)) if !error.is::<EngineError>() && !error.is::<UsageError>() => {
            anyhow!("{text}{}", excerpt(sql, place))
        }
        _ => error,
    }
}

/// The place of the character `at`, counted from 0.
pub fn place_of(sql: &str, at: usize) -> Place {
    sql.chars().take(at).fold(Place { line: 1, column: 1 }, |place, c| match c {
        '\n' => Place { line: place.line + 1, column: 1 },
        _ => Place { column: place.column + 1, ..place },
    })
}

fn misspelt(sql: &str, place: Place) -> Option<(Place, String, &'static str)> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location().ok()?;
    let tokens: Vec<&TokenWithSpan> =
        tokens.iter().filter(|t| !matches!(t.token, Token::Whitespace(_))).collect();
    let start = |token: &TokenWithSpan| {
        let start = token.span.start;
        (usize::try_from(start.line).unwrap_or(0), usize::try_from(start.column).unwrap_or(0))
    };
    let failed = tokens.iter().position(|t| start(t) >= (place.line, place.column));
    let failed = failed.unwrap_or(tokens.len());
    // the word at the place first, then those before it
    let candidates = (failed.saturating_sub(2)..=failed).rev().filter_map(|i| tokens.get(i));
    candidates.into_iter().find_map(|token| {
        let Token::Word(word) = &token.token else { return None };
        if word.quote_style.is_some() || word.keyword != Keyword::NoKeyword {
            return None;
        }
        let (line, column) = start(token);
        Some((Place { line, column }, word.value.clone(), nearest_keyword(&word.value)?))
    })
}

/// The keyword from which a word differs by one typing error.
fn nearest_keyword(word: &str) -> Option<&'static str> {
    let word = word.to_uppercase();
    let errors = |keyword: &&&str| strsim::damerau_levenshtein(&word, keyword);
    let near = KEYWORDS.iter().min_by_key(errors)?;
    let most = if near.len() > 5 { 2 } else { 1 };
    (errors(&near) <= most && near.len() > 2).then_some(near)
}

/// The line of the SQL with a mark below the place, on lines of their own.
fn excerpt(sql: &str, place: Place) -> String {
    let Some(line) = sql.lines().nth(place.line.saturating_sub(1)) else { return String::new() };
    let before: Vec<char> = line.chars().take(place.column.saturating_sub(1)).collect();
    let from = before.len().saturating_sub(MAX_EXCERPT / 2);
    let shown: String = line.chars().skip(from).take(MAX_EXCERPT).collect();
    let shown = shown.replace(char::is_control, " ");
    let indent: String = before[from..].iter().map(|_| ' ').collect();
    let word = line.chars().skip(before.len()).take_while(|c| c.is_alphanumeric() || *c == '_');
    format!("\n  {}\n  {indent}{}", shown.trim_end(), "^".repeat(word.count().max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(line: usize, column: usize) -> Place {
        Place { line, column }
    }

    #[test]
    fn misspelt_keyword_is_pointed_at_where_it_stands() {
        for (sql, at, expected) in [
            (
                "SELCT 1",
                place(1, 1),
                "line 1, column 1: x; did you mean SELECT instead of SELCT?\n  SELCT 1\n  ^^^^^",
            ),
            (
                "SELECT *\nFORM lau",
                place(2, 6),
                "line 2, column 1: x; did you mean FROM instead of FORM?\n  FORM lau\n  ^^^^",
            ),
            (
                "SELECT a FROM lau GRUOP BY a",
                place(1, 25),
                "line 1, column 19: x; did you mean GROUP instead of GRUOP?\n  SELECT a FROM lau GRUOP BY a\n                    ^^^^^",
            ),
            (
                "SELECT a FROM lau b c",
                place(1, 21),
                "line 1, column 21: x\n  SELECT a FROM lau b c\n                      ^",
            ),
            ("SELECT 'open", place(1, 8), "line 1, column 8: x\n  SELECT 'open\n         ^"),
        ] {
            let error = anyhow!("{}", syntax_error(sql, at, "x"));
            assert_eq!(with_excerpt(sql, error).to_string(), expected);
        }
    }

    #[test]
    fn long_line_is_shown_around_the_place() {
        let sql = format!("SELECT {} FROM lau", "a, ".repeat(100));
        let text = with_excerpt(&sql, anyhow!("line 1, column 200: x")).to_string();
        assert_eq!(text.lines().count(), 3);
        assert!(text.lines().all(|line| line.chars().count() <= MAX_EXCERPT + 2), "{text}");
    }

    #[test]
    fn lines_and_columns_are_counted_from_one() {
        let text = "SELECT õ,\n  nope";
        assert_eq!(
            [place_of(text, 0), place_of(text, 8), place_of(text, 12)],
            [place(1, 1), place(1, 9), place(2, 3)]
        );
    }
}
