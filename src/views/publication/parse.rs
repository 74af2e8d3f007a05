//! Reads the values of the keys `counts`, `keys`, `totals`, `sums`, `linked` and `needs`.

use anyhow::{Context, Result, bail};

use super::USER_ID;
use super::declaration::{
    Basis, Column, Condition, KeyPair, KeyValue, Keys, Link, Measure, Need, Period, Relation,
    RowsOf,
};

/// `none`, or the columns with numbers: `devices, hours from devices, trips over devices`.
///
/// # Errors
/// Text of another form.
pub fn counts(text: &str) -> Result<Vec<Measure>> {
    if text == "none" {
        return Ok(Vec::new());
    }
    list(text).map(measure).collect::<Result<_>>().context("counts")
}

/// The columns that identify or describe the rows: after `every` if every key has a row, and after `any` if a row is
/// there of which any number is shown.
///
/// # Errors
/// Text of another form.
pub fn keys(text: &str) -> Result<Keys> {
    let (columns, rows) = match text.split_once(' ') {
        Some(("every", columns)) => (columns, RowsOf::EveryKey),
        Some(("any", columns)) => (columns, RowsOf::AnyNumber),
        _ => (text, RowsOf::Devices),
    };
    let columns = list(columns).map(name).collect::<Result<_>>().context("keys")?;
    Ok(Keys { columns, rows })
}

/// The relations of a key, separated by semicolons. `sums` has `=` and `<=`, and `linked` has `in` and `seen in`.
///
/// # Errors
/// Text of another form.
pub fn links(key: &'static str, text: &str) -> Result<Vec<Link>> {
    parts(text).map(|text| link(key, text).with_context(|| format!("{key} {text:?}"))).collect()
}

/// The totals of a view, separated by semicolons: `movers = devices by date where trips_class <> '0'`.
///
/// # Errors
/// Text of another form.
pub fn totals(text: &str) -> Result<Vec<Link>> {
    let total = |text: &str| -> Result<Link> {
        let (name, rest) = text.split_once(" = ").context("expected NAME = COLUMN by KEYS")?;
        let (counts, rest) = rest.split_once(" by ").context("expected NAME = COLUMN by KEYS")?;
        link("sums", &format!("{counts} = {name} by {rest}"))
    };
    parts(text).map(|text| total(text).with_context(|| format!("totals {text:?}"))).collect()
}

/// The text of a total.
pub fn total_text(total: &Link) -> String {
    let text = total.to_string();
    let counts = total.counts.join(" + ");
    let start = format!("{counts} = {}", total.to);
    format!("{} = {counts}{}", total.to, &text[start.len()..])
}

/// Counts of other views from which all numbers are computed too, separated by semicolons.
///
/// # Errors
/// Text of another form.
pub fn needs(text: &str) -> Result<Vec<Need>> {
    parts(text).map(|text| need(text).with_context(|| format!("needs {text:?}"))).collect()
}

fn need(text: &str) -> Result<Need> {
    let (of, by) = text.split_once(" by ").context("expected VIEW.COLUMN by KEYS")?;
    let by = list(by).map(key_pair).collect::<Result<_>>()?;
    Ok(Need { of: column(of.trim())?, by })
}

/// The parts of a value that has semicolons.
pub(super) fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(';').map(str::trim).filter(|part| !part.is_empty())
}

pub(super) fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim)
}

fn measure(text: &str) -> Result<Measure> {
    let (column, basis) = match text.split_whitespace().collect::<Vec<_>>()[..] {
        [column] => (column, Basis::Devices),
        [column, "from", ..] => {
            let (_, of) = text.split_once(" from ").unwrap_or_default();
            let of = of.split('+').map(|of| self::column(of.trim()));
            (column, Basis::From(of.collect::<Result<_>>()?))
        }
        [column, "over", of] if of == USER_ID => (column, Basis::OverUsers),
        [column, "over", of] => (column, Basis::Over(self::column(of)?)),
        _ => bail!(
            "{text:?}: expected COLUMN, COLUMN from [VIEW.]COLUMN, COLUMN over [VIEW.]COLUMN or COLUMN over {USER_ID}"
        ),
    };
    Ok(Measure { column: name(column)?, basis })
}

fn column(text: &str) -> Result<Column> {
    Ok(match text.split_once('.') {
        Some((view, column)) => Column { view: Some(name(view)?), column: name(column)? },
        None => Column { view: None, column: name(text)? },
    })
}

pub(super) fn name(text: &str) -> Result<String> {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '{' | '}');
    if text.is_empty() || !text.chars().all(is_name) {
        bail!("{text:?}: expected the name of a column");
    }
    Ok(text.to_owned())
}

fn link(key: &str, text: &str) -> Result<Link> {
    let relations: &[(&str, Relation)] = match key {
        "sums" => &[(" <= ", Relation::Within), (" = ", Relation::Equal)],
        _ => &[(" seen in ", Relation::SeenIn), (" in ", Relation::In)],
    };
    let (rest, condition) = match text.split_once(" where ") {
        Some((rest, text)) => (rest, Some(condition(text)?)),
        None => (text, None),
    };
    let (rest, beside) = match rest.split_once(" beside ") {
        Some((rest, text)) => (rest, Some(need(text)?)),
        None => (rest, None),
    };
    let found = relations.iter().find_map(|(words, relation)| {
        rest.split_once(words).map(|(counts, rest)| (counts, *relation, rest))
    });
    let Some((counts, relation, rest)) = found else {
        let words: Vec<&str> = relations.iter().map(|(words, _)| words.trim()).collect();
        bail!("expected COLUMN {} VIEW.COLUMN by KEYS", words.join(" or "));
    };
    let (rest, each) = match rest.split_once(" each ") {
        Some((rest, columns)) => (rest, list(columns).map(name).collect::<Result<_>>()?),
        None => (rest, Vec::new()),
    };
    let (to, by) = match rest.split_once(" by ") {
        Some((to, keys)) => (to, list(keys).map(key_pair).collect::<Result<_>>()?),
        None => (rest, Vec::new()),
    };
    let (counts, is_near) = match counts.trim().strip_suffix(" nearly") {
        Some(counts) => (counts, true),
        None => (counts, false),
    };
    let (counts, times) = match counts.split_once(" times ") {
        Some((counts, column)) => (counts, Some(name(column.trim())?)),
        None => (counts, None),
    };
    if is_near && !matches!(relation, Relation::Within | Relation::In) {
        bail!("nearly is possible with <= and in alone");
    }
    if times.is_some() && relation != Relation::Within {
        bail!("times is possible with <= alone");
    }
    if beside.is_some() && !(is_near && relation == Relation::Within) {
        bail!("beside is possible with nearly <= alone");
    }
    let counts = counts.split('+').map(|count| name(count.trim())).collect::<Result<_>>()?;
    let to = column(to.trim())?;
    Ok(Link { counts, times, relation, is_near, to, by, each, beside, condition })
}

fn condition(text: &str) -> Result<Condition> {
    let (column, is_negated, value) = match (text.split_once("<>"), text.split_once('=')) {
        (Some((column, value)), _) => (column, true, value),
        (None, Some((column, value))) => (column, false, value),
        (None, None) => {
            bail!("where {text:?}: expected COLUMN = COLUMN, COLUMN = 'text', or <> in place of =")
        }
    };
    Ok(Condition { column: name(column.trim())?, is_negated, equals: key_value(value.trim())? })
}

fn key_pair(text: &str) -> Result<KeyPair> {
    let (ours, theirs) = match text.split_once(" as ") {
        Some((ours, theirs)) => (key_value(ours.trim())?, Some(name(theirs.trim())?)),
        None => (key_value(text)?, None),
    };
    let theirs = match (theirs, &ours) {
        (Some(theirs), _) => theirs,
        (None, KeyValue::Column(column)) => column.clone(),
        (None, KeyValue::Period(period, _)) => period.name().to_owned(),
        (None, KeyValue::Area(areas, _)) => areas.name().to_owned(),
        (None, KeyValue::Longer(longer, ..)) => longer.name().to_owned(),
        (None, KeyValue::Text(_)) => {
            bail!("{text}: write as and the name of the other key after it")
        }
    };
    Ok(KeyPair { ours, theirs })
}

fn key_value(text: &str) -> Result<KeyValue> {
    if let Some(text) = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
        return Ok(KeyValue::Text(text.to_owned()));
    }
    let Some((period, column)) = text.strip_suffix(')').and_then(|text| text.split_once('('))
    else {
        return Ok(KeyValue::Column(name(text)?));
    };
    let Some(period) = Period::ALL.into_iter().find(|known| known.name() == period) else {
        let known: Vec<&str> = Period::ALL.into_iter().map(Period::name).collect();
        bail!("{period:?} is no period; the periods are {}", known.join(", "));
    };
    Ok(KeyValue::Period(period, name(column)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_printed_as_it_is_written() {
        for text in [
            "devices <= residents_per_lau.residents by window_start, home_lau_id as lau_id",
            "devices = a.users by date, from_lau_id as lau_id where from_lau_id = to_lau_id",
            "active = devices_per_date.devices by date each hour",
            "user_count = a.user_count by lau_id, '2024-10-01' as date",
            "trips = a.inflow by date, to_lau_id as lau_id where from_lau_id <> to_lau_id",
            "devices times trips_class <= a.trips by date",
            "devices nearly <= a.users by date, lau_id",
            "devices nearly <= a.users by date_of_hours(hour) as date, lau_id each hour",
            "devices nearly <= a.users by lau_id each hour beside b.users by lau_id as from_lau_id where role = 'worker'",
        ] {
            let read = links("sums", text).unwrap();
            assert_eq!(read.iter().map(Link::to_string).collect::<Vec<_>>(), [text]);
        }
        let text = "day_users + night_users seen in a.user_count by date; users in b.users by week(date) as week";
        let read: Vec<String> =
            links("linked", text).unwrap().iter().map(Link::to_string).collect();
        assert_eq!(read.join("; "), text);
        let all =
            "devices, hours from devices, trips over b.users, net from c.d + e, flow over user_id";
        let read: Vec<String> = counts(all).unwrap().iter().map(Measure::to_string).collect();
        assert_eq!(read.join(", "), all);
        let text = "movers = devices by date where trips_class <> '0'";
        assert_eq!(totals(text).unwrap().iter().map(total_text).collect::<Vec<_>>(), [text]);
        let text = "a.residents by anchor_window(night) as window_start, home_lau_id as lau_id";
        assert_eq!(needs(text).unwrap().iter().map(Need::to_string).collect::<Vec<_>>(), [text]);
        assert_eq!(counts("none").unwrap(), []);
        for (text, rows) in [
            ("every date", RowsOf::EveryKey),
            ("any date", RowsOf::AnyNumber),
            ("date", RowsOf::Devices),
        ] {
            assert_eq!(keys(text).unwrap(), Keys { columns: vec!["date".into()], rows });
        }
    }

    #[test]
    fn wrong_values_are_refused_with_what_is_expected() {
        let error = |key, text| format!("{:#}", links(key, text).unwrap_err());
        assert!(error("sums", "a in b.c by d").contains("COLUMN <= or = VIEW.COLUMN"));
        assert!(error("linked", "a in b.c by year(d)").contains("the periods are date, week"));
        assert!(error("linked", "a in b.c by 'x'").contains("write as"));
        assert!(error("linked", "a in b.c by d where e").contains("COLUMN = COLUMN"));
        assert!(error("sums", "a nearly = b.c by d").contains("nearly is possible with"));
        assert!(error("sums", "a <= b.c by d beside e.f by d").contains("beside is possible with"));
        assert!(error("linked", "a times d in b.c by d").contains("times is possible with"));
        assert!(format!("{:#}", counts("a b").unwrap_err()).contains("COLUMN over"));
        assert!(format!("{:#}", keys("a b").unwrap_err()).contains("the name of a column"));
    }
}
