//! Object stores: URLs, listings, objects read range by range, and prefixes used as folders of outputs.

mod explain;
pub mod fetch;
mod folder;
mod listed;
pub(crate) mod listing;
pub(crate) mod object;
pub(crate) mod remote;
pub(crate) mod runtime;
mod stores;
mod url;

pub use explain::StoreError;
pub use folder::{Entry, On, Put, RemoteFolder, Version};
pub use listed::Listed;
pub use remote::{Remote, RemoteReader};
pub use url::ObjectUrl;
