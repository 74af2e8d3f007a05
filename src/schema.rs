//! The tables of the contract: names, columns, types, and who may see them. The one place.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// Time stamps are local wall time in microseconds, without a zone.
pub const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

/// A table of the warehouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Table {
    /// Hourly presence: one row per (user, cell, clock hour).
    MobileEventsCompressed,
    /// Cells with their validity and the LAU they lie in.
    CellPlan,
    /// LAU units with their boundary.
    Lau,
    /// Raw events.
    MobileEventsUncompressed,
}

impl Table {
    pub const ALL: [Table; 4] = [
        Table::CellPlan,
        Table::Lau,
        Table::MobileEventsCompressed,
        Table::MobileEventsUncompressed,
    ];

    /// The table's name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Table::MobileEventsCompressed => "mobile_events_compressed",
            Table::CellPlan => "cell_plan",
            Table::Lau => "lau",
            Table::MobileEventsUncompressed => "mobile_events_uncompressed",
        }
    }

    /// The table of that name; hyphens stand for underscores.
    pub fn from_name(name: &str) -> Option<Table> {
        let name = name.replace('-', "_");
        Table::ALL.into_iter().find(|t| t.name() == name)
    }

    /// Columns in their order, in the types that rows have outside a warehouse.
    pub fn schema(self) -> SchemaRef {
        match self {
            Table::MobileEventsCompressed => {
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
            ])),
            Table::Lau => Arc::new(Schema::new(vec![
                Field::new("lau_id", DataType::Utf8, false),
                Field::new("country_code", DataType::Utf8, false),
                Field::new("lau_name", DataType::Utf8, true),
                Field::new("geometry", DataType::Binary, false),
            ])),
            Table::MobileEventsUncompressed => Arc::new(Schema::new(vec![
                Field::new("user_id", DataType::Utf8, true),
                Field::new("cell_id", DataType::Utf8, true),
                Field::new("timestamp", TIMESTAMP, true),
            ])),
        }
    }

    /// Columns by which rows are listed when nobody asks for an order.
    pub fn key_columns(self) -> &'static [&'static str] {
        match self {
            Table::MobileEventsCompressed => &["date", "user_id", "hour", "cell_id"],
            Table::CellPlan => &["cell_id", "valid_date_start"],
            Table::Lau => &["lau_id"],
            Table::MobileEventsUncompressed => &[],
        }
    }

    /// True when rows belong to single users and need an explicit permission to be served.
    pub fn single_users(self) -> bool {
        matches!(self, Table::MobileEventsCompressed | Table::MobileEventsUncompressed)
    }
}

/// Columns of a `compressed_events/date=D/*.parquet` file. The date is the folder's: a column of
/// that name inside the file as well would make some readers refuse the data set.
///
/// `two_places_count` says how many of the row's events have their user at another place at the same
/// instant; `mobile_events_placed` leaves these out.
pub fn presence_file_schema() -> SchemaRef {
    let mut fields = presence_fields();
    fields.push(Field::new("two_places_count", DataType::Int64, false));
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
