//! The terminal report at every width.

use super::{Look, Report, table};
use crate::config::Checks;
use crate::domain::tables::Table;
use crate::stages::quality::{CodeRow, DayFigures};

/// The figures of a date in October 2024; all that are not given are 0.
fn figures(day: u64, users: u64, rejected: u64) -> DayFigures {
    let schema = Table::QualityDaily.schema();
    let zeros = schema.fields().iter().map(|field| (field.name().clone(), 0.into()));
    let mut values: serde_json::Map<String, serde_json::Value> = zeros.collect();
    values.insert("date".to_owned(), format!("2024-10-{day:02}").into());
    values.insert("provisional".to_owned(), false.into());
    values.insert("users".to_owned(), users.into());
    values.insert("rows_in".to_owned(), (24 * users + rejected).into());
    values.insert("rows_kept".to_owned(), (24 * users).into());
    values.insert("rows_rejected".to_owned(), rejected.into());
    serde_json::from_value(values.into()).unwrap()
}

fn duplicates(day: &DayFigures) -> CodeRow {
    CodeRow {
        date: Some(day.date),
        file: "a.parquet".to_owned(),
        code: "duplicate".to_owned(),
        disposition: "rejected".to_owned(),
        rows: day.rows_rejected,
        percent: 1.0,
        late: false,
    }
}

#[test]
fn table_fits_the_terminal_and_colour_changes_no_text() {
    let days: Vec<DayFigures> = (1..=5).map(|day| figures(day, 1_000_000 * day, 7)).collect();
    let codes = days.iter().map(duplicates).collect();
    let report = Report::new(days, codes, Checks::default().limits());
    assert!(!report.warnings.is_empty() && !report.code_sums().is_empty());
    let plain = table(&report, Look::default());
    let color = table(&report, Look { color: true, ..Look::default() });
    assert_ne!(color, plain);
    assert_eq!(console::strip_ansi_codes(&color), plain);
    let mut omitted = Vec::new();
    for width in 60..200 {
        let text = table(&report, Look { width: Some(width), color: true });
        let framed = text.lines().filter(|line| line.starts_with(['│', '┌', '└', '╞']));
        for line in framed {
            assert!(console::measure_text_width(line) <= usize::from(width), "{width}: {line}");
        }
        let list = text.lines().find_map(|line| line.strip_prefix("columns that do not fit: "));
        omitted.push(list.map_or(0, |list| list.split(", ").count()));
    }
    assert!(omitted.is_sorted_by(|a, b| a >= b), "wider terminals omit no more: {omitted:?}");
    assert!(omitted[0] > 5 && omitted.last() == Some(&0), "{omitted:?}");
}
