//! Where bytes come from and go to: listing of inputs, local files and object stores, atomic writes,
//! locks, and outputs that are kept in an object store.

pub mod atomic;
pub mod inputs;
mod local_copy;
mod location;
pub mod lock;
pub mod object_store;
mod prefetch;
mod source;
pub mod sync;

pub use local_copy::LocalCopy;
pub use location::{Location, ends_with};
pub use prefetch::{Ahead, Want};
pub use source::{Source, SourceReader};
