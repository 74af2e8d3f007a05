//! A second reading, event by event, of the users whose runs overlap in time: if several files contain
//! the same hours, rows are not in order, or events were delivered twice.

use anyhow::Result;

use super::combined::Combined;
use super::spill::{MergedUsers, Pieces, SpilledUser};
use super::user_order::OwnedKey;
use crate::checks::Code;
use crate::checks::duplicates::{remove_repeated, sort_events};
use crate::checks::event_run::{EventRun, SingleEvent};
use crate::checks::sequence::Rules;
use crate::domain::ids::UserKey;

/// The events of some users one by one.
#[derive(Default)]
pub enum Reread {
    /// No user had to be reread.
    #[default]
    None,
    InMemory {
        events: Combined,
        /// Cell numbers of the first reading by those in `events`.
        cells: Vec<u32>,
    },
    OnDisk {
        /// With the cell numbers of the first reading.
        events: Pieces,
        /// Bytes that a piece is read through.
        buffer: usize,
    },
}

impl Reread {
    /// Bytes of the events in memory.
    pub fn bytes_in_use(&self) -> u64 {
        match self {
            Reread::InMemory { events, .. } => events.bytes_in_use(),
            Reread::None | Reread::OnDisk { .. } => 0,
        }
    }

    /// The events for users in the order of their ids.
    pub fn reader(&self) -> RereadReader<'_> {
        RereadReader { reread: self, merged: None, user: SpilledUser::default() }
    }
}

/// Reads the events of users that come in the order of their ids.
pub struct RereadReader<'a> {
    reread: &'a Reread,
    merged: Option<MergedUsers<'a>>,
    user: SpilledUser<SingleEvent>,
}

impl RereadReader<'_> {
    /// Replaces `runs` by the events of a user, each a run of its own, in order of time; without
    /// duplicates, which are returned, if these are checked. `None` for a user that was not reread.
    ///
    /// # Errors
    /// A temporary file that cannot be read.
    pub fn runs_of(
        &mut self,
        key: UserKey,
        runs: &mut Vec<EventRun>,
        rules: &Rules,
    ) -> Result<Option<Vec<SingleEvent>>> {
        let mut events = match self.reread {
            Reread::None => return Ok(None),
            Reread::InMemory { events, cells } => {
                let Some(number) = events.find(key) else { return Ok(None) };
                let mut of_user = events.events_of(number);
                for event in &mut of_user {
                    *event = event.at_cell(cells[event.key.cell() as usize]);
                }
                of_user
            }
            Reread::OnDisk { events, buffer } => {
                let wanted = OwnedKey::new(key);
                let merged = match &mut self.merged {
                    Some(merged) => merged,
                    none => none.insert(events.users(Some(&wanted), None, *buffer)?),
                };
                while merged.peek().is_some_and(|next| *next < wanted) {
                    merged.skip_user(&mut self.user.key)?;
                }
                if merged.peek() != Some(&wanted) {
                    return Ok(None);
                }
                merged.next_user(&mut self.user)?;
                std::mem::take(&mut self.user.records)
            }
        };
        sort_events(&mut events);
        let duplicates = match rules.on(Code::Duplicate) {
            true => remove_repeated(&mut events),
            false => Vec::new(),
        };
        runs.clear();
        runs.extend(events.into_iter().map(SingleEvent::run));
        Ok(Some(duplicates))
    }
}
