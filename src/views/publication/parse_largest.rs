//! Reads the value of the key `largest`.

use anyhow::{Context, Result, bail};

use super::contribution::{Comparison, Contribution, RowValue, Source, UserRows};
use super::parse::{list, name, parts};

/// How much one device adds to sums, separated by semicolons: `trips in trips by date, hour as hour(departed)`,
/// `hours at most 0.25 where dwell_class = '<15 min'`.
///
/// # Errors
/// Text of another form.
pub fn largest(text: &str) -> Result<Vec<Contribution>> {
    parts(text).map(|text| one(text).with_context(|| format!("largest {text:?}"))).collect()
}

fn one(text: &str) -> Result<Contribution> {
    let (rest, condition) = match text.split_once(" where ") {
        Some((rest, condition)) => (rest, Some(condition)),
        None => (text, None),
    };
    if let Some((column, limit)) = rest.split_once(" at most ") {
        return Ok(Contribution { column: name(column.trim())?, from: at_most(limit, condition)? });
    }
    let Some(((column, relation), by)) =
        rest.split_once(" by ").and_then(|(rest, by)| Some((rest.split_once(" in ")?, by)))
    else {
        bail!(
            "expected COLUMN in RELATION.COLUMN by KEYS, COLUMN in RELATION by KEYS where rows are counted, or COLUMN \
             at most NUMBER where KEY = 'text'"
        );
    };
    let (relation, added) = match relation.split_once('.') {
        Some((relation, column)) => (relation, Some(name(column.trim())?)),
        None => (relation, None),
    };
    let rows = UserRows {
        relation: name(relation.trim())?,
        column: added,
        by: list(by).map(key).collect::<Result<_>>()?,
        condition: condition.map(comparison).transpose()?,
    };
    Ok(Contribution { column: name(column.trim())?, from: Source::Rows(rows) })
}

fn at_most(limit: &str, condition: Option<&str>) -> Result<Source> {
    let limit: f64 = limit.trim().parse().with_context(|| format!("{limit:?} is no number"))?;
    let (key, value) = condition
        .and_then(|condition| condition.split_once('='))
        .and_then(|(key, value)| {
            let value = value.trim().strip_prefix('\'')?.strip_suffix('\'')?;
            Some((name(key.trim()).ok()?, value.to_owned()))
        })
        .context("expected COLUMN at most NUMBER where KEY = 'text'")?;
    // rounded up, since a device adds less
    Ok(Source::Limit { hundredths: (limit * 100.0).ceil() as u64, key, value })
}

fn key(text: &str) -> Result<(String, RowValue)> {
    let (ours, theirs) = text.split_once(" as ").unwrap_or((text, text));
    let theirs = theirs.trim();
    let hour = theirs.strip_prefix("hour(").and_then(|column| column.strip_suffix(')'));
    let theirs = match hour {
        Some(column) => RowValue::Hour(name(column)?),
        None => RowValue::Column(name(theirs)?),
    };
    Ok((name(ours.trim())?, theirs))
}

fn comparison(text: &str) -> Result<Comparison> {
    let (left, are_equal, right) = match (text.split_once("<>"), text.split_once('=')) {
        (Some((left, right)), _) => (left, false, right),
        (None, Some((left, right))) => (left, true, right),
        (None, None) => bail!("where {text:?}: expected COLUMN = COLUMN or COLUMN <> COLUMN"),
    };
    Ok(Comparison { left: name(left.trim())?, are_equal, right: name(right.trim())? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_printed_as_it_is_written() {
        for text in [
            "event_count in mobile_events_compressed.event_count by hour",
            "trips in trips by date, hour as hour(departed), from_lau_id",
            "inflow in trips by date, lau_id as to_lau_id where from_lau_id <> to_lau_id",
            "hours at most 0.25 where dwell_class = '<15 min'",
        ] {
            let read = largest(text).unwrap();
            assert_eq!(read.iter().map(Contribution::to_string).collect::<Vec<_>>(), [text]);
        }
    }

    #[test]
    fn wrong_values_are_refused_with_what_is_expected() {
        let error = |text| format!("{:#}", largest(text).unwrap_err());
        assert!(error("hours at most x where a = 'b'").contains("is no number"));
        assert!(error("hours at most 1").contains("where KEY = 'text'"));
        assert!(error("trips of trips").contains("COLUMN in RELATION.COLUMN by KEYS"));
        assert!(error("trips in trips by date where a").contains("COLUMN <> COLUMN"));
    }
}
