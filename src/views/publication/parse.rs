//! Reads the values of the keys `counts`, `keys`, `sums`, `linked` and `largest`.

use anyhow::{Context, Result, bail};

use super::declaration::{
    Basis, Column, Condition, KeyPair, KeyValue, Keys, Link, Measure, Period, Relation,
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

/// The columns that identify or describe the rows, after `every` if every key has a row.
///
/// # Errors
/// Text of another form.
pub fn keys(text: &str) -> Result<Keys> {
    let (columns, are_complete) = match text.strip_prefix("every ") {
        Some(columns) => (columns, true),
        None => (text, false),
    };
    let columns = list(columns).map(name).collect::<Result<_>>().context("keys")?;
    Ok(Keys { columns, are_complete })
}

/// The relations of a key, separated by semicolons. `sums` has `=` and `<=`, `linked` has `in` and `seen in`, and
/// `largest` has `in`.
///
/// # Errors
/// Text of another form.
pub fn links(key: &'static str, text: &str) -> Result<Vec<Link>> {
    let links = text.split(';').map(str::trim).filter(|link| !link.is_empty());
    let link = |text: &str| link(key, text).with_context(|| format!("{key} {text:?}"));
    links.map(link).collect()
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim)
}

fn measure(text: &str) -> Result<Measure> {
    let (column, basis) = match text.split_whitespace().collect::<Vec<_>>()[..] {
        [column] => (column, Basis::Devices),
        [column, "from", of] => (column, Basis::From(self::column(of)?)),
        [column, "over", of] => (column, Basis::Over(self::column(of)?)),
        _ => bail!(
            "{text:?}: expected COLUMN, COLUMN from [VIEW.]COLUMN or COLUMN over [VIEW.]COLUMN"
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

fn name(text: &str) -> Result<String> {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '{' | '}');
    if text.is_empty() || !text.chars().all(is_name) {
        bail!("{text:?}: expected the name of a column");
    }
    Ok(text.to_owned())
}

fn link(key: &str, text: &str) -> Result<Link> {
    let relations: &[(&str, Relation)] = match key {
        "sums" => &[(" <= ", Relation::Within), (" = ", Relation::Equal)],
        "largest" => &[(" in ", Relation::In)],
        _ => &[(" seen in ", Relation::SeenIn), (" in ", Relation::In)],
    };
    let (rest, condition) = match text.split_once(" where ") {
        Some((rest, text)) => (rest, Some(condition(text)?)),
        None => (text, None),
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
    let counts = counts.split('+').map(|count| name(count.trim())).collect::<Result<_>>()?;
    Ok(Link { counts, relation, to: column(to.trim())?, by, each, condition })
}

fn condition(text: &str) -> Result<Condition> {
    let Some((column, value)) = text.split_once('=') else {
        bail!("where {text:?}: expected COLUMN = COLUMN or COLUMN = 'text'");
    };
    Ok(Condition { column: name(column.trim())?, equals: key_value(value.trim())? })
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
        ] {
            let read = links("sums", text).unwrap();
            assert_eq!(read.iter().map(Link::to_string).collect::<Vec<_>>(), [text]);
        }
        let text = "day_users + night_users seen in a.user_count by date; users in b.users by week(date) as week";
        let read: Vec<String> =
            links("linked", text).unwrap().iter().map(Link::to_string).collect();
        assert_eq!(read.join("; "), text);
        let read = counts("devices, hours from devices, trips over b.users").unwrap();
        let read: Vec<String> = read.iter().map(Measure::to_string).collect();
        assert_eq!(read, ["devices", "hours from devices", "trips over b.users"]);
        assert_eq!(counts("none").unwrap(), []);
        assert!(keys("every date, lau_id").unwrap().are_complete);
        assert_eq!(
            keys("date").unwrap(),
            Keys { columns: vec!["date".into()], are_complete: false }
        );
    }

    #[test]
    fn wrong_values_are_refused_with_what_is_expected() {
        let error = |key, text| format!("{:#}", links(key, text).unwrap_err());
        assert!(error("sums", "a in b.c by d").contains("COLUMN <= or = VIEW.COLUMN"));
        assert!(error("linked", "a in b.c by year(d)").contains("the periods are date, week"));
        assert!(error("linked", "a in b.c by 'x'").contains("write as"));
        assert!(error("linked", "a in b.c by d where e").contains("COLUMN = COLUMN"));
        assert!(format!("{:#}", counts("a b").unwrap_err()).contains("COLUMN over"));
        assert!(format!("{:#}", keys("a b").unwrap_err()).contains("the name of a column"));
    }
}
