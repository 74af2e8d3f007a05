//! The form in which time stamps are written as text, found from some of them.

use super::belief::Belief;
use super::explain::{compact_format, digits_format, number, proposed_formats, reads};
use super::text::EpochUnit;
use super::written::written_time;

/// The form of time stamps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeForm {
    /// As in ISO 8601, which needs no setting.
    Usual {
        /// True if a zone is written with at least one of them.
        has_zone: bool,
    },
    /// Numbers since 1970.
    Unit(EpochUnit),
    /// Formats for `columns.timestamp_format`: several if day and month cannot be told apart, none for an
    /// unknown form.
    Formats(Vec<String>),
}

/// The form of most of the texts; missing values are to be left out before.
pub fn time_form(texts: &[&str], belief: Belief) -> TimeForm {
    let texts: Vec<&str> = texts.iter().map(|text| text.trim()).collect();
    let is_most = |count: usize| count > 0 && count * 10 >= texts.len() * 9;
    let digits = |format| texts.iter().filter(|text| digits_format(text) == Some(format)).count();
    if let Some(format) = texts.first().and_then(|text| digits_format(text))
        && is_most(digits(format))
    {
        return TimeForm::Formats(vec![format.to_owned()]);
    }
    let numbers: Vec<i128> = texts.iter().filter_map(|text| number(text)).collect();
    if is_most(numbers.len()) {
        let in_unit = |unit| numbers.iter().filter(|n| belief.unit_of(**n) == Some(unit)).count();
        let unit = numbers.iter().find_map(|number| belief.unit_of(*number));
        return match unit.filter(|unit| is_most(in_unit(*unit))) {
            Some(unit) => TimeForm::Unit(unit),
            None => TimeForm::Formats(Vec::new()),
        };
    }
    let written: Vec<_> = texts.iter().filter_map(|text| written_time(text)).collect();
    if is_most(written.len()) {
        return TimeForm::Usual { has_zone: written.iter().any(|time| time.instant_us.is_some()) };
    }
    let mut formats: Vec<String> = Vec::new();
    for text in &texts {
        formats.extend(proposed_formats(text));
        formats.extend(compact_format(text).map(str::to_owned));
    }
    formats.sort();
    formats.dedup();
    let count = |format: &String| texts.iter().filter(|text| reads(format, text)).count();
    let most = formats.iter().map(count).max().unwrap_or_default();
    formats.retain(|format| count(format) == most && is_most(most));
    TimeForm::Formats(formats)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BELIEF: Belief = Belief { now_us: 1_800_000_000_000_000 };

    fn formats(texts: &[&str]) -> Vec<String> {
        match time_form(texts, BELIEF) {
            TimeForm::Formats(formats) => formats,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn day_and_month_are_told_apart_by_any_of_the_texts() {
        let ambiguous = ["07-05-2024 12:42:28", "08-05-2024 00:00:00"];
        assert_eq!(formats(&ambiguous), ["%d-%m-%Y %H:%M:%S", "%m-%d-%Y %H:%M:%S"]);
        let day_first = [ambiguous[0], ambiguous[1], "31-05-2024 00:00:00"];
        assert_eq!(formats(&day_first), ["%d-%m-%Y %H:%M:%S"]);
        assert_eq!(formats(&["05/31/2024 08:00", "05/01/2024 09:00"]), ["%m/%d/%Y %H:%M"]);
        assert_eq!(formats(&["20241001T080000", "20241002T080000"]), ["%Y%m%dT%H%M%S"]);
        assert_eq!(formats(&["20241001080000"]), ["%Y%m%d%H%M%S"]);
    }

    #[test]
    fn usual_times_and_numbers_need_no_format() {
        for (text, has_zone) in [("2024-10-01 08:00:00", false), ("2024-10-01T08:00:00Z", true)] {
            assert_eq!(time_form(&[text], BELIEF), TimeForm::Usual { has_zone });
        }
        for (text, unit) in [("1727769600", EpochUnit::S), ("1727769600000", EpochUnit::Ms)] {
            assert_eq!(time_form(&[text, text], BELIEF), TimeForm::Unit(unit));
        }
    }

    #[test]
    fn one_unreadable_text_among_many_does_not_matter_and_other_texts_have_no_form() {
        let mut texts = vec!["17.05.2024 12:42"; 20];
        texts.push("unknown");
        assert_eq!(formats(&texts), ["%d.%m.%Y %H:%M"]);
        assert_eq!(formats(&["u1", "u2"]), Vec::<String>::new());
        assert_eq!(formats(&[]), Vec::<String>::new());
    }
}
