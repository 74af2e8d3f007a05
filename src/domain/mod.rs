//! The terms of the field as pure types and functions: ids, local time, the tables of the contract,
//! numbers as text. Nothing here reads a file, a clock or the environment.

pub mod byte_size;
pub mod id_slot;
pub mod ids;
pub mod null_words;
pub mod numbers;
pub mod site;
pub mod tables;
pub mod time;
