-- name: present-places
-- view: present_places
-- title: Where each device is through the day
-- description: The LAUs in which each device is at any full hour of each date; hours is the sum of the flags that clock_hours has for these. A device is at the cell of its event nearest to the full hour, from an hour before it up to, but not at, an hour after it. The other views of present devices are made from it.
-- order: date, user_id, lau_id
-- by: date-1 loaded
-- chart: table
-- single_users: yes
WITH hours AS (
  SELECT date, hour, starts, flag,
    LEAD(hour) OVER (ORDER BY hour) AS next_hour, LEAD(date) OVER (ORDER BY hour) AS next_date,
    LEAD(flag) OVER (ORDER BY hour) AS next_flag
  FROM clock_hours
),
seen AS (
  SELECT e.user_id, e.cell_id, e.first_seen, e.last_seen, c.lau_id, h.date, h.hour, h.starts, h.flag,
    CASE WHEN h.next_date <= h.date + 1 THEN h.next_date END AS next_date,
    h.next_hour, h.next_flag
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
  SELECT user_id, date, hour, flag, first_seen - starts AS away, 1 AS is_later, cell_id, lau_id
  FROM seen
  WHERE first_seen < starts + :present_interval
  UNION ALL
  SELECT user_id, next_date, next_hour, next_flag, starts + INTERVAL '1' HOUR - last_seen, 0, cell_id, lau_id
  FROM seen
  WHERE next_date IS NOT NULL AND last_seen + :present_interval >= starts + INTERVAL '1' HOUR
),
nearest AS (
  SELECT user_id, date, flag, lau_id,
    ROW_NUMBER() OVER (
      PARTITION BY user_id, hour ORDER BY away, is_later, cell_id
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS place
  FROM events
)
SELECT date, user_id, lau_id, CAST(SUM(flag) AS BIGINT) AS hours
FROM nearest
WHERE place = 1 AND lau_id IS NOT NULL
GROUP BY date, user_id, lau_id
