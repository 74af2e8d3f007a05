//! Time stamps of the first rejected rows, read once more to say what is wrong with them.

use super::batches::RowGroup;
use super::findings::Findings;
use super::settings::Settings;
use super::survey::Survey;
use crate::checks::Code;
use crate::domain::time::belief::Belief;
use crate::domain::time::explain;
use crate::events::{EventFile, TimeValue};

/// Codes that a look at the time stamp explains.
const CODES: [Code; 3] = [Code::TimeUnreadable, Code::TimestampOutOfRange, Code::TimeFuture];

/// Adds the time stamps of the first rows to the messages of the findings. Reading them again is not worth
/// an error.
pub fn explain(
    findings: &mut Findings,
    survey: &Survey,
    groups: &[RowGroup],
    settings: &Settings,
    belief: Belief,
) {
    for code in CODES {
        let Some((group, row)) = findings.first(code).and_then(|first| first.at) else { continue };
        let Some(group) = groups.get(group as usize) else { continue };
        let Some(file) = survey.inputs.get(group.file).and_then(|input| input.file.as_ref()) else {
            continue;
        };
        let Ok(Some(value)) = file.time_value(group.index, row) else { continue };
        if let Some(why) = explained(&value, code, file, settings, belief) {
            findings.explain(code, why);
        }
    }
}

fn explained(
    value: &TimeValue,
    code: Code,
    file: &EventFile,
    settings: &Settings,
    belief: Belief,
) -> Option<String> {
    let read_as = file.read_as(settings.columns);
    match (value, read_as.unit) {
        (TimeValue::Text(text), _) if code == Code::TimeUnreadable => {
            Some(explain::unreadable(text, read_as, belief))
        }
        (TimeValue::Text(text), Some(unit)) => {
            let number = explain::number(text.trim())?;
            Some(explain::unbelievable_number(number, unit, read_as, belief))
        }
        (TimeValue::Text(text), None) => {
            let text = text.trim();
            let is_placeholder = text.starts_with("9999-") || text.starts_with("1900-01-01");
            let reason =
                if is_placeholder { ", which often stands for an unknown time" } else { "" };
            Some(format!("{text:?}{reason}"))
        }
        (TimeValue::Number(number), Some(unit)) => {
            Some(explain::unbelievable_number((*number).into(), unit, read_as, belief))
        }
        (TimeValue::Number(_), None) => None,
    }
}
