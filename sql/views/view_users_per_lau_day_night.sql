-- name: users-per-lau-day-night
-- view: view_users_per_lau_day_night
-- aliases: number-of-unique-users-per-lau-day-vs-night
-- title: Users per LAU by day and by night
-- description: Different users seen in each LAU by day (clock hours from time.day_start up to time.day_end) and by night (the other clock hours of the same date); 0 where nobody was seen.
-- order: date, lau_id
-- chart: map day_users night_users
WITH dates AS (
  SELECT DISTINCT date FROM mobile_events_compressed
),
seen AS (
  SELECT e.date, c.lau_id,
    COUNT(DISTINCT CASE WHEN EXTRACT(HOUR FROM e.hour) >= :day_start
                         AND EXTRACT(HOUR FROM e.hour) < :day_end THEN e.user_id END) AS day_users,
    COUNT(DISTINCT CASE WHEN EXTRACT(HOUR FROM e.hour) < :day_start
                         OR EXTRACT(HOUR FROM e.hour) >= :day_end THEN e.user_id END) AS night_users
  FROM mobile_events_compressed e
  JOIN cell_plan c
    ON c.cell_id = e.cell_id
   AND (c.valid_date_start IS NULL OR e.date >= c.valid_date_start)
   AND (c.valid_date_end IS NULL OR e.date <= c.valid_date_end)
  WHERE c.lau_id IS NOT NULL
  GROUP BY e.date, c.lau_id
)
SELECT d.date, l.lau_id, l.lau_name,
  COALESCE(s.day_users, 0) AS day_users,
  COALESCE(s.night_users, 0) AS night_users
FROM dates d
CROSS JOIN lau l
LEFT JOIN seen s ON s.date = d.date AND s.lau_id = l.lau_id
