//! Configuration: the meaning, default and validation of every key.
//!
//! Flags take precedence over environment variables, variables over the file, and the file over the
//! defaults. The environment is passed in, so nothing here depends on the process.

mod anchors;
mod changed;
mod columns;
mod compress;
mod extract;
mod keys;
mod load;
mod output;
mod pg_env;
mod publish;
mod secret;
mod secret_url;
mod serve;
mod shown;
mod spark;
mod tokens;
mod url;
mod url_prefix;
mod validate;
mod values;
mod views;

use std::fmt;
use std::path::PathBuf;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::domain::tables::Table;
pub use anchors::{Anchors, Calendar, Present, Weights, Window, ten_thousandths};
pub use changed::changed_keys;
pub use columns::Columns;
pub use compress::Compress;
pub use extract::Extract;
pub use keys::{KEYS, Key, KeyKind, env_name, refuse_unknown_variables};
pub use load::{DEFAULT_FILE, DEFAULT_VIEWS_DIR, Sources, load};
pub use output::{Output, OutputMode};
pub use pg_env::PgEnv;
pub use publish::{Areas, Audience, Publish, ReleasePeriod};
pub use secret::Secret;
pub use secret_url::{SecretUrl, known_scheme, shown_location, without_secrets};
pub use serve::Serve;
pub use spark::{Engine, Spark};
pub use tokens::{NamedToken, Role, UNNAMED_TOKEN, check_token};
pub use url::WarehouseUrl;
pub use url_prefix::UrlPrefix;
pub use views::{SnapshotDate, Views};

pub use crate::checks::Checks;
pub use crate::movement::{Stays, Trips};

/// The whole configuration, one section per field. Paths are resolved.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Default)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Unusable rows end the run instead of being counted and rejected.
    pub strict: bool,
    /// The engine of stages that process every event.
    pub engine: Engine,
    pub data: Data,
    pub output: Output,
    pub extract: Extract,
    pub columns: Columns,
    pub checks: Checks,
    pub compress: Compress,
    pub lau: Lau,
    pub geojoin: Geojoin,
    pub time: Time,
    pub anchors: Anchors,
    pub calendar: Calendar,
    pub present: Present,
    pub weights: Weights,
    pub stays: Stays,
    pub trips: Trips,
    pub warehouse: Warehouse,
    pub load: Load,
    pub spark: Spark,
    pub views: Views,
    pub publish: Publish,
    pub serve: Serve,
}

/// Locations of inputs and outputs. Each input is one or more files, folders, globs or URLs.
#[derive(Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    #[serde(deserialize_with = "values::one_or_many")]
    pub events: Vec<String>,
    #[serde(deserialize_with = "values::one_or_many")]
    pub cells: Vec<String>,
    #[serde(deserialize_with = "values::one_or_many")]
    pub lau: Vec<String>,
    /// CSV file with the columns `lau_id` and `population`, in place of a property of the boundaries.
    pub population: Option<PathBuf>,
    /// CSV file with the columns `lau_id` and `nuts`: the NUTS 3 region of each LAU.
    pub nuts: Option<PathBuf>,
    /// Folder of `compressed_events/`, `cells_with_lau.parquet` and `lau.parquet`. If outputs are kept
    /// in an object store, the folder in `cache` that mirrors it.
    pub processed: PathBuf,
    /// Folder for local copies of outputs that are kept in an object store.
    pub cache: PathBuf,
    /// The URL of the outputs, if they are kept in an object store.
    #[serde(skip)]
    pub store: Option<String>,
}

impl Default for Data {
    fn default() -> Self {
        Data {
            events: vec!["data/raw/events".into()],
            cells: vec!["data/raw/cells".into()],
            lau: vec!["data/raw/lau_boundaries".into()],
            population: None,
            nuts: None,
            processed: "data/processed".into(),
            cache: "data/cache".into(),
            store: None,
        }
    }
}

/// URLs are displayed without their secrets.
impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Data { events, cells, lau, population, nuts, processed, cache, store } = self;
        let shown = |texts: &[String]| texts.iter().map(|t| shown_location(t)).collect::<Vec<_>>();
        f.debug_struct("Data")
            .field("events", &shown(events))
            .field("cells", &shown(cells))
            .field("lau", &shown(lau))
            .field("population", population)
            .field("nuts", nuts)
            .field("processed", &shown_location(&processed.to_string_lossy()))
            .field("cache", cache)
            .field("store", &store.as_deref().map(shown_location))
            .finish()
    }
}

impl Data {
    /// Hourly presence, one folder per date.
    pub fn compressed_events(&self) -> PathBuf {
        self.processed.join("compressed_events")
    }

    /// Visits of devices, one folder per date.
    pub fn visits(&self) -> PathBuf {
        self.processed.join("visits")
    }

    /// The rows of a table of the stage `movement`, one folder per date.
    pub fn movement_table(&self, table: Table) -> PathBuf {
        self.processed.join(table.name())
    }

    /// What the rows of these tables were computed from.
    pub fn movement_manifest(&self) -> PathBuf {
        self.processed.join("movement.json")
    }

    /// The cell plan with the LAU of each cell.
    pub fn cells_with_lau(&self) -> PathBuf {
        self.processed.join("cells_with_lau.parquet")
    }

    /// The rows of the cell plan that earlier runs have read.
    pub fn plan_rows(&self) -> PathBuf {
        self.processed.join("plan_rows.parquet")
    }

    /// Rejected rows, if they are kept.
    pub fn quarantine(&self) -> PathBuf {
        self.processed.join("quarantine")
    }

    /// The LAU units that passed the country filter.
    pub fn lau_units(&self) -> PathBuf {
        self.processed.join("lau.parquet")
    }

    /// Records of `compress` about each date: `2024-10-01.json` and `2024-10-01.users`.
    pub fn day_records(&self) -> PathBuf {
        self.processed.join("days")
    }

    /// The key of the digests of users in these records.
    pub fn users_key(&self) -> PathBuf {
        self.processed.join("users.key")
    }

    /// The first date that was not purged.
    pub fn retention(&self) -> PathBuf {
        self.processed.join("retention.json")
    }

    /// Files of the small tables.
    pub fn small_tables(&self) -> impl Iterator<Item = (Table, PathBuf)> {
        let file = |table: Table| Some((table, self.processed.join(table.processed_file()?)));
        Table::small().filter_map(file)
    }

    /// The history of runs, one JSON object per line.
    pub fn runs(&self) -> PathBuf {
        self.processed.join("runs.jsonl")
    }

    /// Quality figures of every date.
    pub fn quality_daily(&self) -> PathBuf {
        self.processed.join("quality_daily.parquet")
    }

    /// Numbers of rows by date, file and check code.
    pub fn quality_codes(&self) -> PathBuf {
        self.processed.join("quality_codes.parquet")
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lau {
    /// CNTR_CODEs to keep; an empty list keeps all.
    pub countries: Vec<String>,
    /// CRS of the boundary file as an EPSG code, also the number alone; by default the one that the file states, else that of RFC 7946
    /// for GeoJSON in longitude and latitude.
    #[serde(deserialize_with = "values::name_or_code")]
    pub crs: Option<String>,
    /// Largest size of a boundary file in MiB, of a zip file after it is unzipped.
    pub max_mib: u64,
}

impl Default for Lau {
    fn default() -> Self {
        Lau { countries: vec!["EE".into()], crs: None, max_mib: 2_048 }
    }
}

/// How the LAU of a cell is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum GeojoinMethod {
    /// The LAU whose polygon contains the cell, border included.
    #[default]
    Within,
    /// The same; cells outside all polygons get the nearest one within the maximum distance.
    Nearest,
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Geojoin {
    pub method: GeojoinMethod,
    /// Maximum distance of `nearest`, metres.
    pub max_distance_m: f64,
}

impl Default for Geojoin {
    fn default() -> Self {
        Geojoin { method: GeojoinMethod::Within, max_distance_m: 5_000.0 }
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Time {
    /// IANA time zone to which UTC instants are converted; without it, time stamps are local time.
    pub zone: Option<String>,
    /// First clock hour of the day, 0 to 23.
    pub day_start: u32,
    /// First clock hour of the night, 1 to 24.
    pub day_end: u32,
}

impl Time {
    /// The time zone; validation has checked its name.
    pub fn tz(&self) -> Option<Tz> {
        self.zone.as_deref()?.parse().ok()
    }
}

impl Default for Time {
    fn default() -> Self {
        Time { zone: None, day_start: 7, day_end: 20 }
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Warehouse {
    pub url: WarehouseUrl,
    /// PostGIS: schema of the tables and views; a load creates it.
    pub schema: String,
    /// PostGIS: maximum number of connections.
    pub connections: u32,
    /// PostGIS: seconds to wait for a connection, unless the URL, the service or PGCONNECT_TIMEOUT states
    /// another limit.
    pub connect_timeout_s: u64,
    /// PostGIS: seconds after which a query is cancelled; without it, queries are not limited, whatever the
    /// settings of server, database and role are. Loads and the computation of views are never limited.
    pub statement_timeout_s: Option<u64>,
    /// The PG* variables of the environment.
    #[serde(skip)]
    pub pg_env: PgEnv,
}

impl Default for Warehouse {
    fn default() -> Self {
        Warehouse {
            url: WarehouseUrl::parse("embedded:data/warehouse"),
            schema: "public".into(),
            connections: 8,
            connect_timeout_s: 10,
            statement_timeout_s: None,
            pg_env: PgEnv::default(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Load {
    /// Also load raw events.
    pub uncompressed: bool,
}
