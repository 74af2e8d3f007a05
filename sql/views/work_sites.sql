-- name: work-sites
-- view: work_sites
-- title: Possible work places of each device
-- description: The sites at which each device was seen on enough of its workdays (anchors.work_min_days, anchors.work_share) in each window: the workdays on which it was observed, those on which the site counts, and the clock hours there on these. Those far from where the device spends its nights may be its work place.
-- order: user_id, window_start, site_id
-- by: window loaded
-- chart: table
-- single_users: yes
WITH dates AS (
  SELECT d.date, w.window_start
  FROM devices_per_date d
  JOIN calendar_windows w ON w.window_start = :window_start(d.date)
  WHERE NOT w.rotation
),
days AS (
  SELECT s.user_id, d.window_start, s.date, s.site_id, s.lau_id, s.hours,
    CASE WHEN s.hours >= :work_min_hours THEN 1 ELSE 0 END AS counts
  FROM workday_sites s
  JOIN dates d ON d.date = s.date
),
observed AS (
  SELECT user_id, window_start, COUNT(DISTINCT date) AS observed
  FROM days
  GROUP BY user_id, window_start
),
sites AS (
  SELECT user_id, window_start, site_id, MIN(lau_id) AS lau_id,
    CAST(SUM(counts) AS BIGINT) AS here, CAST(SUM(counts * hours) AS BIGINT) AS hours
  FROM days
  GROUP BY user_id, window_start, site_id
)
SELECT s.user_id, s.window_start, s.site_id, s.lau_id, o.observed, s.here, s.hours
FROM sites s
JOIN observed o ON o.user_id = s.user_id AND o.window_start = s.window_start
WHERE o.observed >= :work_min_days AND s.here > 0
  AND s.here * 10000 >= :work_share_10000 * o.observed
