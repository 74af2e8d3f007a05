-- name: users-per-lau
-- view: agg_users_per_lau_per_day
-- title: Unique users per LAU and day
-- description: Number of different users seen in each LAU on each day, by the cells valid on that day.
-- order: date, lau_id
-- by: date
-- chart: map user_count
-- counts: user_count
-- keys: date, lau_id, lau_name
-- linked: user_count in users_per_day.user_count by date; user_count in devices_per_date.devices by date
SELECT s.lau_id, l.lau_name, s.date, COUNT(*) AS user_count
FROM (
  SELECT DISTINCT c.lau_id, e.date, e.user_id
  FROM mobile_events_placed e
  JOIN cell_plan c
    ON c.cell_id = e.cell_id
   AND (c.valid_date_start IS NULL OR e.date >= c.valid_date_start)
   AND (c.valid_date_end IS NULL OR e.date <= c.valid_date_end)
  WHERE c.lau_id IS NOT NULL
) AS s
JOIN lau l ON l.lau_id = s.lau_id
GROUP BY s.lau_id, l.lau_name, s.date
