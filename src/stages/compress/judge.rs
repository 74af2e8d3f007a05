//! The checks that need all events of a user on a date, in order of time.

use super::group::{BatchHour, HOURS_A_DAY, Run};
use super::places::{Place, Places, Point, chord2_of_metres, metres_of_chord2};
use crate::checks::Code;
use crate::config::Checks;
use crate::domain::time::{DayShift, LocalDate, MICROS_PER_HOUR};

const MICROS: f64 = 1e6;
const METRES_A_KM: f64 = 1_000.0;

/// The rules of a run of the program.
#[derive(Debug, Clone)]
pub struct Rules {
    on: [bool; Code::ALL.len()],
    pub fast_chord2: f64,
    pub fast_m_s: f64,
    pub ping_pong_us: i64,
    pub ping_pong_chord2: f64,
    pub most_events: u64,
}

impl Rules {
    pub fn new(checks: &Checks) -> Self {
        Rules {
            on: Code::ALL.map(|code| checks.on(code)),
            fast_chord2: chord2_of_metres(checks.fast_hop_km * METRES_A_KM),
            fast_m_s: checks.fast_hop_m_s,
            ping_pong_us: (checks.ping_pong_s * MICROS) as i64,
            ping_pong_chord2: chord2_of_metres(checks.ping_pong_km * METRES_A_KM),
            most_events: checks.most_events_a_day,
        }
    }

    #[inline]
    pub fn on(&self, code: Code) -> bool {
        self.on[code as usize]
    }

    /// True where a check asks in which order events came.
    pub fn need_order(&self) -> bool {
        let codes = [Code::Duplicate, Code::TwoPlaces, Code::PingPong];
        codes.iter().any(|code| self.on(*code)) || self.need_hops()
    }

    fn need_hops(&self) -> bool {
        self.on(Code::TooFastBoth) || self.on(Code::TooFastOnce)
    }

    /// True of a hop over more than the distance at more than the speed.
    fn too_fast(&self, from: &Visit, to: &Visit) -> bool {
        let chord2 = from.point.chord2(&to.point);
        chord2 > self.fast_chord2
            && metres_of_chord2(chord2)
                > self.fast_m_s * (to.first_us - from.last_us) as f64 / MICROS
    }
}

/// A date as the rules need it.
#[derive(Debug)]
pub struct Day<'a> {
    pub date: LocalDate,
    pub shift: DayShift,
    /// `None` where there is no cell plan.
    pub places: Option<&'a Places>,
}

/// A run at a place that is known.
#[derive(Debug, Clone, Copy)]
struct Visit {
    /// Index of the run.
    run: usize,
    point: Point,
    /// µs that have passed since the first moment of the day.
    first_us: i64,
    last_us: i64,
}

/// What was found about one user on one date; buffers that are used again and again.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Row group, code and number of rows.
    pub codes: Vec<(u32, Code, u64)>,
    /// Hour, cell and number of events at two places at once.
    pub two_places: Vec<(BatchHour, u32, u64)>,
    visits: Vec<Visit>,
    /// Events of each run that have a code.
    coded: Vec<u64>,
}

impl Verdict {
    /// Judges the runs of a user on a date, in order of time. Where several are at one instant, all
    /// runs are of one event.
    pub fn judge(&mut self, rules: &Rules, day: &Day, runs: &[Run]) {
        self.codes.clear();
        self.two_places.clear();
        self.visits.clear();
        self.coded.clear();
        self.coded.resize(runs.len(), 0);
        if let Some(places) = day.places {
            self.place(rules, day, places, runs);
            if rules.on(Code::TwoPlaces) {
                self.part(runs);
            }
            self.hops(rules, runs);
        }
        self.crowd(rules, runs);
    }

    fn code(&mut self, runs: &[Run], run: usize, code: Code, rows: u64) {
        self.codes.push((runs[run].source, code, rows));
        self.coded[run] += rows;
    }

    /// Tells runs at known places from the others.
    fn place(&mut self, rules: &Rules, day: &Day, places: &Places, runs: &[Run]) {
        for (i, run) in runs.iter().enumerate() {
            let code = match places.at(run.cell(), day.date) {
                Place::At(point) => {
                    let hour = run.hour() % HOURS_A_DAY;
                    let start = i64::from(hour / 2) * MICROS_PER_HOUR;
                    let passed =
                        |us: u32| day.shift.elapsed_us(start + i64::from(us), hour % 2 == 1);
                    let (first_us, last_us) = (passed(run.first_us), passed(run.last_us));
                    self.visits.push(Visit { run: i, point, first_us, last_us });
                    continue;
                }
                Place::Unknown => Code::UnknownCell,
                Place::NotValid => Code::CellNotValid,
                Place::BadCoordinates => Code::BadCoordinates,
            };
            if rules.on(code) {
                self.code(runs, i, code, u64::from(run.count));
            }
        }
    }

    /// Takes events at two places at once out of the visits.
    fn part(&mut self, runs: &[Run]) {
        let mut visits = std::mem::take(&mut self.visits);
        let same = |a: &Visit, b: &Visit| a.first_us == b.first_us;
        if visits.windows(2).any(|pair| same(&pair[0], &pair[1])) {
            let mut kept = Vec::with_capacity(visits.len());
            for at_once in visits.chunk_by(same) {
                if at_once.iter().all(|v| v.point == at_once[0].point) {
                    kept.extend_from_slice(at_once);
                    continue;
                }
                for visit in at_once {
                    let run = &runs[visit.run];
                    self.code(runs, visit.run, Code::TwoPlaces, u64::from(run.count));
                    self.two_places.push((run.hour(), run.cell(), u64::from(run.count)));
                }
            }
            visits = kept;
        }
        self.visits = visits;
    }

    fn hops(&mut self, rules: &Rules, runs: &[Run]) {
        if !rules.need_hops() && !rules.on(Code::PingPong) {
            return;
        }
        let visits = std::mem::take(&mut self.visits);
        let mut fast_in = false;
        for (i, visit) in visits.iter().enumerate() {
            let next = visits.get(i + 1);
            let fast_out = next.is_some_and(|next| rules.too_fast(visit, next));
            let ends = u64::from(fast_in) + u64::from(fast_out);
            let single = runs[visit.run].count == 1;
            if ends == 2 && single && rules.on(Code::TooFastBoth) {
                self.code(runs, visit.run, Code::TooFastBoth, 1);
            } else if ends > 0 && rules.on(Code::TooFastOnce) {
                // of several events, the first has the hop that leads there and the last the other
                self.code(runs, visit.run, Code::TooFastOnce, if single { 1 } else { ends });
            } else if single && rules.on(Code::PingPong) {
                let before = i.checked_sub(1).map(|before| &visits[before]);
                if before.zip(next).is_some_and(|(a, b)| ping_pong(rules, runs, a, visit, b)) {
                    self.code(runs, visit.run, Code::PingPong, 1);
                }
            }
            fast_in = fast_out;
        }
        self.visits = visits;
    }

    fn crowd(&mut self, rules: &Rules, runs: &[Run]) {
        let events: u64 = runs.iter().map(|run| u64::from(run.count)).sum();
        if events <= rules.most_events || !rules.on(Code::BusyUser) {
            return;
        }
        for (i, run) in runs.iter().enumerate() {
            let rest = u64::from(run.count) - self.coded[i];
            if rest > 0 {
                self.codes.push((run.source, Code::BusyUser, rest));
            }
        }
    }
}

fn ping_pong(rules: &Rules, runs: &[Run], before: &Visit, there: &Visit, after: &Visit) -> bool {
    let cell = |visit: &Visit| runs[visit.run].cell();
    cell(before) == cell(after)
        && cell(before) != cell(there)
        && after.first_us - before.last_us <= rules.ping_pong_us
        && before.point.chord2(&there.point) <= rules.ping_pong_chord2
}
