-- Visits: each file has its own range of dates and users, in order of time.
CREATE TABLE visits USING parquet PARTITIONED BY (date) LOCATION {{visits}} AS
SELECT user_id, site, first_us, last_us, events, date
FROM (
  SELECT
    date_from_unix_date(date) AS date,
    user_id,
    visit,
    site,
    min(visit_first_us) AS first_us,
    max(visit_last_us) AS last_us,
    sum(events) AS events
  FROM (
    SELECT /*+ REPARTITION_BY_RANGE({{files}}, date, user_id) */
      date, user_id, visit, site, visit_first_us, visit_last_us, events
    FROM judged
    WHERE visit IS NOT NULL
  )
  GROUP BY date, user_id, visit, site
)
SORT BY date, user_id, visit
