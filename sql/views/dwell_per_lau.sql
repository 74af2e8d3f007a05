-- name: dwell-per-lau
-- view: dwell_per_lau
-- title: Time spent in each LAU
-- description: Devices by the time that they spend in each LAU on each date, and the sum of this time in hours. Moves count where they begin and end in the same LAU; unknown time counts nowhere.
-- order: date, lau_id, dwell_class
-- by: date-1+1 loaded
-- chart: table
-- counts: devices, hours over devices
-- keys: date, lau_id, dwell_class
-- totals: present = devices by date, lau_id
-- sums: devices <= devices_per_date.devices by date each lau_id; devices nearly <= agg_users_per_lau_per_day.user_count by date, lau_id
-- largest: hours at most 0.25 where dwell_class = '<15 min'; hours at most 1 where dwell_class = '15-60 min'; hours at most 3 where dwell_class = '1-3 h'; hours at most 8 where dwell_class = '3-8 h'; hours at most 25 where dwell_class = '8+ h'
WITH site_laus AS (
  SELECT d.date, c.site_id, MIN(c.lau_id) AS lau_id
  FROM devices_per_date d
  JOIN cell_plan c
    ON (c.valid_date_start IS NULL OR d.date >= c.valid_date_start)
   AND (c.valid_date_end IS NULL OR d.date <= c.valid_date_end)
  GROUP BY d.date, c.site_id
),
visits AS (
  SELECT user_id, date, started, ended, seconds, site_id, lau_id
  FROM segments
  WHERE state IN ('stay', 'pass')
),
moves AS (
  SELECT user_id, date, started, ended, seconds, continues, CAST(ended AS DATE) > date AS reaches_midnight
  FROM segments
  WHERE state = 'move'
),
-- moves that are cut at midnight begin on the date before, or end on the next; grouped, so that no engine joins the
-- visits before it is known when moves begin and end
whole_moves AS (
  SELECT m.user_id, m.date, COALESCE(b.started, m.started) AS departed, COALESCE(a.ended, m.ended) AS arrived,
    CAST(SUM(CAST(FLOOR(m.seconds * 1000000 + 0.5) AS BIGINT)) AS BIGINT) AS spent_us
  FROM moves m
  LEFT JOIN (SELECT user_id, started, ended FROM moves WHERE reaches_midnight) AS b
    ON m.continues AND b.user_id = m.user_id AND b.ended = m.started
  LEFT JOIN (SELECT user_id, started, ended FROM moves WHERE continues) AS a
    ON m.reaches_midnight AND a.user_id = m.user_id AND a.started = m.ended
  GROUP BY m.user_id, m.date, COALESCE(b.started, m.started), COALESCE(a.ended, m.ended)
),
located_moves AS (
  SELECT m.user_id, m.date, s.site_id AS from_site_id, e.site_id AS to_site_id,
    CAST(SUM(m.spent_us) AS BIGINT) AS spent_us
  FROM whole_moves m
  JOIN visits s ON s.user_id = m.user_id AND s.ended = m.departed
  JOIN visits e ON e.user_id = m.user_id AND e.started = m.arrived
  GROUP BY m.user_id, m.date, s.site_id, e.site_id
),
-- the LAUs are compared in an expression, since a join of the sites of each LAU with each other would be large
moves_in_lau AS (
  SELECT m.date, m.user_id, m.spent_us, CASE WHEN f.lau_id = t.lau_id THEN f.lau_id END AS lau_id
  FROM located_moves m
  JOIN site_laus f ON f.date = m.date AND f.site_id = m.from_site_id
  JOIN site_laus t ON t.date = m.date AND t.site_id = m.to_site_id
),
-- in microseconds, so that the sums are exact
times AS (
  SELECT date, lau_id, user_id, CAST(FLOOR(seconds * 1000000 + 0.5) AS BIGINT) AS spent_us
  FROM visits
  WHERE lau_id IS NOT NULL
  UNION ALL
  -- in the LAU that both sites have on the date of the row
  SELECT date, lau_id, user_id, spent_us
  FROM moves_in_lau
  WHERE lau_id IS NOT NULL
),
devices AS (
  SELECT date, lau_id, user_id, CAST(SUM(spent_us) AS BIGINT) AS spent_us
  FROM times
  GROUP BY date, lau_id, user_id
),
classed AS (
  SELECT date, lau_id, spent_us,
    CASE WHEN spent_us < 900000000 THEN '<15 min' WHEN spent_us < 3600000000 THEN '15-60 min'
      WHEN spent_us < 10800000000 THEN '1-3 h' WHEN spent_us < 28800000000 THEN '3-8 h' ELSE '8+ h' END
      AS dwell_class
  FROM devices
)
SELECT date, lau_id, dwell_class, COUNT(*) AS devices,
  FLOOR(CAST(SUM(spent_us) AS DOUBLE PRECISION) / 36000000 + 0.5) / 100 AS hours
FROM classed
GROUP BY date, lau_id, dwell_class
