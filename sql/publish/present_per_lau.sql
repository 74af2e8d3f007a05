-- the devices that are in an area at each full hour, by their role in it: the areas of home and work place are what
-- counts. `areas` has the area of each LAU, so that what is called a LAU at the end is an area. At an hour a device is in
-- one place, so that devices are counted before the hours are told apart.
WITH windows AS (
  SELECT date, window_start FROM anchor_windows WHERE date >= :first_date AND date <= :last_date
),
people AS (
  SELECT k.user_id, k.window_start,
    MAX(CASE WHEN k.kind = 'home' THEN a.area END) AS home_area,
    MAX(CASE WHEN k.kind = 'work' THEN a.area END) AS work_area
  FROM anchors k
  JOIN (SELECT DISTINCT window_start FROM windows) AS w ON w.window_start = k.window_start
  JOIN areas a ON a.lau_id = k.lau_id
  WHERE k.kind IN ('home', 'work')
  GROUP BY k.user_id, k.window_start
),
located AS (
  SELECT p.date, p.hours, a.area,
    CASE WHEN h.home_area = a.area THEN 'resident' WHEN h.work_area = a.area THEN 'worker'
      WHEN h.home_area IS NOT NULL THEN 'visitor' ELSE 'unknown' END AS role
  FROM present_places p
  JOIN areas a ON a.lau_id = p.lau_id
  JOIN windows w ON w.date = p.date
  LEFT JOIN people h ON h.user_id = p.user_id AND h.window_start = w.window_start
  WHERE p.date >= :first_date AND p.date <= :last_date
),
counted AS (
  SELECT date, hours, area, role, COUNT(*) AS devices
  FROM located
  GROUP BY date, hours, area, role
)
SELECT c.date, h.hour, c.area AS lau_id, c.role, CAST(SUM(c.devices) AS BIGINT) AS devices
FROM counted c
JOIN clock_hours h ON h.date = c.date AND (c.hours & h.flag) <> 0
GROUP BY c.date, h.hour, c.area, c.role
