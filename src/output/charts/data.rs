//! Converts rows of a view to the data of a chart.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatchReader};
use arrow::compute::{cast, concat};
use arrow::datatypes::{DataType, Date32Type, Float64Type, Schema, TimestampMicrosecondType};
use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use crate::datasets::published::SUPPRESSED;
use crate::domain::tables::TIMESTAMP;
use crate::warehouse::Rows;

/// Maximum length of a time axis whose gaps are filled, in steps.
const MAX_STEPS: i64 = 200_000;

/// The positions of the values.
#[derive(Debug, Clone, PartialEq)]
pub enum Axis {
    /// Hours or days, ascending.
    Time(Vec<NaiveDateTime>),
    Number(Vec<f64>),
    Text(Vec<String>),
}

/// Values of one column, one per position on the axis; not a number on dates that are not loaded.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub name: String,
    pub values: Vec<f64>,
}

/// The data of a line or bar chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Data {
    pub axis_name: String,
    pub axis: Axis,
    pub series: Vec<Series>,
}

impl Data {
    pub fn is_empty(&self) -> bool {
        self.series.iter().all(|s| s.values.is_empty())
    }

    /// The sums over the hours of each day; data without times is unchanged.
    pub fn sums_by_day(self) -> Data {
        let Axis::Time(times) = &self.axis else { return self };
        let mut days: Vec<NaiveDateTime> = Vec::new();
        let mut places = Vec::new();
        for time in times {
            let day = time.date().and_time(NaiveTime::MIN);
            if days.last() != Some(&day) {
                days.push(day);
            }
            places.push(days.len() - 1);
        }
        let sums = |series: Series| {
            let mut values = vec![0.0; days.len()];
            for (place, value) in places.iter().zip(series.values) {
                values[*place] += value;
            }
            Series { values, ..series }
        };
        let series = self.series.into_iter().map(sums).collect();
        Data { axis_name: "date".to_owned(), axis: Axis::Time(days), series }
    }

    /// Largest value, at least 1.
    pub fn top(&self) -> f64 {
        self.series.iter().flat_map(|s| &s.values).fold(1.0, |top, v| v.max(top))
    }
}

/// Reads an axis and values; nulls count as 0. Hours or days without a row are filled in with 0, because
/// views omit them, but not on dates that are neither among `loaded` nor have rows: nothing is known about
/// them. Of released rows, nulls and what has no row are withheld and not a number.
///
/// # Errors
/// Rows that cannot be read, or a value column that is not numeric.
pub fn read(
    rows: Rows,
    axis: &str,
    values: &[String],
    loaded: &BTreeSet<NaiveDate>,
) -> Result<Data> {
    let is_released = is_released(&rows.schema());
    let null = if is_released { f64::NAN } else { 0.0 };
    let names = std::iter::once(axis).chain(values.iter().map(String::as_str));
    let mut columns = whole_columns(rows, &names.collect::<Vec<_>>())?.into_iter();
    let axis_column = columns.next().context("the chart does not name a column")?;
    let mut series = Vec::new();
    for (name, column) in values.iter().zip(columns) {
        series.push(Series { name: name.clone(), values: numbers(&column, name, null)? });
    }
    let axis_of_rows = match axis_column.data_type() {
        DataType::Date32 => {
            let dates = axis_column.as_primitive::<Date32Type>();
            let midnight = |i| dates.value_as_date(i).and_then(|d| d.and_hms_opt(0, 0, 0));
            Axis::Time((0..dates.len()).filter_map(midnight).collect())
        }
        DataType::Timestamp(..) => {
            let times = cast(&axis_column, &TIMESTAMP)?;
            let times = times.as_primitive::<TimestampMicrosecondType>();
            Axis::Time((0..times.len()).filter_map(|i| times.value_as_datetime(i)).collect())
        }
        t if t.is_numeric() => Axis::Number(numbers(&axis_column, axis, 0.0)?),
        _ => Axis::Text(texts(&axis_column)?),
    };
    let data = Data { axis_name: axis.to_owned(), axis: axis_of_rows, series };
    Ok(with_gaps_filled(data, (!is_released).then_some(loaded)))
}

/// True for rows of which numbers may be withheld.
pub fn is_released(schema: &Schema) -> bool {
    schema.index_of(SUPPRESSED).is_ok()
}

/// The data of a map.
#[derive(Debug, Clone, PartialEq)]
pub struct MapData {
    /// By `lau_id`; not a number where it is withheld.
    pub values: Vec<(String, f64)>,
    /// The day, if rows have a `date`.
    pub day: Option<NaiveDate>,
}

/// Reads the values of a column; if rows have a `date`, those of the last day.
///
/// # Errors
/// Rows that cannot be read or have no `lau_id`.
pub fn map_data(rows: Rows, column: &str) -> Result<MapData> {
    let null = if is_released(&rows.schema()) { f64::NAN } else { 0.0 };
    let dated = rows.schema().index_of("date").is_ok();
    let names: &[&str] = if dated { &["lau_id", column, "date"] } else { &["lau_id", column] };
    let columns = whole_columns(rows, names)?;
    let ids = texts(&columns[0])?;
    let values = numbers(&columns[1], column, null)?;
    let days: Vec<Option<NaiveDate>> = match columns.get(2) {
        Some(dates) => {
            let dates = dates.as_primitive::<Date32Type>();
            (0..dates.len()).map(|i| dates.value_as_date(i)).collect()
        }
        None => vec![None; ids.len()],
    };
    let day = days.iter().max().copied().flatten();
    let rows = ids.into_iter().zip(values).zip(days);
    Ok(MapData { values: rows.filter(|row| row.1 == day).map(|row| row.0).collect(), day })
}

/// Some columns of all rows.
///
/// # Errors
/// Rows that cannot be read, or that lack a column.
pub fn whole_columns(rows: Rows, names: &[&str]) -> Result<Vec<ArrayRef>> {
    let schema = rows.schema();
    let at = names.iter().map(|name| Ok(schema.index_of(name)?)).collect::<Result<Vec<_>>>()?;
    let mut parts: Vec<Vec<ArrayRef>> = vec![Vec::new(); names.len()];
    for batch in rows {
        let batch = batch?;
        for (part, column) in parts.iter_mut().zip(&at) {
            part.push(batch.column(*column).clone());
        }
    }
    let one = |(part, at): (Vec<ArrayRef>, &usize)| -> Result<ArrayRef> {
        if part.is_empty() {
            return Ok(arrow::array::new_empty_array(schema.field(*at).data_type()));
        }
        let part: Vec<&dyn Array> = part.iter().map(AsRef::as_ref).collect();
        Ok(concat(&part)?)
    };
    parts.into_iter().zip(&at).map(one).collect()
}

/// A column as numbers; `null` stands for those that there are not.
///
/// # Errors
/// A column that is not numeric.
pub fn numbers(column: &ArrayRef, name: &str, null: f64) -> Result<Vec<f64>> {
    let column = cast(column, &DataType::Float64)
        .with_context(|| format!("column {name} is not numeric and cannot be drawn"))?;
    Ok(column.as_primitive::<Float64Type>().iter().map(|n| n.unwrap_or(null)).collect())
}

/// A column as text, with a dash for null.
///
/// # Errors
/// A column that has no text form.
pub fn texts(column: &ArrayRef) -> Result<Vec<String>> {
    let column = cast(column, &DataType::Utf8)?;
    Ok(column.as_string::<i32>().iter().map(|t| t.unwrap_or("–").to_owned()).collect())
}

/// Without `loaded`, nothing is known about any hour or day without a row.
fn with_gaps_filled(data: Data, loaded: Option<&BTreeSet<NaiveDate>>) -> Data {
    let Axis::Time(times) = &data.axis else { return data };
    let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) else { return data };
    let midnights = times.iter().all(|t| t.time() == NaiveTime::MIN);
    let step = if midnights { TimeDelta::days(1) } else { TimeDelta::hours(1) };
    let seconds = step.num_seconds();
    let place = |t: &NaiveDateTime| (*t - *first).num_seconds() / seconds;
    let regular = times.iter().all(|t| (*t - *first).num_seconds() % seconds == 0);
    let steps = place(last) + 1;
    // several rows of the same hour cannot be placed on the axis
    let distinct = times.windows(2).all(|pair| pair[0] < pair[1]);
    // weeks and months have steps of their own, and nothing between them
    let spaced = times.len() > 1 && times.windows(2).all(|p| p[1] - p[0] >= TimeDelta::days(7));
    if !regular || !distinct || spaced || steps > MAX_STEPS {
        return data;
    }
    let of_rows = times.iter().map(NaiveDateTime::date);
    let known: BTreeSet<NaiveDate> = match loaded {
        Some(loaded) => of_rows.chain(loaded.iter().copied()).collect(),
        None => BTreeSet::new(),
    };
    let all: Vec<NaiveDateTime> =
        (0..steps).filter_map(|i| i32::try_from(i).ok()).map(|i| *first + step * i).collect();
    let blank: Vec<f64> =
        all.iter().map(|t| if known.contains(&t.date()) { 0.0 } else { f64::NAN }).collect();
    let at: Vec<usize> = times.iter().filter_map(|t| usize::try_from(place(t)).ok()).collect();
    let spread = |series: Series| {
        let mut values = blank.clone();
        for (place, value) in at.iter().zip(series.values) {
            values[*place] = value;
        }
        Series { values, ..series }
    };
    Data { axis: Axis::Time(all), series: data.series.into_iter().map(spread).collect(), ..data }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_without_a_row_counts_as_0() {
        let hour = |h| NaiveDate::from_ymd_opt(2024, 10, 1).unwrap().and_hms_opt(h, 0, 0).unwrap();
        let data = Data {
            axis_name: "hour".into(),
            axis: Axis::Time(vec![hour(3), hour(6)]),
            series: vec![Series { name: "n".into(), values: vec![5.0, 7.0] }],
        };
        let filled = with_gaps_filled(data, Some(&BTreeSet::new()));
        assert_eq!(filled.axis, Axis::Time((3..7).map(hour).collect()));
        assert_eq!(filled.series[0].values, [5.0, 0.0, 0.0, 7.0]);
    }

    #[test]
    fn a_date_that_is_not_loaded_has_no_values() {
        let day = |d| NaiveDate::from_ymd_opt(2024, 10, d).unwrap();
        let midnight = |d: u32| day(d).and_time(chrono::NaiveTime::MIN);
        let data = |axis| Data {
            axis_name: "t".into(),
            axis: Axis::Time(axis),
            series: vec![Series { name: "n".into(), values: vec![5.0, 7.0] }],
        };
        let shown = |data: Data| {
            let value = |value: &f64| if value.is_nan() { "-".into() } else { value.to_string() };
            data.series[0].values.iter().map(value).collect::<Vec<String>>()
        };
        // the second of October is loaded, but the view has no row for it
        let filled =
            with_gaps_filled(data(vec![midnight(1), midnight(4)]), Some(&BTreeSet::from([day(2)])));
        assert_eq!(shown(filled), ["5", "0", "-", "7"]);
        let hours = vec![day(1).and_hms_opt(22, 0, 0).unwrap(), midnight(3) + TimeDelta::hours(1)];
        let filled = shown(with_gaps_filled(data(hours), Some(&BTreeSet::new())));
        let expected = [&["5", "0"][..], &["-"; 24], &["0", "7"]].concat();
        assert_eq!(filled, expected);
    }

    #[test]
    fn withheld_numbers_and_missing_rows_of_a_release_are_gaps() {
        use arrow::array::{
            BooleanArray, Date32Array, Int64Array, RecordBatch, RecordBatchIterator,
        };
        let columns: [(&str, ArrayRef); 3] = [
            ("date", std::sync::Arc::new(Date32Array::from(vec![20_000, 20_001, 20_003]))),
            ("n", std::sync::Arc::new(Int64Array::from(vec![Some(20), None, Some(0)]))),
            (SUPPRESSED, std::sync::Arc::new(BooleanArray::from(vec![false, true, false]))),
        ];
        let shown = |columns: &[(&str, ArrayRef)]| {
            let batch = RecordBatch::try_from_iter(columns.iter().cloned()).unwrap();
            let rows = RecordBatchIterator::new([Ok(batch.clone())], batch.schema());
            let day = NaiveDate::from_epoch_days(20_002).unwrap();
            read(Box::new(rows), "date", &["n".to_owned()], &BTreeSet::from([day])).unwrap().series
                [0]
            .values
            .iter()
            .map(|value| if value.is_nan() { "-".into() } else { value.to_string() })
            .collect::<Vec<String>>()
        };
        assert_eq!(shown(&columns), ["20", "-", "-", "0"]);
        // for analysts, a row that is missing on a loaded date says that there was nobody
        assert_eq!(shown(&columns[..2]), ["20", "0", "0", "0"]);
    }

    #[test]
    fn days_are_the_sums_of_their_hours() {
        let at = |d, h| NaiveDate::from_ymd_opt(2024, 10, d).unwrap().and_hms_opt(h, 0, 0).unwrap();
        let data = Data {
            axis_name: "hour".into(),
            axis: Axis::Time(vec![at(1, 3), at(1, 23), at(2, 0)]),
            series: vec![Series { name: "n".into(), values: vec![5.0, 7.0, 6.0] }],
        };
        let days = data.sums_by_day();
        assert_eq!(days.axis, Axis::Time(vec![at(1, 0), at(2, 0)]));
        assert_eq!(days.series[0].values, [12.0, 6.0]);
    }

    #[test]
    fn weeks_and_months_have_no_days_between_them() {
        let monday = |day| NaiveDate::from_ymd_opt(2024, 9, day).unwrap().and_hms_opt(0, 0, 0);
        let times: Vec<_> = [2, 9, 23].into_iter().filter_map(monday).collect();
        let data = Data {
            axis_name: "week".into(),
            axis: Axis::Time(times),
            series: vec![Series { name: "n".into(), values: vec![5.0, 7.0, 6.0] }],
        };
        assert_eq!(with_gaps_filled(data.clone(), Some(&BTreeSet::new())), data);
    }
}
