-- name: devices-per-date
-- view: devices_per_date
-- title: Devices seen at known places per date
-- description: Devices with an event that counts (at a cell valid on the date, not at two places at once), and the first clock hour of such an event. For the views about people, which take the dates from here.
-- order: date
-- by: date
-- chart: line date devices
-- counts: devices, first_hour from devices
-- keys: date
-- linked: devices in users_per_day.user_count by date
SELECT date, COUNT(*) AS devices, MIN(first_hour) AS first_hour
FROM (
  SELECT e.date, e.user_id, MIN(date_trunc('hour', e.hour)) AS first_hour
  FROM mobile_events_placed e
  JOIN cell_plan c
    ON c.cell_id = e.cell_id
   AND (c.valid_date_start IS NULL OR e.date >= c.valid_date_start)
   AND (c.valid_date_end IS NULL OR e.date <= c.valid_date_end)
  GROUP BY e.date, e.user_id
) AS seen
GROUP BY date
