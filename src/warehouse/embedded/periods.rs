//! The periods of views, with fingerprints of everything that their rows depend on: the SQL, the files of the
//! dates that they read, the places, and the periods of other views.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::Result;
use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use super::Embedded;
use super::period_batches::MAX_BYTES_OF_SUM;
use super::split_rows::SplitRows;
use super::stored_results::{Period, Span, shortened};
use super::table_files::TableFiles;
use super::versions::Version;
use crate::datasets::cells_by_date::CellsByDate;
use crate::domain::tables::Table;
use crate::formats::parquet::checksum;
use crate::views::{Growth, Split, View, reads_valid_cells_only};
use crate::warehouse::batches::batches;

/// Tables that are a single file.
const FILES: [Table; 4] = [Table::CellPlan, Table::Lau, Table::QualityDaily, Table::QualityCodes];

/// What the SQL of a view names.
struct Inputs {
    presence: bool,
    /// The tables of the stage `movement`.
    movement: bool,
    /// The cell plan, of which it sees only the cells that are valid on a date.
    valid_cells: bool,
    /// Tables that count as a whole.
    tables: Vec<Table>,
    views: Vec<View>,
}

/// The periods of the views over a version.
pub struct Periods<'a> {
    embedded: &'a Embedded,
    /// The folder with the results of views.
    folder: &'a Path,
    pub files: Arc<TableFiles>,
    /// The loaded dates, each with a line that tells the fingerprint of its hourly presence.
    dates: Vec<(NaiveDate, String)>,
    /// The same lines for the tables of the stage `movement`, made when they are needed.
    movement: OnceCell<Vec<String>>,
    known: HashMap<String, Rc<Vec<Period>>>,
    /// Views that are computed as a whole, as others see them.
    split: HashMap<String, Rc<SplitRows>>,
    /// Views whose stored results are those of the version.
    current: HashSet<String>,
    inputs: HashMap<String, Rc<Inputs>>,
    /// Read when it is needed.
    cells: OnceCell<CellsByDate>,
}

impl<'a> Periods<'a> {
    /// The periods of views whose results are in `folder`.
    ///
    /// # Errors
    /// A version whose list of files is damaged.
    pub fn new(embedded: &'a Embedded, version: &Version, folder: &'a Path) -> Result<Self> {
        let files = embedded.table_files(version)?;
        let date = |date: &NaiveDate| (*date, format!("{date} {}\n", files.fingerprint_of(*date)));
        let dates = files.presence.keys().map(date).collect();
        Ok(Periods {
            embedded,
            folder,
            files,
            dates,
            movement: OnceCell::new(),
            known: HashMap::new(),
            split: HashMap::new(),
            current: HashSet::new(),
            inputs: HashMap::new(),
            cells: OnceCell::new(),
        })
    }

    /// The periods of a view in order; a single one without a start for a view that is computed as a whole.
    ///
    /// Of the views that are computed as a whole, those must be current that the view reads and that others see
    /// by period.
    ///
    /// # Errors
    /// A view that depends on itself; inputs that cannot be listed.
    pub fn of(&mut self, view: &View) -> Result<Rc<Vec<Period>>> {
        if let Some(known) = self.known.get(&view.view) {
            return Ok(Rc::clone(known));
        }
        let own = self.embedded.fingerprint(view)?;
        let growth = self.growth(view)?;
        let starts = match growth {
            Some(growth) if view.accumulate.is_none() => {
                growth.periods(self.all_dates(view, growth)?)
            }
            _ => Default::default(),
        };
        // without any date there is one empty result, which has the columns
        let periods = match growth.filter(|_| !starts.is_empty()) {
            None => vec![Period { start: None, fingerprint: self.whole(view, &own)?, reads: None }],
            Some(growth) => {
                let mut periods = Vec::new();
                for start in starts {
                    let reads = growth.reads(start);
                    let fingerprint = self.fingerprint(view, &own, start, reads)?;
                    periods.push(Period { start: Some(start), fingerprint, reads: Some(reads) });
                }
                periods
            }
        };
        let periods = Rc::new(periods);
        self.known.insert(view.view.clone(), Rc::clone(&periods));
        Ok(periods)
    }

    /// The dates that have rows of a view: the loaded ones, and the first ones of the periods of the views that it
    /// reads.
    fn all_dates(&mut self, view: &View, growth: Growth) -> Result<BTreeSet<NaiveDate>> {
        let mut dates: BTreeSet<NaiveDate> = self.dates.iter().map(|(date, _)| *date).collect();
        if !growth.loaded && !dates.is_empty() {
            for source in &self.inputs(view).views {
                dates.extend(self.seen(source)?.iter().filter_map(|period| period.start));
            }
        }
        Ok(dates)
    }

    /// The periods of a view as another one sees them.
    fn seen(&mut self, source: &View) -> Result<Rc<Vec<Period>>> {
        match &source.split {
            Some(split) => Ok(Rc::clone(&self.split(source, split)?.periods)),
            None => self.of(source),
        }
    }

    /// True if the rows of a view that is computed as a whole are known.
    pub fn has_seen(&self, source: &View) -> bool {
        self.split.contains_key(&source.view)
    }

    /// True if the stored result of a view is known to be that of the version.
    pub fn is_current(&self, view: &View) -> bool {
        self.current.contains(&view.view)
    }

    /// Notes that the stored result of a view is that of the version.
    pub fn set_current(&mut self, view: &View) {
        self.current.insert(view.view.clone());
    }

    fn split(&mut self, source: &View, split: &Split) -> Result<Rc<SplitRows>> {
        if let Some(known) = self.split.get(&source.view) {
            return Ok(Rc::clone(known));
        }
        let rows = Rc::new(SplitRows::read(self.folder, source, split)?);
        self.split.insert(source.view.clone(), Rc::clone(&rows));
        Ok(rows)
    }

    /// The windows that a view reads of other views for the dates from the first to the last one; `None` if they
    /// are those with these dates.
    fn windows(
        &mut self,
        view: &View,
        days: (NaiveDate, NaiveDate),
    ) -> Result<Option<BTreeSet<NaiveDate>>> {
        match self.embedded.naming(view) {
            Some((source, split)) => Ok(Some(self.split(source, split)?.windows(split, days))),
            None => Ok(None),
        }
    }

    /// How the stored result of a view grows. A snapshot view is computed as a whole, which reads the one
    /// date alone, and so is what reads it.
    fn growth(&self, view: &View) -> Result<Option<Growth>> {
        let sources = self.embedded.views.dependencies(view)?;
        let has_snapshot = sources.into_iter().chain([view]).any(|view| view.snapshot.is_some());
        Ok(view.growth.filter(|_| !has_snapshot))
    }

    /// The parts of an accumulated sum: `known` ones as far as they are current, and new ones for all other
    /// dates. The result without any date is one as a whole.
    ///
    /// # Errors
    /// As [`Periods::of`].
    pub fn parts_of_sum<'p>(
        &mut self,
        view: &View,
        known: impl Iterator<Item = &'p Period>,
    ) -> Result<Vec<Period>> {
        let own = self.embedded.fingerprint(view)?;
        if self.dates.is_empty() || self.growth(view)?.is_none() {
            return self.of(view).map(|whole| whole.to_vec());
        }
        let mut parts = Vec::new();
        let mut covered = BTreeSet::new();
        for part in known {
            let (Some(start), Some((first, last))) = (part.start, part.reads) else { continue };
            let dates: Vec<NaiveDate> =
                self.files.presence.range(first..=last).map(|(date, _)| *date).collect();
            let is_free = !dates.is_empty() && dates.iter().all(|date| !covered.contains(date));
            let reads = (first, last);
            if is_free && self.fingerprint(view, &own, start, reads)? == part.fingerprint {
                covered.extend(dates);
                parts.push(part.clone());
            }
        }
        let date = |(date, _): &(NaiveDate, String)| Period {
            start: Some(*date),
            fingerprint: String::new(),
            reads: Some((*date, *date)),
        };
        let dates: Vec<Period> = self.dates.iter().map(date).collect();
        let is_covered = |date: &Period| date.start.is_some_and(|start| covered.contains(&start));
        let files = Arc::clone(&self.files);
        let size = |date: &Period| date.reads.map_or(u64::MAX, |reads| files.bytes_of(reads));
        for run in dates.chunk_by(|a, b| is_covered(a) == is_covered(b)) {
            if is_covered(&run[0]) {
                continue;
            }
            for batch in batches(run, MAX_BYTES_OF_SUM, size) {
                let Some(span) = Span::of(batch) else { continue };
                let start = span.reads.0;
                let fingerprint = self.fingerprint(view, &own, start, span.reads)?;
                parts.push(Period { start: Some(start), fingerprint, reads: Some(span.reads) });
            }
        }
        parts.sort_by_key(|part| part.start);
        Ok(parts)
    }

    /// The fingerprint of a period of a view; `own` is that of the view alone.
    fn fingerprint(
        &mut self,
        view: &View,
        own: &str,
        start: NaiveDate,
        (from, to): (NaiveDate, NaiveDate),
    ) -> Result<String> {
        let inputs = self.inputs(view);
        let mut hash = Sha256::new();
        hash.update(format!("{own} {start}\n"));
        let first = self.dates.partition_point(|(date, _)| *date < from);
        let end = self.dates.partition_point(|(date, _)| *date <= to).max(first);
        let dates = &self.dates[first..end];
        if inputs.presence {
            dates.iter().for_each(|(_, line)| hash.update(line));
        }
        if inputs.movement {
            self.movement()[first..end].iter().for_each(|line| hash.update(line));
        }
        if inputs.valid_cells {
            let cells = self.cells()?;
            for (date, _) in dates {
                hash.update(format!("{date} {:x}\n", cells.fingerprint_of(*date)));
            }
        }
        self.add_tables(&mut hash, |table| inputs.tables.contains(&table));
        let windows = self.windows(view, (from, to))?;
        for source in &inputs.views {
            let periods = self.seen(source)?;
            if let Some(windows) = windows.as_ref().filter(|_| view.reads_named_windows_of(source))
            {
                let is_named =
                    |period: &&Period| period.start.is_some_and(|start| windows.contains(&start));
                for period in periods.iter().filter(is_named) {
                    hash.update(format!(
                        "{} {:?} {}\n",
                        source.view, period.start, period.fingerprint
                    ));
                }
                continue;
            }
            let until = periods.partition_point(|period| period.start.is_none_or(|s| s <= to));
            let overlaps = |period: &&Period| {
                period.start.is_none_or(|start| source.overlaps(start, (from, to)))
            };
            // the later ones first, so that the earlier ones are not looked at
            for period in periods[..until].iter().rev().take_while(overlaps) {
                hash.update(format!("{} {:?} {}\n", source.view, period.start, period.fingerprint));
            }
        }
        Ok(shortened(hash))
    }

    /// What the SQL of a view names, which does not differ from period to period.
    fn inputs(&mut self, view: &View) -> Rc<Inputs> {
        if let Some(known) = self.inputs.get(&view.view) {
            return Rc::clone(known);
        }
        let registry = &self.embedded.views;
        let names = |table: &Table| registry.names(view, *table);
        let valid_cells = names(&Table::CellPlan) && reads_valid_cells_only(&view.sql);
        let is_whole = |table: &Table| names(table) && !(valid_cells && *table == Table::CellPlan);
        let inputs = Rc::new(Inputs {
            presence: [Table::MobileEventsCompressed, Table::MobileEventsPlaced].iter().any(names),
            movement: Table::MOVEMENT.iter().any(names),
            valid_cells,
            tables: FILES.into_iter().filter(is_whole).collect(),
            views: registry.sources(view).into_iter().cloned().collect(),
        });
        self.inputs.insert(view.view.clone(), Rc::clone(&inputs));
        inputs
    }

    /// The fingerprint of a view that is computed as a whole.
    fn whole(&self, view: &View, own: &str) -> Result<String> {
        let registry = &self.embedded.views;
        let mut hash = Sha256::new();
        hash.update(own);
        let mut tables = Vec::new();
        for table in Table::ALL {
            if registry.reads(view, table.name())? {
                tables.push(table);
            }
        }
        let presence = [Table::MobileEventsCompressed, Table::MobileEventsPlaced];
        if tables.iter().any(|table| presence.contains(table)) {
            self.dates.iter().for_each(|(_, line)| hash.update(line));
        }
        if tables.iter().any(|table| Table::MOVEMENT.contains(table)) {
            self.movement().iter().for_each(|line| hash.update(line));
        }
        self.add_tables(&mut hash, |table| tables.contains(&table));
        Ok(shortened(hash))
    }

    fn movement(&self) -> &[String] {
        let line = |(date, _): &(NaiveDate, String)| {
            format!("{date} {}\n", self.files.fingerprint_of_movement(*date))
        };
        self.movement.get_or_init(|| self.dates.iter().map(line).collect())
    }

    fn cells(&self) -> Result<&CellsByDate> {
        if let Some(cells) = self.cells.get() {
            return Ok(cells);
        }
        let cells = match self.files.table(Table::CellPlan) {
            Some(file) => {
                checksum::verify([&file.path])?;
                CellsByDate::read(&file.path)?
            }
            None => CellsByDate::default(),
        };
        Ok(self.cells.get_or_init(|| cells))
    }

    /// Adds the checksums of the tables that are read.
    fn add_tables(&self, hash: &mut Sha256, reads: impl Fn(Table) -> bool) {
        for table in FILES.into_iter().filter(|table| reads(*table)) {
            let file = self.files.table(table);
            let sum = file.map(|file| format!("{} {}", file.listed.checksum, file.listed.bytes));
            hash.update(format!("{} {}\n", table.name(), sum.unwrap_or_default()));
        }
    }
}

impl Embedded {
    /// Fingerprint of the version and the view, by which a stored result is recognised as current without
    /// looking at its periods.
    ///
    /// # Errors
    /// A view that depends on itself; inputs that cannot be listed.
    pub(super) fn key(&self, version: &Version, view: &View) -> Result<String> {
        let list = version.list.clone().unwrap_or_else(|| version.folder.display().to_string());
        let text = format!("{} {list}", self.fingerprint(view)?);
        Ok(shortened(Sha256::new_with_prefix(text)))
    }
}
