//! Stored results with sums over all dates: a new, changed or removed date is added to them or taken away
//! from them, and the other dates are not read.
//!
//! What a date has added follows from the partition that it was computed from, which is kept until the
//! load after the one that replaces it. If it is gone, or something else that the view reads has changed,
//! the sums are computed anew. `mobility_view_date` lists the dates that they contain.

use std::collections::BTreeMap;

use anyhow::Result;
use chrono::NaiveDate;
use postgres::Transaction;

use super::inputs::{Inputs, Periods};
use super::merge_sums::{Merge, Sums};
use super::names::SchemaName;
use super::relations::exists;
use super::server_errors::failed;
use super::visible_tables::Scope;

/// A date that the sums contain.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Added {
    /// Fingerprint of everything but the events that its rows depend on.
    besides: String,
    events: String,
    partition: Option<i64>,
}

/// Adds dates that are new, takes away those that are gone, and does both for those that changed. Returns the
/// number of rows.
///
/// # Errors
/// SQL that the server rejects, with the position in it.
pub fn update(
    transaction: &mut Transaction,
    schema: &SchemaName,
    inputs: &mut Inputs,
    sums: &Sums,
) -> Result<i64> {
    let view = &*sums.view.view;
    let current = current(inputs, sums);
    let mut stored = stored(transaction, schema, view)?;
    let mut rows = sums.view.rows;
    let by_spark = match sums.refresh || stored != current {
        true => inputs.rows_of_spark(view)?,
        false => None,
    };
    if sums.refresh {
        // the stored sums stay if the new ones are the same
        stored.clear();
        rows = 0;
    } else if by_spark.is_some()
        || stored.is_empty()
        || !can_be_taken_away(transaction, schema, inputs, (&stored, &current, sums))?
    {
        let clear = format!("DELETE FROM {}", schema.result_table(view));
        transaction.batch_execute(&clear).map_err(failed)?;
        stored.clear();
        rows = 0;
    }
    let mut merge = Merge::new(schema, inputs, sums, rows);
    let is_filled = match by_spark {
        Some(rows) => merge.add_rows(transaction, rows)?,
        None => false,
    };
    let differs = |date: &NaiveDate| stored.get(date) != current.get(date);
    for (date, added) in stored.iter().filter(|(date, _)| differs(date)) {
        merge.take_away(transaction, &scope(inputs, sums, *date, added))?;
    }
    for (date, added) in current.iter().filter(|(date, _)| !is_filled && differs(date)) {
        merge.add(transaction, &scope(inputs, sums, *date, added))?;
    }
    let rows = merge.finish(transaction)?;
    remember(transaction, schema, view, (&stored, &current))?;
    *inputs.periods(view) = current.iter().map(|(date, added)| (*date, added.mark())).collect();
    Ok(rows)
}

impl Added {
    fn mark(&self) -> String {
        format!("{} {}", self.besides, self.events)
    }
}

/// The fingerprints of the dates that the sums are to contain.
pub fn fingerprints(inputs: &Inputs, sums: &Sums) -> Periods {
    current(inputs, sums).iter().map(|(date, added)| (*date, added.mark())).collect()
}

/// The loaded dates.
fn current(inputs: &Inputs, sums: &Sums) -> BTreeMap<NaiveDate, Added> {
    let own = &sums.view.fingerprint;
    let added = |date: NaiveDate| {
        let partition = inputs.dates.get(&date);
        Added {
            besides: inputs.without_events(own, sums.reads, (date, date)),
            events: partition.map(|p| p.fingerprint.clone()).unwrap_or_default(),
            partition: partition.map(|p| p.number),
        }
    };
    inputs.all_dates(sums.reads).into_iter().map(|date| (date, added(date))).collect()
}

/// The dates that the sums contain.
fn stored(
    transaction: &mut Transaction,
    schema: &SchemaName,
    view: &str,
) -> Result<BTreeMap<NaiveDate, Added>> {
    let sql = "SELECT date, mark, leaf_no FROM {schema}.mobility_view_date WHERE view = $1";
    let rows = transaction.query(&schema.fill(sql), &[&view]).map_err(failed)?;
    let added = |row: &postgres::Row| {
        let mark: String = row.get(1);
        let (besides, events) = mark.split_once(' ').unwrap_or((&mark, ""));
        let (besides, events) = (besides.to_owned(), events.to_owned());
        (row.get(0), Added { besides, events, partition: row.get(2) })
    };
    Ok(rows.iter().map(added).collect())
}

/// True if what changed or removed dates have added can still be computed.
fn can_be_taken_away(
    transaction: &mut Transaction,
    schema: &SchemaName,
    inputs: &Inputs,
    (stored, current, sums): (&BTreeMap<NaiveDate, Added>, &BTreeMap<NaiveDate, Added>, &Sums),
) -> Result<bool> {
    for (date, added) in stored.iter().filter(|(date, added)| current.get(date) != Some(added)) {
        let own = &sums.view.fingerprint;
        let besides = inputs.without_events(own, sums.reads, (*date, *date));
        // the earlier rows of views are gone
        let is_known = sums.reads.views.is_empty() && besides == added.besides;
        let Some(number) = added.partition.filter(|_| is_known) else { return Ok(false) };
        if !exists(transaction, schema, &format!("mobility_presence_{number}"))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What the rows of a date are computed from.
fn scope(inputs: &Inputs, sums: &Sums, date: NaiveDate, added: &Added) -> Scope {
    Scope {
        period: None,
        partitions: added.partition.map(|number| (date, number)).into_iter().collect(),
        views: inputs.conditions(sums.reads, (date, date)),
    }
}

/// Records the dates that the sums contain now.
fn remember(
    transaction: &mut Transaction,
    schema: &SchemaName,
    view: &str,
    (stored, current): (&BTreeMap<NaiveDate, Added>, &BTreeMap<NaiveDate, Added>),
) -> Result<()> {
    let kept: Vec<NaiveDate> =
        stored.keys().filter(|date| stored.get(date) == current.get(date)).copied().collect();
    let forget = "DELETE FROM {schema}.mobility_view_date WHERE view = $1 AND date <> ALL ($2)";
    transaction.execute(&schema.fill(forget), &[&view, &kept]).map_err(failed)?;
    let insert = "INSERT INTO {schema}.mobility_view_date (view, date, mark, row_count, leaf_no) \
                  VALUES ($1, $2, $3, 0, $4)";
    let insert = schema.fill(insert);
    for (date, added) in current.iter().filter(|(date, _)| !kept.contains(date)) {
        let mark = added.mark();
        transaction.execute(&insert, &[&view, date, &mark, &added.partition]).map_err(failed)?;
    }
    Ok(())
}
