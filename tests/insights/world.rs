//! Small worlds: cells in LAUs that are squares side by side, and events.

use std::fmt::Write;

use chrono::{Days, NaiveDate, NaiveDateTime};
use serde_json::json;

use crate::harness::{Warehouse, Workspace};

/// A version of a cell; without dates it is always valid.
#[derive(Debug, Clone)]
pub struct Cell {
    pub id: &'static str,
    pub latitude: f64,
    pub longitude: f64,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
}

/// A square of 0.02 degrees whose south-west corner is at 59.00 north.
#[derive(Debug, Clone)]
pub struct Unit {
    pub id: &'static str,
    pub name: &'static str,
    pub west: f64,
    pub population: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    pub user: String,
    pub time: NaiveDateTime,
    pub cell: String,
}

#[derive(Debug, Clone, Default)]
pub struct World {
    pub cells: Vec<Cell>,
    pub units: Vec<Unit>,
    pub events: Vec<Event>,
}

/// Width and height of a unit in degrees.
pub const UNIT_DEGREES: f64 = 0.02;
/// Southern border of the units.
pub const SOUTH: f64 = 59.0;

pub fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// A date and time such as `2024-10-01 22:30:00`.
pub fn time(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap()
}

impl World {
    pub fn cell(&mut self, id: &'static str, latitude: f64, longitude: f64) {
        self.cells.push(Cell { id, latitude, longitude, from: None, to: None });
    }

    pub fn unit(
        &mut self,
        id: &'static str,
        name: &'static str,
        west: f64,
        population: Option<i64>,
    ) {
        self.units.push(Unit { id, name, west, population });
    }

    /// An event of a user at a cell.
    pub fn seen(&mut self, user: &str, cell: &str, at: &str) {
        self.events.push(Event { user: user.to_owned(), time: time(at), cell: cell.to_owned() });
    }

    /// An event at the same time of day on each of `days` dates.
    pub fn seen_daily(&mut self, user: &str, cell: &str, first: &str, days: u64) {
        let first = time(first);
        for day in 0..days {
            let (user, cell) = (user.to_owned(), cell.to_owned());
            self.events.push(Event { user, time: first + Days::new(day), cell });
        }
    }

    /// A workspace after `run-all` over these inputs; `config` is put before the sections of the config.
    pub fn load(&self, warehouse: Warehouse, config: &str) -> Workspace {
        let work = warehouse.mini();
        self.write(&work);
        work.config(config);
        work.add_views_about_people();
        work.ok(&["run-all"]);
        work
    }

    /// The same world with the events of some dates.
    pub fn on(&self, is_loaded: impl Fn(NaiveDate) -> bool) -> World {
        let mut world = self.clone();
        world.events.retain(|event| is_loaded(event.time.date()));
        world
    }

    /// Puts the inputs into a workspace, in place of those that are there.
    pub fn write(&self, work: &Workspace) {
        work.remove("raw");
        let mut cells = "cell_id,latitude,longitude,valid_date_start,valid_date_end\n".to_owned();
        let text = |date: Option<NaiveDate>| date.map(|d| d.to_string()).unwrap_or_default();
        for cell in &self.cells {
            let Cell { id, latitude, longitude, from, to } = cell;
            writeln!(cells, "{id},{latitude},{longitude},{},{}", text(*from), text(*to)).unwrap();
        }
        work.write("raw/cells/plan.csv", cells);
        self.write_events(work, "events.csv");
        work.write("raw/lau/lau.geojson", self.boundaries());
    }

    /// Writes the events into a file.
    pub fn write_events(&self, work: &Workspace, name: &str) {
        let mut events = "user_id,cell_id,timestamp\n".to_owned();
        for Event { user, time, cell } in &self.events {
            writeln!(events, "{user},{cell},{time}").unwrap();
        }
        work.write(&format!("raw/events/{name}"), events);
    }

    fn boundaries(&self) -> String {
        let feature = |unit: &Unit| {
            let (west, east) = (unit.west, unit.west + UNIT_DEGREES);
            let north = SOUTH + UNIT_DEGREES;
            let ring = [[west, SOUTH], [east, SOUTH], [east, north], [west, north], [west, SOUTH]];
            let mut properties =
                json!({"GISCO_ID": unit.id, "CNTR_CODE": "EE", "LAU_NAME": unit.name});
            if let Some(population) = unit.population {
                properties["POP_2021"] = population.into();
            }
            let geometry = json!({"type": "Polygon", "coordinates": [ring]});
            json!({"type": "Feature", "properties": properties, "geometry": geometry})
        };
        let features: Vec<_> = self.units.iter().map(feature).collect();
        json!({"type": "FeatureCollection", "features": features}).to_string()
    }
}

/// The rows of a SELECT as CSV without the header.
pub fn rows(work: &Workspace, sql: &str) -> String {
    let csv = work.ok(&["query", "--sql", sql, "--format", "csv"]);
    csv.split_once('\n').unwrap().1.to_owned()
}
