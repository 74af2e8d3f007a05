//! Decides whether it is known what a view counts.

use std::fmt;

use super::declaration::{Basis, Column, KeyValue, Keys, Link, Measure, Publication};
use crate::domain::tables::Table;
use crate::views::registry::Registry;
use crate::views::view::View;

/// The column of tables and views with rows of single users.
const USER_ID: &str = "user_id";

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
    let Publication { counts: Some(counts), keys: Some(keys), sums, linked, largest } =
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
        if let Basis::From(column) | Basis::Over(column) = &measure.basis {
            count_of(column, view, registry).map_err(Unclassified)?;
        }
    }
    for measure in counts.iter().filter(|m| matches!(m.basis, Basis::Over(_))) {
        let column = &measure.column;
        let Some(link) = largest.iter().find(|link| link.counts == [column.as_str()]) else {
            return unclassified(format!(
                "{column} is a sum over devices, and it is not known how much a single device adds; write \
                 `-- largest: {column} in RELATION.COLUMN by KEYS` with rows of single users that add up to it, such \
                 as mobile_events_compressed.event_count by hour"
            ));
        };
        check_largest(link, keys, registry)
            .map_err(|error| Unclassified(format!("largest {link}: {error}")))?;
    }
    for link in sums.iter().chain(linked) {
        check(link, view, (counts, keys), registry)
            .map_err(|error| Unclassified(format!("{link}: {error}")))?;
    }
    Ok(&view.publication)
}

/// The keys of the view in which a column counts devices.
fn count_of<'a>(
    column: &Column,
    own: &'a View,
    registry: &'a Registry,
) -> Result<Option<&'a Keys>, String> {
    let view = match &column.view {
        None => own,
        Some(name) => registry.by_sql_name(name).ok_or_else(|| {
            format!(
                "the header names the view {name}, which does not exist; write the SQL name of a view, or remove it"
            )
        })?,
    };
    let counts = view.publication.counts.as_deref().unwrap_or_default();
    match counts.iter().any(|m| m.column == column.column && m.basis == Basis::Devices) {
        true => Ok(view.publication.keys.as_ref()),
        false => {
            Err(format!("the header of {} does not state that {column} counts devices", view.view))
        }
    }
}

/// Checks that there are rows of single users with the columns that a link names.
fn check_largest(link: &Link, keys: &Keys, registry: &Registry) -> Result<(), String> {
    let name = link.to.view.as_deref().unwrap_or_default();
    let columns = columns_by_user(name, registry).ok_or_else(|| {
        format!(
            "{name:?} is neither a table nor a view with rows of single users and a column user_id"
        )
    })?;
    let theirs = link.by.iter().map(|pair| &pair.theirs).chain([&link.to.column]);
    for column in theirs {
        if !columns.contains(column) {
            return Err(format!("{name} has no column {column}; it has {}", columns.join(", ")));
        }
    }
    for pair in &link.by {
        match &pair.ours {
            KeyValue::Column(column) if keys.columns.contains(column) => {}
            ours => return Err(format!("{ours} is not a column in the key keys")),
        }
    }
    match link.each.is_empty() && link.condition.is_none() && !link.by.is_empty() {
        true => Ok(()),
        false => Err("expected COLUMN in RELATION.COLUMN by KEYS and nothing else".to_owned()),
    }
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
    for column in &link.counts {
        if !counts.iter().any(|m| m.column == *column && m.basis == Basis::Devices) {
            return Err(format!("the key counts does not state that {column} counts devices"));
        }
    }
    let own_key = |column: &String| match keys.columns.contains(column) {
        true => Ok(()),
        false => Err(format!("{column} is not in the key keys")),
    };
    let value = |value: &KeyValue| match value {
        KeyValue::Column(column) | KeyValue::Period(_, column) | KeyValue::Area(_, column) => {
            own_key(column)
        }
        KeyValue::Text(_) => Ok(()),
    };
    link.each.iter().try_for_each(own_key)?;
    if let Some(condition) = &link.condition {
        own_key(&condition.column)?;
        value(&condition.equals)?;
    }
    let theirs = count_of(&link.to, view, registry)?;
    for pair in &link.by {
        value(&pair.ours)?;
        if !theirs.is_some_and(|keys| keys.columns.contains(&pair.theirs)) {
            return Err(format!(
                "{} is not in the key keys of the view of {}",
                pair.theirs, link.to
            ));
        }
    }
    Ok(())
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
            "anchor_windows",
            "calendar_windows",
            "clock_hours",
            "pseudonym_breaks",
        ] {
            assert!(is_classified(name), "{name}");
        }
        // estimates tell the weights, and with them the number of residents
        for name in [
            "commuters_estimate",
            "overnight_estimate",
            "present_estimate",
            "population_weights",
            "present_by_home",
            "present_coverage",
            "present_per_lau",
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
