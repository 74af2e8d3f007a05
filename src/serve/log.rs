//! Lines on standard error. A log that cannot be written must not keep anybody from an answer.

use std::fmt::Arguments;
use std::io::Write;

/// Writes one line.
pub fn line(text: Arguments) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
