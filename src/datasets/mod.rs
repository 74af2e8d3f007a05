//! The files that one stage writes and others read: hourly presence, its manifest, and the record of
//! each date.

pub mod day_record;
pub mod manifest;
pub mod presence;
