-- name: workday-sites
-- view: workday_sites
-- title: Sites of each device in the hours of work
-- description: Where each device was seen between anchors.work_start and anchors.work_end on a workday (Monday to Friday without calendar.holidays), and in how many clock hours.
-- order: user_id, date, site_id
-- by: date
-- chart: table
-- single_users: yes
WITH site_laus AS (
  SELECT d.date, c.site_id, MIN(c.lau_id) AS lau_id
  FROM devices_per_date d
  JOIN cell_plan c
    ON (c.valid_date_start IS NULL OR d.date >= c.valid_date_start)
   AND (c.valid_date_end IS NULL OR d.date <= c.valid_date_end)
  GROUP BY d.date, c.site_id
),
seen AS (
  SELECT DISTINCT e.user_id, e.date, c.site_id, e.hour
  FROM mobile_events_placed e
  JOIN cell_plan c
    ON c.cell_id = e.cell_id
   AND (c.valid_date_start IS NULL OR e.date >= c.valid_date_start)
   AND (c.valid_date_end IS NULL OR e.date <= c.valid_date_end)
  WHERE EXTRACT(HOUR FROM e.hour) >= :work_start AND EXTRACT(HOUR FROM e.hour) < :work_end
    -- 1970-01-05 was a Monday
    AND (CAST(e.date - DATE '1970-01-05' AS INT) % 7 + 7) % 7 < 5
    AND e.date NOT IN (:holidays)
)
SELECT s.user_id, s.date, s.site_id, l.lau_id, COUNT(*) AS hours
FROM seen s
JOIN site_laus l ON l.date = s.date AND l.site_id = s.site_id
GROUP BY s.user_id, s.date, s.site_id, l.lau_id
