//! The rows of the users in one file of visits.

use std::path::PathBuf;

use anyhow::{Context, Result};
use chrono::NaiveDate;

use super::Settings;
use super::date_visits::DateVisits;
use super::row_file::RowFile;
use super::rows::{SegmentRows, TripRows};
use crate::datasets::movement::MovementTotals;
use crate::datasets::presence::folder_name;
use crate::datasets::visits::{UserVisits, VisitsReader};
use crate::domain::time::{DayShift, LocalDate};
use crate::movement::{Dates, Places, Segment, State, Timeline, Trip, is_return, segments, trips};
use crate::storage::folder_update::FolderUpdate;

/// Users of a date.
pub struct Part {
    pub date: NaiveDate,
    pub number: usize,
    /// The file with their visits.
    pub own: PathBuf,
    /// Size of that file.
    pub bytes: u64,
    /// The files of the date before, of the date, and of the date after it.
    pub beside: [Vec<PathBuf>; 3],
}

/// What was found besides the rows of a part.
#[derive(Debug, Clone, Copy, Default)]
pub struct Found {
    /// Visits at sites that the plan lacks.
    pub without_plan: u64,
    /// Without the trips that lead back on the next date.
    pub totals: MovementTotals,
}

impl Found {
    /// Adds what was found in another part of the date.
    pub fn add(&mut self, other: &Found) {
        self.without_plan += other.without_plan;
        self.totals.add(&other.totals);
    }
}

/// Computes parts; its buffers are reused.
#[derive(Default)]
pub struct PartWriter {
    timeline: Timeline,
    segments: Vec<Segment>,
    trips: Vec<Trip>,
}

impl PartWriter {
    /// Writes the rows of a part.
    ///
    /// # Errors
    /// Visits that cannot be read; a folder that cannot be written.
    pub fn write(
        &mut self,
        settings: &Settings,
        part: &Part,
        places: [&Places; 3],
        updates: &[FolderUpdate; 2],
    ) -> Result<Found> {
        let zone = settings.time.tz();
        let date = LocalDate::from_calendar(part.date);
        let dates = Dates::around(date, |date| DayShift::of(zone, date));
        let mut reader = VisitsReader::open(&part.own, None)?;
        let mut own = UserVisits::default();
        let mut is_there = reader.next_user(&mut own)?;
        let [before, _, after] = &part.beside;
        let mut before = DateVisits::new(before.clone(), &own.user);
        let mut after = DateVisits::new(after.clone(), &own.user);
        let [segments_file, trips_file] = files(part, updates)?;
        let mut segment_rows = SegmentRows::new(segments_file);
        let mut trip_rows = TripRows::new(trips_file);
        let mut found = Found::default();
        while is_there {
            let user = own.user.as_str();
            let stored = [before.of(user)?, &own.visits, after.of(user)?];
            found.without_plan +=
                own.visits.iter().filter(|visit| !places[Dates::OWN].has(visit.site)).count()
                    as u64;
            let stops = self.timeline.find(&dates, stored, places, settings.stays);
            self.segments.clear();
            segments(stops, &dates, &mut self.segments);
            self.trips.clear();
            trips(stops, settings.trips, &mut self.trips);
            self.add_to(&mut found.totals, settings);
            segment_rows.add(user, &self.segments, &dates, places[Dates::OWN])?;
            trip_rows.add(user, &self.trips, &dates, places)?;
            is_there = reader.next_user(&mut own)?;
        }
        segment_rows.finish()?;
        trip_rows.finish()?;
        Ok(found)
    }

    /// Adds the rows of a user to the sums of a date.
    fn add_to(&self, totals: &mut MovementTotals, settings: &Settings) {
        for segment in &self.segments {
            let sum = match segment.state {
                State::Stay => &mut totals.stay_us,
                State::Pass => &mut totals.pass_us,
                State::Move => &mut totals.move_us,
                State::Unknown => &mut totals.unknown_us,
            };
            *sum += (segment.end_us - segment.start_us).unsigned_abs();
        }
        totals.trips += self.trips.len() as u64;
        let returning =
            self.trips.windows(2).filter(|pair| is_return(&pair[0], &pair[1], settings.trips));
        totals.returning_trips += returning.count() as u64;
    }
}

/// The files of a part, of both tables.
fn files(part: &Part, updates: &[FolderUpdate; 2]) -> Result<[RowFile; 2]> {
    let [segments, trips] = updates.each_ref().map(|update| {
        let folder = update.path().join(folder_name(part.date));
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        Ok::<_, anyhow::Error>(RowFile::new(
            folder.join(format!("part-{:05}.parquet", part.number)),
        ))
    });
    Ok([segments?, trips?])
}
