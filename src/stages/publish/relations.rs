//! The relations between the numbers of tables, from what the headers of the views say.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use hashbrown::{HashMap, HashSet};

use super::nuts::Nuts;
use super::period::Periods;
use super::table::{KeyValues, Number, Row, Table};
use crate::publication::on_each;
use crate::views::publication::{Column, KeyPair, KeyValue, Link, Need, Relation};

/// A relation between the numbers of a row, or of several rows, and another number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// The number of the statement that it is from.
    pub link: usize,
    pub relation: Relation,
    /// It may be untrue, and is then not known to anybody.
    pub is_near: bool,
    pub whole: Number,
    pub parts: Vec<Number>,
    /// A number of another view that has no device in common with the parts, and is in the other number as well.
    pub beside: Option<Number>,
    /// The numbers by which the parts are multiplied; none if that is 1.
    pub times: Vec<Times>,
}

impl Related {
    /// True for a relation that says no more than that a number contains others.
    pub fn only_contains(&self) -> bool {
        self.times.is_empty() && self.beside.is_none()
    }
}

/// What a device adds to a sum at least and at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    pub least: u64,
    pub most: u64,
}

/// What a device adds at most where a class has no upper bound. More trips than this fit into no day.
const UNLIMITED: u64 = 1_000;

/// Numbers for which the row with the other number is missing, although there are rows of the same period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    pub parts: Vec<Number>,
    /// Where it should be.
    pub place: String,
    /// The number of the table, and the keys of the row that the link names.
    pub table: usize,
    pub keys: Vec<(String, Option<String>)>,
}

/// Which periods and areas hold dates, hours and places.
#[derive(Debug, Clone, Default)]
pub struct Containers {
    pub periods: Periods,
    pub nuts: Nuts,
}

/// The row of a number, by the values of some keys.
struct Lookup {
    rows: HashMap<KeyValues, usize>,
    /// The values of those keys that are dates or times.
    times: HashSet<KeyValues>,
}

/// What the headers of the tables state, with the numbers of these.
pub fn stated(tables: &[Table]) -> impl Iterator<Item = (usize, &Link)> {
    tables.iter().enumerate().flat_map(|(number, table)| {
        let links = table.publication.stated_links().filter(|_| !table.is_total);
        links.map(move |link| (number, link))
    })
}

/// All relations that links of tables, by the numbers of these, are about, and what they need and is not there.
///
/// # Errors
/// A header whose `by` names several rows.
pub fn relations<'a>(
    tables: &[Table],
    links: impl Iterator<Item = (usize, &'a Link)>,
    containers: &Containers,
) -> Result<(Vec<Related>, Vec<Missing>)> {
    let links: Vec<_> = links.enumerate().collect();
    let found = on_each(&links, || (), |(), link| relations_of(tables, *link, containers));
    let (mut related, mut missing) = (Vec::new(), Vec::new());
    for found in found {
        let (of_link, missing_of_link) = found?;
        related.extend(of_link);
        missing.extend(missing_of_link);
    }
    Ok((related, missing))
}

/// The relations that a link of a table is about, and what it needs and is not there. `place` tells the link from others.
fn relations_of(
    tables: &[Table],
    (place, (number, link)): (usize, (usize, &Link)),
    containers: &Containers,
) -> Result<(Vec<Related>, Vec<Missing>)> {
    let (mut related, mut missing) = (Vec::new(), Vec::new());
    // what is not among the tables is not published
    let Some((target, measure)) = target(tables, number, &link.to) else {
        return Ok((related, missing));
    };
    let beside = match &link.beside {
        Some(need) => match Beside::of(tables, number, need, link)? {
            Some(beside) => Some(beside),
            // without the other count, nothing more is known than what is stated without it
            None => return Ok((related, missing)),
        },
        None => None,
    };
    let lookup = Lookup::of(&tables[target], &link.by, link)?;
    for (key, parts) in groups(&tables[number], number, link, containers) {
        match lookup.rows.get(&key) {
            Some(row) => {
                let whole = Number { table: target, row: *row, measure };
                let (relation, is_near) = (link.relation, link.is_near);
                let times = times(&tables[number], link, &parts);
                let beside = match &beside {
                    Some(beside) => match beside.number(&tables[number], &parts, containers) {
                        Some(number) => Some(number),
                        None => continue,
                    },
                    None => None,
                };
                let link = place;
                related.push(Related { link, relation, is_near, whole, parts, beside, times });
            }
            // where the other number should be is not known for sure either
            None if link.is_near => {}
            None if lookup.is_expected(&tables[target], link, &key) => {
                let place = format!("{} of {}", link.to, shown(&key));
                let names = link.by.iter().map(|pair| pair.theirs.clone());
                let keys = names.zip(key).collect();
                missing.push(Missing { parts, place, table: target, keys });
            }
            None => {}
        }
    }
    Ok((related, missing))
}

/// The table and the measure of the other number.
pub fn target(tables: &[Table], own: usize, column: &Column) -> Option<(usize, usize)> {
    let view = column.view.as_ref().unwrap_or(&tables[own].view);
    let of_view = tables.iter().enumerate().filter(|(_, table)| table.view == *view);
    of_view.filter_map(|(number, table)| Some((number, table.measure(&column.column)?))).next()
}

/// The numbers by which counts are multiplied: those at the start of the values of a key, which are at least so many
/// where something follows, as in `3+`.
fn times(table: &Table, link: &Link, parts: &[Number]) -> Vec<Times> {
    let Some(key) = link.times.as_ref().and_then(|column| table.key(column)) else {
        return Vec::new();
    };
    let number = |part: &Number| {
        let text = table.rows[part.row].keys[key].as_deref().unwrap_or_default();
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let least = text[..digits].parse().unwrap_or_default();
        let is_exact = digits > 0 && digits == text.len();
        Times { least, most: if is_exact { least } else { UNLIMITED } }
    };
    parts.iter().map(number).collect()
}

/// The numbers of a link, by the keys of the row with the other number. Where each number is by itself in a relation,
/// so is it here.
fn groups(
    table: &Table,
    number: usize,
    link: &Link,
    containers: &Containers,
) -> Vec<(KeyValues, Vec<Number>)> {
    let measures: Vec<usize> =
        link.counts.iter().filter_map(|column| table.measure(column)).collect();
    let each: Vec<usize> = link.each.iter().filter_map(|column| table.key(column)).collect();
    let mut alone = Vec::new();
    let mut together: BTreeMap<(KeyValues, KeyValues), Vec<Number>> = BTreeMap::new();
    for (row_number, row) in table.rows.iter().enumerate() {
        if !is_meant(table, row, link, containers) {
            continue;
        }
        let Some(key) = key_of(table, row, &link.by, containers) else { continue };
        let numbers = measures.iter().map(|measure| Number {
            table: number,
            row: row_number,
            measure: *measure,
        });
        match link.relation {
            Relation::In => alone.extend(numbers.map(|number| (key.clone(), vec![number]))),
            _ => {
                let each = each.iter().map(|key| row.keys[*key].clone()).collect();
                together.entry((key, each)).or_default().extend(numbers);
            }
        }
    }
    alone.extend(together.into_iter().map(|((key, _), numbers)| (key, numbers)));
    alone
}

/// True for rows that the condition of a link allows. Empty values are equal. Where a place is compared with an area, that
/// is whether both lie in one.
pub fn is_meant(table: &Table, row: &Row, link: &Link, containers: &Containers) -> bool {
    let Some(condition) = &link.condition else { return true };
    let own = match &condition.equals {
        KeyValue::Area(areas, _) => {
            value_of(table, row, &KeyValue::Area(*areas, condition.column.clone()), containers)
        }
        _ => table.key(&condition.column).map(|key| row.keys[key].clone()),
    };
    (own == value_of(table, row, &condition.equals, containers)) != condition.is_negated
}

/// The keys of the row with the other number; `None` if there is no such period.
pub fn key_of(
    table: &Table,
    row: &Row,
    by: &[KeyPair],
    containers: &Containers,
) -> Option<KeyValues> {
    by.iter().map(|pair| value_of(table, row, &pair.ours, containers)).collect()
}

/// A value of a row, which may be null; `None` for a period or an area that there is not.
fn value_of(
    table: &Table,
    row: &Row,
    value: &KeyValue,
    containers: &Containers,
) -> Option<Option<String>> {
    match value {
        KeyValue::Column(column) => Some(row.keys[table.key(column)?].clone()),
        KeyValue::Text(text) => Some(Some(text.clone())),
        KeyValue::Period(period, column) => {
            let value = row.keys[table.key(column)?].as_deref()?;
            containers.periods.period_of(*period, value).map(Some)
        }
        KeyValue::Longer(longer, period, column) => {
            let value = row.keys[table.key(column)?].as_deref()?;
            let start = containers.periods.period_of(*period, value)?;
            containers.periods.period_of(*longer, &start).map(Some)
        }
        KeyValue::Area(areas, column) => match row.keys[table.key(column)?].as_deref() {
            Some(place) => containers.nuts.area(*areas, place).map(Some),
            None => Some(None),
        },
    }
}

/// The numbers of a third view that links name.
struct Beside<'a> {
    by: &'a [KeyPair],
    table: usize,
    measure: usize,
    lookup: Lookup,
}

impl<'a> Beside<'a> {
    /// `None` if the view is not among the tables, or not with these keys.
    fn of(tables: &[Table], own: usize, need: &'a Need, link: &Link) -> Result<Option<Self>> {
        let Some((table, measure)) = target(tables, own, &need.of) else { return Ok(None) };
        if need.by.iter().any(|pair| tables[table].key(&pair.theirs).is_none()) {
            return Ok(None);
        }
        let lookup = Lookup::of(&tables[table], &need.by, link)?;
        Ok(Some(Beside { by: &need.by, table, measure, lookup }))
    }

    /// The number beside the parts of a relation, if there is one.
    fn number(&self, own: &Table, parts: &[Number], containers: &Containers) -> Option<Number> {
        let first = &own.rows[parts.first()?.row];
        let row = *self.lookup.rows.get(&key_of(own, first, self.by, containers)?)?;
        Some(Number { table: self.table, row, measure: self.measure })
    }
}

impl Lookup {
    fn of(table: &Table, by: &[KeyPair], link: &Link) -> Result<Self> {
        let keys: Vec<usize> = by.iter().filter_map(|pair| table.key(&pair.theirs)).collect();
        let mut rows = HashMap::with_capacity(table.rows.len());
        let mut times = HashSet::new();
        for (number, row) in table.rows.iter().enumerate() {
            let key: KeyValues = keys.iter().map(|key| row.keys[*key].clone()).collect();
            times.insert(times_of(table, &keys, &key));
            if rows.insert(key.clone(), number).is_some() {
                bail!(
                    "the header of the view of {link}: {} has several rows of {}; name all keys that tell its rows \
                     apart after by",
                    table.view,
                    shown(&key)
                );
            }
        }
        Ok(Lookup { rows, times })
    }

    /// True if there should be a row: no value of the keys is empty, and there are rows of the same dates.
    fn is_expected(&self, table: &Table, link: &Link, key: &KeyValues) -> bool {
        let keys: Vec<usize> = link.by.iter().filter_map(|pair| table.key(&pair.theirs)).collect();
        key.iter().all(Option::is_some) && self.times.contains(&times_of(table, &keys, key))
    }
}

fn times_of(table: &Table, keys: &[usize], values: &KeyValues) -> KeyValues {
    let pairs = keys.iter().zip(values);
    pairs.filter(|(key, _)| table.is_time[**key]).map(|(_, value)| value.clone()).collect()
}

fn shown(key: &KeyValues) -> String {
    let values = key.iter().map(|value| value.as_deref().unwrap_or("-"));
    values.collect::<Vec<_>>().join(", ")
}
