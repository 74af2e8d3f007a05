-- the time of each device in an area on a date, with its class. `areas` has the area of each LAU, so that what is called
-- a LAU at the end is an area. A move counts where its two sites lie in the same area on the date.
WITH site_areas AS (
  SELECT s.date, s.site_id, a.area
  FROM (
    SELECT d.date, c.site_id, MIN(c.lau_id) AS lau_id
    FROM devices_per_date d
    JOIN cell_plan c
      ON (c.valid_date_start IS NULL OR d.date >= c.valid_date_start)
     AND (c.valid_date_end IS NULL OR d.date <= c.valid_date_end)
    WHERE d.date >= :first_date AND d.date <= :last_date
    GROUP BY d.date, c.site_id
  ) AS s
  JOIN areas a ON a.lau_id = s.lau_id
),
visits AS (
  SELECT user_id, date, started, ended, seconds, site_id, lau_id
  FROM segments
  WHERE state IN ('stay', 'pass') AND date >= :day_before AND date <= :day_after
),
moves AS (
  SELECT user_id, date, started, ended, seconds, continues, CAST(ended AS DATE) > date AS reaches_midnight
  FROM segments
  WHERE state = 'move' AND date >= :day_before AND date <= :day_after
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
-- the areas are compared in an expression, since a join of the sites of each area with each other would be large
moves_in_area AS (
  SELECT m.date, m.user_id, m.spent_us, CASE WHEN f.area = t.area THEN f.area END AS area
  FROM located_moves m
  JOIN site_areas f ON f.date = m.date AND f.site_id = m.from_site_id
  JOIN site_areas t ON t.date = m.date AND t.site_id = m.to_site_id
),
-- in microseconds, so that the sums are exact
times AS (
  SELECT v.date, a.area, v.user_id, CAST(FLOOR(v.seconds * 1000000 + 0.5) AS BIGINT) AS spent_us
  FROM visits v
  JOIN areas a ON a.lau_id = v.lau_id
  UNION ALL
  SELECT date, area, user_id, spent_us
  FROM moves_in_area
  WHERE area IS NOT NULL
),
devices AS (
  SELECT date, area, user_id, CAST(SUM(spent_us) AS BIGINT) AS spent_us
  FROM times
  GROUP BY date, area, user_id
)
SELECT user_id, date, area AS lau_id,
  CASE WHEN spent_us < 900000000 THEN '<15 min' WHEN spent_us < 3600000000 THEN '15-60 min'
    WHEN spent_us < 10800000000 THEN '1-3 h' WHEN spent_us < 28800000000 THEN '3-8 h' ELSE '8+ h' END
    AS dwell_class,
  1 AS devices, spent_us
FROM devices
