-- name: anchor-windows
-- view: anchor_windows
-- title: Which window has the anchors of a date
-- description: The window whose homes and work places apply to a date or night: the latest that ended before it, has night places on at least anchors.min_nights nights, and since whose start pseudonyms did not change; where there is none, that of the date itself.
-- order: date
-- by: date
-- computed: whole
-- chart: table
-- counts: none
-- keys: every date, window_start
WITH dates AS (
  SELECT date FROM devices_per_date
  UNION
  SELECT night AS date FROM devices_per_night
),
-- windows that ended before the date, with the number of breaks since their start
ended AS (
  SELECT d.date, w.window_start, COUNT(p.date) AS breaks
  FROM dates d
  LEFT JOIN calendar_windows w ON w.last_date < d.date AND w.nights >= :min_nights
  LEFT JOIN pseudonym_breaks p ON p.date > w.window_start AND p.date <= d.date
  GROUP BY d.date, w.window_start
)
SELECT e.date,
  COALESCE(MAX(CASE WHEN e.breaks = 0 THEN e.window_start END), :window_start(e.date)) AS window_start
FROM ended e
GROUP BY e.date
