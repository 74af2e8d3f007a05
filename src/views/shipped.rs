//! The view files inside the program, so that the one binary is enough.

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../sql/views/", $name)))),*]
    };
}

/// Name and text of every file in `sql/views`, by name.
pub const FILES: &[(&str, &str)] = files![
    "agg_cell_count_per_user_per_day.sql",
    "agg_events_per_hour.sql",
    "agg_unique_users_per_hour.sql",
    "agg_users_per_lau_per_day.sql",
    "events_per_hour_snapshot.sql",
    "unique_locations_per_user_per_day.sql",
    "unique_users_per_lau_per_day.sql",
    "unique_users_per_lau_snapshot.sql",
    "user_location_distribution.sql",
    "view_users_per_lau_day_night.sql",
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::FILES;

    #[test]
    fn no_view_file_is_left_out() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/views");
        let entries = std::fs::read_dir(folder).unwrap();
        let mut there: Vec<String> =
            entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        there.sort();
        assert_eq!(there, FILES.iter().map(|f| f.0).collect::<Vec<_>>());
    }
}
