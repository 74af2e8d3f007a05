//! Duplicates that came right after the event that they repeat, and were left out while reading.

use crate::domain::time::SpanHour;

/// A duplicate that came right after the event that it repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DuplicateEvent {
    /// Number of the user in the thread that read it.
    pub user: u32,
    pub hour: SpanHour,
    pub row_group: u32,
    /// From 0, within the row group.
    pub row: u32,
}

/// The duplicates of a user among those of a thread, which are sorted by user.
pub fn of_user(duplicates: &[DuplicateEvent], user: u32) -> &[DuplicateEvent] {
    let start = duplicates.partition_point(|duplicate| duplicate.user < user);
    let rest = &duplicates[start..];
    &rest[..rest.partition_point(|duplicate| duplicate.user == user)]
}
