//! The figures of a date: time by state, trips by distance, devices by number of trips, and time in each LAU.

use anyhow::Result;
use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use crate::output::query_columns::Columns;
use crate::warehouse::Warehouse;

/// The columns of `quality_daily` with the shares of the time of all devices.
const SHARES: [&str; 4] = ["stay_share", "pass_share", "move_share", "unknown_share"];

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

/// The shares of the time of all devices of the date by state; null if `quality` has none of the date.
fn shares(warehouse: &dyn Warehouse, of_date: &str) -> Result<Value> {
    let rows = Columns::read(
        warehouse.sql(&format!("SELECT {} FROM quality_daily {of_date}", SHARES.join(", ")))?,
    )?;
    let share = |name: &str| {
        let share = rows.numbers(name)?.first().copied().flatten();
        Ok((name.to_owned(), json!(share)))
    };
    Ok(Value::Object(SHARES.into_iter().map(share).collect::<Result<Map<_, _>>>()?))
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
