//! The ground truth: homes and work places, changes of pseudonyms, trips, dates without movement, and nights
//! away from home.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use arrow::array::{
    ArrayRef, Date32Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use chrono::NaiveDate;
use parquet::arrow::ArrowWriter;

use super::super::tables::{days_since_1970, writer};
use super::blocks::{BlockDay, NightAway, StillDate, Trip};
use super::device::Device;
use super::network::Network;
use crate::domain::ids::hex;
use crate::domain::tables::TIMESTAMP;
use crate::storage::atomic::AtomicFile;

const DAY_US: i64 = 86_400_000_000;

/// Devices per batch.
const BATCH_DEVICES: usize = 1 << 16;

pub const HOMES: &str = "truth_homes.parquet";
const ROTATIONS: &str = "truth_rotations.parquet";
const TRIPS: &str = "truth_trips.parquet";
const STILL: &str = "truth_still.parquet";
const NIGHTS: &str = "truth_nights.parquet";

/// Files that only data sets of people have.
pub const OF_PEOPLE_ALONE: [&str; 4] = [ROTATIONS, TRIPS, STILL, NIGHTS];

/// The dates on which devices have the same pseudonyms.
pub struct Period {
    pub first: NaiveDate,
    pub last: NaiveDate,
}

/// One open file of the ground truth.
struct Table {
    file: AtomicFile,
    schema: SchemaRef,
    writer: ArrowWriter<File>,
}

impl Table {
    fn create(out: &Path, name: &str, fields: Vec<Field>) -> Result<Table> {
        let file = AtomicFile::new(&out.join(name))?;
        let schema = Arc::new(Schema::new(fields));
        let writer = writer(schema.clone(), file.create()?)?;
        Ok(Table { file, schema, writer })
    }

    fn write(&mut self, columns: Vec<ArrayRef>) -> Result<()> {
        Ok(self.writer.write(&RecordBatch::try_new(self.schema.clone(), columns)?)?)
    }

    fn finish(self) -> Result<AtomicFile> {
        self.writer.into_inner()?.sync_all()?;
        Ok(self.file)
    }
}

/// All files of the ground truth but `truth.json`.
pub struct TruthTables<'a> {
    network: &'a Network,
    /// The end of the last date, microseconds since 1970.
    end_us: i64,
    homes: Table,
    rotations: Table,
    trips: Table,
    still: Table,
    nights: Table,
}

impl<'a> TruthTables<'a> {
    /// # Errors
    /// If the folder cannot be written.
    pub fn create(out: &Path, network: &'a Network, last: NaiveDate) -> Result<TruthTables<'a>> {
        let text = |name: &str| Field::new(name, DataType::Utf8, true);
        let id = |name: &str| Field::new(name, DataType::Utf8, false);
        let date = |name: &str| Field::new(name, DataType::Date32, false);
        let time = |name: &str| Field::new(name, TIMESTAMP, false);
        let number = |name: &str| Field::new(name, DataType::Int32, false);
        let device = || number("device");
        let cell = |name: &str| Field::new(name, DataType::Int64, true);
        let metres = |name: &str| Field::new(name, DataType::Float64, false);
        let homes = vec![
            id("user_id"),
            cell("home_cell_id"),
            text("home_lau_id"),
            cell("work_cell_id"),
            device(),
            date("first_date"),
            date("last_date"),
            id("kind"),
            number("seen_per_day"),
            text("home_site_id"),
            text("work_site_id"),
            text("work_lau_id"),
            text("shift"),
            text("second_home_site_id"),
            text("second_home_lau_id"),
        ];
        let rotations = vec![date("date"), device(), id("old_user_id"), id("new_user_id")];
        let trips = vec![
            device(),
            date("date"),
            time("departed"),
            time("arrived"),
            number("seconds"),
            id("from_site_id"),
            id("to_site_id"),
            cell("from_cell_id"),
            cell("to_cell_id"),
            text("from_lau_id"),
            text("to_lau_id"),
            metres("distance_m"),
        ];
        let still = vec![
            device(),
            date("date"),
            time("started"),
            time("ended"),
            id("site_id"),
            cell("cell_id"),
            text("lau_id"),
            number("handovers"),
            metres("farthest_handover_m"),
        ];
        let nights = vec![device(), date("night"), id("reason"), text("site_id"), text("lau_id")];
        Ok(TruthTables {
            network,
            end_us: i64::from(days_since_1970(last) + 1) * DAY_US,
            homes: Table::create(out, HOMES, homes)?,
            rotations: Table::create(out, ROTATIONS, rotations)?,
            trips: Table::create(out, TRIPS, trips)?,
            still: Table::create(out, STILL, still)?,
            nights: Table::create(out, NIGHTS, nights)?,
        })
    }

    /// Writes where devices live and work, under the pseudonyms that they have in a period.
    ///
    /// # Errors
    /// If writing fails.
    pub fn add_homes(
        &mut self,
        devices: &[Device],
        user_ids: &[[u8; 32]],
        period: &Period,
    ) -> Result<()> {
        let network = self.network;
        let first = days_since_1970(period.first);
        let last = days_since_1970(period.last);
        let chunks = devices.chunks(BATCH_DEVICES).zip(user_ids.chunks(BATCH_DEVICES));
        for (chunk, (devices, user_ids)) in chunks.enumerate() {
            let number = (chunk * BATCH_DEVICES) as i32;
            let home = || devices.iter().map(|d| d.home);
            let work = || devices.iter().map(|d| d.job.map(|job| job.site));
            let second_home = || devices.iter().map(|d| d.second_home);
            let shifts = devices.iter().map(|d| d.job.map(|job| job.shift.name()));
            let seen = devices.iter().map(|d| i32::from(d.seen_per_day));
            self.homes.write(vec![
                Arc::new(StringArray::from_iter_values(user_ids.iter().map(|id| hex(id)))),
                cell_ids(network, home()),
                lau_ids(network, home()),
                cell_ids(network, work()),
                Arc::new(Int32Array::from_iter_values(number..number + devices.len() as i32)),
                Arc::new(Date32Array::from_value(first, devices.len())),
                Arc::new(Date32Array::from_value(last, devices.len())),
                Arc::new(StringArray::from_iter_values(devices.iter().map(|d| d.kind.name()))),
                Arc::new(Int32Array::from_iter_values(seen)),
                site_ids(network, home()),
                site_ids(network, work()),
                lau_ids(network, work()),
                Arc::new(shifts.collect::<StringArray>()),
                site_ids(network, second_home()),
                lau_ids(network, second_home()),
            ])?;
        }
        Ok(())
    }

    /// Writes the pseudonyms before and from a date.
    ///
    /// # Errors
    /// If writing fails.
    pub fn add_rotation(
        &mut self,
        date: NaiveDate,
        old: &[[u8; 32]],
        new: &[[u8; 32]],
    ) -> Result<()> {
        let date = days_since_1970(date);
        let chunks = old.chunks(BATCH_DEVICES).zip(new.chunks(BATCH_DEVICES));
        for (chunk, (old, new)) in chunks.enumerate() {
            let number = (chunk * BATCH_DEVICES) as i32;
            self.rotations.write(vec![
                Arc::new(Date32Array::from_value(date, old.len())),
                Arc::new(Int32Array::from_iter_values(number..number + old.len() as i32)),
                Arc::new(StringArray::from_iter_values(old.iter().map(|id| hex(id)))),
                Arc::new(StringArray::from_iter_values(new.iter().map(|id| hex(id)))),
            ])?;
        }
        Ok(())
    }

    /// Writes what a block did on a date.
    ///
    /// # Errors
    /// If writing fails.
    pub fn add_day(&mut self, day: NaiveDate, block: &BlockDay) -> Result<()> {
        self.add_trips(&block.trips)?;
        self.add_still(days_since_1970(day), &block.still)?;
        self.add_nights(days_since_1970(day), &block.nights)
    }

    /// Writes trips. Those that end after the last date are left out.
    fn add_trips(&mut self, trips: &[Trip]) -> Result<()> {
        let time_us =
            |trip: &Trip, at_s: i32| i64::from(trip.day) * DAY_US + i64::from(at_s) * 1_000_000;
        let trips: Vec<&Trip> =
            trips.iter().filter(|t| time_us(t, t.arrived_s) < self.end_us).collect();
        let network = self.network;
        let numbers = |of: &dyn Fn(&Trip) -> i32| -> ArrayRef {
            Arc::new(Int32Array::from_iter_values(trips.iter().map(|t| of(t))))
        };
        let times = |of: fn(&Trip) -> i32| -> ArrayRef {
            let times = trips.iter().map(|t| time_us(t, of(t)));
            Arc::new(TimestampMicrosecondArray::from_iter_values(times))
        };
        let dates = trips.iter().map(|t| t.day + t.departed_s.div_euclid(86_400));
        let metres = trips.iter().map(|t| one_decimal(network.distance_m(t.from, t.to)));
        self.trips.write(vec![
            numbers(&|t| t.device as i32),
            Arc::new(Date32Array::from_iter_values(dates)),
            times(|t| t.departed_s),
            times(|t| t.arrived_s),
            numbers(&|t| t.arrived_s - t.departed_s),
            site_ids(network, trips.iter().map(|t| Some(t.from))),
            site_ids(network, trips.iter().map(|t| Some(t.to))),
            cell_ids(network, trips.iter().map(|t| Some(t.from))),
            cell_ids(network, trips.iter().map(|t| Some(t.to))),
            lau_ids(network, trips.iter().map(|t| Some(t.from))),
            lau_ids(network, trips.iter().map(|t| Some(t.to))),
            Arc::new(Float64Array::from_iter_values(metres)),
        ])
    }

    fn add_still(&mut self, day: i32, still: &[StillDate]) -> Result<()> {
        let network = self.network;
        let count = still.len();
        let midnight = |day: i32| -> ArrayRef {
            Arc::new(TimestampMicrosecondArray::from_value(i64::from(day) * DAY_US, count))
        };
        let metres = still.iter().map(|s| one_decimal(s.farthest_m.into()));
        self.still.write(vec![
            Arc::new(Int32Array::from_iter_values(still.iter().map(|s| s.device as i32))),
            Arc::new(Date32Array::from_value(day, count)),
            midnight(day),
            midnight(day + 1),
            site_ids(network, still.iter().map(|s| Some(s.site))),
            cell_ids(network, still.iter().map(|s| Some(s.site))),
            lau_ids(network, still.iter().map(|s| Some(s.site))),
            Arc::new(Int32Array::from_iter_values(still.iter().map(|s| s.handovers.into()))),
            Arc::new(Float64Array::from_iter_values(metres)),
        ])
    }

    fn add_nights(&mut self, day: i32, nights: &[NightAway]) -> Result<()> {
        let network = self.network;
        let reasons = nights.iter().map(|n| n.night.reason.name());
        self.nights.write(vec![
            Arc::new(Int32Array::from_iter_values(nights.iter().map(|n| n.device as i32))),
            Arc::new(Date32Array::from_value(day, nights.len())),
            Arc::new(StringArray::from_iter_values(reasons)),
            site_ids(network, nights.iter().map(|n| n.night.site)),
            lau_ids(network, nights.iter().map(|n| n.night.site)),
        ])
    }

    /// Completes all files, and returns them for the rename.
    ///
    /// # Errors
    /// If writing fails.
    pub fn finish(self) -> Result<Vec<AtomicFile>> {
        let tables = [self.homes, self.rotations, self.trips, self.still, self.nights];
        tables.into_iter().map(Table::finish).collect()
    }
}

fn one_decimal(metres: f64) -> f64 {
    (metres * 10.0).round() / 10.0
}

fn site_ids(network: &Network, sites: impl Iterator<Item = Option<u32>>) -> ArrayRef {
    Arc::new(sites.map(|site| site.map(|s| network.site_id(s))).collect::<StringArray>())
}

fn lau_ids(network: &Network, sites: impl Iterator<Item = Option<u32>>) -> ArrayRef {
    Arc::new(sites.map(|site| site.and_then(|s| network.lau_id(s))).collect::<StringArray>())
}

fn cell_ids(network: &Network, sites: impl Iterator<Item = Option<u32>>) -> ArrayRef {
    Arc::new(sites.map(|site| site.map(|s| network.cell_id(s))).collect::<Int64Array>())
}
