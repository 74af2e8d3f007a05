-- name: night-anchors
-- view: night_anchors
-- title: Where each device spends its nights
-- description: The LAU of most night places of each device in each window, and the site of most within it. The kind is home if there are enough of them (anchors.min_nights, anchors.home_share) and pseudonyms did not change within the window, else night_location.
-- order: user_id, window_start
-- by: window loaded
-- chart: table
-- single_users: yes
WITH windows AS (
  SELECT d.night, w.window_start, w.rotation
  FROM devices_per_night d
  JOIN calendar_windows w ON w.window_start = :window_start(d.night)
),
sites AS (
  SELECT n.user_id, w.window_start, w.rotation, n.lau_id, n.site_id, COUNT(*) AS nights
  FROM night_places n
  JOIN windows w ON w.night = n.night
  WHERE n.lau_id IS NOT NULL
  GROUP BY n.user_id, w.window_start, w.rotation, n.lau_id, n.site_id
),
counted AS (
  SELECT user_id, window_start, rotation, lau_id, site_id, nights,
    SUM(nights) OVER (PARTITION BY user_id, window_start) AS observed,
    SUM(nights) OVER (PARTITION BY user_id, window_start, lau_id) AS here
  FROM sites
),
ranked AS (
  SELECT user_id, window_start, rotation, lau_id, site_id,
    CAST(observed AS BIGINT) AS observed, CAST(here AS BIGINT) AS here,
    ROW_NUMBER() OVER (
      PARTITION BY user_id, window_start ORDER BY here DESC, lau_id, nights DESC, site_id
    ) AS place
  FROM counted
)
SELECT user_id, window_start,
  CASE WHEN NOT rotation AND observed >= :min_nights AND here * 10000 >= :home_share_10000 * observed
    THEN 'home' ELSE 'night_location' END AS kind,
  site_id, lau_id, observed, here
FROM ranked
WHERE place = 1
