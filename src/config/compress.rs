//! The section `[compress]`.

use serde::{Deserialize, Serialize};

use crate::domain::byte_size::ByteSize;

/// Limits of the stage `compress` with the engine `native`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Compress {
    /// Memory that the stage may use; `None` for half of what the machine, or the cgroup of the process,
    /// has.
    pub memory: Option<ByteSize>,
}
