//! Coarser forms of views as tables of a release, and their relations.

use std::collections::{BTreeSet, HashSet};

use anyhow::{Context, Result, bail};
use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Date32Type, Int64Type};
use chrono::NaiveDate;

use super::coarser_rows::{Counting, Origin, behind};
use super::dating::{Dating, Scope};
use super::largest::Largest;
use super::numbers::name;
use super::read;
use super::relations::{Containers, Related, relations as related};
use super::table::{Number, Role, Row, Table};
use crate::config::{Areas, ReleasePeriod};
use crate::views::coarser::{Coarser, Level, is_area, unit, users_per_lau};
use crate::views::publication::{Basis, Link, Measure, Relation};
use crate::views::{Registry, Unit};
use crate::warehouse::{DayColumn, Warehouse};

/// Reads a coarser form of a view, and the devices behind its sums. Periods that are not read as a whole are left out.
/// Rows of dates that are released have the role `role`.
///
/// # Errors
/// A warehouse that cannot be read.
pub fn table(
    warehouse: &dyn Warehouse,
    registry: &Registry,
    (coarser, role): (&Coarser, Role),
    (scope, origin): (&Scope, &Origin),
    largest: &mut Largest,
) -> Result<(Table, RecordBatch)> {
    let Coarser { view, of, source, .. } = coarser;
    let publication = &view.publication;
    let finest = registry.by_sql_name(of).and_then(|view| view.publication.keys.as_ref());
    let finest = finest.with_context(|| format!("{of} has no keys"))?;
    let counting = Counting {
        source: *source,
        of,
        keys: &finest.columns,
        level: coarser.level(),
        measures: publication.counts.as_deref().unwrap_or_default(),
        every: finest.are_complete(),
    };
    let place = || format!("{} for {}", view.place(), view.name);
    let rows = warehouse.sql(&counting.sql(origin)).and_then(read::collect).with_context(place)?;
    let keys = publication.keys.as_ref().map_or(&[][..], |keys| &keys.columns);
    let dating = Dating::of(view, &rows.schema(), keys);
    let is_by_date = matches!(&dating, Dating::Column(DayColumn::Date(name), _)
        if name == "date" || coarser.period.is_some_and(|period| name == period.name()));
    let starts = read::periods(&rows, &dating).with_context(place)?;
    let is_whole: BooleanArray = starts
        .iter()
        .map(|start| {
            let period = start.map(|start| dating.period(start));
            let is_read = !is_by_date || scope.is_wholly_read(period);
            Some(is_read && dating.is_complete(*start, scope))
        })
        .collect();
    let mut rows = read::sorted(view, &filter_record_batch(&rows, &is_whole)?)?;
    let columns = keys.len() + counting.measures.len();
    for sum in counting.sums() {
        let of_keys = view.order.iter().map(|order| &order.column).cloned();
        largest.add(&view.view, sum, &columns_of(&rows, of_keys.chain(behind(sum)))?)?;
    }
    rows = rows.project(&(0..columns).collect::<Vec<_>>())?;
    let starts = read::periods(&rows, &dating).with_context(place)?;
    let table = Table::new(view, publication, &rows, |row| {
        let period = starts[row].map(|start| dating.period(start));
        (period, if scope.is_released(period) { role } else { Role::Context })
    })?;
    Ok((table, rows))
}

/// Some columns of rows.
fn columns_of(rows: &RecordBatch, names: impl Iterator<Item = String>) -> Result<RecordBatch> {
    let numbers = names.map(|name| rows.schema().index_of(&name));
    Ok(rows.project(&numbers.collect::<Result<Vec<_>, _>>()?)?)
}

/// Refuses coarser numbers that contradict those of the views.
///
/// # Errors
/// The first such number.
pub fn refuse_contradictions(
    tables: &[Table],
    links: &[(usize, Link)],
    containers: &Containers,
) -> Result<()> {
    // what is nearly always true may not be
    let links = links.iter().filter(|(_, link)| !link.is_near && link.times.is_none());
    let links = links.map(|(number, link)| (*number, link));
    let value = |number: &Number| {
        tables[number.table].rows[number.row].numbers[number.measure].unwrap_or_default()
    };
    for Related { relation, whole, parts, .. } in related(tables, links, containers)?.0 {
        let sum: u64 = parts.iter().map(value).sum();
        let most = parts.iter().map(value).max().unwrap_or_default();
        let is_true = match relation {
            Relation::Equal => value(&whole) == sum,
            Relation::Within => value(&whole) >= sum,
            Relation::In => value(&whole) >= most,
            Relation::SeenIn => (most..=sum).contains(&value(&whole)),
        };
        if !is_true {
            bail!(
                "{} ({}) contradicts what it contains, such as {} ({}); run `mobility views`",
                name(&tables[whole.table], whole),
                value(&whole),
                name(&tables[parts[0].table], parts[0]),
                value(&parts[0])
            );
        }
    }
    Ok(())
}

/// Areas with too few devices in a month.
#[derive(Debug, Clone, Default)]
pub struct SmallAreas {
    /// The areas and first dates of months that have enough.
    large: Option<HashSet<(NaiveDate, String)>>,
    areas: Areas,
}

impl SmallAreas {
    /// Counts the devices that are seen in each area in each month of the dates that are read; with 0, no area has too
    /// few.
    ///
    /// # Errors
    /// A warehouse that cannot be read.
    pub fn read(
        warehouse: &dyn Warehouse,
        areas: Areas,
        min_devices: u64,
        origin: &Origin,
    ) -> Result<Self> {
        if min_devices == 0 {
            return Ok(SmallAreas::default());
        }
        let (of, source) = users_per_lau();
        let counting = Counting {
            source,
            of,
            keys: &["date".to_owned(), "lau_id".to_owned()],
            level: Level { areas, period: ReleasePeriod::Month },
            measures: &[Measure { column: "user_count".to_owned(), basis: Basis::Devices }],
            every: false,
        };
        let rows = read::collect(warehouse.sql(&counting.sql(origin))?)?;
        let context = || "the devices of the areas could not be counted";
        let months = rows.column(0).as_primitive_opt::<Date32Type>().with_context(context)?;
        let names = rows.column(1).as_string_opt::<i32>().with_context(context)?;
        let counts = rows.column(2).as_primitive_opt::<Int64Type>().with_context(context)?;
        let mut large = HashSet::new();
        for row in 0..rows.num_rows() {
            let month = months.value_as_date(row).with_context(context)?;
            if counts.value(row).unsigned_abs() >= min_devices {
                large.insert((month, names.value(row).to_owned()));
            }
        }
        Ok(SmallAreas { large: Some(large), areas })
    }

    /// True for a row about an area that has too few devices in the month in which the period of the row begins; of a
    /// row without a period, in each month.
    pub fn has(&self, table: &Table, row: &Row) -> bool {
        let Some(large) = &self.large else { return false };
        let is_of_level = |key: &str| match self.areas {
            Areas::Lau => is_area(key),
            areas => key.ends_with(areas.name()),
        };
        let month = row.period.map(|(first, _)| unit(ReleasePeriod::Month).start_of(first));
        let is_small = |area: &String| match month {
            Some(month) => !large.contains(&(month, area.clone())),
            None => !large.iter().any(|(_, of)| of == area),
        };
        let keys = table.keys.columns.iter().zip(&row.keys);
        let mut areas = keys.filter(|(key, _)| is_of_level(key)).filter_map(|(_, v)| v.as_ref());
        areas.any(is_small)
    }
}

/// The ids of the LAUs of the warehouse.
///
/// # Errors
/// A warehouse that cannot be read.
pub fn lau_ids(warehouse: &dyn Warehouse) -> Result<BTreeSet<String>> {
    let rows = read::collect(warehouse.sql("SELECT lau_id FROM lau")?)?;
    let ids = rows.column(0).as_string_opt::<i32>().context("the ids of LAUs are no texts")?;
    Ok(ids.iter().flatten().map(str::to_owned).collect())
}

/// True if a whole period of this length can be released.
pub fn has_whole(scope: &Scope, period: ReleasePeriod) -> bool {
    let unit: Unit = unit(period);
    scope.read_dates().iter().any(|date| {
        let start = unit.start_of(*date);
        scope.is_released(Some((start, unit.end(start))))
    })
}
