//! The SQL statements: templates of `sql/spark`, filled with the settings and dates of a run.

use anyhow::Result;

use crate::checks::locations::EARTH_M;
use crate::checks::{Code, Disposition};
use crate::domain::ids::MAX_ID_BYTES;
use crate::domain::time::{DayShift, LocalDate, LocalHour, TIMESTAMP_RANGE_US};
use crate::spark::{Job, SparkPath, event_tables, sql};
use crate::stages::compress::presence_files;
use crate::stages::compress::work::Work;

use super::Needed;

/// Name, template, and description for the progress bar.
type Step = (&'static str, &'static str, &'static str);

/// The tables that are computed from the checked events.
const RESULTS: [Step; 6] = [
    (
        "presence",
        include_str!("../../../../sql/spark/compress/presence.sql"),
        "writing hourly presence",
    ),
    ("visits", include_str!("../../../../sql/spark/compress/visits.sql"), "writing visits"),
    ("counts", include_str!("../../../../sql/spark/compress/counts.sql"), "counting rows by code"),
    ("hours", include_str!("../../../../sql/spark/compress/hours.sql"), "counting events by hour"),
    ("cells", include_str!("../../../../sql/spark/compress/cells.sql"), "counting events by cell"),
    ("users", include_str!("../../../../sql/spark/compress/users.sql"), "counting users"),
];
const SET_ASIDE: Step = (
    "set_aside",
    include_str!("../../../../sql/spark/compress/set_aside.sql"),
    "writing rejected rows",
);
const JUDGE: &str = include_str!("../../../../sql/spark/compress/judge.sql");

/// The job that reads the `needed` files, those in CSV as `text`, and writes its tables into `folder`.
///
/// # Errors
/// Files that Spark cannot read.
pub fn job(
    work: &Work,
    pending: &[LocalDate],
    needed: &Needed,
    text: &[SparkPath],
    folder: &SparkPath,
) -> Result<Job> {
    let mut job = Job::default();
    for name in ["files", "places"] {
        let path = folder.join(&format!("{name}.parquet")).literal();
        let view = format!("CREATE TEMPORARY VIEW {name} USING parquet OPTIONS (path {path})");
        job.then("reading the cell plan", view);
    }
    let first = pending.first().copied().unwrap_or(LocalDate(0));
    let last = pending.last().copied().unwrap_or(first);
    // time stamps in the future are checked for rows of all dates
    let last = match work.as_of.latest_us {
        i64::MAX => last,
        latest => last.max(LocalHour::of(latest).date()),
    };
    let sections = (work.settings.columns, work.settings.time);
    let parquet = needed.parquet.iter().map(|(_, file)| *file);
    let events = event_tables::event_tables(parquet, text, sections, first, last)?;
    for table in events.tables {
        job.then("listing the event files", table);
    }
    let mut gaps = gaps(work, pending);
    gaps.push(("events", events.select));
    gaps.push(("files", presence_files::files_for(needed.rows).to_string()));
    gaps.push(("judged", folder.join("judged").literal()));
    job.then("checking events", sql::fill(JUDGE, &gaps)?);
    let rejected = work.settings.checks.quarantine.then_some(SET_ASIDE);
    for (name, template, doing) in RESULTS.into_iter().chain(rejected) {
        gaps.push((name, folder.join(name).literal()));
        job.then(doing, sql::fill(template, &gaps)?);
    }
    Ok(job)
}

fn gaps(work: &Work, pending: &[LocalDate]) -> Vec<(&'static str, String)> {
    let (checks, rules) = (work.settings.checks, work.rules);
    let when = |code: Code, number: Option<u32>| {
        number.filter(|_| checks.on(code)).map_or_else(|| "NULL".to_owned(), |n| n.to_string())
    };
    let rejected = Code::ALL.iter().filter(|code| code.disposition() == Disposition::Rejected);
    let rejected: Vec<String> = rejected.map(|code| sql::text(code.name())).collect();
    let mut gaps = vec![
        ("earliest_us", TIMESTAMP_RANGE_US.start.to_string()),
        ("end_us", TIMESTAMP_RANGE_US.end.to_string()),
        ("latest_us", work.as_of.latest_us.to_string()),
        ("max_id_bytes", MAX_ID_BYTES.to_string()),
        ("user_id_bytes", when(Code::UserMalformed, checks.user_id_bytes)),
        ("folder_tolerance", when(Code::OutsideFolder, checks.folder_tolerance_days)),
        ("pending", pending_rows(pending)),
        ("shift", shift(work, pending)),
        ("fast_chord2", sql::double(rules.fast_chord2)),
        ("earth_diameter_m", sql::double(2.0 * EARTH_M)),
        ("fast_m_s", sql::double(rules.fast_m_s)),
        ("ping_pong_us", rules.ping_pong_us.to_string()),
        ("ping_pong_chord2", sql::double(rules.ping_pong_chord2)),
        ("max_events", rules.max_events.to_string()),
        ("visit_gap_us", work.settings.stays.stored_gap_us().to_string()),
        ("quarantine", sql::boolean(checks.quarantine)),
        ("rejected", rejected.join(", ")),
    ];
    let has_plan = work.plan.is_some();
    for code in Code::ALL {
        let on = rules.on(code) && (has_plan || !code.about_places());
        gaps.push((code.name(), sql::boolean(on)));
    }
    gaps
}

/// Selects the rows of the pending dates, and those that have no date.
fn pending_rows(pending: &[LocalDate]) -> String {
    let spans = pending.chunk_by(|a, b| a.0 + 1 == b.0);
    let span =
        |span: &[LocalDate]| format!("date BETWEEN {} AND {}", span[0].0, span[span.len() - 1].0);
    let all = spans.map(span).chain(std::iter::once("date IS NULL".to_owned()));
    format!("({})", all.collect::<Vec<_>>().join(" OR "))
}

/// How far the clocks of a date are ahead of the elapsed time, µs.
fn shift(work: &Work, pending: &[LocalDate]) -> String {
    let zone = work.settings.time.tz();
    let changes = pending.iter().filter_map(|date| {
        let (from_us, forward_us) = DayShift::of(zone, *date).change()?;
        Some(format!(
            "WHEN s.date = {} AND ((s.at div 3600000000) % 2 = 1 OR \
             (s.at div 7200000000) * 3600000000 + pmod(s.at, 3600000000) >= {from_us}) \
             THEN {forward_us}",
            date.0
        ))
    });
    let changes: Vec<String> = changes.collect();
    if changes.is_empty() {
        "0".to_owned()
    } else {
        format!("CASE {} ELSE 0 END", changes.join(" "))
    }
}
