//! The report as Markdown.

use super::{Report, main_columns};
use crate::domain::numbers::{counted, grouped};
use crate::stages::quality::percent;

/// Dates, codes and warnings as Markdown tables.
pub fn markdown(report: &Report) -> String {
    let mut out = format!("# {}\n", report.headline());
    let columns = main_columns();
    let headings: Vec<String> = columns.iter().map(|c| c.heading.to_owned()).collect();
    let rows = report.dates.iter().map(|day| columns.iter().map(|c| (c.cell)(day)).collect());
    table(&mut out, "Dates", 2, headings, rows.collect());
    let headings = ["code", "disposition", "what is wrong", "rows", "of all", "dates", "files"];
    let sums = report.code_sums().into_iter().map(|sum| {
        let (dates, files) = (sum.dates as u64, sum.files as u64);
        let numbers = [grouped(sum.rows), percent(sum.percent), grouped(dates), grouped(files)];
        [sum.code, sum.disposition, sum.meaning.to_owned()].into_iter().chain(numbers).collect()
    });
    table(&mut out, "Codes", 3, headings.map(str::to_owned).to_vec(), sums.collect());
    let undated = report.rows_undated();
    if undated > 0 {
        out.push_str(&format!("\n{} belong to no date.\n", counted(undated, "row")));
    }
    let headings = ["level", "date", "what"].map(str::to_owned).to_vec();
    let warnings = report
        .by_weight()
        .into_iter()
        .map(|w| vec![w.level.name().to_owned(), w.date.to_string(), w.text.clone()]);
    table(&mut out, "Warnings", 3, headings, warnings.collect());
    out
}

/// A table whose columns from index `numbers` on are right-aligned.
fn table(
    out: &mut String,
    title: &str,
    numbers: usize,
    headings: Vec<String>,
    rows: Vec<Vec<String>>,
) {
    out.push_str(&format!("\n## {title}\n\n"));
    if rows.is_empty() {
        out.push_str("None.\n");
        return;
    }
    let rules = (0..headings.len()).map(|at| if at < numbers { "---" } else { "---:" });
    let rules: Vec<String> = rules.map(str::to_owned).collect();
    for row in [headings, rules].into_iter().chain(rows) {
        let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        out.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
}
