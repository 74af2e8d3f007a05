//! Ids of runs, and the time as records keep it.

use chrono::{DateTime, SubsecRound, Utc};
use uuid::Builder;

/// A time-ordered id (UUID version 7).
pub fn new_id(now: DateTime<Utc>) -> String {
    let milliseconds = u64::try_from(now.timestamp_millis()).unwrap_or_default();
    Builder::from_unix_timestamp_millis(milliseconds, &rand::random()).into_uuid().to_string()
}

/// The current time with the precision of the table `runs`.
pub fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}
