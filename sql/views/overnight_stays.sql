-- name: overnight-stays
-- view: overnight_stays
-- title: Overnight stays
-- description: Devices by the LAU of their home, which is empty where none is known, and the LAU of their night place, for each night.
-- order: night, home_lau_id, night_lau_id
-- by: date
-- period: night
-- windows: anchor_windows
-- chart: table
-- counts: devices
-- keys: night, home_lau_id, night_lau_id
-- sums: devices <= devices_per_night.devices by night; devices <= residents_per_lau.residents by anchor_window(night) as window_start, home_lau_id as lau_id each night
SELECT n.night, h.lau_id AS home_lau_id, n.lau_id AS night_lau_id, COUNT(*) AS devices
FROM night_places n
JOIN anchor_windows a ON a.date = n.night
LEFT JOIN anchors h
  ON h.user_id = n.user_id AND h.window_start = a.window_start AND h.kind = 'home'
WHERE n.lau_id IS NOT NULL
GROUP BY n.night, h.lau_id, n.lau_id
