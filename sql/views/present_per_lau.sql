-- name: present-per-lau
-- view: present_per_lau
-- title: Present devices per LAU and hour
-- description: Devices that are in each LAU at each full hour, by role: resident (home here), worker (work place here, home elsewhere or unknown), visitor (home elsewhere) and unknown (no home).
-- order: date, hour, lau_id, role
-- by: date
-- chart: table
SELECT p.date, p.hour, p.lau_id, l.lau_name, p.role, CAST(SUM(p.devices) AS BIGINT) AS devices
FROM (
  SELECT date, hour, lau_id, devices,
    CASE WHEN home_lau_id = lau_id THEN 'resident'
      WHEN works_here = 1 THEN 'worker'
      WHEN home_lau_id IS NOT NULL THEN 'visitor'
      ELSE 'unknown' END AS role
  FROM present_by_home
) AS p
JOIN lau l ON l.lau_id = p.lau_id
GROUP BY p.date, p.hour, p.lau_id, l.lau_name, p.role
