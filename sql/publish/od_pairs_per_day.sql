-- each device with its pairs of LAUs on a date, in order: the earliest time of the one is not after the latest of the
-- other. Of areas of several LAUs the same is true if it is of any pair of these.
WITH repeated AS (
  SELECT date, hour FROM clock_hours WHERE hour <> starts
),
seen AS (
  SELECT e.date, e.user_id, c.lau_id,
    MIN(CASE WHEN e.hour >= r.hour THEN e.first_seen + INTERVAL '1' HOUR ELSE e.first_seen END)
      AS first_seen,
    MAX(CASE WHEN e.hour >= r.hour THEN e.last_seen + INTERVAL '1' HOUR ELSE e.last_seen END)
      AS last_seen
  FROM mobile_events_placed e
  JOIN cell_plan c
    ON c.cell_id = e.cell_id
   AND (c.valid_date_start IS NULL OR e.date >= c.valid_date_start)
   AND (c.valid_date_end IS NULL OR e.date <= c.valid_date_end)
  LEFT JOIN repeated r ON r.date = e.date
  GROUP BY e.date, e.user_id, c.lau_id
)
SELECT a.user_id, a.date, a.lau_id AS from_lau_id, b.lau_id AS to_lau_id, 1 AS devices
FROM seen a
JOIN seen b ON b.date = a.date AND b.user_id = a.user_id AND a.first_seen <= b.last_seen
