//! Makes views of the text of a view file: settings are filled in, and a file for snapshots becomes one
//! view for each date.

use std::path::Path;

use anyhow::{Result, bail};
use chrono::NaiveDate;

use super::header::parse;
use super::settings::Settings;
use super::view::View;
use crate::config::SnapshotDate;

/// Placeholder for the date in the header of a snapshot template.
const DATE_IN_HEADER: &str = "{snapshot_date}";
/// Placeholder for the date in its SQL, in the form of a psql variable, so that psql can run the file
/// unchanged.
const DATE_IN_SQL: &str = ":'snapshot_date'";
/// The newest date, where a literal stands for other dates. A warehouse may put a shorter way to it there.
pub const NEWEST_DATE: &str = "(SELECT MAX(date) FROM mobile_events_compressed)";

/// The key `single_users` of the header, and the views of a file.
///
/// # Errors
/// An invalid header, with its line; names that are not allowed.
pub fn views(file: &Path, text: &str, settings: Settings) -> Result<(Option<bool>, Vec<View>)> {
    let stem = file.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let header = parse(text)?;
    let view = header.view.unwrap_or_else(|| stem.clone());
    let name = header.name.unwrap_or_else(|| view.replace('_', "-"));
    let template = View {
        title: header.title.unwrap_or_else(|| name.replace('-', " ")),
        aliases: header.aliases,
        description: header.description.unwrap_or_default(),
        order: header.order,
        chart: header.chart,
        // decided when all views are known
        single_users: None,
        columns: None,
        growth: header.growth.map(|growth| growth.with_window(settings.anchors.window)),
        period: header.period,
        accumulate: header.accumulate,
        split: header.split.map(|split| split.with_window(settings.anchors.window)),
        windows: header.windows,
        publication: header.publication,
        snapshot: None,
        sql: settings.fill(text)?,
        file: file.to_owned(),
        name,
        view,
    };
    if !template.sql.contains(DATE_IN_SQL) {
        check_names(&template)?;
        return Ok((header.single_users, vec![template]));
    }
    if !(template.name.contains(DATE_IN_HEADER) && template.view.contains(DATE_IN_HEADER)) {
        bail!("the SQL uses {DATE_IN_SQL}, so name and view must contain {DATE_IN_HEADER}");
    }
    let views = settings.views.snapshot_dates.iter().map(|date| snapshot(&template, *date));
    Ok((header.single_users, views.collect::<Result<_>>()?))
}

fn snapshot(template: &View, date: SnapshotDate) -> Result<View> {
    let in_names = date.to_string();
    let in_texts = match date {
        SnapshotDate::Day(_) => in_names.clone(),
        SnapshotDate::Newest => "the newest date".to_owned(),
    };
    let sql = match date {
        SnapshotDate::Day(_) => template.sql.replace(DATE_IN_SQL, &format!("'{in_names}'")),
        SnapshotDate::Newest => with_newest_date(&template.sql),
    };
    let view = View {
        name: template.name.replace(DATE_IN_HEADER, &in_names),
        view: template.view.replace(DATE_IN_HEADER, &in_names.replace('-', "_")),
        aliases: template.aliases.iter().map(|a| a.replace(DATE_IN_HEADER, &in_names)).collect(),
        title: template.title.replace(DATE_IN_HEADER, &in_texts),
        description: template.description.replace(DATE_IN_HEADER, &in_texts),
        // the events of one day do not tell which day is the newest
        growth: template.growth.filter(|_| date != SnapshotDate::Newest),
        publication: template.publication.replace(DATE_IN_HEADER, &in_names),
        snapshot: Some(date),
        sql,
        ..template.clone()
    };
    check_names(&view)?;
    Ok(view)
}

/// Puts the newest date in place of each literal; the keyword `DATE` before one goes with it.
fn with_newest_date(sql: &str) -> String {
    let mut parts = sql.split(DATE_IN_SQL);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let before = out.trim_end();
        let start = before.len().saturating_sub("DATE".len());
        let is_keyword = before.get(start..).is_some_and(|w| w.eq_ignore_ascii_case("DATE"))
            && !before[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        if is_keyword {
            out.truncate(start);
        }
        out.push_str(NEWEST_DATE);
        out.push_str(part);
    }
    out
}

/// The date at the end of a name, as `2024-10-01` or `2024_10_01`.
pub fn date_suffix(name: &str) -> Option<&str> {
    let tail = name.get(name.len().checked_sub(10)?..)?;
    NaiveDate::parse_from_str(&tail.replace('_', "-"), "%Y-%m-%d").ok().map(|_| tail)
}

/// SQL names are restricted so that no engine has to quote them; query names are routes.
fn check_names(view: &View) -> Result<()> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if view.view.is_empty()
        || !view.view.chars().all(is_plain)
        || view.view.starts_with(|c: char| c.is_ascii_digit())
    {
        bail!("view name {:?}: use lower-case letters, digits and underscores", view.view);
    }
    for name in std::iter::once(&view.name).chain(&view.aliases) {
        if name.is_empty() || !name.chars().all(|c| is_plain(c) || c == '-') {
            bail!("query name {name:?}: use lower-case letters, digits and hyphens");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_view_without_a_header_gets_the_name_of_its_file() {
        let file = Path::new("sql/views/my_view.sql");
        let (_, mut views) =
            views(file, "SELECT user_id FROM t", (&Config::default()).into()).unwrap();
        let view = views.remove(0);
        assert_eq!((view.name.as_str(), view.view.as_str()), ("my-view", "my_view"));
    }

    #[test]
    fn newest_date_takes_the_place_of_a_date_literal() {
        let newest = |sql: &str| with_newest_date(&sql.replace('?', DATE_IN_SQL));
        let max = NEWEST_DATE;
        assert_eq!(newest("date = DATE ?"), format!("date = {max}"));
        assert_eq!(newest("date =\ndate  ? AND x"), format!("date =\n{max} AND x"));
        assert_eq!(newest("CAST(? AS DATE) > ?"), format!("CAST({max} AS DATE) > {max}"));
        assert_eq!(newest("my_date ?"), format!("my_date {max}"));
    }

    #[test]
    fn view_of_the_newest_date_is_computed_over_all_days() {
        let text = "-- name: n-{snapshot_date}\n-- view: n_{snapshot_date}\n\
                    -- title: On {snapshot_date}\n-- by: date\n\
                    SELECT 1 AS x FROM mobile_events_compressed WHERE date = DATE :'snapshot_date'";
        let mut config = Config::default();
        config.views.snapshot_dates = vec![SnapshotDate::Newest, "2024-10-01".parse().unwrap()];
        let (_, views) = views(Path::new("n.sql"), text, (&config).into()).unwrap();
        let shown: Vec<_> = views.iter().map(|v| (&*v.name, &*v.title, v.is_by_date())).collect();
        assert_eq!(
            shown,
            [("n-newest", "On the newest date", false), ("n-2024-10-01", "On 2024-10-01", true)]
        );
    }
}
