//! `devices_per_date`: the devices of a date.

use std::sync::Arc;

use arrow::array::{ArrayRef, TimestampMicrosecondArray};

use super::Computation;
use super::columns::{integers, same_day};
use super::planned_places::PlannedPlaces;
use super::user_rows::Seen;
use crate::domain::time::MICROS_PER_HOUR;

/// Counts devices, and finds the first clock hour.
#[derive(Debug)]
pub struct Devices {
    day: i32,
    devices: i64,
    first_hour_us: i64,
}

impl Devices {
    pub fn on(day: i32) -> Self {
        Devices { day, devices: 0, first_hour_us: i64::MAX }
    }
}

impl Computation for Devices {
    const WITH_TIMES: bool = false;

    fn add(&mut self, _: &str, rows: &[Seen]) {
        self.devices += 1;
        for row in rows {
            let hour_us = row.label_us.div_euclid(MICROS_PER_HOUR) * MICROS_PER_HOUR;
            self.first_hour_us = self.first_hour_us.min(hour_us);
        }
    }

    fn combined(parts: Vec<Self>) -> Vec<Self> {
        let add = |a: Devices, b: Devices| Devices {
            day: a.day,
            devices: a.devices + b.devices,
            first_hour_us: a.first_hour_us.min(b.first_hour_us),
        };
        parts.into_iter().reduce(add).into_iter().collect()
    }

    fn columns(self, _: &PlannedPlaces) -> Vec<ArrayRef> {
        let rows = usize::from(self.devices > 0);
        let first_hour = std::iter::once(self.first_hour_us).take(rows);
        vec![
            same_day(self.day, rows),
            integers(std::iter::once(self.devices).take(rows)),
            Arc::new(TimestampMicrosecondArray::from_iter_values(first_hour)),
        ]
    }
}
