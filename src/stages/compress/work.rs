//! What is to be computed, and how; the same for every engine.

use super::as_of::AsOf;
use super::batches::RowGroup;
use super::settings::Settings;
use super::survey::Survey;
use crate::cell_plan::PlannedCells;
use crate::checks::sequence::Rules;
use crate::datasets::day_record::DigestKey;
use crate::progress::Progress;

pub struct Work<'a> {
    pub progress: &'a Progress,
    pub settings: Settings<'a>,
    pub rules: &'a Rules,
    pub plan: Option<&'a PlannedCells>,
    pub as_of: AsOf,
    pub survey: &'a Survey,
    pub groups: &'a [RowGroup],
    /// The key of the digests of users.
    pub key: &'a DigestKey,
}
