//! SQL without its literals, for logs: a literal may be the id of a user.

use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

/// The statement on one line with `?` in place of every literal and without comments; `None` if it
/// cannot be split into tokens.
pub fn without_literals(sql: &str) -> Option<String> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize().ok()?;
    let mut out = String::new();
    for token in tokens {
        match token {
            Token::Whitespace(_) if out.ends_with(' ') => {}
            Token::Whitespace(_) => out.push(' '),
            Token::Word(word) => out.push_str(&word.to_string()),
            other => {
                let text = other.to_string();
                let is_operator = text.chars().all(|c| c.is_ascii_punctuation());
                out.push_str(if is_operator { &text } else { "?" });
            }
        }
    }
    Some(out.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::without_literals;

    #[test]
    fn literals_and_comments_are_left_out() {
        for (sql, masked) in [
            (
                "SELECT a.user_id, COUNT(*)\n FROM t AS a -- user aa01\nWHERE user_id = 'aa01' GROUP BY 1",
                "SELECT a.user_id, COUNT(*) FROM t AS a WHERE user_id = ? GROUP BY ?",
            ),
            (
                "SELECT * FROM t WHERE id IN (12, $$x$$, E'\\x', X'ff')",
                "SELECT * FROM t WHERE id IN (?, ?, ?, ?)",
            ),
            (
                "SELECT \"a b\" /* aa01 */ FROM t WHERE x::text >= '1'",
                "SELECT \"a b\" FROM t WHERE x::text >= ?",
            ),
        ] {
            assert_eq!(without_literals(sql).as_deref(), Some(masked));
        }
        assert_eq!(without_literals("SELECT 'open"), None);
    }
}
