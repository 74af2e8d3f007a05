//! The processed files that the rows of the warehouse were loaded from, where this machine has them. The
//! views that the program ships and that read nothing else are computed from these, by the engine of the
//! embedded warehouse or user by user, and their rows copied, in a fraction of the time that the server needs
//! for the same SQL. The server computes all other views.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use chrono::NaiveDate;

use super::fingerprint::fingerprint;
use super::load_movement;
use crate::config::Data;
use crate::datasets::file_list::ListedFile;
use crate::datasets::presence::{PresenceDay, files_of};
use crate::domain::tables::Table;
use crate::formats::parquet::checksum;
use crate::views::{Registry, without_semicolon};
use crate::warehouse::embedded::presence_sql::PresenceSql;
use crate::warehouse::embedded::presence_views::PresenceView;
use crate::warehouse::embedded::table_files::{TableFile, TableFiles};
use crate::warehouse::spark_job::SparkTables;
use crate::warehouse::{Rows, movement_files};

/// Where processed files are.
#[derive(Debug, Clone)]
pub struct FilePaths {
    pub processed: PathBuf,
    presence: PathBuf,
    cell_plan: PathBuf,
    lau: PathBuf,
    data: Data,
}

impl From<&Data> for FilePaths {
    fn from(data: &Data) -> Self {
        FilePaths {
            processed: data.processed.clone(),
            presence: data.compressed_events(),
            cell_plan: data.cells_with_lau(),
            lau: data.lau_units(),
            data: data.clone(),
        }
    }
}

/// What a view reads, as the server has loaded it.
#[derive(Debug)]
pub struct LoadedRows<'a> {
    pub tables: &'a [Table],
    /// The dates of hourly presence with their fingerprints.
    pub dates: Vec<(NaiveDate, &'a str)>,
    /// Fingerprints of the cell plan and the LAUs.
    pub cell_plan: &'a str,
    pub lau: &'a str,
}

/// Files of a date or a table, with the fingerprint by which the server knows them.
type Known<T> = Option<(String, T)>;

/// The processed files, which no other run may change meanwhile.
#[derive(Debug)]
pub struct LocalFiles {
    paths: FilePaths,
    /// The SQL of the views that may be computed from them, and how the program computes it without an engine.
    shipped: BTreeMap<String, Option<PresenceView>>,
    engine: OnceCell<PresenceSql>,
    dates: RefCell<BTreeMap<NaiveDate, Known<Vec<TableFile>>>>,
    cell_plan: OnceCell<Known<TableFile>>,
    lau: OnceCell<Known<TableFile>>,
}

impl LocalFiles {
    pub fn new(paths: &FilePaths, views: &Registry) -> Self {
        let shipped = views
            .shipped()
            .map(|view| (without_semicolon(&view.sql).to_owned(), PresenceView::of(views, view)));
        LocalFiles {
            paths: paths.clone(),
            shipped: shipped.collect(),
            engine: OnceCell::new(),
            dates: RefCell::default(),
            cell_plan: OnceCell::new(),
            lau: OnceCell::new(),
        }
    }

    /// True for the SQL of a view that the program ships.
    pub fn is_shipped(&self, sql: &str) -> bool {
        self.shipped.contains_key(without_semicolon(sql))
    }

    /// The rows of a shipped view; `None` if the files are not those that were loaded.
    ///
    /// # Errors
    /// Damaged files.
    pub fn rows(&self, sql: &str, loaded: &LoadedRows) -> Result<Option<Rows>> {
        match self.files(loaded)? {
            Some(files) => Ok(Some(self.engine()?.rows(without_semicolon(sql), &files)?)),
            None => Ok(None),
        }
    }

    /// The rows of a shipped view for the period that begins on `start`; `None` if the files are not those that
    /// were loaded, or if the program cannot compute the view from them without an engine.
    ///
    /// # Errors
    /// Damaged files.
    pub fn rows_of_users(
        &self,
        sql: &str,
        loaded: &LoadedRows,
        start: NaiveDate,
    ) -> Result<Option<Rows>> {
        let view = self.shipped.get(without_semicolon(sql));
        let Some(view) = view.and_then(Option::as_ref) else { return Ok(None) };
        let Some(files) = self.files(loaded)? else { return Ok(None) };
        // the dates that are read are those of the files
        let period = (start, (NaiveDate::MIN, NaiveDate::MAX));
        Ok(view.rows(&files, &[period])?.and_then(|mut rows| rows.pop()))
    }

    /// The files of all tables; `None` if they are not those that were loaded. `movement` and `small` are the
    /// fingerprints of the rows of segments and trips by date, and of the small tables.
    ///
    /// # Errors
    /// Damaged files.
    pub fn all(
        &self,
        loaded: &LoadedRows,
        movement: &BTreeMap<NaiveDate, String>,
        small: &str,
    ) -> Result<Option<SparkTables>> {
        let data = &self.paths.data;
        let small_tables: Vec<(Table, PathBuf)> =
            data.small_tables().filter(|(_, path)| path.exists()).collect();
        let small_files: Vec<PathBuf> = small_tables.iter().map(|(_, path)| path.clone()).collect();
        // files that the stage `movement` is to write again
        let Ok(dated) = movement_files(data) else { return Ok(None) };
        let Some(files) = self.files(loaded)? else { return Ok(None) };
        if fingerprint(&small_files)? != small
            || load_movement::fingerprints_of(&dated) != *movement
        {
            return Ok(None);
        }
        checksum::verify(small_files.iter().chain(dated.iter().map(|file| &file.path)))?;
        let of_places = loaded.tables.iter().map(|table| (*table, files.table(*table)));
        let of_places = of_places.filter_map(|(table, file)| Some((table, file?.path.clone())));
        Ok(Some(SparkTables {
            presence: files.presence_of(None).map(|(_, file)| file.path.clone()).collect(),
            movement: dated.into_iter().map(|file| (file.table, file.path)).collect(),
            single: of_places.chain(small_tables).collect(),
        }))
    }

    fn engine(&self) -> Result<&PresenceSql> {
        if let Some(engine) = self.engine.get() {
            return Ok(engine);
        }
        let engine = PresenceSql::new()?;
        Ok(self.engine.get_or_init(|| engine))
    }

    /// The files that a view reads, if all of them are those that the server has loaded.
    fn files(&self, loaded: &LoadedRows) -> Result<Option<TableFiles>> {
        let mut files = TableFiles::default();
        for table in loaded.tables {
            let (known, expected) = match table {
                Table::MobileEventsCompressed | Table::MobileEventsPlaced => continue,
                Table::CellPlan => {
                    (table_file(&self.cell_plan, &self.paths.cell_plan)?, loaded.cell_plan)
                }
                Table::Lau => (table_file(&self.lau, &self.paths.lau)?, loaded.lau),
                _ => return Ok(None),
            };
            match known {
                Some((fingerprint, file)) if fingerprint == expected => {
                    files.add_table(*table, file.clone());
                }
                _ => return Ok(None),
            }
        }
        for (date, expected) in &loaded.dates {
            match self.date(*date)? {
                Some((fingerprint, of_date)) if fingerprint == *expected => {
                    files.add_presence(*date, of_date);
                }
                _ => return Ok(None),
            }
        }
        Ok(Some(files))
    }

    /// The files of hourly presence of a date.
    fn date(&self, date: NaiveDate) -> Result<Known<Vec<TableFile>>> {
        if let Some(known) = self.dates.borrow().get(&date) {
            return Ok(known.clone());
        }
        let day = PresenceDay::of(date, files_of(&self.paths.presence, date)?);
        let known = match day.files.is_empty() {
            true => None,
            false => {
                checksum::verify(&day.files)?;
                let files = day.files.iter().map(|path| described(path)).collect::<Result<_>>()?;
                Some((day.fingerprint, files))
            }
        };
        self.dates.borrow_mut().insert(date, known.clone());
        Ok(known)
    }
}

/// The file of a table, which is described once.
fn table_file<'a>(
    cell: &'a OnceCell<Known<TableFile>>,
    path: &Path,
) -> Result<Option<&'a (String, TableFile)>> {
    if let Some(known) = cell.get() {
        return Ok(known.as_ref());
    }
    let known = match path.exists() {
        true => {
            checksum::verify([path])?;
            Some((fingerprint(&[path.to_owned()])?, described(path)?))
        }
        false => None,
    };
    Ok(cell.get_or_init(|| known).as_ref())
}

fn described(path: &Path) -> Result<TableFile> {
    Ok(TableFile { path: path.to_owned(), listed: ListedFile::of(path)? })
}
