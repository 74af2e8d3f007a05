//! Decides whether it is known what a view counts.

use std::fmt;

use super::USER_ID;
use super::contribution::{Contribution, Source};
use super::declaration::{
    Basis, Column, KeyPair, KeyValue, Keys, Link, Measure, Need, Publication, Relation,
};
use crate::domain::tables::Table;
use crate::views::registry::Registry;
use crate::views::view::View;

/// Why a view cannot be published, and what to write in its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unclassified(String);

impl fmt::Display for Unclassified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unclassified {}

/// What a view counts, if its header says it of every column and what it refers to exists.
///
/// # Errors
/// Rows of single users, missing keys of the header, columns that are in none of them, references to views
/// and columns that do not exist or count nothing.
pub fn classify<'a>(view: &'a View, registry: &Registry) -> Result<&'a Publication, Unclassified> {
    let unclassified = |text: String| Err(Unclassified(text));
    if let Some(reason) = &view.single_users {
        return unclassified(format!("its rows belong to single users: {reason}"));
    }
    let Some(schema) = &view.columns else {
        return unclassified(
            "its columns are not known, because its SQL cannot be planned".to_owned(),
        );
    };
    let columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let Publication { counts: Some(counts), keys: Some(keys), totals, needs, largest, .. } =
        &view.publication
    else {
        return unclassified(format!(
            "the header does not say what it counts; write `-- counts:` with the columns that count devices and \
             `-- keys:` with the others ({})",
            columns.join(", ")
        ));
    };
    let listed: Vec<&str> =
        keys.columns.iter().chain(counts.iter().map(|m| &m.column)).map(String::as_str).collect();
    if let Some(column) = listed.iter().find(|column| !columns.contains(*column)) {
        return unclassified(format!(
            "the header names the column {column}, but the columns are {}",
            columns.join(", ")
        ));
    }
    for column in columns {
        match listed.iter().filter(|listed| **listed == column).count() {
            1 => {}
            0 => {
                return unclassified(format!(
                    "the column {column} is neither in the key counts nor in the key keys of the header; write it in counts \
                     if it is a number of devices or computed from one, and in keys if not"
                ));
            }
            _ => {
                return unclassified(format!(
                    "the header names the column {column} more than once in counts and keys; write it once"
                ));
            }
        }
    }
    for measure in counts {
        let of: &[Column] = match &measure.basis {
            Basis::From(columns) => columns,
            Basis::Over(column) => std::slice::from_ref(column),
            Basis::Devices | Basis::OverUsers => &[],
        };
        for column in of {
            let number = number(column, view, registry).map_err(Unclassified)?;
            if number.is_sum && measure.basis.is_sum() {
                return unclassified(no_count(column, view).0);
            }
        }
    }
    for Measure { column, basis } in counts.iter().filter(|measure| measure.basis.is_sum()) {
        let known: Vec<&Source> = largest
            .iter()
            .filter(|known| known.column == *column)
            .map(|known| &known.from)
            .collect();
        if known.is_empty() {
            return unclassified(format!(
                "{column} is a sum over devices, and it is not known how much a single device adds; write \
                 `-- largest: {column} in RELATION.COLUMN by KEYS` with rows of single users that add up to it, such \
                 as mobile_events_compressed.event_count by hour"
            ));
        }
        let has_rows = known.iter().any(|from| matches!(from, Source::Rows(_)));
        if *basis == Basis::OverUsers && !has_rows {
            return unclassified(format!(
                "the devices behind {column} are counted from the rows of single users that the key largest names; write \
                 `-- largest: {column} in RELATION.COLUMN by KEYS`"
            ));
        }
    }
    for known in largest {
        check_largest(known, (counts, keys), registry)
            .map_err(|error| Unclassified(format!("largest {known}: {error}")))?;
    }
    for link in view.publication.links() {
        check(link, view, (counts, keys), registry)
            .map_err(|error| Unclassified(format!("{link}: {error}")))?;
    }
    for need in needs {
        check_need(need, view, keys, registry)
            .map_err(|error| Unclassified(format!("needs {need}: {error}")))?;
    }
    if let Some(total) = totals.iter().find(|total| listed.contains(&total.to.column.as_str())) {
        return unclassified(format!(
            "the total {} has the name of a column; choose another one",
            total.to
        ));
    }
    Ok(&view.publication)
}

/// A column with numbers, or a total.
struct Number<'a> {
    /// It is a sum to which devices add, and does not count them.
    is_sum: bool,
    /// The keys of its rows.
    keys: Vec<&'a str>,
}

/// The column of a view that counts devices or is a sum over them.
fn number<'a>(
    column: &Column,
    own: &'a View,
    registry: &'a Registry,
) -> Result<Number<'a>, String> {
    let view = match &column.view {
        None => own,
        Some(name) => registry.by_sql_name(name).ok_or_else(|| {
            format!(
                "the header names the view {name}, which does not exist; write the SQL name of a view, or remove it"
            )
        })?,
    };
    let Publication { counts, keys, totals, .. } = &view.publication;
    let keys = keys.iter().flat_map(|keys| &keys.columns).map(String::as_str).collect();
    if let Some(total) = totals.iter().find(|total| total.to.column == column.column) {
        let parts =
            counts.iter().flatten().filter(|measure| total.counts.contains(&measure.column));
        return Ok(Number {
            is_sum: parts.map(|measure| measure.basis.is_sum()).next().unwrap_or_default(),
            keys: total.by.iter().map(|pair| pair.theirs.as_str()).collect(),
        });
    }
    match counts.iter().flatten().find(|measure| measure.column == column.column) {
        Some(measure) if !measure.basis.is_computed() => {
            Ok(Number { is_sum: measure.basis.is_sum(), keys })
        }
        _ => Err(no_count(column, view).0),
    }
}

fn no_count(column: &Column, view: &View) -> Unclassified {
    Unclassified(format!("the header of {} does not state that {column} counts devices", view.view))
}

/// Checks that there are rows of single users with the columns that are named, or that there is a limit.
fn check_largest(
    known: &Contribution,
    (counts, keys): (&[Measure], &Keys),
    registry: &Registry,
) -> Result<(), String> {
    let Contribution { column, from } = known;
    if !counts.iter().any(|measure| measure.column == *column && measure.basis.is_sum()) {
        return Err(format!("the key counts does not state that {column} is a sum over devices"));
    }
    let own_key = |column: &String| match keys.columns.contains(column) {
        true => Ok(()),
        false => Err(format!("{column} is not in the key keys")),
    };
    let rows = match from {
        Source::Limit { key, .. } => return own_key(key),
        Source::Rows(rows) => rows,
    };
    let name = &rows.relation;
    let columns = columns_by_user(name, registry).ok_or_else(|| {
        format!(
            "{name:?} is neither a table nor a view with rows of single users and a column user_id"
        )
    })?;
    if let Some(column) = rows.columns().find(|column| !columns.contains(column)) {
        return Err(format!("{name} has no column {column}; it has {}", columns.join(", ")));
    }
    rows.by.iter().try_for_each(|(ours, _)| own_key(ours))
}

/// The columns of a table or view with rows of single users by `user_id`.
fn columns_by_user(name: &str, registry: &Registry) -> Option<Vec<String>> {
    let schema = match (Table::from_name(name), registry.by_sql_name(name)) {
        (Some(table), _) => table.schema(),
        (None, Some(view)) => view.columns.clone()?,
        (None, None) => return None,
    };
    schema.field_with_name(USER_ID).ok()?;
    Some(schema.fields().iter().map(|field| field.name().clone()).collect())
}

fn check(
    link: &Link,
    view: &View,
    (counts, keys): (&[Measure], &Keys),
    registry: &Registry,
) -> Result<(), String> {
    let theirs = number(&link.to, view, registry)?;
    let wanted_sum = theirs.is_sum && link.times.is_none();
    for column in &link.counts {
        let measure = counts.iter().find(|measure| measure.column == *column);
        let basis = measure.map(|measure| &measure.basis);
        match basis {
            Some(basis) if basis.is_sum() && wanted_sum => {}
            Some(Basis::Devices) if !wanted_sum => {}
            _ if wanted_sum => {
                return Err(format!(
                    "the key counts does not state that {column} is a sum over devices"
                ));
            }
            _ => return Err(format!("the key counts does not state that {column} counts devices")),
        }
    }
    if wanted_sum && link.relation != Relation::Equal {
        return Err(format!("{} is a sum over devices; sums are compared with = alone", link.to));
    }
    if link.times.is_some() && !theirs.is_sum {
        return Err(format!("{} is no sum over devices, which times needs", link.to));
    }
    let own_key = |column: &String| match keys.columns.contains(column) {
        true => Ok(()),
        false => Err(format!("{column} is not in the key keys")),
    };
    link.each.iter().chain(&link.times).try_for_each(own_key)?;
    if let Some(condition) = &link.condition {
        own_key(&condition.column)?;
        check_value(&condition.equals, keys)?;
    }
    check_keys(&link.by, keys, &theirs, &link.to)
}

fn check_need(need: &Need, view: &View, keys: &Keys, registry: &Registry) -> Result<(), String> {
    let theirs = number(&need.of, view, registry)?;
    check_keys(&need.by, keys, &theirs, &need.of)
}

fn check_keys(by: &[KeyPair], keys: &Keys, theirs: &Number, of: &Column) -> Result<(), String> {
    for pair in by {
        check_value(&pair.ours, keys)?;
        if !theirs.keys.contains(&pair.theirs.as_str()) {
            return Err(format!("{} is not in the key keys of the view of {of}", pair.theirs));
        }
    }
    Ok(())
}

fn check_value(value: &KeyValue, keys: &Keys) -> Result<(), String> {
    match value {
        KeyValue::Column(column)
        | KeyValue::Period(_, column)
        | KeyValue::Area(_, column)
        | KeyValue::Longer(_, _, column)
            if !keys.columns.contains(column) =>
        {
            Err(format!("{column} is not in the key keys"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    /// The views of the program, and one of the user.
    fn with_view(text: &str) -> Registry {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("own.sql"), text).unwrap();
        let mut config = Config::default();
        config.views.dir = Some(folder.path().to_owned());
        Registry::read((&config).into()).unwrap()
    }

    #[test]
    fn views_of_the_program_are_classified_unless_something_about_them_is_not_known() {
        let registry = Registry::read((&Config::default()).into()).unwrap();
        let is_classified = |name: &str| {
            let view = registry.by_sql_name(name).unwrap();
            classify(view, &registry).is_ok()
        };
        for name in [
            "agg_events_per_hour",
            "agg_unique_users_per_hour",
            "agg_users_per_lau_per_day",
            "unique_users_per_lau_per_day",
            "unique_users_per_lau_2024_10_01",
            "events_per_hour_2024_10_01",
            "view_users_per_lau_day_night",
            "users_per_day",
            "users_per_week",
            "users_per_month",
            "devices_per_date",
            "devices_per_night",
            "residents_per_lau",
            "commuters",
            "overnight_stays",
            "od_pairs_per_day",
            "trips_od",
            "flow_balance",
            "trip_distances",
            "trips_per_device",
            "dwell_per_lau",
            "present_coverage",
            "present_per_lau",
            "commuters_estimate",
            "overnight_estimate",
            "anchor_windows",
            "calendar_windows",
            "clock_hours",
            "pseudonym_breaks",
        ] {
            assert!(is_classified(name), "{name}");
        }
        // weights tell the number of residents
        for name in [
            "present_estimate",
            "population_weights",
            "present_by_home",
            "user_location_distribution",
            "night_places",
        ] {
            assert!(!is_classified(name), "{name}");
        }
    }

    #[test]
    fn what_cannot_be_classified_says_what_to_write() {
        let sql =
            "SELECT date, COUNT(*) AS users FROM agg_cell_count_per_user_per_day GROUP BY date";
        for (header, words) in [
            ("", "write `-- counts:` with the columns that count devices"),
            (
                "-- counts: users\n-- keys: day\n",
                "names the column day, but the columns are date, users",
            ),
            ("-- counts: users\n-- keys: date, users\n", "names the column users more than once"),
            ("-- counts: none\n-- keys: date\n", "the column users is neither in the key counts"),
            (
                "-- counts: users\n-- keys: date\n-- linked: users in nope.n\n",
                "the header names the view nope, which does not exist",
            ),
            (
                "-- counts: users\n-- keys: date\n-- linked: date in users_per_day.user_count by date\n",
                "the key counts does not state that date counts devices",
            ),
            (
                "-- counts: users\n-- keys: date\n-- linked: users in users_per_day.user_count by day\n",
                "day is not in the key keys",
            ),
            (
                "-- counts: users\n-- keys: date\n-- sums: users = users_per_week.days by week(date)\n",
                "the header of users_per_week does not state that users_per_week.days counts devices",
            ),
        ] {
            let registry = with_view(&format!("{header}{sql}"));
            let view = registry.find("own").unwrap();
            let error = classify(view, &registry).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        let link = "-- linked: users in users_per_day.user_count by date\n";
        let registry = with_view(&format!("-- counts: users\n-- keys: date\n{link}{sql}"));
        assert!(classify(registry.find("own").unwrap(), &registry).is_ok());
        let of_users = "-- counts: n\n-- keys: user_id\nSELECT user_id, COUNT(*) AS n \
            FROM mobile_events_compressed GROUP BY user_id";
        let registry = with_view(of_users);
        let error = classify(registry.find("own").unwrap(), &registry).unwrap_err().to_string();
        assert!(error.contains("belong to single users"), "{error}");
    }
}
