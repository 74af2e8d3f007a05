-- name: present-per-lau
-- view: present_per_lau
-- title: Present devices per LAU and hour
-- description: Devices that are in each LAU at each full hour, by role: resident (home here), worker (work place here, home elsewhere or unknown), visitor (home elsewhere) and unknown (no home).
-- order: date, hour, lau_id, role
-- by: date
-- chart: table
-- counts: devices
-- keys: date, hour, lau_id, lau_name, role
-- sums: devices = present_coverage.located by date, hour; devices nearly <= agg_users_per_lau_per_day.user_count by date_of_hours(hour) as date, lau_id each hour; devices nearly <= od_pairs_per_day.devices by date_of_hours(hour) as date, lau_id as from_lau_id, lau_id as to_lau_id each hour; devices nearly <= dwell_per_lau.present by date_of_hours(hour) as date, lau_id each hour; devices nearly <= view_users_per_lau_day_night.day_users by date_by_day(hour) as date, lau_id each hour; devices nearly <= view_users_per_lau_day_night.night_users by date_by_night(hour) as date, lau_id each hour; devices nearly <= residents_per_lau.workers by anchor_window(date) as window_start, lau_id each hour beside commuters.devices by anchor_window(date) as window_start, lau_id as home_lau_id, lau_id as work_lau_id where role = 'worker'
-- linked: devices nearly in residents_per_lau.residents by anchor_window(date) as window_start, lau_id where role = 'resident'; devices nearly in residents_per_lau.workers by anchor_window(date) as window_start, lau_id where role = 'worker'; devices nearly in trips_per_device.seen by date_of_hours(hour) as date, lau_id as home_lau_id where role = 'resident'; devices nearly in overnight_stays.devices by night_of_hours(hour) as night, lau_id as home_lau_id, lau_id as night_lau_id where role = 'resident'
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
