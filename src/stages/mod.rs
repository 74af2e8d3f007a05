//! The stages of the pipeline, in the order of the data: inputs to processed files, processed files to
//! the warehouse.

pub mod compress;
pub mod extract;
pub mod geojoin;
pub mod load;
pub mod movement;
pub mod pipeline;
pub mod publish;
pub mod purge;
pub mod quality;
pub mod synth;
pub mod verify_views;
pub mod views;
