//! Coordinate systems that a user names.

use std::sync::Once;

use anyhow::{Result, anyhow};
use proj::Proj;

/// From one coordinate system to another, as x, y or longitude, latitude.
///
/// # Errors
/// A name that PROJ does not know.
pub fn between(from: &str, to: &str) -> Result<Proj> {
    be_silent();
    // its own error is a number without a text
    Proj::new_known_crs(from, to, None)
        .map_err(|_| anyhow!("{from} is no coordinate system that PROJ knows"))
}

/// PROJ prints what it thinks of a name to standard error; our message says it.
fn be_silent() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the null context is the default one, from which every later context is copied.
        // Boundaries are read before other threads project anything, so nobody copies it now.
        unsafe {
            proj_sys::proj_log_level(std::ptr::null_mut(), proj_sys::PJ_LOG_LEVEL_PJ_LOG_NONE);
        }
    });
}
