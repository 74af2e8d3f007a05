//! The figures of a date: time by state, trips by distance, devices by number of trips, and time in each LAU.

use anyhow::Result;
use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use crate::output::query_columns::Columns;
use crate::warehouse::Warehouse;

/// # Errors
/// A warehouse that cannot be read.
pub fn document(warehouse: &dyn Warehouse, date: NaiveDate) -> Result<Value> {
    let read = |sql: String| Columns::read(warehouse.sql(&sql)?);
    let of_date = format!("WHERE date = DATE '{date}'");
    let hours = read(format!(
        "SELECT CAST(EXTRACT(HOUR FROM hour) AS INT) AS clock, CAST(SUM(trips) AS BIGINT) AS trips \
         FROM trips_od {of_date} GROUP BY CAST(EXTRACT(HOUR FROM hour) AS INT) ORDER BY clock"
    ))?;
    let mut by_hour = [0; 24];
    for (hour, trips) in hours.counts("clock")?.into_iter().zip(hours.counts("trips")?) {
        if let Some(of_hour) = usize::try_from(hour).ok().and_then(|hour| by_hour.get_mut(hour)) {
            *of_hour = trips;
        }
    }
    let distances = read(format!(
        "SELECT distance_class, trips, devices FROM trip_distances {of_date} ORDER BY distance_class"
    ))?;
    let devices = read(format!(
        "SELECT trips_class, CAST(SUM(devices) AS BIGINT) AS devices FROM trips_per_device {of_date} \
         GROUP BY trips_class ORDER BY trips_class"
    ))?;
    let dwell = read(format!(
        "SELECT lau_id, dwell_class, devices, hours FROM dwell_per_lau {of_date} ORDER BY lau_id, dwell_class"
    ))?;
    Ok(json!({
        "date": date,
        "shares": shares(warehouse, &of_date)?,
        "hours": by_hour,
        "distances": triples(&distances, "distance_class", ["trips", "devices"])?,
        "devices": pairs(&devices)?,
        "dwell": dwell_rows(&dwell)?,
    }))
}

/// The shares of the time of all devices of the date by state.
fn shares(warehouse: &dyn Warehouse, of_date: &str) -> Result<Value> {
    let rows = Columns::read(warehouse.sql(&format!(
        "SELECT state, SUM(seconds) AS seconds FROM segments {of_date} GROUP BY state"
    ))?)?;
    let seconds: Vec<f64> =
        rows.numbers("seconds")?.into_iter().map(Option::unwrap_or_default).collect();
    let all: f64 = seconds.iter().sum();
    let states = rows.texts("state")?.into_iter().map(Option::unwrap_or_default);
    let share = |(state, seconds): (String, f64)| (format!("{state}_share"), json!(seconds / all));
    Ok(Value::Object(states.zip(seconds).map(share).collect::<Map<_, _>>()))
}

fn pairs(rows: &Columns) -> Result<Vec<Value>> {
    let classes = rows.texts("trips_class")?.into_iter();
    Ok(classes.zip(rows.counts("devices")?).map(|(class, n)| json!([class, n])).collect())
}

fn triples(rows: &Columns, class: &str, [a, b]: [&str; 2]) -> Result<Vec<Value>> {
    let (classes, a, b) = (rows.texts(class)?, rows.counts(a)?, rows.counts(b)?);
    Ok((0..rows.num_rows()).map(|i| json!([classes[i], a[i], b[i]])).collect())
}

/// `[lau_id, class, devices, hours]`.
fn dwell_rows(rows: &Columns) -> Result<Vec<Value>> {
    let (laus, classes) = (rows.texts("lau_id")?, rows.texts("dwell_class")?);
    let (devices, hours) = (rows.counts("devices")?, rows.numbers("hours")?);
    Ok((0..rows.num_rows()).map(|i| json!([laus[i], classes[i], devices[i], hours[i]])).collect())
}
