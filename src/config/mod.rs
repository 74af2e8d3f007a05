//! Configuration: what every key means, its default and its rules.
//!
//! Precedence is flag, then environment, then file, then default. The environment is handed in,
//! so that nothing here depends on the process.

mod extract;
mod keys;
mod load;
mod secret;
mod shown;
mod spark;
mod url;

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::domain::tables::Table;
use crate::domain::time::text::EpochUnit;
pub use extract::Extract;
pub use keys::{KEYS, Key, KeyKind, env_name, refuse_unknown_variables};
pub use load::{DEFAULT_FILE, Sources, load};
pub use secret::Secret;
pub use spark::{Engine, Spark};
pub use url::{WarehouseUrl, without_passwords};

use crate::checks::Code;

/// Everything the stages are told. Paths are ready to open.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Default)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Rows that cannot be used end the run instead of being counted and set aside.
    pub strict: bool,
    /// What does the steps that touch every event.
    pub engine: Engine,
    pub data: Data,
    pub extract: Extract,
    pub columns: Columns,
    pub checks: Checks,
    pub lau: Lau,
    pub geojoin: Geojoin,
    pub time: Time,
    pub warehouse: Warehouse,
    pub load: Load,
    pub spark: Spark,
    pub views: Views,
    pub serve: Serve,
}

/// Where inputs and outputs are. Each input is one or more files, folders or globs.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    #[serde(deserialize_with = "load::one_or_many")]
    pub events: Vec<String>,
    #[serde(deserialize_with = "load::one_or_many")]
    pub cells: Vec<String>,
    #[serde(deserialize_with = "load::one_or_many")]
    pub lau: Vec<String>,
    /// Folder of `compressed_events/`, `cells_with_lau.parquet` and `lau.parquet`. Where outputs are
    /// kept in a store, the folder in `cache` that stands for it.
    pub processed: PathBuf,
    /// Where files of outputs that are kept in a store are worked on.
    pub cache: PathBuf,
    /// The URL of the outputs, where they are kept in a store.
    #[serde(skip)]
    pub store: Option<String>,
}

impl Default for Data {
    fn default() -> Self {
        Data {
            events: vec!["data/raw/events".into()],
            cells: vec!["data/raw/cells".into()],
            lau: vec!["data/raw/lau_boundaries".into()],
            processed: "data/processed".into(),
            cache: "data/cache".into(),
            store: None,
        }
    }
}

impl Data {
    /// Hourly presence, one folder a date.
    pub fn compressed_events(&self) -> PathBuf {
        self.processed.join("compressed_events")
    }

    /// The cell plan with its LAUs.
    pub fn cells_with_lau(&self) -> PathBuf {
        self.processed.join("cells_with_lau.parquet")
    }

    /// Rejected rows, where they are kept.
    pub fn quarantine(&self) -> PathBuf {
        self.processed.join("quarantine")
    }

    /// The LAU units that passed the country filter.
    pub fn lau_units(&self) -> PathBuf {
        self.processed.join("lau.parquet")
    }

    /// What `compress` noted about each date: `2024-10-01.json` and `2024-10-01.users`.
    pub fn day_records(&self) -> PathBuf {
        self.processed.join("days")
    }

    /// Files of the small tables.
    pub fn small_tables(&self) -> impl Iterator<Item = (Table, PathBuf)> {
        let file = |table: Table| Some((table, self.processed.join(table.processed_file()?)));
        Table::small().filter_map(file)
    }

    /// What every run did, one JSON object a line.
    pub fn runs(&self) -> PathBuf {
        self.processed.join("runs.jsonl")
    }

    /// Figures of every date.
    pub fn quality_daily(&self) -> PathBuf {
        self.processed.join("quality_daily.parquet")
    }

    /// Rows by date, file and what was wrong with them.
    pub fn quality_codes(&self) -> PathBuf {
        self.processed.join("quality_codes.parquet")
    }
}

/// Names of the input columns, where they differ from the usual ones.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Columns {
    pub user_id: String,
    pub cell_id: String,
    pub timestamp: String,
    /// What time stamps in CSV count from 1970; without it they are dates with times.
    pub timestamp_unit: Option<EpochUnit>,
    /// `cell_id` in the cell plan, where it is called otherwise than in the events.
    pub plan_cell_id: Option<String>,
    pub latitude: String,
    pub longitude: String,
    pub valid_date_start: String,
    pub valid_date_end: String,
    pub gisco_id: String,
    pub cntr_code: String,
    pub lau_name: String,
}

impl Columns {
    /// All that decides how event files are read, as a text.
    pub fn of_events(&self) -> String {
        let unit = self.timestamp_unit.map(|unit| format!(" {unit:?}")).unwrap_or_default();
        format!("{} {} {}{unit}", self.user_id, self.cell_id, self.timestamp)
    }
}

impl Default for Columns {
    fn default() -> Self {
        Columns {
            user_id: "user_id".into(),
            cell_id: "cell_id".into(),
            timestamp: "timestamp".into(),
            timestamp_unit: None,
            plan_cell_id: None,
            latitude: "latitude".into(),
            longitude: "longitude".into(),
            valid_date_start: "valid_date_start".into(),
            valid_date_end: "valid_date_end".into(),
            gisco_id: "GISCO_ID".into(),
            cntr_code: "CNTR_CODE".into(),
            lau_name: "LAU_NAME".into(),
        }
    }
}

/// Checks on events.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Checks {
    /// Checks that are not made.
    pub off: Vec<Code>,
    /// Rejected rows are kept, with code, file and row.
    pub quarantine: bool,
    /// Length of every user id, bytes; without it any length is good.
    pub user_id_bytes: Option<u32>,
    /// Days by which a row's own date may differ from that of its folder; without it by any number.
    pub folder_tolerance_days: Option<u32>,
    /// From this distance and speed on a hop is too fast.
    pub fast_hop_km: f64,
    pub fast_hop_m_s: f64,
    /// Most seconds and kilometres of a ping-pong.
    pub ping_pong_s: f64,
    pub ping_pong_km: f64,
    /// Events of a user on a date beyond which the user is busy.
    pub most_events_a_day: u64,
    /// Days after its end for which a date is provisional.
    pub open_days: u32,
}

impl Checks {
    /// True of a check that is made.
    pub fn on(&self, code: Code) -> bool {
        !self.off.contains(&code)
    }
}

impl Default for Checks {
    fn default() -> Self {
        Checks {
            off: Vec::new(),
            quarantine: false,
            user_id_bytes: None,
            folder_tolerance_days: None,
            fast_hop_km: 10.0,
            fast_hop_m_s: 55.0,
            ping_pong_s: 60.0,
            ping_pong_km: 5.0,
            most_events_a_day: 2_000,
            open_days: 1,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lau {
    /// CNTR_CODEs to keep; empty keeps all.
    pub countries: Vec<String>,
    /// EPSG code of the boundary file; by default the file says, else EPSG:3035.
    pub crs: Option<String>,
}

impl Default for Lau {
    fn default() -> Self {
        Lau { countries: vec!["EE".into()], crs: None }
    }
}

/// How a cell finds its LAU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum GeojoinMethod {
    /// Inside a polygon or on its border.
    #[default]
    Within,
    /// The same, and cells outside all polygons take the nearest one in reach.
    Nearest,
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Geojoin {
    pub method: GeojoinMethod,
    /// Reach of `nearest`, metres.
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
    /// IANA zone to which UTC instants are converted; without it time stamps are local already.
    pub zone: Option<String>,
    /// First clock hour of the day, 0 to 23.
    pub day_start: u32,
    /// First clock hour of the night, 1 to 24.
    pub day_end: u32,
}

impl Time {
    /// The zone, whose name the check of the config has found good.
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
    /// PostGIS: schema of our tables and views.
    pub schema: String,
    /// PostGIS: most connections at a time.
    pub connections: u32,
    /// PostGIS: seconds to wait for a connection.
    pub connect_timeout_s: u64,
    /// PostGIS: seconds after which a query is cancelled; without it the server's own setting
    /// holds. Loads and views are not limited.
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

/// What libpq takes from the environment, by name. Can be displayed without its secrets only.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct PgEnv(BTreeMap<String, String>);

impl PgEnv {
    /// The variables that mean something here.
    pub const NAMES: [&str; 9] = [
        "PGHOST",
        "PGPORT",
        "PGUSER",
        "PGPASSWORD",
        "PGDATABASE",
        "PGSSLMODE",
        "PGSSLROOTCERT",
        "PGAPPNAME",
        "USER",
    ];

    pub fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).filter(|v| !v.is_empty()).cloned()
    }
}

impl Extend<(String, String)> for PgEnv {
    fn extend<T: IntoIterator<Item = (String, String)>>(&mut self, variables: T) {
        self.0.extend(variables);
    }
}

impl std::fmt::Debug for PgEnv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Load {
    /// Also load raw events.
    pub uncompressed: bool,
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Views {
    /// Folder of the view files; without one, those inside the program.
    pub dir: Option<PathBuf>,
    /// Days with snapshot views of their own.
    #[serde(deserialize_with = "load::dates")]
    pub snapshot_dates: Vec<NaiveDate>,
}

impl Default for Views {
    fn default() -> Self {
        Views {
            dir: None,
            snapshot_dates: NaiveDate::from_ymd_opt(2024, 10, 1).into_iter().collect(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Serve {
    /// Address and port to listen on; port 0 takes a free one.
    pub bind: String,
    /// What a client has to present; needed to listen on other than this machine's own addresses.
    pub token: Option<Secret>,
    /// Rows of single users may be looked at.
    pub allow_user_rows: bool,
    /// Most queries that run at a time; others wait.
    pub max_queries: usize,
    /// Seconds after which a request is given up.
    pub timeout_s: u64,
}

impl Default for Serve {
    fn default() -> Self {
        Serve {
            bind: "127.0.0.1:5000".into(),
            token: None,
            allow_user_rows: false,
            max_queries: 8,
            timeout_s: 60,
        }
    }
}
