//! Settings of the checks: the section `[checks]` of the configuration.

use serde::{Deserialize, Serialize};

use super::codes::{Code, Limits};
use super::expected_dates::ExpectedDates;

/// Which checks are applied, and their limits.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Checks {
    /// Checks that are switched off.
    pub off: Vec<Code>,
    /// Whether rejected rows are written, with code, file and row.
    pub quarantine: bool,
    /// Length of every user id, bytes; `None` accepts any length.
    pub user_id_bytes: Option<u32>,
    /// Days by which a row's own date may differ from that of its folder; `None` accepts any difference.
    pub folder_tolerance_days: Option<u32>,
    /// A hop longer than this distance and faster than this speed is too fast.
    pub fast_hop_km: f64,
    pub fast_hop_m_s: f64,
    /// Longest time, seconds, and distance, kilometres, of a ping-pong.
    pub ping_pong_s: f64,
    pub ping_pong_km: f64,
    /// A user with more events on a date is busy.
    pub most_events_a_day: u64,
    /// Days after its end for which a date is provisional.
    pub open_days: u32,
    /// The dates of which events are expected.
    pub expected_dates: ExpectedDates,
}

impl Checks {
    /// The limits that descriptions of codes name.
    pub fn limits(&self) -> Limits {
        Limits {
            fast_hop_km: self.fast_hop_km,
            fast_hop_m_s: self.fast_hop_m_s,
            ping_pong_s: self.ping_pong_s,
            ping_pong_km: self.ping_pong_km,
        }
    }

    /// The settings that affect the rows of a date, as a text. Changing its form makes `compress` compute
    /// all dates again.
    pub fn of_rows(&self) -> String {
        let Checks {
            off,
            quarantine,
            user_id_bytes,
            folder_tolerance_days,
            fast_hop_km,
            fast_hop_m_s,
            ping_pong_s,
            ping_pong_km,
            most_events_a_day,
            open_days,
            expected_dates: _,
        } = self;
        format!(
            "Checks {{ off: {off:?}, quarantine: {quarantine}, user_id_bytes: {user_id_bytes:?}, \
             folder_tolerance_days: {folder_tolerance_days:?}, fast_hop_km: {fast_hop_km:?}, \
             fast_hop_m_s: {fast_hop_m_s:?}, ping_pong_s: {ping_pong_s:?}, ping_pong_km: \
             {ping_pong_km:?}, most_events_a_day: {most_events_a_day}, open_days: {open_days} }}"
        )
    }

    /// True if the check is applied.
    pub fn on(&self, code: Code) -> bool {
        !self.off.contains(&code)
    }
}

impl Default for Checks {
    fn default() -> Self {
        Checks {
            off: Vec::new(),
            quarantine: false,
            user_id_bytes: None,
            folder_tolerance_days: None,
            fast_hop_km: 10.0,
            fast_hop_m_s: 55.0,
            ping_pong_s: 60.0,
            ping_pong_km: 5.0,
            most_events_a_day: 2_000,
            open_days: 1,
            expected_dates: ExpectedDates::Daily,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_affect_no_row_leave_the_text_as_it_is() {
        let text = "Checks { off: [], quarantine: false, user_id_bytes: None, \
            folder_tolerance_days: None, fast_hop_km: 10.0, fast_hop_m_s: 55.0, ping_pong_s: 60.0, \
            ping_pong_km: 5.0, most_events_a_day: 2000, open_days: 1 }";
        for expected_dates in [ExpectedDates::Daily, ExpectedDates::Workdays] {
            assert_eq!(Checks { expected_dates, ..Checks::default() }.of_rows(), text);
        }
        let off = vec![Code::PingPong];
        assert_ne!(Checks { off, ..Checks::default() }.of_rows(), text);
    }
}
