//! Checks on all events of a user on a date, in order of time: two places at once, hops that are too
//! fast, ping-pong, busy users.

use super::codes::Code;
use super::event_run::EventRun;
use super::locations::{CellLocation, CellLocations, Place, chord2_of_metres, metres_of_chord2};
use super::settings::Checks;
use crate::domain::site::Site;
use crate::domain::time::{DayShift, LocalDate, MICROS_PER_HOUR, SpanHour};

const MICROS: f64 = 1e6;
const METRES_PER_KM: f64 = 1_000.0;

/// Which checks are applied, with their limits in the units of the computation.
#[derive(Debug, Clone)]
pub struct Rules {
    on: [bool; Code::ALL.len()],
    /// Squared chord, in radii, and speed above which a hop is too fast.
    pub fast_chord2: f64,
    pub fast_m_s: f64,
    /// Longest time and squared chord, in radii, of a ping-pong.
    pub ping_pong_us: i64,
    pub ping_pong_chord2: f64,
    /// A user with more events on a date is busy.
    pub max_events: u64,
}

impl Rules {
    pub fn new(checks: &Checks) -> Self {
        Rules {
            on: Code::ALL.map(|code| checks.on(code)),
            fast_chord2: chord2_of_metres(checks.fast_hop_km * METRES_PER_KM),
            fast_m_s: checks.fast_hop_m_s,
            ping_pong_us: (checks.ping_pong_s * MICROS) as i64,
            ping_pong_chord2: chord2_of_metres(checks.ping_pong_km * METRES_PER_KM),
            max_events: checks.most_events_a_day,
        }
    }

    #[inline]
    pub fn on(&self, code: Code) -> bool {
        self.on[code as usize]
    }

    fn need_hops(&self) -> bool {
        self.on(Code::TooFastBoth) || self.on(Code::TooFastOnce)
    }

    /// True for a hop longer than the distance limit and faster than the speed limit.
    fn too_fast(&self, from: &LocatedRun, to: &LocatedRun) -> bool {
        let chord2 = from.place.point.chord2(&to.place.point);
        chord2 > self.fast_chord2
            && metres_of_chord2(chord2)
                > self.fast_m_s * (to.first_us - from.last_us) as f64 / MICROS
    }
}

/// A date, with what the checks need to know of it.
#[derive(Debug)]
pub struct CheckedDate<'a> {
    pub date: LocalDate,
    pub shift: DayShift,
    /// `None` without a cell plan.
    pub locations: Option<&'a CellLocations>,
}

/// Events of a user at one cell while the user is at another place as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtTwoPlaces {
    pub hour: SpanHour,
    pub cell: u32,
    /// Microseconds into the hour.
    pub us: u32,
    pub events: u64,
}

/// A run at a known location.
#[derive(Debug, Clone, Copy)]
struct LocatedRun {
    /// Index of the run.
    run: usize,
    place: Place,
    /// µs since the beginning of the date.
    first_us: i64,
    last_us: i64,
}

/// Checks the events of one user on one date; its buffers are reused.
#[derive(Debug, Default)]
pub struct SequenceChecker {
    /// Row group, code and number of rows.
    pub codes: Vec<(u32, Code, u64)>,
    /// Events at two places at once, which are all that the user has at this cell at that instant.
    pub two_places: Vec<AtTwoPlaces>,
    located: Vec<LocatedRun>,
    /// Events of each run that have a code.
    coded: Vec<u64>,
}

impl SequenceChecker {
    /// Checks the runs of a user on a date, in order of time. If several begin at the same instant, all
    /// runs have to have one event.
    pub fn check(&mut self, rules: &Rules, date: &CheckedDate, runs: &[EventRun]) {
        self.codes.clear();
        self.two_places.clear();
        self.located.clear();
        self.coded.clear();
        self.coded.resize(runs.len(), 0);
        if let Some(locations) = date.locations {
            self.locate(rules, date, locations, runs);
            if rules.on(Code::TwoPlaces) {
                self.mark_two_places(runs);
            }
            self.flag_hops(rules, runs);
        }
        self.flag_busy_user(rules, runs);
    }

    /// The runs at known locations, without events at two places at once, in order of time: the site of each,
    /// its first and last event, µs since the beginning of the date, and its place among the checked runs.
    pub fn located(&self) -> impl Iterator<Item = (Site, i64, i64, usize)> {
        self.located.iter().map(|at| (at.place.site, at.first_us, at.last_us, at.run))
    }

    fn add_code(&mut self, runs: &[EventRun], run: usize, code: Code, rows: u64) {
        self.codes.push((runs[run].row_group, code, rows));
        self.coded[run] += rows;
    }

    /// Finds the runs at known locations; the others get a code.
    fn locate(
        &mut self,
        rules: &Rules,
        date: &CheckedDate,
        locations: &CellLocations,
        runs: &[EventRun],
    ) {
        for (i, run) in runs.iter().enumerate() {
            let code = match locations.at(run.cell(), date.date) {
                CellLocation::At(place) => {
                    let hour = run.hour().of_date();
                    let start = i64::from(hour.clock_hours()) * MICROS_PER_HOUR;
                    let elapsed =
                        |us: u32| date.shift.elapsed_us(start + i64::from(us), hour.repeated());
                    let (first_us, last_us) = (elapsed(run.first_us), elapsed(run.last_us));
                    self.located.push(LocatedRun { run: i, place, first_us, last_us });
                    continue;
                }
                CellLocation::Unknown => Code::UnknownCell,
                CellLocation::NotValid => Code::CellNotValid,
                CellLocation::BadCoordinates => Code::BadCoordinates,
            };
            if rules.on(code) {
                self.add_code(runs, i, code, u64::from(run.count));
            }
        }
    }

    /// Removes events at two places at once from the located runs.
    fn mark_two_places(&mut self, runs: &[EventRun]) {
        let mut located = std::mem::take(&mut self.located);
        let same = |a: &LocatedRun, b: &LocatedRun| a.first_us == b.first_us;
        if located.windows(2).any(|pair| same(&pair[0], &pair[1])) {
            let mut kept = Vec::with_capacity(located.len());
            for at_once in located.chunk_by(same) {
                if at_once.iter().all(|v| v.place.site == at_once[0].place.site) {
                    kept.extend_from_slice(at_once);
                    continue;
                }
                for at in at_once {
                    let run = &runs[at.run];
                    self.add_code(runs, at.run, Code::TwoPlaces, u64::from(run.count));
                    self.two_places.push(AtTwoPlaces {
                        hour: run.hour(),
                        cell: run.cell(),
                        us: run.first_us,
                        events: u64::from(run.count),
                    });
                }
            }
            located = kept;
        }
        self.located = located;
    }

    fn flag_hops(&mut self, rules: &Rules, runs: &[EventRun]) {
        if !rules.need_hops() && !rules.on(Code::PingPong) {
            return;
        }
        let located = std::mem::take(&mut self.located);
        let mut fast_in = false;
        for (i, at) in located.iter().enumerate() {
            let next = located.get(i + 1);
            let fast_out = next.is_some_and(|next| rules.too_fast(at, next));
            let ends = u64::from(fast_in) + u64::from(fast_out);
            let single = runs[at.run].count == 1;
            if ends == 2 && single && rules.on(Code::TooFastBoth) {
                self.add_code(runs, at.run, Code::TooFastBoth, 1);
            } else if ends > 0 && rules.on(Code::TooFastOnce) {
                // of several events, the first has the incoming hop and the last the outgoing one
                self.add_code(runs, at.run, Code::TooFastOnce, if single { 1 } else { ends });
            } else if single && rules.on(Code::PingPong) {
                let before = i.checked_sub(1).map(|before| &located[before]);
                if before.zip(next).is_some_and(|(a, b)| ping_pong(rules, runs, a, at, b)) {
                    self.add_code(runs, at.run, Code::PingPong, 1);
                }
            }
            fast_in = fast_out;
        }
        self.located = located;
    }

    fn flag_busy_user(&mut self, rules: &Rules, runs: &[EventRun]) {
        let events: u64 = runs.iter().map(|run| u64::from(run.count)).sum();
        if events <= rules.max_events || !rules.on(Code::BusyUser) {
            return;
        }
        for (i, run) in runs.iter().enumerate() {
            let rest = u64::from(run.count) - self.coded[i];
            if rest > 0 {
                self.codes.push((run.row_group, Code::BusyUser, rest));
            }
        }
    }
}

fn ping_pong(
    rules: &Rules,
    runs: &[EventRun],
    before: &LocatedRun,
    there: &LocatedRun,
    after: &LocatedRun,
) -> bool {
    let cell = |at: &LocatedRun| runs[at.run].cell();
    cell(before) == cell(after)
        && cell(before) != cell(there)
        && after.first_us - before.last_us <= rules.ping_pong_us
        && before.place.point.chord2(&there.place.point) <= rules.ping_pong_chord2
}
