-- name: users-per-lau-day-night
-- view: view_users_per_lau_day_night
-- aliases: number-of-unique-users-per-lau-day-vs-night
-- title: Users per LAU by day and by night
-- description: Different users seen in each LAU by day (clock hours from time.day_start up to time.day_end) and by night (the other clock hours of the same date); 0 if no user was seen.
-- order: date, lau_id
-- by: date
-- chart: map day_users night_users
-- counts: day_users, night_users
-- keys: every date, lau_id, lau_name
-- linked: day_users + night_users seen in agg_users_per_lau_per_day.user_count by date, lau_id
WITH dates AS (
  SELECT DISTINCT date FROM mobile_events_compressed
),
users AS (
  SELECT DISTINCT e.date, c.lau_id, e.user_id,
    CASE WHEN EXTRACT(HOUR FROM e.hour) >= :day_start
          AND EXTRACT(HOUR FROM e.hour) < :day_end THEN 1 ELSE 0 END AS by_day
  FROM mobile_events_placed e
  JOIN cell_plan c
    ON c.cell_id = e.cell_id
   AND (c.valid_date_start IS NULL OR e.date >= c.valid_date_start)
   AND (c.valid_date_end IS NULL OR e.date <= c.valid_date_end)
  WHERE c.lau_id IS NOT NULL
),
seen AS (
  SELECT date, lau_id, SUM(by_day) AS day_users, SUM(1 - by_day) AS night_users
  FROM users
  GROUP BY date, lau_id
)
SELECT d.date, l.lau_id, l.lau_name,
  CAST(COALESCE(s.day_users, 0) AS BIGINT) AS day_users,
  CAST(COALESCE(s.night_users, 0) AS BIGINT) AS night_users
FROM dates d
CROSS JOIN lau l
LEFT JOIN seen s ON s.date = d.date AND s.lau_id = l.lau_id
