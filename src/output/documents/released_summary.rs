//! The summary for public readers: what was released, and nothing that was computed from it.

use anyhow::Result;
use chrono::NaiveDate;
use serde_json::{Value, json};

use super::{LoadedData, Period};
use crate::config::Time;
use crate::domain::tables::Table;
use crate::warehouse::{Relation, Releases, Select};

/// # Errors
/// A store that cannot be read.
pub fn document(
    data: &LoadedData,
    time: &Time,
    releases: &Releases,
    period: Period,
) -> Result<Value> {
    let dates: Vec<&NaiveDate> =
        releases.dates.iter().filter(|date| period.contains(**date)).collect();
    let found = dates.first().zip(dates.last());
    Ok(json!({
        "audience": "public",
        "warehouse": null,
        "loaded_at": data.version.loaded.loaded_at,
        "version": data.version.id(),
        "period": found.map(|(from, to)| json!({ "from": from.to_string(), "to": to.to_string() })),
        "dates": dates.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "gaps": null,
        "events": null,
        "users": null,
        "cells": null,
        "cells_mapped": null,
        "laus": data.warehouse.count(&Select::all(Relation::Table(Table::Lau)))?,
        "quality": null,
        "day_start": time.day_start,
        "day_end": time.day_end,
        "allow_user_rows": false,
        "min_devices": releases.min_devices,
    }))
}
