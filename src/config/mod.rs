//! Configuration: the meaning, default and validation of every key.
//!
//! Flags take precedence over environment variables, variables over the file, and the file over the
//! defaults. The environment is passed in, so nothing here depends on the process.

mod changed;
mod extract;
mod keys;
mod load;
mod output;
mod pg_env;
mod secret;
mod secret_url;
mod shown;
mod spark;
mod tokens;
mod url;
mod url_prefix;
mod views;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::{Result, anyhow};
use chrono_tz::Tz;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::domain::null_words::NullWords;
use crate::domain::tables::Table;
use crate::domain::time::format::TimestampFormat;
use crate::domain::time::text::EpochUnit;
pub use changed::changed_keys;
pub use extract::Extract;
pub use keys::{KEYS, Key, KeyKind, env_name, refuse_unknown_variables};
pub use load::{DEFAULT_FILE, DEFAULT_VIEWS_DIR, Sources, load};
pub use output::{Output, OutputMode};
pub use pg_env::PgEnv;
pub use secret::Secret;
pub use secret_url::{SecretUrl, known_scheme, shown_location, without_secrets};
pub use spark::{Engine, Spark};
pub use tokens::{NamedToken, Role, UNNAMED_TOKEN, check_token};
pub use url::WarehouseUrl;
pub use url_prefix::UrlPrefix;
pub use views::{SnapshotDate, Views};

pub use crate::checks::Checks;

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
    pub lau: Lau,
    pub geojoin: Geojoin,
    pub time: Time,
    pub warehouse: Warehouse,
    pub load: Load,
    pub spark: Spark,
    pub views: Views,
    pub serve: Serve,
}

/// Locations of inputs and outputs. Each input is one or more files, folders, globs or URLs.
#[derive(Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    #[serde(deserialize_with = "load::one_or_many")]
    pub events: Vec<String>,
    #[serde(deserialize_with = "load::one_or_many")]
    pub cells: Vec<String>,
    #[serde(deserialize_with = "load::one_or_many")]
    pub lau: Vec<String>,
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
            processed: "data/processed".into(),
            cache: "data/cache".into(),
            store: None,
        }
    }
}

/// URLs are displayed without their secrets.
impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Data { events, cells, lau, processed, cache, store } = self;
        let shown = |texts: &[String]| texts.iter().map(|t| shown_location(t)).collect::<Vec<_>>();
        f.debug_struct("Data")
            .field("events", &shown(events))
            .field("cells", &shown(cells))
            .field("lau", &shown(lau))
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

    /// The cell plan with the LAU of each cell.
    pub fn cells_with_lau(&self) -> PathBuf {
        self.processed.join("cells_with_lau.parquet")
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

/// Names of the input columns.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Columns {
    pub user_id: String,
    pub cell_id: String,
    pub timestamp: String,
    /// Unit of numeric time stamps in CSV, counted from 1970; without it, time stamps are date-time text.
    pub timestamp_unit: Option<EpochUnit>,
    /// Form of time stamps in text; without it, they are dates with times as in ISO 8601.
    pub timestamp_format: Option<TimestampFormat>,
    /// Words that stand for a missing value in columns of text, in event files and the cell plan.
    pub null_values: NullWords,
    /// Name of the cell id in the cell plan, if it differs from the one in the events.
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
    /// The settings that determine how event files are read, as a text.
    pub fn of_events(&self) -> String {
        let unit = self.timestamp_unit.map(|unit| format!(" {unit:?}")).unwrap_or_default();
        let format = self.timestamp_format.as_ref().map(|format| format!(" {format:?}"));
        let format = format.unwrap_or_default();
        let Columns { user_id, cell_id, timestamp, null_values, .. } = self;
        format!("{user_id} {cell_id} {timestamp}{unit}{format} {null_values:?}")
    }
}

impl Default for Columns {
    fn default() -> Self {
        Columns {
            user_id: "user_id".into(),
            cell_id: "cell_id".into(),
            timestamp: "timestamp".into(),
            timestamp_unit: None,
            timestamp_format: None,
            null_values: NullWords::default(),
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

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lau {
    /// CNTR_CODEs to keep; an empty list keeps all.
    pub countries: Vec<String>,
    /// CRS of the boundary file as an EPSG code; by default the one that the file states, else that of RFC 7946
    /// for GeoJSON in longitude and latitude.
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

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Serve {
    /// Address and port to listen on; port 0 takes a free one.
    pub bind: String,
    /// Token that clients must present; required to listen on addresses that other machines can reach.
    /// Its role is `user_rows`.
    pub token: Option<Secret>,
    /// Further tokens, with names and roles.
    #[serde(deserialize_with = "tokens::list")]
    pub tokens: Vec<NamedToken>,
    /// Whether rows of single users are served, to clients with a token of the role `user_rows`.
    pub allow_user_rows: bool,
    /// The file that records accesses to rows of single users; without it they are logged to standard
    /// error.
    pub audit_log: Option<PathBuf>,
    /// The path below which clients see the server, such as `/mobility`.
    pub base_path: Option<String>,
    /// Addresses or networks of the proxies whose `X-Forwarded-For` and `X-Forwarded-Prefix` are believed.
    pub trusted_proxies: Vec<String>,
    /// Maximum number of concurrent queries; others wait.
    pub max_queries: usize,
    /// Seconds after which a request is aborted.
    pub timeout_s: u64,
    /// Maximum number of connections.
    pub max_connections: usize,
    /// Maximum number of connections from one address; `None` for the default, which depends on
    /// `behind_tls_proxy`.
    pub max_connections_per_address: Option<usize>,
    /// Seconds that the server waits for a client that sends or reads nothing.
    pub client_timeout_s: u64,
    /// Seconds after which the next response on a connection is its last one, and may take as long again.
    pub max_connection_s: u64,
    /// File with the certificate chain, PEM.
    pub tls_cert: Option<PathBuf>,
    /// File with the private key, PEM.
    pub tls_key: Option<PathBuf>,
    /// Clients reach the server only through a proxy that speaks TLS to them.
    pub behind_tls_proxy: bool,
}

impl Serve {
    /// The maximum number of connections from one address. All connections of a proxy come from its own
    /// address.
    pub fn max_connections_per_address(&self) -> usize {
        let default = if self.behind_tls_proxy { self.max_connections } else { 64 };
        self.max_connections_per_address.unwrap_or(default)
    }
}

impl Default for Serve {
    fn default() -> Self {
        Serve {
            bind: "127.0.0.1:5000".into(),
            token: None,
            tokens: Vec::new(),
            allow_user_rows: false,
            audit_log: None,
            base_path: None,
            trusted_proxies: Vec::new(),
            max_queries: 8,
            timeout_s: 60,
            max_connections: 1_024,
            max_connections_per_address: None,
            client_timeout_s: 30,
            max_connection_s: 3_600,
            tls_cert: None,
            tls_key: None,
            behind_tls_proxy: false,
        }
    }
}

impl Serve {
    /// True if clients have to send a token.
    pub fn has_tokens(&self) -> bool {
        self.token.is_some() || !self.tokens.is_empty()
    }

    /// The prefix of `base_path`.
    ///
    /// # Errors
    /// A text that is not a path of plain characters.
    pub fn url_prefix(&self) -> Result<Option<UrlPrefix>> {
        let parse = |text: &String| {
            UrlPrefix::parse(text).ok_or_else(|| {
                anyhow!(
                    "serve.base_path = {text:?}: expected a path such as \"/mobility\", of letters, \
                     digits and -._~@+ between single slashes"
                )
            })
        };
        self.base_path.as_ref().map(parse).transpose()
    }

    /// The networks of `trusted_proxies`.
    ///
    /// # Errors
    /// An entry that is neither an address nor a network.
    pub fn proxy_networks(&self) -> Result<Vec<IpNet>> {
        let network = |text: &String| {
            let address = text.parse::<IpAddr>().map(IpNet::from);
            address.or_else(|_| text.parse()).map_err(|_| {
                anyhow!(
                    "serve.trusted_proxies: {text:?} is neither an address nor a network, such as \
                     10.0.0.7 or 10.0.0.0/24"
                )
            })
        };
        self.trusted_proxies.iter().map(network).collect()
    }
}
