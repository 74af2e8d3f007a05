//! What the flows of areas tell with those of the parts of the areas: trips from one part to another are within the area,
//! so that flows into and out of areas do not add up, but those with the trips within do.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::Result;

use super::coarser_relations::{Further, is_between};
use super::coarser_rows::{Origin, areas_of, truncated};
use super::history::History;
use super::largest::Largest;
use super::read;
use super::relations::{Containers, key_of};
use super::table::{KeyValues, Role, Row, Table};
use crate::config::Areas;
use crate::views::coarser::{Coarser, FLOW_BALANCE, Level, TRIP_DISTANCES, TRIPS_OD};
use crate::views::publication::{
    Basis, Column, Contribution, KeyPair, KeyValue, Keys, Link, Measure, Publication, Relation,
    RowValue, RowsOf, Source, UserRows,
};
use crate::warehouse::Warehouse;

/// Trips within the parts of an area, those from one part to another, and all that begin or end in it.
const WITHIN: &str = "within";
const BETWEEN: &str = "between";
const LEAVING: &str = "leaving";
const ENDING: &str = "ending";

/// The forms of the flows that nobody publishes, but that outsiders compute from what is published with earlier
/// releases.
pub fn computed<'a>(
    coarser: &'a [Coarser],
    forms: &[&Coarser],
    history: &History,
    is_released: impl Fn(&str) -> bool,
) -> Vec<&'a Coarser> {
    let views = [TRIPS_OD, FLOW_BALANCE, TRIP_DISTANCES];
    let is_of = |form: &Coarser| views.contains(&form.of.as_str());
    let was_released = views.iter().any(|view| history.has(view))
        || coarser.iter().any(|form| is_of(form) && history.has(&form.view.view));
    if !was_released {
        return Vec::new();
    }
    let forms: Vec<&&Coarser> = forms.iter().filter(|form| is_of(form)).collect();
    let mut areas: Vec<Areas> = forms.iter().filter_map(|form| form.areas).collect();
    if [TRIPS_OD, FLOW_BALANCE].iter().any(|view| history.has(view) || is_released(view)) {
        areas.push(Areas::Lau);
    }
    let is_wanted = |flows: &Coarser| {
        let is_at = |form: &&Coarser| match form.areas {
            Some(_) => form.level() == flows.level(),
            None => form.period == flows.period && areas.contains(&flows.level().areas),
        };
        forms.iter().any(|form| is_at(form))
            && forms.iter().all(|form| form.view.view != flows.view.view)
    };
    coarser.iter().filter(|form| form.of == FLOW_BALANCE && is_wanted(form)).collect()
}

/// The trips between areas of which flows consist, where nobody publishes them: as in the views themselves, it may be
/// known between which areas there are any.
pub fn behind<'a>(coarser: &'a [Coarser], forms: &[&Coarser]) -> Vec<&'a Coarser> {
    let flows =
        |level: Level| forms.iter().any(|form| form.of == FLOW_BALANCE && form.level() == level);
    let is_missing = |form: &&Coarser| forms.iter().all(|known| known.view.view != form.view.view);
    let trips = coarser.iter().filter(|form| form.of == TRIPS_OD && flows(form.level()));
    trips.filter(is_missing).collect()
}

/// Adds the numbers of trips from one part of an area to another, which are the difference of what is published, for
/// each form of the flows and each of smaller areas, and the relations between the three.
///
/// # Errors
/// A warehouse that cannot be read.
pub fn add(
    tables: &mut Vec<Table>,
    forms: &[&Coarser],
    warehouse: &dyn Warehouse,
    (origin, containers): (&Origin, &Containers),
    (history, largest): (&History, &mut Largest),
) -> Result<Further> {
    let mut found = Further::default();
    let flows = || forms.iter().filter(|form| form.of == FLOW_BALANCE);
    let known = |tables: &[Table], view: &str| {
        let is_known = |table: &Table| {
            history.has(view) || table.rows.iter().any(|row| row.role != Role::Context)
        };
        tables.iter().position(|table| table.view == view && is_known(table))
    };
    let mut finer: Vec<(&str, Level)> = vec![(FLOW_BALANCE, Level::FINEST)];
    finer.extend(flows().map(|form| (form.view.view.as_str(), form.level())));
    for form in flows() {
        for (view, level) in &finer {
            let is_finer = level.is_within(form.level()) && level.areas != form.level().areas;
            let (Some(of_area), Some(of_part)) =
                (known(tables, &form.view.view), known(tables, view))
            else {
                continue;
            };
            // what follows from the areas and periods in between is not looked at again
            if !is_finer || is_between(forms, FLOW_BALANCE, *level, form.level()) {
                continue;
            }
            let by = form.by_of(*level);
            let table = parts(&tables[of_area], &tables[of_part], &by, containers);
            let rows = read::collect(warehouse.sql(&between(origin, *level, form.level()))?)?;
            largest.add(&table.view, BETWEEN, &rows)?;
            let number = tables.len();
            let keys: Vec<KeyPair> = by.iter().map(|pair| itself(&pair.theirs)).collect();
            let link = |counts: &[&str], (view, column): (&str, &str), by: &[KeyPair]| Link {
                counts: counts.iter().map(|column| (*column).to_owned()).collect(),
                times: None,
                relation: Relation::Equal,
                is_near: false,
                to: Column { view: Some(view.to_owned()), column: column.to_owned() },
                by: by.to_vec(),
                each: Vec::new(),
                beside: None,
                condition: None,
            };
            found.direct.push((of_part, link(&[WITHIN], (&table.view, WITHIN), &by)));
            let whole = (form.view.view.as_str(), WITHIN);
            found.direct.push((number, link(&[WITHIN, BETWEEN], whole, &keys)));
            for (flow, total) in [("outflow", LEAVING), ("inflow", ENDING)] {
                let all = (table.view.as_str(), total);
                found.implied.push((of_part, link(&[flow, WITHIN], all, &by)));
                found.direct.push((of_area, link(&[flow, WITHIN], all, &keys)));
            }
            tables.push(table);
        }
    }
    Ok(found)
}

fn itself(key: &str) -> KeyPair {
    KeyPair { ours: KeyValue::Column(key.to_owned()), theirs: key.to_owned() }
}

/// The trips within the parts of each area, those between them, and all that begin or end in it.
fn parts(of_area: &Table, of_part: &Table, by: &[KeyPair], containers: &Containers) -> Table {
    let number = |table: &Table, row: &Row, column: &str| {
        table.measure(column).and_then(|measure| row.numbers[measure]).unwrap_or_default()
    };
    let mut within: BTreeMap<KeyValues, u64> = BTreeMap::new();
    for row in &of_part.rows {
        if let Some(key) = key_of(of_part, row, by, containers) {
            *within.entry(key).or_default() += number(of_part, row, WITHIN);
        }
    }
    let keys: Vec<usize> = by.iter().filter_map(|pair| of_area.key(&pair.theirs)).collect();
    let rows = of_area.rows.iter().map(|row| {
        let key: KeyValues = keys.iter().map(|key| row.keys[*key].clone()).collect();
        let parts = within.get(&key).copied().unwrap_or_default();
        let [inflow, outflow, whole] =
            ["inflow", "outflow", WITHIN].map(|column| number(of_area, row, column));
        let between = whole.saturating_sub(parts);
        Row {
            keys: key,
            period: row.period,
            role: Role::Total,
            numbers: [parts, between, outflow + whole, inflow + whole].map(Some).to_vec(),
        }
    });
    let rows = rows.collect();
    let measure = |column: &str| Measure { column: column.to_owned(), basis: Basis::OverUsers };
    let columns: Vec<String> = by.iter().map(|pair| pair.theirs.clone()).collect();
    let of_keys = columns.iter().map(|key| (key.clone(), RowValue::Column(key.clone()))).collect();
    let largest = Contribution {
        column: BETWEEN.to_owned(),
        from: Source::Rows(UserRows {
            relation: TRIPS_OD.to_owned(),
            column: None,
            by: of_keys,
            condition: None,
        }),
    };
    Table {
        view: format!("{} over {}", of_area.view, of_part.view),
        publication: Publication { largest: vec![largest], ..Publication::default() },
        identity: (0..columns.len()).collect(),
        is_time: keys.iter().map(|key| of_area.is_time[*key]).collect(),
        is_amount: vec![false; 4],
        is_total: true,
        keys: Keys { columns, rows: RowsOf::Devices },
        measures: [WITHIN, BETWEEN, LEAVING, ENDING].map(measure).to_vec(),
        rows,
    }
}

/// The SELECT of the devices that make trips from one part of an area to another, and of the trips of the one that makes
/// most, by period and area.
fn between(origin: &Origin, finer: Level, level: Level) -> String {
    let mut sql = String::new();
    // writing to a string cannot fail
    let _ = write!(
        sql,
        "WITH parts (lau_id, area) AS ({}), areas (lau_id, area) AS ({}), ",
        areas_of(finer.areas, origin.nuts),
        areas_of(level.areas, origin.nuts)
    );
    let mut dates = String::new();
    if let (Some(first), Some(last)) = (origin.dates.first(), origin.dates.last()) {
        let _ = write!(dates, " AND g.date >= DATE '{first}' AND g.date <= DATE '{last}'");
    }
    let period = truncated(level.period);
    let _ = write!(
        sql,
        "by_device AS (SELECT g.user_id, {period} AS period, sa.area, COUNT(*) AS trips FROM trips g \
         JOIN areas sa ON sa.lau_id = g.from_lau_id JOIN areas ea ON ea.lau_id = g.to_lau_id \
         JOIN parts sp ON sp.lau_id = g.from_lau_id JOIN parts ep ON ep.lau_id = g.to_lau_id \
         WHERE sa.area = ea.area AND sp.area <> ep.area{dates} GROUP BY g.user_id, {period}, sa.area) \
         SELECT period, area, COUNT(*) AS devices, CAST(MAX(trips) AS BIGINT) AS largest FROM by_device \
         GROUP BY period, area"
    );
    sql
}
