//! The tables of the warehouse: names, columns, types, and which of them have rows of single users.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// The type of time stamps: local wall time in microseconds, without a time zone.
pub const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

/// Columns of the files of hourly presence, see [`presence_file_schema`].
pub const TWO_PLACES_COUNT: &str = "two_places_count";
pub const PLACED_FIRST_SEEN: &str = "placed_first_seen";
pub const PLACED_LAST_SEEN: &str = "placed_last_seen";

/// An SQL identifier in double quotes, with quotes in it escaped.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A table of the warehouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Table {
    /// Hourly presence: one row per (user, cell, clock hour).
    MobileEventsCompressed,
    /// The same without events of users who were at two places at the same time.
    MobileEventsPlaced,
    /// Cells with their validity and LAU.
    CellPlan,
    /// LAU units with their boundary.
    Lau,
    /// Raw events.
    MobileEventsUncompressed,
    /// Quality figures of every date.
    QualityDaily,
    /// Numbers of rows by date, file and check code.
    QualityCodes,
    /// Where each user was on a date, from midnight to midnight.
    Segments,
    /// Trips of users between stays.
    Trips,
    /// The history of runs, one row per run.
    Runs,
}

impl Table {
    pub const ALL: [Table; 10] = [
        Table::CellPlan,
        Table::Lau,
        Table::MobileEventsCompressed,
        Table::MobileEventsPlaced,
        Table::MobileEventsUncompressed,
        Table::Segments,
        Table::Trips,
        Table::QualityDaily,
        Table::QualityCodes,
        Table::Runs,
    ];

    /// The tables of the stage `movement`, with rows of dates.
    pub const MOVEMENT: [Table; 2] = [Table::Segments, Table::Trips];

    /// Small tables without geometry. A load replaces those that have a processed file; `runs` grows
    /// with every run. In a warehouse that was loaded by an older version of the program they are
    /// missing, and treated as empty.
    pub fn small() -> impl Iterator<Item = Table> {
        Table::ALL.into_iter().filter(|table| table.is_small())
    }

    pub fn is_small(self) -> bool {
        matches!(self, Table::QualityDaily | Table::QualityCodes | Table::Runs)
            || Table::MOVEMENT.contains(&self)
    }

    /// The processed file from which a load replaces a small table.
    pub fn processed_file(self) -> Option<&'static str> {
        match self {
            Table::QualityDaily => Some("quality_daily.parquet"),
            Table::QualityCodes => Some("quality_codes.parquet"),
            _ => None,
        }
    }

    /// The table's name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Table::MobileEventsCompressed => "mobile_events_compressed",
            Table::MobileEventsPlaced => "mobile_events_placed",
            Table::CellPlan => "cell_plan",
            Table::Lau => "lau",
            Table::MobileEventsUncompressed => "mobile_events_uncompressed",
            Table::QualityDaily => "quality_daily",
            Table::QualityCodes => "quality_codes",
            Table::Segments => "segments",
            Table::Trips => "trips",
            Table::Runs => "runs",
        }
    }

    /// The table with that name, in which hyphens may replace underscores.
    pub fn from_name(name: &str) -> Option<Table> {
        let name = name.replace('-', "_");
        Table::ALL.into_iter().find(|t| t.name() == name)
    }

    /// What a row is, as a sentence.
    pub fn description(self) -> &'static str {
        match self {
            Table::MobileEventsCompressed => {
                "Hourly presence: one row per user, cell and clock hour."
            }
            Table::MobileEventsPlaced => {
                "Hourly presence without events of users who were at two places at the same time: \
                 for views by place."
            }
            Table::CellPlan => "Cells with their validity and LAU.",
            Table::Lau => "LAU units with their boundary.",
            Table::MobileEventsUncompressed => "Raw events.",
            Table::QualityDaily => "Quality figures of each date.",
            Table::QualityCodes => "Numbers of rows of each date and file by check code.",
            Table::Segments => {
                "Stays, passes, moves and unknown time of each user with events on a date, from midnight to \
                 midnight."
            }
            Table::Trips => "Trips: from a stay of a user to the next one, by the date of leaving.",
            Table::Runs => "The history of runs, one row per run; times are UTC.",
        }
    }

    /// Columns in order, in the types that rows have outside a warehouse.
    pub fn schema(self) -> SchemaRef {
        match self {
            Table::MobileEventsCompressed | Table::MobileEventsPlaced => {
                let mut fields = presence_fields();
                fields.insert(2, Field::new("date", DataType::Date32, false));
                Arc::new(Schema::new(fields))
            }
            Table::CellPlan => Arc::new(Schema::new(vec![
                Field::new("cell_id", DataType::Utf8, false),
                Field::new("latitude", DataType::Float64, false),
                Field::new("longitude", DataType::Float64, false),
                Field::new("valid_date_start", DataType::Date32, true),
                Field::new("valid_date_end", DataType::Date32, true),
                Field::new("lau_id", DataType::Utf8, true),
                Field::new("lau_match", DataType::Utf8, false),
                Field::new("lau_distance_m", DataType::Float64, true),
                Field::new("geometry", DataType::Binary, false),
                Field::new("site_id", DataType::Utf8, false),
            ])),
            Table::Lau => Arc::new(Schema::new(vec![
                Field::new("lau_id", DataType::Utf8, false),
                Field::new("country_code", DataType::Utf8, false),
                Field::new("lau_name", DataType::Utf8, true),
                Field::new("geometry", DataType::Binary, false),
                Field::new("population", DataType::Int64, true),
                Field::new("area_km2", DataType::Float64, true),
            ])),
            Table::MobileEventsUncompressed => Arc::new(Schema::new(vec![
                Field::new("user_id", DataType::Utf8, true),
                Field::new("cell_id", DataType::Utf8, true),
                Field::new("timestamp", TIMESTAMP, true),
            ])),
            Table::Segments => Arc::new(Schema::new(vec![
                Field::new("user_id", DataType::Utf8, false),
                Field::new("date", DataType::Date32, false),
                Field::new("started", TIMESTAMP, false),
                Field::new("ended", TIMESTAMP, false),
                Field::new("seconds", DataType::Float64, false),
                Field::new("state", DataType::Utf8, false),
                Field::new("site_id", DataType::Utf8, true),
                Field::new("lau_id", DataType::Utf8, true),
                Field::new("events", DataType::Int64, false),
                Field::new("continues", DataType::Boolean, false),
            ])),
            Table::Trips => Arc::new(Schema::new(vec![
                Field::new("user_id", DataType::Utf8, false),
                Field::new("date", DataType::Date32, false),
                Field::new("departed", TIMESTAMP, false),
                Field::new("arrived", TIMESTAMP, false),
                Field::new("seconds", DataType::Float64, false),
                Field::new("from_site_id", DataType::Utf8, false),
                Field::new("to_site_id", DataType::Utf8, false),
                Field::new("from_lau_id", DataType::Utf8, true),
                Field::new("to_lau_id", DataType::Utf8, true),
                Field::new("distance_m", DataType::Float64, false),
            ])),
            Table::QualityDaily => quality_daily(),
            Table::QualityCodes => quality_codes(),
            Table::Runs => runs(),
        }
    }

    /// Columns that an older version of the program named differently, as (name, former name).
    pub fn renamed_columns(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Table::QualityCodes => &[("disposition", "fate")],
            _ => &[],
        }
    }

    /// Columns by which rows are ordered by default.
    pub fn key_columns(self) -> &'static [&'static str] {
        match self {
            Table::MobileEventsCompressed | Table::MobileEventsPlaced => {
                &["date", "user_id", "hour", "cell_id"]
            }
            Table::CellPlan => &["cell_id", "valid_date_start"],
            Table::Lau => &["lau_id"],
            Table::MobileEventsUncompressed => &[],
            Table::QualityDaily => &["date"],
            Table::QualityCodes => &["date", "file", "code"],
            Table::Segments => &["user_id", "started", "ended"],
            Table::Trips => &["user_id", "departed", "arrived"],
            Table::Runs => &["run_id"],
        }
    }

    /// Columns that identify a user.
    pub fn user_columns(self) -> &'static [&'static str] {
        match self {
            Table::MobileEventsCompressed
            | Table::MobileEventsPlaced
            | Table::MobileEventsUncompressed
            | Table::Segments
            | Table::Trips => &["user_id"],
            _ => &[],
        }
    }

    /// Columns with the exact times of events of single users.
    pub fn exact_times(self) -> &'static [&'static str] {
        match self {
            Table::MobileEventsCompressed | Table::MobileEventsPlaced => {
                &["first_seen", "last_seen"]
            }
            Table::MobileEventsUncompressed => &["timestamp"],
            Table::Segments => &["started", "ended"],
            Table::Trips => &["departed", "arrived"],
            _ => &[],
        }
    }

    /// True if rows belong to single users and need an explicit permission to be served.
    pub fn single_users(self) -> bool {
        !self.user_columns().is_empty()
    }
}

/// Columns of a `compressed_events/date=D/*.parquet` file. The date is taken from the folder: some
/// readers refuse a data set that has a column of the same name in the files.
///
/// `two_places_count` is the number of events of the row whose user is at another place at the same
/// instant; `mobile_events_placed` omits these events. `placed_first_seen` and `placed_last_seen` are the
/// first and the last of the others, where there are both kinds, and null elsewhere.
pub fn presence_file_schema() -> SchemaRef {
    let mut fields = presence_fields();
    fields.push(Field::new(TWO_PLACES_COUNT, DataType::Int64, false));
    fields.push(Field::new(PLACED_FIRST_SEEN, TIMESTAMP, true));
    fields.push(Field::new(PLACED_LAST_SEEN, TIMESTAMP, true));
    Arc::new(Schema::new(fields))
}

fn presence_fields() -> Vec<Field> {
    vec![
        Field::new("user_id", DataType::Utf8, false),
        Field::new("cell_id", DataType::Utf8, false),
        Field::new("hour", TIMESTAMP, false),
        Field::new("first_seen", TIMESTAMP, false),
        Field::new("last_seen", TIMESTAMP, false),
        Field::new("event_count", DataType::Int64, false),
    ]
}

/// Columns of `quality_daily`: one row per date, see [`crate::stages::quality::DayFigures`].
fn quality_daily() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("date", DataType::Date32, false),
        Field::new("provisional", DataType::Boolean, false),
        Field::new("rows_in", DataType::Int64, false),
        Field::new("rows_kept", DataType::Int64, false),
        Field::new("rows_rejected", DataType::Int64, false),
        Field::new("rows_unplaced", DataType::Int64, false),
        Field::new("rows_flagged", DataType::Int64, false),
        Field::new("files_expected", DataType::Int64, true),
        Field::new("files_read", DataType::Int64, false),
        Field::new("files_late", DataType::Int64, false),
        Field::new("users", DataType::Int64, false),
        Field::new("new_users", DataType::Int64, true),
        Field::new("users_1_hour", DataType::Int64, false),
        Field::new("users_8_hours", DataType::Int64, false),
        Field::new("users_20_hours", DataType::Int64, false),
        Field::new("events_per_user_p50", DataType::Int64, true),
        Field::new("events_per_user_p95", DataType::Int64, true),
        Field::new("events_per_user_p99", DataType::Int64, true),
        Field::new("events_per_user_max", DataType::Int64, true),
        Field::new("events_per_hour_min", DataType::Int64, false),
        Field::new("events_per_hour_mean", DataType::Float64, false),
        Field::new("events_per_hour_max", DataType::Int64, false),
        Field::new("empty_hours", DataType::Int64, false),
        Field::new("cells_planned", DataType::Int64, false),
        Field::new("cells_active", DataType::Int64, false),
        Field::new("cells_silent", DataType::Int64, false),
        Field::new("cells_unplanned", DataType::Int64, false),
        Field::new("events_within", DataType::Int64, false),
        Field::new("events_boundary", DataType::Int64, false),
        Field::new("events_nearest", DataType::Int64, false),
        Field::new("events_outside", DataType::Int64, false),
        Field::new("events_unmapped", DataType::Int64, false),
        Field::new("laus_without_cells", DataType::Int64, false),
        Field::new("laus_without_users", DataType::Int64, false),
        Field::new("bytes_in", DataType::Int64, false),
        Field::new("bytes_out", DataType::Int64, false),
        Field::new("rows_out", DataType::Int64, false),
        Field::new("compression_ratio", DataType::Float64, true),
        Field::new("compression_ratio_rows", DataType::Float64, true),
        Field::new("warnings", DataType::Int64, false),
        Field::new("criticals", DataType::Int64, false),
        Field::new("returning_share", DataType::Float64, true),
        Field::new("stay_share", DataType::Float64, true),
        Field::new("move_share", DataType::Float64, true),
        Field::new("pass_share", DataType::Float64, true),
        Field::new("unknown_share", DataType::Float64, true),
        Field::new("returning_trips_share", DataType::Float64, true),
    ]))
}

/// Columns of `quality_codes`: one row per date, file and code.
fn quality_codes() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("date", DataType::Date32, true),
        Field::new("file", DataType::Utf8, false),
        Field::new("code", DataType::Utf8, false),
        Field::new("disposition", DataType::Utf8, false),
        Field::new("rows", DataType::Int64, false),
        Field::new("percent", DataType::Float64, false),
        Field::new("late", DataType::Boolean, false),
    ]))
}

/// Columns of `runs`: one row per run, see [`crate::run_history::Run`]. `stages` and `config` are JSON.
fn runs() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("run_id", DataType::Utf8, false),
        Field::new("command", DataType::Utf8, false),
        Field::new("status", DataType::Utf8, false),
        Field::new("started_at", TIMESTAMP, false),
        Field::new("ended_at", TIMESTAMP, false),
        Field::new("seconds", DataType::Float64, false),
        Field::new("rows_in", DataType::Int64, true),
        Field::new("rows_out", DataType::Int64, true),
        Field::new("rows_rejected", DataType::Int64, true),
        Field::new("input_files", DataType::Int64, true),
        Field::new("input_bytes", DataType::Int64, true),
        Field::new("input_fingerprint", DataType::Utf8, true),
        Field::new("peak_memory_bytes", DataType::Int64, true),
        Field::new("warnings", DataType::Int64, false),
        Field::new("error", DataType::Utf8, true),
        Field::new("version", DataType::Utf8, false),
        Field::new("host", DataType::Utf8, false),
        Field::new("config_file", DataType::Utf8, true),
        Field::new("stages", DataType::Utf8, false),
        Field::new("config", DataType::Utf8, false),
    ]))
}
