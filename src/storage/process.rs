//! Other processes on this machine.

use std::path::Path;

/// True if another process with this id is running. Our own id counts as not running: in a container
/// every run has the same id, so a leftover of an earlier run can carry it.
pub fn is_other_process_running(id: u32) -> bool {
    id != std::process::id() && Path::new("/proc").join(id.to_string()).exists()
}
