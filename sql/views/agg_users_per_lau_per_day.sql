-- name: users-per-lau
-- view: agg_users_per_lau_per_day
-- title: Unique users per LAU and day
-- description: Number of different users seen in each LAU on each day, by the cells valid on that day.
-- order: date, lau_id
-- chart: map user_count
SELECT c.lau_id, l.lau_name, e.date, COUNT(DISTINCT e.user_id) AS user_count
FROM mobile_events_compressed e
JOIN cell_plan c
  ON c.cell_id = e.cell_id
 AND (c.valid_date_start IS NULL OR e.date >= c.valid_date_start)
 AND (c.valid_date_end IS NULL OR e.date <= c.valid_date_end)
JOIN lau l ON l.lau_id = c.lau_id
GROUP BY c.lau_id, l.lau_name, e.date
