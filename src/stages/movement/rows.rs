//! Rows of segments and trips as columns of their tables.

use std::sync::Arc;

use anyhow::Result;
use arrow::array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int64Array, StringArray, StringBuilder,
    TimestampMicrosecondArray, UInt32Array,
};
use arrow::datatypes::UInt32Type;
use hashbrown::HashMap;

use super::row_file::RowFile;
use crate::domain::site::Site;
use crate::domain::tables::Table;
use crate::domain::time::MICROS_PER_SECOND;
use crate::movement::{Dates, Places, Segment, State, Trip};

/// Rows that are collected before they are written.
const PART_ROWS: usize = 1 << 14;

const STATES: [State; 4] = [State::Stay, State::Pass, State::Move, State::Unknown];

/// The users of collected rows.
#[derive(Default)]
struct Users {
    names: StringBuilder,
    count: u32,
    /// For each row, the place of its user among the names.
    rows: Vec<u32>,
}

impl Users {
    fn add(&mut self, user: &str, rows: usize) {
        if rows > 0 {
            self.names.append_value(user);
            self.rows.resize(self.rows.len() + rows, self.count);
            self.count += 1;
        }
    }

    fn take(&mut self) -> Result<ArrayRef> {
        self.count = 0;
        let rows = std::mem::take(&mut self.rows).into_iter().map(Some);
        dictionary(rows, Arc::new(self.names.finish()))
    }
}

/// Texts with numbers in the order in which they were first seen.
#[derive(Default)]
struct Texts {
    texts: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Texts {
    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.texts.len() as u32;
        self.texts.push(text.to_owned());
        self.numbers.insert(text.to_owned(), number);
        number
    }

    fn column(&self, numbers: impl Iterator<Item = Option<u32>>) -> Result<ArrayRef> {
        dictionary(numbers, Arc::new(StringArray::from_iter_values(&self.texts)))
    }
}

/// Sites and their LAUs on a date, numbered.
#[derive(Default)]
struct Sites {
    ids: Texts,
    laus: Texts,
    known: HashMap<(Site, usize), (u32, Option<u32>)>,
}

impl Sites {
    /// The numbers of a site and of its LAU on one of three dates.
    fn numbers(&mut self, site: Site, day: usize, places: &Places) -> (u32, Option<u32>) {
        if let Some(known) = self.known.get(&(site, day)) {
            return *known;
        }
        let id = self.ids.number(&site.to_string());
        let lau = places.lau(site).map(|lau| self.laus.number(lau));
        self.known.insert((site, day), (id, lau));
        (id, lau)
    }
}

/// Collects rows of `segments`.
pub struct SegmentRows {
    file: RowFile,
    users: Users,
    sites: Sites,
    rows: Vec<SegmentRow>,
}

struct SegmentRow {
    started: i64,
    ended: i64,
    site: Option<(u32, Option<u32>)>,
    segment: Segment,
}

impl SegmentRows {
    pub fn new(file: RowFile) -> Self {
        let (users, sites) = (Users::default(), Sites::default());
        SegmentRows { file, users, sites, rows: Vec::new() }
    }

    /// Adds the rows of a user; users come in the order of their ids.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add(
        &mut self,
        user: &str,
        segments: &[Segment],
        dates: &Dates,
        places: &Places,
    ) -> Result<()> {
        self.users.add(user, segments.len());
        for segment in segments {
            let numbers = |site| self.sites.numbers(site, Dates::OWN, places);
            self.rows.push(SegmentRow {
                started: dates.wall_us(segment.start_us),
                ended: dates.wall_us(segment.end_us),
                site: segment.site.map(numbers),
                segment: *segment,
            });
        }
        if self.rows.len() >= PART_ROWS { self.write() } else { Ok(()) }
    }

    /// # Errors
    /// When the file cannot be written.
    pub fn finish(mut self) -> Result<()> {
        if !self.rows.is_empty() {
            self.write()?;
        }
        self.file.finish()
    }

    fn write(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.rows);
        let state = |row: &SegmentRow| STATES.iter().position(|s| *s == row.segment.state);
        let names = StringArray::from_iter_values(STATES.map(State::name));
        let states = rows.iter().map(|row| state(row).map(|state| state as u32));
        let columns = vec![
            self.users.take()?,
            times(rows.iter().map(|row| row.started)),
            times(rows.iter().map(|row| row.ended)),
            seconds(rows.iter().map(|row| row.segment.end_us - row.segment.start_us)),
            dictionary(states, Arc::new(names))?,
            self.sites.ids.column(rows.iter().map(|row| row.site.map(|site| site.0)))?,
            self.sites.laus.column(rows.iter().map(|row| row.site.and_then(|site| site.1)))?,
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.segment.events.into()))),
            Arc::new(BooleanArray::from_iter(rows.iter().map(|r| Some(r.segment.continues)))),
        ];
        self.file.write(Table::Segments, columns)
    }
}

/// Collects rows of `trips`.
pub struct TripRows {
    file: RowFile,
    users: Users,
    sites: Sites,
    rows: Vec<TripRow>,
}

struct TripRow {
    departed: i64,
    arrived: i64,
    from: (u32, Option<u32>),
    to: (u32, Option<u32>),
    trip: Trip,
}

impl TripRows {
    pub fn new(file: RowFile) -> Self {
        let (users, sites) = (Users::default(), Sites::default());
        TripRows { file, users, sites, rows: Vec::new() }
    }

    /// Adds the rows of a user; users come in the order of their ids.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add(
        &mut self,
        user: &str,
        trips: &[Trip],
        dates: &Dates,
        places: [&Places; 3],
    ) -> Result<()> {
        self.users.add(user, trips.len());
        for trip in trips {
            let mut numbers = |site, day: usize| self.sites.numbers(site, day, places[day]);
            self.rows.push(TripRow {
                departed: dates.wall_us(trip.departed_us),
                arrived: dates.wall_us(trip.arrived_us),
                from: numbers(trip.from, Dates::OWN),
                to: numbers(trip.to, trip.arrival_day),
                trip: *trip,
            });
        }
        if self.rows.len() >= PART_ROWS { self.write() } else { Ok(()) }
    }

    /// # Errors
    /// When the file cannot be written.
    pub fn finish(mut self) -> Result<()> {
        if !self.rows.is_empty() {
            self.write()?;
        }
        self.file.finish()
    }

    fn write(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.rows);
        let distances = rows.iter().map(|row| tenths(row.trip.metres));
        let Sites { ids, laus, .. } = &self.sites;
        let columns = vec![
            self.users.take()?,
            times(rows.iter().map(|row| row.departed)),
            times(rows.iter().map(|row| row.arrived)),
            seconds(rows.iter().map(|row| row.trip.arrived_us - row.trip.departed_us)),
            ids.column(rows.iter().map(|row| Some(row.from.0)))?,
            ids.column(rows.iter().map(|row| Some(row.to.0)))?,
            laus.column(rows.iter().map(|row| row.from.1))?,
            laus.column(rows.iter().map(|row| row.to.1))?,
            Arc::new(Float64Array::from_iter_values(distances)),
        ];
        self.file.write(Table::Trips, columns)
    }
}

/// Rounded to a decimal place, half up.
fn tenths(number: f64) -> f64 {
    (number * 10.0 + 0.5).floor() / 10.0
}

fn times(us: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter_values(us))
}

fn seconds(us: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(us.map(|us| us as f64 / MICROS_PER_SECOND as f64)))
}

fn dictionary(keys: impl Iterator<Item = Option<u32>>, values: ArrayRef) -> Result<ArrayRef> {
    let keys: UInt32Array = keys.collect();
    Ok(Arc::new(DictionaryArray::<UInt32Type>::try_new(keys, values)?))
}
