use super::{Planner, Reason};
use crate::domain::tables::Table;

/// Why rows count as rows of single users, with two views over the tables.
fn reason(sql: &str) -> Option<Reason> {
    let planner = Planner::new().unwrap();
    let per_user = "SELECT user_id, date, COUNT(*) AS cells FROM mobile_events_compressed \
                    GROUP BY user_id, date";
    assert!(planner.view("per_user", per_user, false).is_some());
    let hours = "SELECT hour, COUNT(DISTINCT user_id) AS users FROM mobile_events_compressed \
                 GROUP BY hour";
    assert_eq!(planner.view("hours", hours, false), None);
    assert_eq!(planner.view("declared", hours, true), Some(Reason::Declared));
    planner.query(sql)
}

fn assert_single_users(queries: &[&str]) {
    for sql in queries {
        let reason = reason(sql);
        let known = reason.as_ref().is_some_and(|reason| !matches!(reason, Reason::Unknown(_)));
        assert!(known, "{sql}: {reason:?}");
    }
}

#[track_caller]
fn assert_aggregates(queries: &[&str]) {
    for sql in queries {
        assert_eq!(reason(sql), None, "{sql}");
    }
}

#[test]
fn a_shown_user_id_is_found_however_it_is_named() {
    assert_single_users(&[
        "SELECT user_id FROM mobile_events_compressed",
        "SELECT DISTINCT user_id, date FROM mobile_events_placed",
        "SELECT * FROM mobile_events_compressed",
        "SELECT e.* FROM mobile_events_uncompressed e JOIN cell_plan c ON c.cell_id = e.cell_id",
        "SELECT \"user_id\" AS \"Count\" FROM mobile_events_compressed",
        "SELECT USER_ID AS lau_name FROM mobile_events_compressed",
        "WITH x AS (SELECT user_id AS a FROM mobile_events_compressed) SELECT a AS b FROM x",
        "WITH x(a) AS (SELECT user_id FROM mobile_events_compressed) SELECT a FROM x",
        "SELECT a FROM (SELECT user_id FROM mobile_events_compressed) AS x(a)",
        "SELECT lau_id FROM lau UNION ALL SELECT user_id FROM mobile_events_compressed",
        "SELECT user_id FROM mobile_events_compressed INTERSECT SELECT user_id FROM per_user",
        "SELECT user_id FROM mobile_events_compressed EXCEPT SELECT lau_id FROM lau",
        "SELECT lau_id, (SELECT MIN(user_id) FROM mobile_events_compressed) AS x FROM lau",
        "SELECT user_id FROM per_user",
        "SELECT TRUE AS selected, * FROM per_user",
        "VALUES ((SELECT MAX(user_id) FROM mobile_events_compressed))",
        "SELECT l.lau_id, x.u FROM lau l, LATERAL (SELECT MAX(user_id) AS u \
         FROM mobile_events_placed e JOIN cell_plan c ON c.cell_id = e.cell_id \
         WHERE c.lau_id = l.lau_id) AS x",
        "WITH RECURSIVE x AS (SELECT lau_id AS a, 0 AS n FROM lau UNION ALL \
         SELECT (SELECT MIN(user_id) FROM mobile_events_compressed), n + 1 FROM x WHERE n < 1) \
         SELECT a FROM x",
    ]);
}

#[test]
fn a_value_computed_from_a_user_id_descends_from_it() {
    assert_single_users(&[
        "SELECT UPPER(SUBSTR(user_id, 1, 8)) AS x FROM mobile_events_compressed GROUP BY 1",
        "SELECT MD5(user_id) AS x, COUNT(*) FROM mobile_events_compressed GROUP BY MD5(user_id)",
        "SELECT 'u' || user_id AS x FROM mobile_events_compressed",
        "SELECT CASE WHEN date IS NULL THEN 'x' ELSE user_id END AS x FROM mobile_events_compressed",
        "SELECT COALESCE(user_id, 'none') AS x FROM mobile_events_compressed",
        "SELECT CAST(user_id AS VARCHAR) AS x FROM mobile_events_compressed",
        "SELECT date, MIN(user_id) AS x FROM mobile_events_compressed GROUP BY date",
        "SELECT date, MAX('a' || user_id) AS x FROM mobile_events_compressed GROUP BY date",
        "SELECT date, ARRAY_AGG(user_id) AS x FROM mobile_events_compressed GROUP BY date",
        "SELECT date, STRING_AGG(DISTINCT user_id, ',') AS x FROM mobile_events_compressed GROUP BY date",
        "SELECT date, FIRST_VALUE(user_id ORDER BY hour) AS x FROM mobile_events_compressed GROUP BY date",
        "SELECT date, SUM(CHARACTER_LENGTH(user_id)) AS x FROM mobile_events_compressed GROUP BY date",
        "SELECT LAG(user_id) OVER (ORDER BY hour) AS x FROM mobile_events_compressed",
        "SELECT DISTINCT DENSE_RANK() OVER (ORDER BY user_id) AS x FROM mobile_events_compressed",
        "SELECT DISTINCT COUNT(*) OVER (ORDER BY user_id) AS x FROM mobile_events_compressed",
        "SELECT UNNEST(ids) AS x FROM (SELECT ARRAY_AGG(user_id) AS ids FROM mobile_events_compressed) AS t",
    ]);
}

#[test]
fn rows_of_users_need_no_id_in_a_column() {
    assert_single_users(&[
        "SELECT cell_id, hour FROM mobile_events_compressed",
        "SELECT COUNT(*) AS n FROM mobile_events_compressed GROUP BY user_id",
        "SELECT cells FROM per_user",
        "SELECT date, SUM(event_count) AS n FROM mobile_events_compressed GROUP BY ROLLUP (date, user_id)",
        "SELECT n FROM (SELECT DISTINCT user_id, COUNT(*) OVER (PARTITION BY user_id) AS n \
         FROM mobile_events_compressed) AS x",
        "SELECT l.lau_name, p.cells FROM lau l CROSS JOIN per_user p",
        "SELECT DISTINCT ON (cell_id) cell_id, hour FROM mobile_events_compressed ORDER BY cell_id, hour",
        "SELECT cell_id, first_seen, COUNT(*) AS n FROM mobile_events_compressed GROUP BY 1, 2",
        "SELECT DISTINCT cell_id, \"timestamp\" FROM mobile_events_uncompressed",
        "SELECT date, ARRAY_AGG(cell_id) AS cells FROM mobile_events_compressed GROUP BY date",
        "SELECT date, STRING_AGG(cell_id, ' ') AS cells FROM mobile_events_compressed GROUP BY date",
        "SELECT hour FROM declared",
    ]);
}

#[test]
fn counts_of_selected_users_tell_of_them() {
    assert_single_users(&[
        "SELECT hour, COUNT(*) FROM mobile_events_compressed WHERE user_id = 'u1' GROUP BY hour",
        "SELECT hour, COUNT(*) FROM mobile_events_compressed WHERE user_id IN ('a', 'b') GROUP BY hour",
        "SELECT hour, COUNT(*) FROM mobile_events_compressed WHERE user_id LIKE 'ab%' GROUP BY hour",
        "SELECT hour, COUNT(*) FROM mobile_events_compressed WHERE user_id BETWEEN 'a' AND 'b' GROUP BY hour",
        "SELECT hour, COUNT(*) FROM mobile_events_compressed WHERE STARTS_WITH(user_id, 'a') GROUP BY hour",
        "SELECT hour, COUNT(*) FROM mobile_events_compressed \
         WHERE user_id = (SELECT MIN(user_id) FROM per_user) GROUP BY hour",
        "SELECT hour, COUNT(*) FILTER (WHERE user_id = 'u1') AS n FROM mobile_events_compressed GROUP BY hour",
        "SELECT hour, COUNT(CASE WHEN user_id = 'u1' THEN 1 END) AS n FROM mobile_events_compressed GROUP BY hour",
        "SELECT hour, COUNT(CASE user_id WHEN 'u1' THEN 1 END) AS n FROM mobile_events_compressed GROUP BY hour",
        "SELECT hour, COUNT(NULLIF(user_id, 'u1')) AS n FROM mobile_events_compressed GROUP BY hour",
        "SELECT hour, COUNT(*) FROM mobile_events_compressed e \
         JOIN (VALUES ('u1')) AS v(u) ON v.u = e.user_id GROUP BY hour",
        "SELECT hour, COUNT(*) FROM mobile_events_compressed \
         WHERE user_id IN (SELECT user_id FROM per_user ORDER BY cells DESC LIMIT 1) GROUP BY hour",
        "SELECT cell_id, COUNT(*) FROM (SELECT cell_id, ROW_NUMBER() OVER (ORDER BY hour) AS n \
         FROM mobile_events_compressed) AS x WHERE n = 7 GROUP BY cell_id",
        "SELECT c.cell_id FROM cell_plan c WHERE EXISTS (SELECT 1 FROM mobile_events_compressed e \
         WHERE e.cell_id = c.cell_id AND e.user_id = 'u1')",
    ]);
}

#[test]
fn aggregates_over_users_are_not_rows_of_users() {
    assert_aggregates(&[
        "SELECT hour, COUNT(*) AS n FROM mobile_events_compressed GROUP BY hour",
        "SELECT hour, COUNT(user_id) AS selected_users FROM mobile_events_compressed GROUP BY hour",
        "SELECT COUNT(DISTINCT user_id) AS user_id FROM mobile_events_compressed",
        "SELECT COUNT(DISTINCT CASE WHEN event_count > 1 THEN user_id END) AS n FROM mobile_events_compressed",
        "SELECT COUNT(DISTINCT user_id || CAST(date AS VARCHAR)) AS n FROM mobile_events_compressed",
        "SELECT APPROX_DISTINCT(user_id) AS n FROM mobile_events_compressed",
        "SELECT COUNT(*) FROM mobile_events_uncompressed WHERE user_id IS NULL",
        "SELECT cells, COUNT(*) AS users FROM per_user GROUP BY cells",
        "SELECT date, MAX(cells) AS most, AVG(cells) AS mean FROM per_user GROUP BY date",
        "SELECT * FROM hours",
        "SELECT users, COUNT(*) FROM declared GROUP BY users",
        "SELECT DISTINCT cell_id FROM mobile_events_compressed",
        "SELECT c.* FROM cell_plan c WHERE c.cell_id NOT IN (SELECT cell_id FROM mobile_events_compressed)",
        "SELECT c.cell_id, (SELECT COUNT(*) FROM mobile_events_compressed e WHERE e.cell_id = c.cell_id) AS n \
         FROM cell_plan c",
        "SELECT a.date, COUNT(*) FROM per_user a JOIN per_user b USING (user_id) GROUP BY a.date",
        "SELECT COUNT(*) FROM mobile_events_compressed \
         WHERE user_id IN (SELECT user_id FROM per_user WHERE cells > 3)",
        "SELECT home, COUNT(*) FROM (SELECT cell_id AS home, ROW_NUMBER() OVER \
         (PARTITION BY user_id ORDER BY n DESC) AS place FROM (SELECT user_id, cell_id, COUNT(*) AS n \
         FROM mobile_events_compressed GROUP BY user_id, cell_id) AS x) AS y WHERE place = 1 GROUP BY home",
        "SELECT part, COUNT(*) FROM (SELECT NTILE(10) OVER (ORDER BY cells) AS part FROM per_user) AS x \
         GROUP BY part",
        "SELECT hour, users, RANK() OVER (ORDER BY users DESC) AS place FROM hours",
        "SELECT DATE_TRUNC('hour', first_seen) AS h, COUNT(*) FROM mobile_events_compressed GROUP BY 1",
        "SELECT EXTRACT(HOUR FROM \"timestamp\") AS h, COUNT(*) FROM mobile_events_uncompressed GROUP BY 1",
        "SELECT CAST(\"timestamp\" AS DATE) AS d, COUNT(*) FROM mobile_events_uncompressed GROUP BY 1",
        "SELECT cell_id, MIN(first_seen), MAX(last_seen) FROM mobile_events_compressed GROUP BY cell_id",
        "SELECT h.n, COUNT(c.cell_id) FROM generate_series(0, 23) AS h(n) LEFT JOIN cell_plan c \
         ON c.latitude > h.n GROUP BY h.n",
        "SELECT * FROM quality_daily",
        "SELECT 'user_id' AS user_id, COUNT(*) FROM cell_plan",
    ]);
}

#[test]
fn what_cannot_be_analysed_counts_as_single_users() {
    for sql in [
        "SELECT",
        "SELECT user FROM nowhere",
        "SELECT ST_Area(geometry) FROM lau",
        "SELECT query_to_xml('SELECT user_id FROM mobile_events_compressed', true, true, '')",
        "SELECT most_common_vals FROM pg_stats",
        "SELECT * FROM other_schema.hours",
        "EXPLAIN SELECT 1",
        "CREATE TABLE x AS SELECT 1",
        "SELECT 1; SELECT 2",
    ] {
        let reason = reason(sql);
        assert!(matches!(reason, Some(Reason::Unknown(_))), "{sql}: {reason:?}");
    }
}

#[test]
fn a_view_over_one_that_cannot_be_analysed_counts_as_well() {
    let planner = Planner::new().unwrap();
    assert!(planner.view("areas", "SELECT ST_Area(geometry) AS a FROM lau", false).is_some());
    assert!(planner.query("SELECT a FROM areas").is_some());
}

#[test]
fn long_queries_are_analysed_or_refused_without_overflow() {
    let many = |part: &str, separator: &str| vec![part; 1_000].join(separator);
    let conditions = many("event_count = 1", " OR ");
    let sql = format!("SELECT COUNT(*) FROM mobile_events_compressed WHERE {conditions}");
    assert_eq!(reason(&sql), None);
    let sum = many("event_count", " + ");
    let deep = format!("SELECT SUM({sum}) FROM mobile_events_compressed");
    assert!(matches!(reason(&deep), Some(Reason::Unknown(_))));
}

#[test]
fn every_table_with_a_user_column_has_rows_of_single_users() {
    for table in Table::ALL {
        let has_users =
            table.schema().fields().iter().any(|field| field.name().contains("user_id"));
        assert_eq!(table.single_users(), has_users, "{table:?}");
        let found = reason(&format!("SELECT * FROM {}", table.name())).is_some();
        assert_eq!(found, has_users, "{table:?}");
        let names = table.user_columns().iter().chain(table.exact_times());
        assert!(names.into_iter().all(|name| table.schema().index_of(name).is_ok()), "{table:?}");
    }
}
