//! Object stores: URLs, listings, objects that are read in ranges, and prefixes that are used as
//! folders of outputs.

pub mod download;
mod error;
mod folder;
mod input_store;
mod list;
mod object;
mod object_bytes;
mod retry;
pub(in crate::storage) mod runtime;
mod stores;
mod transfer;
mod url;

pub use error::StoreError;
pub use folder::{ObjectEntry, ObjectVersion, PutCondition, PutOutcome, RemoteFolder};
pub use input_store::InputStore;
pub use list::{list, size};
pub use object::Object;
pub use object_bytes::{ObjectBytes, ObjectReader};
pub use url::ObjectUrl;
