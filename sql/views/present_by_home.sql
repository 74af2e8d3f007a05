-- name: present-by-home
-- view: present_by_home
-- title: Present devices by home
-- description: Devices that are in each LAU at each full hour, by the LAU of their home, which is empty where none is known, and by whether they work in the LAU (1) or not (0). A device is at the cell of its event nearest to the full hour, from an hour before it up to, but not at, an hour after it. The other views of present devices are sums of it.
-- order: date, hour, lau_id, home_lau_id, works_here
-- by: date-1
-- chart: table
WITH hours AS (
  SELECT date, hour, starts,
    LEAD(hour) OVER (ORDER BY hour) AS next_hour, LEAD(date) OVER (ORDER BY hour) AS next_date
  FROM clock_hours
),
seen AS (
  SELECT e.user_id, e.cell_id, e.first_seen, e.last_seen, c.lau_id, h.date, h.hour, h.starts,
    CASE WHEN h.next_date <= h.date + 1 THEN h.next_date END AS next_date, h.next_hour
  FROM mobile_events_placed e
  JOIN cell_plan c
    ON c.cell_id = e.cell_id
   AND (c.valid_date_start IS NULL OR e.date >= c.valid_date_start)
   AND (c.valid_date_end IS NULL OR e.date <= c.valid_date_end)
  JOIN hours h ON h.hour = e.hour
),
-- the time between an event and a full hour, within the clock hour of the event, so that it is the
-- time that passed also where the clocks change
events AS (
  SELECT user_id, next_date AS date, next_hour AS hour, starts + INTERVAL '1' HOUR - last_seen AS away,
    0 AS is_later, cell_id, lau_id
  FROM seen
  WHERE next_date IS NOT NULL AND last_seen + :present_interval >= starts + INTERVAL '1' HOUR
  UNION ALL
  SELECT user_id, date, hour, first_seen - starts AS away, 1 AS is_later, cell_id, lau_id
  FROM seen
  WHERE first_seen < starts + :present_interval
),
nearest AS (
  SELECT user_id, date, hour, lau_id,
    ROW_NUMBER() OVER (
      PARTITION BY user_id, hour ORDER BY away, is_later, cell_id
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS place
  FROM events
),
homes AS (
  SELECT user_id, window_start, lau_id FROM anchors WHERE kind = 'home'
),
works AS (
  SELECT user_id, window_start, lau_id FROM anchors WHERE kind = 'work'
)
SELECT n.date, n.hour, n.lau_id, h.lau_id AS home_lau_id,
  CASE WHEN w.lau_id = n.lau_id THEN 1 ELSE 0 END AS works_here, COUNT(*) AS devices
FROM nearest n
JOIN anchor_windows a ON a.date = n.date
LEFT JOIN homes h ON h.user_id = n.user_id AND h.window_start = a.window_start
LEFT JOIN works w ON w.user_id = n.user_id AND w.window_start = a.window_start
WHERE n.place = 1 AND n.lau_id IS NOT NULL
GROUP BY n.date, n.hour, n.lau_id, h.lau_id, CASE WHEN w.lau_id = n.lau_id THEN 1 ELSE 0 END
