-- name: calendar-windows
-- view: calendar_windows
-- title: Windows of anchors
-- description: The calendar months, or the periods of anchors.window days, that hold a date with events that count: their first and last date, the number of dates with such events and of nights with night places, whether all dates are there and closed, and whether pseudonyms changed within.
-- order: window_start
-- by: window
-- computed: whole
-- chart: table
-- counts: none
-- keys: every window_start, last_date, dates, nights, complete, rotation
WITH loaded AS (
  SELECT d.date, :window_start(d.date) AS window_start,
    CASE WHEN q.provisional THEN 1 ELSE 0 END AS is_open
  FROM devices_per_date d
  LEFT JOIN quality_daily q ON q.date = d.date
),
starts AS (
  SELECT window_start, window_start + :window_span AS within_next, COUNT(*) AS dates,
    SUM(is_open) AS open_dates
  FROM loaded
  GROUP BY window_start
),
bounds AS (
  SELECT window_start, :window_start(within_next) - 1 AS last_date, dates, open_dates
  FROM starts
),
nights AS (
  SELECT window_start, COUNT(*) AS nights
  FROM (SELECT :window_start(n.night) AS window_start FROM devices_per_night n) AS n
  GROUP BY window_start
),
-- a break on the first date of a window leaves the window whole
broken AS (
  SELECT DISTINCT window_start
  FROM (SELECT p.date, :window_start(p.date) AS window_start FROM pseudonym_breaks p) AS p
  WHERE p.date > p.window_start
)
SELECT b.window_start, b.last_date, b.dates, COALESCE(n.nights, 0) AS nights,
  b.dates = CAST(b.last_date - b.window_start AS INT) + 1 AND b.open_dates = 0 AS complete,
  r.window_start IS NOT NULL AS rotation
FROM bounds b
LEFT JOIN nights n ON n.window_start = b.window_start
LEFT JOIN broken r ON r.window_start = b.window_start
