-- name: present-coverage
-- view: present_coverage
-- title: Located devices per hour
-- description: Devices that are located in a LAU at each full hour, and devices seen on the date, for every hour of each date.
-- order: date, hour
-- by: date
-- chart: line hour located active
-- counts: located, active
-- keys: every date, hour
-- sums: active = devices_per_date.devices by date each hour
-- linked: located nearly in present_coverage.active by date_of_hours(hour) as date, hour; active in users_per_day.user_count by date; located nearly in users_per_day.user_count by date_of_hours(hour) as date; located nearly in users_per_week.user_count by week(date) as week; located nearly in users_per_month.user_count by month(date) as month; located nearly in devices_per_night.devices by night_of_hours(hour) as night
WITH counted AS (
  SELECT date, hours, COUNT(*) AS devices
  FROM present_places
  GROUP BY date, hours
),
present AS (
  SELECT h.date, h.hour, SUM(c.devices) AS devices
  FROM counted c
  JOIN clock_hours h ON h.date = c.date AND (c.hours & h.flag) <> 0
  GROUP BY h.date, h.hour
)
SELECT h.date, h.hour, CAST(COALESCE(p.devices, 0) AS BIGINT) AS located, d.devices AS active
FROM clock_hours h
JOIN devices_per_date d ON d.date = h.date
LEFT JOIN present p ON p.date = h.date AND p.hour = h.hour
