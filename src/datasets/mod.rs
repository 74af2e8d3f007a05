//! Files that one stage writes and other stages read: hourly presence, its manifest, the record of
//! each date, cells with their LAU, the quality tables, the list of copies of raw files, and released tables.

pub mod cells_by_date;
pub mod copies;
pub mod day_record;
pub mod file_list;
pub mod geodata;
pub mod manifest;
pub mod movement;
pub mod presence;
pub mod published;
pub mod quality_tables;
pub mod visits;
