-- name: od-pairs-per-day
-- view: od_pairs_per_day
-- title: Pairs of LAUs in which devices were seen, in order
-- description: Devices seen in a LAU and, not before their first event there, in another on the same date; with the same LAU twice, all devices seen there. A LAU is empty outside all LAUs. These are no trips.
-- order: date, from_lau_id, to_lau_id
-- by: date
-- chart: table
-- counts: devices
-- keys: date, from_lau_id, to_lau_id
-- sums: devices = agg_users_per_lau_per_day.user_count by date, from_lau_id as lau_id where from_lau_id = to_lau_id
-- linked: devices seen in devices_per_date.devices by date where from_lau_id = to_lau_id; devices in agg_users_per_lau_per_day.user_count by date, from_lau_id as lau_id; devices in agg_users_per_lau_per_day.user_count by date, to_lau_id as lau_id
WITH repeated AS (
  SELECT date, hour FROM clock_hours WHERE hour <> starts
),
-- times of the day in their order: from a repeated hour on, an hour later than by the clock
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
SELECT a.date, a.lau_id AS from_lau_id, b.lau_id AS to_lau_id, COUNT(*) AS devices
FROM seen a
JOIN seen b ON b.date = a.date AND b.user_id = a.user_id AND a.first_seen <= b.last_seen
GROUP BY a.date, a.lau_id, b.lau_id
