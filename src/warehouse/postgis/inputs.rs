//! What the results of views are computed from, as one transaction sees it, with fingerprints: a result, or
//! the rows of one of its periods, is computed again if the fingerprint of what it reads has changed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::Result;
use chrono::NaiveDate;
use postgres::Transaction;
use sha2::{Digest, Sha256};

use super::load_movement;
use super::local_files::LocalFiles;
use super::named_windows::{self, Windows};
use super::names::{DATE_COLUMN, SchemaName};
use super::plan_marks::PlanMarks;
use super::relations::{ColumnTypes, column_types};
use super::search_path::possible_relations;
use super::server_errors::failed;
use super::spark_rows::SparkRows;
use super::stored_views::{self, Storage, StoredView};
use crate::domain::ids::hex;
use crate::domain::tables::{Table, quoted};
use crate::views::{Growth, Unit, reads_named_relations_only, reads_valid_cells_only};

/// The tables with the rows of dates, and those that are the same for all dates.
const BY_PERIOD: [Table; 6] = [
    Table::MobileEventsCompressed,
    Table::MobileEventsPlaced,
    Table::Segments,
    Table::Trips,
    Table::CellPlan,
    Table::Lau,
];

/// The active partition of a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatePartition {
    pub number: i64,
    pub fingerprint: String,
    pub rows: i64,
}

/// The first dates of the periods of a stored result, each with its fingerprint.
pub type Periods = BTreeMap<NaiveDate, String>;

/// Everything that views can read.
#[derive(Debug)]
pub struct Inputs {
    pub views: Vec<StoredView>,
    pub dates: BTreeMap<NaiveDate, DatePartition>,
    /// Fingerprints of the rows of segments and trips.
    pub movement: BTreeMap<NaiveDate, String>,
    raw_events: String,
    plan_marks: PlanMarks,
    /// Fingerprints of the cell plan, of the small tables and of the LAUs.
    pub plan: String,
    pub small: String,
    pub lau: String,
    pub load_no: i64,
    periods: HashMap<String, Periods>,
    /// The windows that views name for the views that read them.
    windows: HashMap<String, Windows>,
    /// The columns of the views.
    columns: HashMap<String, ColumnTypes>,
    /// Where the files are that rows were loaded from, if they may be read.
    pub files: Option<LocalFiles>,
    /// The rows that Spark has computed.
    pub spark: Option<SparkRows>,
}

/// The tables and views that the SQL of a view reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reads {
    pub tables: Vec<Table>,
    pub views: Vec<String>,
    /// The view that names the windows that are read of other views.
    windows: Option<String>,
    /// Of the cell plan, only the rows that are valid on a date count.
    valid_cells: bool,
}

/// The fingerprints of cell plan, small tables and LAUs, as `mobility_load.places` holds them. Earlier
/// versions of the program stored fewer.
pub fn split_places(places: Option<&str>) -> [&str; 3] {
    let mut words = places.unwrap_or_default().split(' ');
    std::array::from_fn(|_| words.next().unwrap_or_default())
}

impl Inputs {
    /// # Errors
    /// Errors of the server.
    pub fn read(transaction: &mut Transaction, schema: &SchemaName) -> Result<Self> {
        let views = stored_views::all(transaction, schema)?;
        let sql = "SELECT date, leaf_no, mark, row_count FROM {schema}.mobility_leaf \
                   WHERE retired_by IS NULL";
        let mut dates = BTreeMap::new();
        let mut raw_events = String::new();
        for row in transaction.query(&schema.fill(sql), &[]).map_err(failed)? {
            match row.get(0) {
                Some(date) => {
                    let (number, fingerprint, rows) = (row.get(1), row.get(2), row.get(3));
                    dates.insert(date, DatePartition { number, fingerprint, rows });
                }
                None => raw_events = row.get(2),
            }
        }
        let sql = "SELECT places, load_no FROM {schema}.mobility_load";
        let load = transaction.query_one(&schema.fill(sql), &[]).map_err(failed)?;
        let [plan, small, lau] = split_places(load.get(0)).map(str::to_owned);
        let mut periods: HashMap<String, Periods> = HashMap::new();
        let sql = "SELECT view, date, mark FROM {schema}.mobility_view_date";
        for row in transaction.query(&schema.fill(sql), &[]).map_err(failed)? {
            periods.entry(row.get(0)).or_default().insert(row.get(1), row.get(2));
        }
        let mut columns = HashMap::new();
        for view in &views {
            columns.insert(view.view.clone(), column_types(transaction, Some(schema), &view.view)?);
        }
        let mut inputs = Inputs {
            views,
            dates,
            movement: load_movement::fingerprints(transaction, schema)?,
            raw_events,
            plan_marks: PlanMarks::read(transaction, schema)?,
            plan,
            small,
            lau,
            load_no: load.get(1),
            periods,
            windows: HashMap::new(),
            columns,
            files: None,
            spark: None,
        };
        for view in inputs.views.clone() {
            if let Storage::Split(split) = &view.storage {
                let named = (&*view.view, split);
                let columns = inputs.columns(&view.view);
                let windows = named_windows::read(transaction, schema, columns, named)?;
                inputs.set_windows(&view.view, windows);
            }
        }
        Ok(inputs)
    }

    /// Remembers the windows that a view names.
    pub fn set_windows(&mut self, view: &str, windows: Windows) {
        self.windows.insert(view.to_owned(), windows);
    }

    /// The stored periods of a view.
    pub fn periods(&mut self, view: &str) -> &mut Periods {
        self.periods.entry(view.to_owned()).or_default()
    }

    /// The columns of a view with a stored result.
    pub fn columns(&self, view: &str) -> &ColumnTypes {
        const NONE: &ColumnTypes = &Vec::new();
        self.columns.get(view).unwrap_or(NONE)
    }

    pub fn set_columns(&mut self, view: &str, columns: ColumnTypes) {
        self.columns.insert(view.to_owned(), columns);
    }

    /// Remembers the view as it is stored now.
    pub fn set_view(&mut self, view: StoredView) {
        match self.views.iter_mut().find(|known| known.view == view.view) {
            Some(known) => *known = view,
            None => self.views.push(view),
        }
    }

    /// A view with a stored result.
    pub fn view(&self, name: &str) -> Option<&StoredView> {
        self.views.iter().find(|known| known.view == name)
    }

    /// True if the result of the view holds the numbers of ids.
    pub fn has_numbers(&self, view: &str) -> bool {
        let is_sums = |known: &&StoredView| matches!(known.storage, Storage::Sums { .. });
        self.view(view).filter(is_sums).is_some_and(|known| self.on_numbers(&known.sql))
    }

    /// True if the SQL can be computed on the numbers of ids.
    pub fn on_numbers(&self, sql: &str) -> bool {
        // these tables hold the ids themselves
        let reads_ids = self.reads("", sql).is_none_or(|reads| reads.movement());
        !reads_ids && crate::views::compares_ids_only(sql, |name| self.has_numbers(name))
    }

    /// What the SQL of a view reads; `None` if that is unknown.
    pub fn reads(&self, view: &str, sql: &str) -> Option<Reads> {
        let words = possible_relations(sql)?;
        let tables = Table::ALL.into_iter().filter(|table| words.contains(table.name())).collect();
        let is_read = |known: &&StoredView| known.view != view && words.contains(&known.view);
        let views = self.views.iter().filter(is_read).map(|known| known.view.clone()).collect();
        let windows = match self.view(view).map(|known| &known.storage) {
            Some(Storage::Periods { windows, .. }) => windows.clone(),
            _ => None,
        };
        Some(Reads { tables, views, windows, valid_cells: reads_valid_cells_only(sql) })
    }

    /// True if everything that is read has rows by period, or is the same for all dates.
    pub fn have_periods(&self, reads: &Reads) -> bool {
        let is_by_period = |view: &String| {
            let is_seen =
                |storage: &Storage| matches!(storage, Storage::Periods { .. } | Storage::Split(_));
            self.view(view).is_some_and(|known| is_seen(&known.storage))
        };
        reads.tables.iter().all(|table| BY_PERIOD.contains(table))
            && reads.views.iter().all(is_by_period)
    }

    /// The length of the periods of a view.
    fn unit(&self, view: &str) -> Option<Unit> {
        match &self.view(view)?.storage {
            Storage::Periods { growth, .. } => Some(growth.unit),
            Storage::Split(split) => Some(split.unit),
            _ => None,
        }
    }

    /// The periods of the views that are read over the dates from `first` to `last`.
    pub fn seen<'r>(
        &self,
        reads: &'r Reads,
        (first, last): (NaiveDate, NaiveDate),
    ) -> Vec<(&'r str, Seen)> {
        let named = reads.windows.as_ref().and_then(|name| self.windows.get(name));
        let named: Option<BTreeSet<NaiveDate>> = named
            .map(|all| all.range(first..=last).flat_map(|(_, windows)| windows).copied().collect());
        let seen = |view: &'r String| {
            let unit = self.unit(view);
            let is_split = |known: &StoredView| matches!(known.storage, Storage::Split(_));
            let has_windows = unit != Some(Unit::Date) && !self.view(view).is_some_and(is_split);
            let seen = match &named {
                Some(starts) if has_windows => Seen::Starts(starts.clone()),
                _ => Seen::Range(unit.map_or(first, |unit| unit.start_of(first)), last),
            };
            (view.as_str(), seen)
        };
        reads.views.iter().map(seen).collect()
    }

    /// The views that are read over some dates, with the condition for the stored rows that are seen.
    pub fn conditions(&self, reads: &Reads, days: (NaiveDate, NaiveDate)) -> Vec<(String, String)> {
        let condition = |(view, seen): (&str, Seen)| {
            (view.to_owned(), seen.condition(&self.period_column(view)))
        };
        self.seen(reads, days).into_iter().map(condition).collect()
    }

    /// The column with the periods of the stored rows of a view.
    fn period_column(&self, view: &str) -> String {
        match self.view(view).map(|known| &known.storage) {
            Some(Storage::Split(split)) => quoted(&split.column),
            _ => DATE_COLUMN.to_owned(),
        }
    }

    /// The dates that rows can depend on: those with events, and the first ones of the periods that are read.
    pub fn all_dates(&self, reads: &Reads) -> BTreeSet<NaiveDate> {
        let of_views = reads.views.iter().filter_map(|view| self.periods.get(view));
        self.dates.keys().chain(of_views.flat_map(BTreeMap::keys)).copied().collect()
    }

    /// The first dates of the periods of a view.
    pub fn starts(&self, growth: Growth, reads: &Reads) -> BTreeSet<NaiveDate> {
        match growth.loaded {
            true => growth.periods(self.dates.keys().copied()),
            false => growth.periods(self.all_dates(reads)),
        }
    }

    /// Fingerprint of what is read besides the events: `own` is that of the SQL.
    pub fn without_events(
        &self,
        own: &str,
        reads: &Reads,
        (first, last): (NaiveDate, NaiveDate),
    ) -> String {
        let mut text = own.to_owned();
        for table in &reads.tables {
            match table {
                Table::CellPlan if reads.valid_cells => {
                    text.push_str(&format!("\nvalid {}", self.plan_marks.of(first, last)));
                }
                Table::CellPlan => text.push_str(&format!("\nplan {}", self.plan)),
                Table::Lau => text.push_str(&format!("\nlau {}", self.lau)),
                _ => {}
            }
        }
        for (view, seen) in self.seen(reads, (first, last)) {
            let Some(all) = self.periods.get(view) else { continue };
            let (from, to) = seen.bounds();
            for (start, mark) in all.range(from..=to).filter(|(start, _)| seen.contains(**start)) {
                text.push_str(&format!("\n{view} {start} {mark}"));
            }
        }
        hex(&Sha256::digest(text))
    }

    /// Fingerprint of everything that the rows of the period with the dates from `first` to `last` depend
    /// on.
    pub fn fingerprint(
        &self,
        own: &str,
        reads: &Reads,
        (first, last): (NaiveDate, NaiveDate),
    ) -> String {
        let mut text = self.without_events(own, reads, (first, last));
        if reads.events() {
            for (date, partition) in self.dates.range(first..=last) {
                text.push_str(&format!("\n{date} {}", partition.fingerprint));
            }
        }
        if reads.movement() {
            for (date, fingerprint) in self.movement.range(first..=last) {
                text.push_str(&format!("\n{date} {fingerprint}"));
            }
        }
        hex(&Sha256::digest(text))
    }

    /// Fingerprint of everything that a whole result depends on; `None` if that is unknown, so that it has to
    /// be computed again.
    pub fn of_whole(&self, view: &StoredView) -> Option<String> {
        let reads = self.reads(&view.view, &view.sql)?;
        let is_known = |name: &str| Table::from_name(name).is_some() || self.view(name).is_some();
        if reads.tables.contains(&Table::Runs) || !reads_named_relations_only(&view.sql, is_known) {
            return None;
        }
        let all = (NaiveDate::MIN, NaiveDate::MAX);
        let mut text = self.fingerprint(&view.fingerprint, &reads, all);
        for table in &reads.tables {
            match table {
                Table::MobileEventsUncompressed => text.push_str(&self.raw_events),
                table if table.is_small() => text.push_str(&self.small),
                _ => {}
            }
        }
        for known in reads.views.iter().filter_map(|name| self.view(name)) {
            if known.storage.is_whole() {
                text.push_str(known.inputs.as_deref().filter(|_| known.load_no == self.load_no)?);
            }
        }
        Some(hex(&Sha256::digest(text)))
    }
}

/// The periods that are read of a view, by their first dates.
#[derive(Debug, Clone)]
pub enum Seen {
    /// From the first to the last one.
    Range(NaiveDate, NaiveDate),
    Starts(BTreeSet<NaiveDate>),
}

impl Seen {
    /// The first and the last period that can be among them.
    fn bounds(&self) -> (NaiveDate, NaiveDate) {
        match self {
            Seen::Range(first, last) => (*first, *last),
            Seen::Starts(starts) => {
                let first = starts.first().copied().unwrap_or(NaiveDate::MAX);
                (first, starts.last().copied().unwrap_or(NaiveDate::MAX))
            }
        }
    }

    fn contains(&self, start: NaiveDate) -> bool {
        match self {
            Seen::Range(first, last) => *first <= start && start <= *last,
            Seen::Starts(starts) => starts.contains(&start),
        }
    }

    /// The condition for their rows in SQL, of the column with the first dates.
    pub fn condition(&self, column: &str) -> String {
        match self {
            Seen::Range(first, last) => {
                format!("{column} BETWEEN DATE '{first}' AND DATE '{last}'")
            }
            Seen::Starts(starts) if starts.is_empty() => "false".to_owned(),
            Seen::Starts(starts) => {
                let starts: Vec<String> = starts.iter().map(|s| format!("DATE '{s}'")).collect();
                format!("{column} IN ({})", starts.join(", "))
            }
        }
    }
}

impl Reads {
    /// True if it reads the rows of dates.
    pub fn events(&self) -> bool {
        let events = [Table::MobileEventsCompressed, Table::MobileEventsPlaced];
        events.iter().any(|table| self.tables.contains(table))
    }

    /// True if it reads segments or trips.
    pub fn movement(&self) -> bool {
        Table::MOVEMENT.iter().any(|table| self.tables.contains(table))
    }
}
