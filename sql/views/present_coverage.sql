-- name: present-coverage
-- view: present_coverage
-- title: Located devices per hour
-- description: Devices that are located in a LAU at each full hour, and devices seen on the date, for every hour of each date.
-- order: date, hour
-- by: date
-- chart: line hour located active
WITH present AS (
  SELECT hour, SUM(devices) AS devices
  FROM present_by_home
  GROUP BY hour
)
SELECT h.date, h.hour, CAST(COALESCE(p.devices, 0) AS BIGINT) AS located, d.devices AS active
FROM clock_hours h
JOIN devices_per_date d ON d.date = h.date
LEFT JOIN present p ON p.hour = h.hour
