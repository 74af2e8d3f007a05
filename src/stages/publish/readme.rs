//! The page that explains a release to its readers.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::Request;
use super::manifest::ManifestView;
use crate::config::{Areas, ReleasePeriod};
use crate::datasets::published::Detail;
use crate::publication::{Thresholds, Zeros};
use crate::views::publication::RowsOf;

/// The text of README.md.
pub fn readme(
    request: &Request,
    (detail, thresholds): (Detail, Thresholds),
    views: &BTreeMap<String, ManifestView>,
) -> String {
    let mut text = String::from("# Released mobility figures\n\n");
    let dates = match request.range {
        (Some(from), Some(to)) => format!("dates from {from} to {to}"),
        (Some(from), None) => format!("dates from {from}"),
        (None, Some(to)) => format!("dates up to {to}"),
        (None, None) => "all dates".to_owned(),
    };
    let few = thresholds.min_devices - 1;
    // writing to a string cannot fail
    let _ = writeln!(
        text,
        "Numbers of devices in mobile network events, for {dates}. Devices are not people: nobody, one person or a\n\
         machine may carry one, and only numbers called estimates are scaled to the population.\n\n\
         ## What is withheld\n\n\
         - A number of 1 to {few} devices is withheld, and so is every number that is computed from it. {}\n\
         - A sum of events, trips or hours to which one device adds more than half is withheld.\n\
         - Other numbers are withheld where a withheld number could be derived from them. Why a number is withheld is\n  \
         not said, since it would tell whether it is small.\n\
         - In views with a row for every key, a withheld number is empty (null), and the last column `suppressed` is\n  \
         true. A LAU without a planned cell is withheld like that, since no device can be seen there. In the other\n  \
         views, rows with withheld numbers are left out: a missing row means 0 to {few} devices, or more.\n\
         - Weeks, months and windows are here if all their dates with data are, and nights if both of their dates are.\n\
         {}\n\
         ## Files\n\n\
         Each view is a CSV file and a Parquet file with the same rows. Views with a column `lau_id` and\n\
         without hours also have a GeoJSON file with the boundaries, of the newest date alone. `manifest.json` describes\n\
         the views in a form for programs, and `sha256sum --check SHA256SUMS` checks the files.\n",
        match thresholds.zeros {
            Zeros::Show => "Zeros are shown.",
            Zeros::Hide => "Zeros are withheld as well.",
        },
        of_detail(detail)
    );
    for (sql_name, view) in views {
        let rows = match view.rows_of() {
            RowsOf::EveryKey => "every key has a row",
            RowsOf::AnyNumber => "rows of which no number is shown are left out",
            RowsOf::Devices => "rows with withheld numbers are left out",
        };
        let _ = writeln!(text, "### {}\n\n{}\n", view.title, view.description);
        let _ = writeln!(text, "- files: {}", view.files.join(", "));
        let _ = writeln!(text, "- name: {}, in SQL {sql_name}", view.name);
        let _ = writeln!(text, "- keys: {}; {rows}", view.keys.join(", "));
        if !view.counts.is_empty() {
            let _ = writeln!(text, "- numbers: {}", view.counts.join("; "));
        }
        for total in &view.totals {
            let _ = writeln!(text, "- not released: {total}");
        }
        for need in &view.needs {
            let _ = writeln!(text, "- computed from: {need}");
        }
        for link in view.sums.iter().chain(&view.linked).chain(&view.follows) {
            let _ = writeln!(text, "- known: {link}");
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// What makes the numbers coarser, as items of a list.
fn of_detail(detail: Detail) -> String {
    let mut text = String::new();
    if detail.areas != Areas::Lau {
        let _ = writeln!(
            text,
            "- Numbers about areas are those of {} regions, in which each device counts once.",
            detail.areas.title()
        );
    }
    if detail.period != ReleasePeriod::Day {
        let _ = writeln!(
            text,
            "- The shortest period is the {}, in which each device counts once.",
            detail.period.name()
        );
    }
    if detail.min_area_devices > 0 {
        let _ = writeln!(
            text,
            "- Of areas in which fewer than {} devices were seen in a calendar month, no number but zero is here.",
            detail.min_area_devices
        );
    }
    text
}
