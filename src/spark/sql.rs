//! Building blocks of Spark SQL: literals, identifiers, and templates with placeholders.

use anyhow::{Result, ensure};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

/// A string literal.
pub fn text(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// The SELECT of a view with the names that Spark has for types: it knows `DOUBLE PRECISION` as `DOUBLE` only.
pub fn with_own_types(select: &str) -> String {
    let tokenizer = &mut Tokenizer::new(&PostgreSqlDialect {}, select).with_unescape(false);
    let Ok(tokens) = tokenizer.tokenize() else { return select.to_owned() };
    let is_word = |token: &Token, word: &str| matches!(token, Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word));
    let mut out = String::new();
    let mut changed = false;
    let mut before: Option<&Token> = None;
    for token in &tokens {
        if is_word(token, "PRECISION") && before.is_some_and(|before| is_word(before, "DOUBLE")) {
            changed = true;
            continue;
        }
        out.push_str(&token.to_string());
        if !matches!(token, Token::Whitespace(_)) {
            before = Some(token);
        }
    }
    if changed { out } else { select.to_owned() }
}

/// A quoted identifier.
pub fn name(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Definitions of columns and of fields inside structs, each given by the names down to it and its type.
/// Fields of the same struct form one column.
pub fn columns(columns: &[(Vec<String>, String)]) -> String {
    let definitions = structs(columns, 0);
    definitions.iter().map(|(n, t)| format!("{} {t}", name(n))).collect::<Vec<_>>().join(", ")
}

/// Names and types at a depth of the paths, each name once.
fn structs(columns: &[(Vec<String>, String)], depth: usize) -> Vec<(String, String)> {
    let mut definitions: Vec<(String, String)> = Vec::new();
    for (path, data_type) in columns {
        let Some(first) = path.get(depth) else { continue };
        if definitions.iter().any(|(known, _)| known == first) {
            continue;
        }
        let data_type = if path.len() == depth + 1 {
            data_type.clone()
        } else {
            let same = |other: &&(Vec<String>, String)| other.0.starts_with(&path[..=depth]);
            let inner: Vec<_> = columns.iter().filter(same).cloned().collect();
            let fields = structs(&inner, depth + 1);
            let fields = fields.iter().map(|(n, t)| format!("{}: {t}", name(n)));
            format!("STRUCT<{}>", fields.collect::<Vec<_>>().join(", "))
        };
        definitions.push((first.clone(), data_type));
    }
    definitions
}

/// A literal with the exact value of the number.
pub fn double(number: f64) -> String {
    format!("{number:e}D")
}

pub fn boolean(on: bool) -> String {
    if on { "TRUE" } else { "FALSE" }.to_owned()
}

/// The template without comments, with each placeholder `{{name}}` replaced by its value.
///
/// # Errors
/// A placeholder without a value.
pub fn fill(template: &str, values: &[(&str, String)]) -> Result<String> {
    let lines = template.lines().filter(|line| !line.trim_start().starts_with("--"));
    let mut sql = lines.collect::<Vec<_>>().join("\n");
    for (name, value) in values {
        sql = sql.replace(&format!("{{{{{name}}}}}"), value);
    }
    ensure!(!sql.contains("{{"), "a placeholder in the SQL for Spark has no value: {sql}");
    Ok(sql.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn double_precision_loses_its_second_word_outside_of_texts() {
        let select = "SELECT CAST(a AS double\n PRECISION), 'it''s DOUBLE PRECISION' -- DOUBLE PRECISION\n FROM t";
        let own =
            "SELECT CAST(a AS double\n ), 'it''s DOUBLE PRECISION' -- DOUBLE PRECISION\n FROM t";
        assert_eq!(with_own_types(select), own);
        for select in ["SELECT precision FROM double", "SELECT 'open"] {
            assert_eq!(with_own_types(select), select);
        }
    }

    #[test]
    fn literals_are_escaped() {
        assert_eq!(text(r"it's a \ "), r"'it\'s a \\ '");
        assert_eq!(name("a`b"), "`a``b`");
        assert_eq!(double(0.1), "1e-1D");
        assert_eq!(double(12_742_017.6), "1.27420176e7D");
    }

    #[test]
    fn fields_of_one_struct_form_one_column() {
        let column = |path: &str, t: &str| {
            (path.split('.').map(str::to_owned).collect::<Vec<_>>(), t.to_owned())
        };
        let all = [
            column("sub.imsi", "STRING"),
            column("cell", "BIGINT"),
            column("sub.at.time", "TIMESTAMP"),
        ];
        assert_eq!(
            columns(&all),
            "`sub` STRUCT<`imsi`: STRING, `at`: STRUCT<`time`: TIMESTAMP>>, `cell` BIGINT"
        );
    }

    #[test]
    fn placeholder_without_a_value_is_an_error() {
        let filled = fill("-- comment\nSELECT {{a}}", &[("a", "1".to_owned())]).unwrap();
        assert_eq!(filled, "SELECT 1");
        assert!(fill("SELECT {{b}}", &[("a", "1".to_owned())]).is_err());
    }
}
