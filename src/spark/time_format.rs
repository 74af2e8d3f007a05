//! The configured form of time stamps as SQL: a regular expression with a group for each field.

use crate::domain::time::format::{Digits, FIRST_SHORT_YEAR, Field, MONTHS, TimestampFormat};

use super::sql;

/// The time in µs of `text`, an SQL expression, by a format; null for text in any other form. An offset in
/// the text is applied only if `zoned`; otherwise the text is local time.
pub fn formatted_instant(format: &TimestampFormat, text: &str, zoned: bool) -> String {
    let mut pattern = r"\A".to_owned();
    let mut groups: Vec<Field> = Vec::new();
    for field in format.fields() {
        pattern.push_str(&expression(*field));
        if !matches!(field, Field::Literal(_)) {
            groups.push(*field);
        }
    }
    pattern.push_str(r"\z");
    let pattern = sql::text(&pattern);
    let group = |is_it: &dyn Fn(&Field) -> bool| {
        let number = groups.iter().position(is_it)? + 1;
        Some((groups[number - 1], format!("regexp_extract({text}, {pattern}, {number})")))
    };
    let two = |value: &str| format!("lpad(trim({value}), 2, '0')");
    let number = |is_it: &dyn Fn(&Field) -> bool| {
        group(is_it).map_or_else(|| "'00'".to_owned(), |(_, value)| two(&value))
    };
    let year = match group(&|f| matches!(f, Field::Year | Field::ShortYear)) {
        Some((Field::ShortYear, year)) => format!(
            "concat(CASE WHEN CAST({year} AS INT) >= {FIRST_SHORT_YEAR} THEN '19' ELSE '20' END, {year})"
        ),
        Some((_, year)) => year,
        None => "NULL".to_owned(),
    };
    let month = match group(&|f| matches!(f, Field::Month(_) | Field::MonthName)) {
        Some((Field::MonthName, name)) => {
            let short: String = MONTHS.iter().map(|month| &month[..3]).collect();
            let position = format!("locate(lower(substring({name}, 1, 3)), '{short}')");
            two(&format!("CAST(({position} + 2) div 3 AS STRING)"))
        }
        Some((_, month)) => two(&month),
        None => "NULL".to_owned(),
    };
    let day = number(&|f| matches!(f, Field::Day(_)));
    let hour = number(&|f| matches!(f, Field::Hour(_) | Field::Hour12(_)));
    let hour = match group(&|f| matches!(f, Field::Half)) {
        Some((_, half)) => two(&format!(
            "CAST(CASE WHEN CAST({hour} AS INT) BETWEEN 1 AND 12 THEN CAST({hour} AS INT) % 12 + \
             CASE WHEN lower({half}) = 'pm' THEN 12 ELSE 0 END END AS STRING)"
        )),
        None => hour,
    };
    let minute = number(&|f| matches!(f, Field::Minute(_)));
    let second = number(&|f| matches!(f, Field::Second(_)));
    let fraction = group(&|f| matches!(f, Field::Fraction | Field::PointAndFraction))
        .map_or_else(|| "'0'".to_owned(), |(_, digits)| digits);
    let wall = format!(
        "unix_micros(try_cast(concat({year}, '-', {month}, '-', {day}, ' ', {hour}, ':', {minute}, ':', \
         {second}, '.', substring(rpad({fraction}, 6, '0'), 1, 6)) AS TIMESTAMP))"
    );
    let instant = match group(&|f| matches!(f, Field::Offset)).filter(|_| zoned) {
        Some((_, offset)) => format!("{wall} - ({})", offset_us(&offset)),
        None => wall,
    };
    // without a match, every group is empty
    format!("CASE WHEN {text} RLIKE {pattern} THEN {instant} END")
}

/// The expression of a field, with one group except for literals.
fn expression(field: Field) -> String {
    let digits = |digits: Digits| match digits {
        Digits::Two => r"(\d{2})",
        Digits::OneOrTwo => r"(\d{1,2}+)",
        Digits::SpaceOrTwo => r"( \d|\d{1,2}+)",
    };
    match field {
        Field::Literal(byte) if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        Field::Literal(byte) => format!(r"\{}", char::from(byte)),
        Field::Year => r"(\d{4})".to_owned(),
        Field::ShortYear => r"(\d{2})".to_owned(),
        Field::Month(d) | Field::Day(d) | Field::Hour(d) | Field::Hour12(d) => digits(d).to_owned(),
        Field::Minute(d) | Field::Second(d) => digits(d).to_owned(),
        Field::MonthName => {
            let names = MONTHS.iter().flat_map(|month| [*month, &month[..3]]);
            format!("((?i:{}))", names.collect::<Vec<_>>().join("|"))
        }
        Field::Half => "((?i:am|pm))".to_owned(),
        Field::Fraction => r"(\d++)".to_owned(),
        Field::PointAndFraction => r"(?:[.](\d++))?".to_owned(),
        Field::Offset => r"([Zz]|[+-]\d{2}(?::?\d{2})?)".to_owned(),
    }
}

/// The offset from UTC, µs, of `Z`, `+03`, `+0300` or `+03:00`.
fn offset_us(offset: &str) -> String {
    let digits = format!("replace(substring({offset}, 2), ':', '')");
    format!(
        "CASE WHEN {offset} IN ('Z', 'z') THEN 0 ELSE CASE WHEN {offset} LIKE '-%' THEN -1 ELSE 1 END * \
         (CAST(substring({digits}, 1, 2) AS BIGINT) * 3600000000 + \
         CAST(substring(rpad({digits}, 4, '0'), 3, 2) AS BIGINT) * 60000000) END"
    )
}
