-- name: anchors
-- view: anchors
-- title: Home and work of each device
-- description: Home, or else the usual place at night, and work place of each device in each window: site, LAU, the nights or workdays on which the device was observed, those of them here, and their share.
-- order: user_id, window_start, kind
-- by: window-2 loaded
-- chart: table
-- single_users: yes
WITH previous AS (
  SELECT window_start, :window_start(day_before) AS previous_start
  FROM (SELECT window_start, window_start - 1 AS day_before FROM calendar_windows) AS w
),
three AS (
  SELECT window_start, previous_start, :window_start(day_before) AS start_before_previous
  FROM (SELECT window_start, previous_start, previous_start - 1 AS day_before FROM previous) AS w
),
-- sites and windows in which they cannot be work places
nights AS (
  SELECT DISTINCT n.user_id, t.window_start, n.site_id
  FROM night_anchors n
  JOIN three t
    ON n.window_start IN (t.window_start, t.previous_start, t.start_before_previous)
),
located AS (
  SELECT s.user_id, s.window_start, s.site_id, s.lau_id, s.observed, s.here, s.hours,
    RADIANS(CAST(split_part(s.site_id, ',', 1) AS DOUBLE PRECISION)) AS latitude,
    RADIANS(CAST(split_part(s.site_id, ',', 2) AS DOUBLE PRECISION)) AS longitude,
    RADIANS(CAST(split_part(n.site_id, ',', 1) AS DOUBLE PRECISION)) AS night_latitude,
    RADIANS(CAST(split_part(n.site_id, ',', 2) AS DOUBLE PRECISION)) AS night_longitude
  FROM work_sites s
  LEFT JOIN nights n ON n.user_id = s.user_id AND n.window_start = s.window_start
),
-- haversine: that of the angle to the nearest place at night, which grows with the distance
far AS (
  SELECT user_id, window_start, site_id, lau_id, observed, here, hours
  FROM (
    SELECT user_id, window_start, site_id, lau_id, observed, here, hours,
      POWER(SIN((latitude - night_latitude) / 2), 2)
        + COS(latitude) * COS(night_latitude) * POWER(SIN((longitude - night_longitude) / 2), 2)
        AS haversine
    FROM located
  ) AS l
  GROUP BY user_id, window_start, site_id, lau_id, observed, here, hours
  -- the sphere has a diameter of 12,742,017.6 m
  HAVING MIN(haversine) IS NULL
    OR MIN(haversine) > POWER(
      SIN(CAST(:work_min_distance_m AS DOUBLE PRECISION) / CAST(12742017.6 AS DOUBLE PRECISION)), 2
    )
),
works AS (
  SELECT user_id, window_start, site_id, lau_id, observed, here,
    ROW_NUMBER() OVER (PARTITION BY user_id, window_start ORDER BY here DESC, hours DESC, site_id)
      AS place
  FROM far
),
found AS (
  SELECT user_id, window_start, kind, site_id, lau_id, observed, here
  FROM night_anchors
  UNION ALL
  SELECT user_id, window_start, 'work' AS kind, site_id, lau_id, observed, here
  FROM works
  WHERE place = 1
)
SELECT user_id, window_start, kind, site_id, lau_id, observed, here,
  FLOOR(CAST(here AS DOUBLE PRECISION) * 10000 / observed + 0.5) / 10000 AS share
FROM found
