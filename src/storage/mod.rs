//! Where bytes come from and go to: listing of inputs, local files and object stores, atomic writes,
//! locks, and outputs that are kept in an object store.

pub mod atomic;
mod byte_source;
pub mod folder_update;
pub mod inputs;
mod local_copy;
mod location;
pub mod lock;
pub mod object_store;
pub mod permissions;
mod prefetch;
mod process;
pub mod sha256;
mod staging;
pub mod sync;
mod temporary_name;

pub use byte_source::{ByteReader, ByteSource};
pub use local_copy::LocalCopy;
pub use location::{Location, ends_with};
pub use prefetch::{MAX_FETCHED_BYTES, Prefetch, PrefetchRequest};
pub use staging::StagingFolder;
