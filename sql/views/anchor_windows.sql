-- name: anchor-windows
-- view: anchor_windows
-- title: Which window has the anchors of a date
-- description: The window whose homes and work places apply to a date or night: the latest that ended before it, has night places on at least anchors.min_nights nights, and since whose start pseudonyms did not change; where there is none, that of the date itself.
-- order: date
-- chart: table
WITH dates AS (
  SELECT date FROM devices_per_date
  UNION
  SELECT night AS date FROM devices_per_night
),
ended AS (
  SELECT d.date, w.window_start
  FROM dates d
  JOIN calendar_windows w ON w.last_date < d.date AND w.nights >= :min_nights
),
broken AS (
  SELECT DISTINCT e.date, e.window_start
  FROM ended e
  JOIN pseudonym_breaks p ON p.date > e.window_start AND p.date <= e.date
),
latest AS (
  SELECT e.date, MAX(e.window_start) AS window_start
  FROM ended e
  LEFT JOIN broken b ON b.date = e.date AND b.window_start = e.window_start
  WHERE b.date IS NULL
  GROUP BY e.date
)
SELECT d.date, COALESCE(l.window_start, :window_start(d.date)) AS window_start
FROM dates d
LEFT JOIN latest l ON l.date = d.date
