-- name: present-places
-- view: present_places
-- title: Where each device is through the day
-- description: The LAUs in which each device is at any full hour of each date; hours is the sum of the flags that clock_hours has for these. A device is at the cell of its event nearest to the full hour, from an hour before it up to, but not at, an hour after it. The other views of present devices are made from it.
-- order: date, user_id, lau_id
-- by: date-1 loaded
-- chart: table
-- single_users: yes
WITH following AS (
  SELECT date, hour, starts,
    LEAD(hour) OVER (ORDER BY hour) AS next_hour, LEAD(date) OVER (ORDER BY hour) AS next_date
  FROM clock_hours
),
-- each clock hour with the full hour before its events (1), and the one after them (0)
hours AS (
  SELECT hour AS event_hour, hour, starts, 1 AS is_before
  FROM following
  UNION ALL
  SELECT hour AS event_hour, next_hour, starts, 0 AS is_before
  FROM following
  WHERE next_date <= date + 1
),
-- numbers in the order of the cells
places AS (
  SELECT d.date, c.cell_id, c.lau_id, ROW_NUMBER() OVER (ORDER BY c.cell_id, d.date) AS number
  FROM devices_per_date d
  JOIN cell_plan c
    ON (c.valid_date_start IS NULL OR d.date >= c.valid_date_start)
   AND (c.valid_date_end IS NULL OR d.date <= c.valid_date_end)
),
seen AS (
  SELECT e.user_id, e.hour, e.first_seen, e.last_seen, p.number
  FROM mobile_events_placed e
  JOIN places p ON p.cell_id = e.cell_id AND p.date = e.date
),
-- the first and the last event of each device in each clock hour, and the lowest cells of these
ends AS (
  SELECT user_id, hour, MIN(first_seen) AS first_seen, MAX(last_seen) AS last_seen
  FROM seen
  GROUP BY user_id, hour
),
events AS (
  SELECT n.user_id, n.hour, n.first_seen, n.last_seen,
    MIN(CASE WHEN s.first_seen = n.first_seen THEN s.number END) AS first_number,
    MIN(CASE WHEN s.last_seen = n.last_seen THEN s.number END) AS last_number
  FROM ends n
  JOIN seen s ON s.user_id = n.user_id AND s.hour = n.hour
  GROUP BY n.user_id, n.hour, n.first_seen, n.last_seen
),
-- the time between an event and a full hour, within the clock hour of the event, so that it is the time that
-- passed also where the clocks change
near AS (
  SELECT e.user_id, h.hour,
    CASE WHEN h.is_before = 1 THEN e.first_seen - h.starts END AS time_after,
    CASE WHEN h.is_before = 1 THEN e.first_number END AS number_after,
    CASE WHEN h.is_before = 0 THEN h.starts + INTERVAL '1' HOUR - e.last_seen END AS time_before,
    CASE WHEN h.is_before = 0 THEN e.last_number END AS number_before
  FROM events e
  JOIN hours h ON h.event_hour = e.hour
  WHERE (h.is_before = 1 AND e.first_seen < h.starts + :present_interval)
    OR (h.is_before = 0 AND e.last_seen + :present_interval >= h.starts + INTERVAL '1' HOUR)
),
nearest AS (
  SELECT user_id, hour,
    CASE WHEN MIN(time_after) IS NULL OR MIN(time_before) <= MIN(time_after) THEN MIN(number_before)
      ELSE MIN(number_after) END AS number
  FROM near
  GROUP BY user_id, hour
)
SELECT h.date, n.user_id, p.lau_id, CAST(SUM(h.flag) AS BIGINT) AS hours
FROM nearest n
JOIN places p ON p.number = n.number
JOIN clock_hours h ON h.hour = n.hour
WHERE p.lau_id IS NOT NULL
GROUP BY h.date, n.user_id, p.lau_id
