//! Dates in the names of folders.

use std::path::Path;

use chrono::NaiveDate;

/// The date in the folder names of a path: `year=2024/month=10/day=1`, `date=2024-10-01` or
/// `2024-10-01`.
pub fn folder_date(path: &Path) -> Option<NaiveDate> {
    let folders = path.parent()?.iter().map(|f| f.to_string_lossy().into_owned());
    let (mut year, mut month, mut day, mut date) = (None, None, None, None);
    for folder in folders {
        match folder.split_once('=') {
            Some(("year", number)) => year = number.parse().ok(),
            Some(("month", number)) => month = number.parse().ok(),
            Some(("day", number)) => day = number.parse().ok(),
            Some(("date", text)) => date = text.parse().ok(),
            Some(_) => {}
            None => date = folder.parse().ok().or(date),
        }
    }
    date.or_else(|| NaiveDate::from_ymd_opt(year?, month?, day?))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::folder_date;

    #[test]
    fn folder_names_contain_a_date_in_the_usual_forms() {
        let date = |path: &str| folder_date(Path::new(path)).map(|d| d.to_string());
        let first = Some("2024-10-01".to_owned());
        assert_eq!(date("raw/year=2024/month=10/day=1/a.parquet"), first);
        assert_eq!(date("raw/date=2024-10-01/a.parquet"), first);
        assert_eq!(date("raw/2024-10-01/a.parquet"), first);
        assert_eq!(date("raw/year=2024/month=10/a.parquet"), None);
        assert_eq!(date("raw/year=2024/month=2/day=30/a.parquet"), None);
        assert_eq!(date("2024-10-01.parquet"), None);
    }
}
