//! The columns of event files, the form of their time stamps, and the zone that these need.

use anyhow::{Context, Result};
use arrow::datatypes::{DataType, Schema};
use chrono::Utc;
use toml::Value;

use super::names;
use super::settings::{Guess, Look, Setting, column};
use super::zones::zone_of;
use crate::config::{Columns, Config};
use crate::domain::numbers::counted;
use crate::domain::time::belief::Belief;
use crate::domain::time::form::{TimeForm, time_form};
use crate::domain::time::text::EpochUnit;
use crate::events::{self, TimeValue};
use crate::formats::{csv, table};
use crate::storage::inputs::InputFile;

/// Files of which time stamps are looked at.
const MAX_FILES: usize = 3;
/// A zone in examples.
const EXAMPLE_ZONE: &str = "Europe/Tallinn";

/// What the time stamps say about their zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZoneOfTimes {
    /// They are instants: with a zone, or counted from 1970.
    Instants,
    /// They state none.
    None,
    /// They could not be read.
    Unknown,
}

/// Finds the columns and the form of the time stamps.
///
/// # Errors
/// Files that cannot be read.
pub fn look(
    config: &mut Config,
    looks: &mut Vec<Look>,
    settings: &mut Vec<Setting>,
) -> Result<ZoneOfTimes> {
    let files = events::list_files(&config.data.events)?.files;
    let Some(first) = files.first() else { return Ok(ZoneOfTimes::Unknown) };
    let schema = table::schema(first).with_context(|| format!("events file {}", first.location))?;
    looks.push(Look { subject: "events", files: files.len(), columns: described(&schema, first) });
    let present: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let mut found = names::assign(&names::EVENTS, &present);
    // by its type, if it is the only one of that type
    let is_time = |name: &&&str| {
        schema.field_with_name(name).is_ok_and(|f| matches!(f.data_type(), DataType::Timestamp(..)))
    };
    if found[2].is_none()
        && let [only] = present.iter().filter(is_time).collect::<Vec<_>>()[..]
    {
        found[2] = Some((*only).to_owned());
    }
    let are_known = found.iter().all(Option::is_some);
    for (role, found) in names::EVENTS.iter().zip(found) {
        settings.push(column(role, found, &present, false, &mut config.columns));
    }
    if !are_known {
        return Ok(ZoneOfTimes::Unknown);
    }
    let kind = schema.field_with_name(&config.columns.timestamp)?.data_type();
    if let DataType::Timestamp(_, zone) = kind {
        return Ok(if zone.is_some() { ZoneOfTimes::Instants } else { ZoneOfTimes::None });
    }
    let texts = sampled_texts(&files, &config.columns, kind)?;
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let belief = Belief { now_us: Utc::now().timestamp_micros() };
    Ok(form(&time_form(&texts, belief), texts.len() as u64, settings))
}

/// The time stamps of some rows of the first, a middle and the last file.
fn sampled_texts(files: &[InputFile], columns: &Columns, kind: &DataType) -> Result<Vec<String>> {
    let mut columns = columns.clone();
    if kind.is_integer() {
        // any unit shows the numbers
        columns.timestamp_unit = Some(EpochUnit::S);
    }
    let last = files.len() - 1;
    let mut chosen: Vec<usize> = (0..MAX_FILES).map(|i| i * last / (MAX_FILES - 1)).collect();
    chosen.dedup();
    let chosen = chosen.into_iter().map(|number| files[number].clone()).collect();
    let values = events::sampled_times(&events::open(&columns, chosen)?)?;
    let text = |value: TimeValue| match value {
        TimeValue::Text(text) => text,
        TimeValue::Number(number) => number.to_string(),
    };
    Ok(values.into_iter().map(text).collect())
}

/// The settings of a form of time stamps.
fn form(form: &TimeForm, sampled: u64, settings: &mut Vec<Setting>) -> ZoneOfTimes {
    let of = counted(sampled, "sampled time stamp");
    let (key, guess, why, zone) = match form {
        TimeForm::Usual { has_zone: true } => return ZoneOfTimes::Instants,
        TimeForm::Usual { has_zone: false } => return ZoneOfTimes::None,
        TimeForm::Unit(unit) => (
            "columns.timestamp_unit",
            Guess::Is(Value::from(unit.key())),
            format!("{} since 1970 fit {of}", unit.name()),
            ZoneOfTimes::Instants,
        ),
        TimeForm::Formats(formats) => {
            let example = formats.first().map_or("%d.%m.%Y %H:%M:%S", String::as_str);
            let value = Value::from(example);
            let (guess, why) = match formats.as_slice() {
                [] => (Guess::Open(value), format!("no known form fits {of}")),
                [one] => {
                    let zone = if one.contains("%z") { " with a zone" } else { "" };
                    (Guess::Is(value), format!("it fits {of}{zone}"))
                }
                several => {
                    let all = several.join("\" and \"");
                    (Guess::Open(value), format!("\"{all}\" both fit {of}"))
                }
            };
            let zone = match formats.as_slice() {
                [] => ZoneOfTimes::Unknown,
                [first, ..] if first.contains("%z") => ZoneOfTimes::Instants,
                _ => ZoneOfTimes::None,
            };
            ("columns.timestamp_format", guess, why, zone)
        }
    };
    settings.push(Setting::new(key, guess, why));
    zone
}

/// The zone to which instants are converted, by the country of the boundaries.
pub fn zone(times: ZoneOfTimes, country: Option<&str>) -> Setting {
    let known = country.and_then(|code| Some((code, zone_of(code)?)));
    let value = Value::from(known.map_or(EXAMPLE_ZONE, |(_, zone)| zone));
    let (guess, why) = match (times, known) {
        (ZoneOfTimes::Instants, Some((country, _))) => (
            Guess::Is(value),
            format!("time stamps are instants, and the zone is that of the capital of {country}"),
        ),
        (ZoneOfTimes::Instants, None) => {
            (Guess::Open(value), "time stamps are instants, of an unknown country".to_owned())
        }
        (ZoneOfTimes::None, _) => (
            Guess::Unset(value),
            "time stamps state no zone and count as local time; set it if they are in UTC"
                .to_owned(),
        ),
        (ZoneOfTimes::Unknown, _) => (
            Guess::Unset(value),
            "time stamps could not be read; set it if they are in UTC".to_owned(),
        ),
    };
    Setting::new("time.zone", guess, why)
}

/// The columns of a file with their types, which those of CSV do not have.
pub fn described(schema: &Schema, file: &InputFile) -> Vec<String> {
    let is_csv = csv::is_csv(&file.location);
    let fields = schema.fields().iter();
    let described = fields.map(|field| match is_csv {
        true => field.name().clone(),
        false => format!("{} ({})", field.name(), type_in_words(field.data_type())),
    });
    described.collect()
}

fn type_in_words(kind: &DataType) -> String {
    match kind {
        kind if kind.is_string() => "text".to_owned(),
        kind if kind.is_integer() => "integer".to_owned(),
        kind if kind.is_floating() => "decimal number".to_owned(),
        DataType::Timestamp(_, None) => "time stamp".to_owned(),
        DataType::Timestamp(_, Some(zone)) => format!("time stamp in {zone}"),
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::Dictionary(_, value) => type_in_words(value),
        other => other.to_string(),
    }
}
