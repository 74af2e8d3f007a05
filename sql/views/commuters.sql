-- name: commuters
-- view: commuters
-- title: Commuters between LAUs
-- description: Devices by the LAU of their home and that of their work place, which is empty outside all LAUs, in each window.
-- order: window_start, home_lau_id, work_lau_id
-- by: window
-- chart: table
-- counts: devices
-- keys: window_start, home_lau_id, work_lau_id, complete
-- sums: devices <= residents_per_lau.residents by window_start, home_lau_id as lau_id; devices <= residents_per_lau.workers by window_start, work_lau_id as lau_id
SELECT h.window_start, h.lau_id AS home_lau_id, w.lau_id AS work_lau_id, COUNT(*) AS devices, c.complete
FROM anchors h
JOIN anchors w ON w.user_id = h.user_id AND w.window_start = h.window_start AND w.kind = 'work'
JOIN calendar_windows c ON c.window_start = h.window_start
WHERE h.kind = 'home'
GROUP BY h.window_start, h.lau_id, w.lau_id, c.complete
