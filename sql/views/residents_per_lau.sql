-- name: residents-per-lau
-- view: residents_per_lau
-- title: Residents and workers per LAU
-- description: Devices with their home, and devices with their work place, in each LAU in each window; 0 where there are none.
-- order: window_start, lau_id
-- by: window
-- chart: map residents workers
-- counts: residents, workers
-- keys: every window_start, lau_id, lau_name, complete
-- sums: residents <= users_per_month.user_count by month_of_window(window_start) as month each window_start; workers <= users_per_month.user_count by month_of_window(window_start) as month each window_start; residents <= users_per_week.user_count by week_of_window(window_start) as week each window_start; workers <= users_per_week.user_count by week_of_window(window_start) as week each window_start
WITH counts AS (
  SELECT window_start, lau_id,
    COUNT(CASE WHEN kind = 'home' THEN 1 END) AS residents,
    COUNT(CASE WHEN kind = 'work' THEN 1 END) AS workers
  FROM anchors
  GROUP BY window_start, lau_id
)
SELECT w.window_start, l.lau_id, l.lau_name, COALESCE(n.residents, 0) AS residents,
  COALESCE(n.workers, 0) AS workers, w.complete
FROM calendar_windows w
CROSS JOIN lau l
LEFT JOIN counts n ON n.window_start = w.window_start AND n.lau_id = l.lau_id
