//! The store of released tables: what the public may see, and the ledger of everything that it was ever shown.
//!
//! ```text
//! published.json                        the released tables; its replacement is the one commit point of a release
//! releases/ID/release.json              what was released: dates, views, thresholds, sums of files
//! releases/ID/published.parquet         the ledger: every number that was shown
//! tables/VIEW/PERIOD.ID.parquet         the released rows of a period: null where withheld, and `suppressed`
//! tables/lau.ID.parquet                 the boundaries of the LAUs, as the warehouse has them
//! tables/cell_plan.ID.parquet           the cell plan, if `publish.cells` is set
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::config::{Areas, Publish, ReleasePeriod};
use crate::formats::rows::from_batch;
use crate::formats::table;
use crate::publication::Thresholds;
use crate::storage::inputs::InputFile;
use crate::storage::sha256;

/// Version of the format of the store.
const VERSION: u32 = 1;

/// The last column of every released view: true in rows of which a number is withheld.
pub const SUPPRESSED: &str = "suppressed";
/// The period of views whose rows have no date.
pub const ALL_DATES: &str = "all";
/// What to do about a file with released rows.
const RESTORE: &str = "restore it from a copy, or publish its dates again into another folder";
/// What to do about a file of the history.
const KEEP: &str =
    "restore the folder from a copy, since later releases are compared with earlier ones";

/// The list of released tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    version: u32,
    /// The ID of the newest release.
    pub newest: String,
    /// The IDs of all releases, the newest last.
    pub releases: Vec<String>,
    /// What counted as few in the newest release.
    pub thresholds: Thresholds,
    /// Name of the file with the LAUs, below `tables`.
    pub lau: Option<String>,
    /// The same for the cell plan; `None` unless `publish.cells` is set.
    #[serde(default)]
    pub cells: Option<String>,
    /// By their SQL names.
    pub views: BTreeMap<String, PublishedView>,
    /// SHA-256 of the files that the list names, by their paths in the store. Files that versions without sums have
    /// written get theirs with the next release.
    #[serde(default)]
    pub sums: BTreeMap<String, String>,
}

/// The released rows of a view.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedView {
    /// The columns that are no measures, without `suppressed`.
    pub keys: Vec<String>,
    pub measures: Vec<String>,
    /// Every key has a row, so that withheld numbers are null. Else rows with withheld numbers are left out.
    pub is_complete: bool,
    /// Names of files in the folder of the view, by the first date of their period, or [`ALL_DATES`].
    pub files: BTreeMap<String, String>,
}

/// What a release holds. Its text determines the ID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The dates that were asked for.
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    /// What makes the numbers coarser than those of the views.
    #[serde(flatten)]
    pub detail: Detail,
    /// Sum of the NUTS codes that areas were made with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nuts: Option<String>,
    /// The first and the last date of the rows.
    pub first: Option<NaiveDate>,
    pub last: Option<NaiveDate>,
    /// The dates with events of which there could be rows.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub dates: BTreeSet<NaiveDate>,
    pub thresholds: Thresholds,
    /// The released views by their SQL names.
    pub views: BTreeMap<String, ReleasedView>,
    /// SHA-256 of the files with the LAUs and with the cell plan in the store.
    pub lau: Option<String>,
    pub cells: Option<String>,
    /// SHA-256 of the files of the release folder, by name.
    pub files: BTreeMap<String, String>,
}

/// How detailed the numbers of a release are. Without anything special it leaves no trace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Detail {
    #[serde(skip_serializing_if = "is_default")]
    pub areas: Areas,
    #[serde(skip_serializing_if = "is_default")]
    pub period: ReleasePeriod,
    #[serde(skip_serializing_if = "is_default")]
    pub min_area_devices: u64,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A view in a release.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleasedView {
    /// Query name.
    pub name: String,
    pub title: String,
    pub rows: u64,
    /// SHA-256 of the rows of each period in the store.
    pub periods: BTreeMap<String, String>,
}

/// A row of the ledger: a number that was shown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LedgerRow {
    pub release: String,
    /// SQL name.
    pub view: String,
    /// First date of the period of the row; `None` for rows without one.
    pub period: Option<NaiveDate>,
    /// The values that identify the row, as a JSON array of texts.
    pub key: String,
    pub measure: String,
    pub value: u64,
}

impl From<&Publish> for Detail {
    fn from(publish: &Publish) -> Self {
        let Publish { areas, period, min_area_devices, .. } = publish;
        Detail { areas: *areas, period: *period, min_area_devices: *min_area_devices }
    }
}

impl LedgerRow {
    /// The columns of the ledger.
    pub fn schema() -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new("release", DataType::Utf8, false),
            Field::new("view", DataType::Utf8, false),
            Field::new("period", DataType::Date32, true),
            Field::new("key", DataType::Utf8, false),
            Field::new("measure", DataType::Utf8, false),
            Field::new("value", DataType::Int64, false),
        ]))
    }
}

/// The folder of what was released.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    pub fn new(folder: &Path) -> Self {
        Store { folder: folder.to_owned() }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file whose replacement makes a release known.
    pub fn list(&self) -> PathBuf {
        self.folder.join("published.json")
    }

    /// The folder of a release.
    pub fn release(&self, id: &str) -> PathBuf {
        self.folder.join("releases").join(id)
    }

    /// What a release holds.
    pub fn release_file(&self, id: &str) -> PathBuf {
        self.release(id).join("release.json")
    }

    /// The numbers that a release has shown.
    pub fn ledger(&self, id: &str) -> PathBuf {
        self.release(id).join("published.parquet")
    }

    /// The folder of the released tables.
    pub fn tables(&self) -> PathBuf {
        self.folder.join("tables")
    }

    /// The file with the released rows of a period.
    pub fn rows_file(&self, view: &str, name: &str) -> PathBuf {
        self.tables().join(view).join(name)
    }

    /// The list of released tables; `None` before the first release.
    ///
    /// # Errors
    /// A list that cannot be read, or that a newer version of the program wrote.
    pub fn read(&self) -> Result<Option<Published>> {
        let path = self.list();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        let published: Published = serde_json::from_str(&text).with_context(|| {
            format!(
                "{} is damaged; restore the folder from a copy, since later releases are compared with it",
                path.display()
            )
        })?;
        if published.version != VERSION {
            bail!(
                "{} has the version {}, and this program knows {VERSION}; use a newer version of mobility",
                path.display(),
                published.version
            );
        }
        Ok(Some(published))
    }

    /// What a release of the list holds.
    ///
    /// # Errors
    /// A file that cannot be read, or that was changed.
    pub fn read_release(&self, published: &Published, id: &str) -> Result<Release> {
        let path = self.release_file(id);
        self.compare(published, &path, KEEP)?;
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}; {KEEP}", path.display()))?;
        serde_json::from_str(&text)
            .with_context(|| format!("{} is damaged; {KEEP}", path.display()))
    }

    /// The numbers that a release of the list has shown.
    ///
    /// # Errors
    /// A file that is missing or damaged, or that was changed.
    pub fn read_ledger(&self, published: &Published, id: &str) -> Result<Vec<LedgerRow>> {
        let path = self.ledger(id);
        self.compare(published, &path, KEEP)?;
        InputFile::local(path.clone())
            .and_then(|file| table::read(&file))
            .and_then(|batch| from_batch(&batch))
            .with_context(|| format!("{} cannot be read; {KEEP}", path.display()))
    }

    /// Compares a file with released rows with its sum in the list, once per process.
    ///
    /// # Errors
    /// A file that is missing, or that was changed or cut off.
    pub fn verify(&self, published: &Published, path: &Path) -> Result<()> {
        self.compare(published, path, RESTORE)
    }

    fn compare(&self, published: &Published, path: &Path, remedy: &str) -> Result<()> {
        let Some(expected) = published.sums.get(&self.name_of(path)) else { return Ok(()) };
        match sha256::of_file(path) {
            Ok(sum) if sum == *expected => Ok(()),
            Ok(_) => bail!(
                "{} was changed or cut off after its release: its SHA-256 is not the one in {}; {remedy}",
                path.display(),
                self.list().display()
            ),
            Err(error) => {
                Err(error).with_context(|| format!("cannot read {}; {remedy}", path.display()))
            }
        }
    }

    /// The path of a file below the store.
    pub fn name_of(&self, path: &Path) -> String {
        path.strip_prefix(&self.folder).unwrap_or(path).to_string_lossy().into_owned()
    }

    /// The paths below the store of all files that a list names.
    pub fn files(&self, published: &Published) -> BTreeSet<String> {
        let of_view = |(view, released): (&String, &PublishedView)| {
            let paths = released.files.values().map(|name| self.rows_file(view, name));
            paths.collect::<Vec<_>>()
        };
        let places = [&published.lau, &published.cells].into_iter().flatten();
        let ids = published.releases.iter();
        let paths = published.views.iter().flat_map(of_view);
        let paths = paths
            .chain(places.map(|name| self.tables().join(name)))
            .chain(ids.flat_map(|id| [self.release_file(id), self.ledger(id)]));
        paths.map(|path| self.name_of(&path)).collect()
    }
}

impl Published {
    /// A store without tables.
    pub fn new(thresholds: Thresholds) -> Self {
        Published {
            version: VERSION,
            newest: String::new(),
            releases: Vec::new(),
            thresholds,
            lau: None,
            cells: None,
            views: BTreeMap::new(),
            sums: BTreeMap::new(),
        }
    }
}
