-- name: present-by-home
-- view: present_by_home
-- title: Present devices by home
-- description: Devices that are in each LAU at each full hour, by the LAU of their home, which is empty where none is known, and by whether they work in the LAU (1) or not (0). Present devices by role and their estimates are sums of it.
-- order: date, hour, lau_id, home_lau_id, works_here
-- by: date loaded
-- windows: anchor_windows
-- chart: table
WITH people AS (
  SELECT user_id, window_start,
    MAX(CASE WHEN kind = 'home' THEN lau_id END) AS home_lau_id,
    MAX(CASE WHEN kind = 'work' THEN lau_id END) AS work_lau_id
  FROM anchors
  WHERE kind IN ('home', 'work')
  GROUP BY user_id, window_start
),
counted AS (
  SELECT p.date, p.lau_id, p.hours, h.home_lau_id,
    CASE WHEN h.work_lau_id = p.lau_id THEN 1 ELSE 0 END AS works_here, COUNT(*) AS devices
  FROM present_places p
  JOIN anchor_windows a ON a.date = p.date
  LEFT JOIN people h ON h.user_id = p.user_id AND h.window_start = a.window_start
  GROUP BY p.date, p.lau_id, p.hours, h.home_lau_id,
    CASE WHEN h.work_lau_id = p.lau_id THEN 1 ELSE 0 END
)
SELECT c.date, h.hour, c.lau_id, c.home_lau_id, c.works_here, CAST(SUM(c.devices) AS BIGINT) AS devices
FROM counted c
JOIN clock_hours h ON h.date = c.date AND (c.hours & h.flag) <> 0
GROUP BY c.date, h.hour, c.lau_id, c.home_lau_id, c.works_here
