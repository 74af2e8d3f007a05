//! File formats and file names; knows no stage.

pub mod atomic;
pub mod crs;
pub mod damage;
pub mod delimited;
pub mod event_input;
pub mod events;
pub mod features;
pub mod footer;
pub mod geoparquet;
mod hybrid;
pub mod inputs;
pub mod lock;
pub mod pages;
pub mod presence;
pub mod provenance;
pub mod raw_events;
pub mod rows;
pub mod seal;
pub mod source;
pub mod table;
