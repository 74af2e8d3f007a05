//! The dates of which events are expected, and those that are missing.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

use chrono::{Datelike, NaiveDate, Weekday};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The setting `checks.expected_dates`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ExpectedDates {
    #[default]
    Daily,
    /// Monday to Friday.
    Workdays,
    Listed(BTreeSet<NaiveDate>),
}

/// Consecutive expected dates without events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Gap {
    pub from: NaiveDate,
    pub to: NaiveDate,
    /// The number of dates that are missing; dates in between that are not expected do not count.
    pub dates: u64,
}

impl ExpectedDates {
    /// True if events of that date are expected.
    pub fn contains(&self, date: NaiveDate) -> bool {
        match self {
            ExpectedDates::Daily => true,
            ExpectedDates::Workdays => !matches!(date.weekday(), Weekday::Sat | Weekday::Sun),
            ExpectedDates::Listed(dates) => dates.contains(&date),
        }
    }

    /// The first and the last listed date; `None` where nothing is listed.
    pub fn listed_period(&self) -> Option<RangeInclusive<NaiveDate>> {
        match self {
            ExpectedDates::Listed(dates) => Some(*dates.first()?..=*dates.last()?),
            ExpectedDates::Daily | ExpectedDates::Workdays => None,
        }
    }

    /// The expected dates of a period that are not `present`. Missing dates with no present date between
    /// them are one gap.
    pub fn gaps(
        &self,
        present: &BTreeSet<NaiveDate>,
        period: RangeInclusive<NaiveDate>,
    ) -> Vec<Gap> {
        let (first, last) = period.into_inner();
        if first > last {
            return Vec::new();
        }
        let mut gaps = Vec::new();
        let mut start = Some(first);
        for date in present.range(first..=last) {
            gaps.extend(start.zip(date.pred_opt()).and_then(|(from, to)| self.gap(from, to)));
            start = date.succ_opt();
        }
        gaps.extend(start.and_then(|from| self.gap(from, last)));
        gaps
    }

    /// The expected dates of a period without any events.
    fn gap(&self, first: NaiveDate, last: NaiveDate) -> Option<Gap> {
        if first > last {
            return None;
        }
        match self {
            ExpectedDates::Daily => {
                let dates = u64::try_from((last - first).num_days()).ok()? + 1;
                Some(Gap { from: first, to: last, dates })
            }
            ExpectedDates::Workdays => {
                let expected = first.iter_days().take_while(|date| *date <= last);
                Gap::of(expected.filter(|date| self.contains(*date)))
            }
            ExpectedDates::Listed(dates) => Gap::of(dates.range(first..=last).copied()),
        }
    }
}

impl Gap {
    fn of(mut dates: impl Iterator<Item = NaiveDate>) -> Option<Self> {
        let from = dates.next()?;
        let one = Gap { from, to: from, dates: 1 };
        Some(dates.fold(one, |gap, to| Gap { to, dates: gap.dates + 1, ..gap }))
    }
}

/// Like `2024-10-05`, or `2024-10-05 to 2024-10-11`.
impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.from == self.to {
            true => write!(f, "{}", self.from),
            false => write!(f, "{} to {}", self.from, self.to),
        }
    }
}

impl Serialize for ExpectedDates {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            ExpectedDates::Daily => serializer.serialize_str("daily"),
            ExpectedDates::Workdays => serializer.serialize_str("workdays"),
            ExpectedDates::Listed(dates) => serializer.collect_seq(dates),
        }
    }
}

impl<'de> Deserialize<'de> for ExpectedDates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl<'de> Visitor<'de> for Words {
            type Value = ExpectedDates;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("\"daily\", \"workdays\", or a list of dates such as [\"2024-10-01\"]")
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<ExpectedDates, E> {
                match word {
                    "daily" => Ok(ExpectedDates::Daily),
                    "workdays" => Ok(ExpectedDates::Workdays),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(word), &self)),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<ExpectedDates, A::Error> {
                let mut dates = BTreeSet::new();
                while let Some(date) = list.next_element::<toml::Value>()? {
                    dates.insert(date_of(&date).map_err(A::Error::custom)?);
                }
                Ok(ExpectedDates::Listed(dates))
            }
        }
        deserializer.deserialize_any(Words)
    }
}

/// A date in the configuration, as text or as a date of TOML.
///
/// # Errors
/// A message that shows the value and the expected form.
pub fn date_of(value: &toml::Value) -> Result<NaiveDate, String> {
    let text = match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    NaiveDate::parse_from_str(&text, "%Y-%m-%d")
        .map_err(|_| format!("{text} is not a date; expected the form \"2024-10-01\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn october(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 10, day).unwrap()
    }

    /// Gaps in the first two weeks of October 2024, which begins on a Tuesday, as text.
    fn gaps(expected: &ExpectedDates, present: &[u32]) -> Vec<String> {
        let present = present.iter().map(|day| october(*day)).collect();
        let gaps = expected.gaps(&present, october(1)..=october(14));
        gaps.iter().map(|gap| format!("{gap}: {}", gap.dates)).collect()
    }

    #[test]
    fn missing_dates_without_a_present_one_between_them_are_one_gap() {
        let daily = |present: &[u32]| gaps(&ExpectedDates::Daily, present);
        assert_eq!(daily(&(1..=14).collect::<Vec<_>>()), [""; 0]);
        assert_eq!(
            daily(&[2, 3, 4, 6, 13]),
            ["2024-10-01: 1", "2024-10-05: 1", "2024-10-07 to 2024-10-12: 6", "2024-10-14: 1"]
        );
        assert_eq!(daily(&[]), ["2024-10-01 to 2024-10-14: 14"]);
    }

    #[test]
    fn only_expected_dates_are_missing() {
        let workdays = |present: &[u32]| gaps(&ExpectedDates::Workdays, present);
        // 5 and 6 October are a weekend
        assert_eq!(workdays(&[1, 2, 3, 4, 7, 8, 9, 10, 11, 14]), [""; 0]);
        assert_eq!(workdays(&[1, 2, 3, 8, 9, 10, 11, 14]), ["2024-10-04 to 2024-10-07: 2"]);
        assert_eq!(workdays(&[1, 2, 3, 5, 8, 9, 10, 11, 14]), ["2024-10-04: 1", "2024-10-07: 1"]);
        let listed = ExpectedDates::Listed([3, 9, 20].into_iter().map(october).collect());
        assert_eq!(gaps(&listed, &[1, 3]), ["2024-10-09: 1"]);
        assert_eq!(gaps(&listed, &[1]), ["2024-10-03 to 2024-10-09: 2"]);
        assert_eq!(listed.listed_period(), Some(october(3)..=october(20)));
    }

    #[test]
    fn years_between_two_dates_are_counted_at_once() {
        let far = NaiveDate::from_ymd_opt(200_000, 1, 1).unwrap();
        let present = BTreeSet::from([october(1), far]);
        let gaps = ExpectedDates::Daily.gaps(&present, october(1)..=far);
        assert_eq!((gaps.len(), gaps[0].dates), (1, 72_308_974));
    }

    #[test]
    fn setting_is_a_word_or_a_list_of_dates() {
        #[derive(Debug, Deserialize, Serialize)]
        struct Section {
            dates: ExpectedDates,
        }
        let read = |text: &str| toml::from_str::<Section>(text);
        assert_eq!(read("dates = \"daily\"").unwrap().dates, ExpectedDates::Daily);
        assert_eq!(read("dates = \"workdays\"").unwrap().dates, ExpectedDates::Workdays);
        let list = read("dates = [\"2024-10-02\", 2024-10-01]").unwrap();
        let dates = BTreeSet::from([october(1), october(2)]);
        assert_eq!(list.dates, ExpectedDates::Listed(dates));
        assert_eq!(toml::to_string(&list).unwrap(), "dates = [\"2024-10-01\", \"2024-10-02\"]\n");
        for (text, words) in [
            ("dates = \"weekly\"", "\"daily\", \"workdays\", or a list of dates"),
            ("dates = 7", "\"daily\", \"workdays\", or a list of dates"),
            ("dates = [\"1.10.2024\"]", "1.10.2024 is not a date"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
