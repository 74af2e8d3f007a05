-- name: trips-per-device
-- view: trips_per_device
-- title: Devices by number of trips
-- description: Devices by the LAU of their home, which is empty where none is known, and the number of trips that they begin on each date; every device with an event that counts on the date is in one of the classes.
-- order: date, home_lau_id, trips_class
-- by: date loaded
-- windows: anchor_windows
-- chart: table
-- counts: devices
-- keys: date, home_lau_id, trips_class
-- totals: movers = devices by date where trips_class <> '0'; seen = devices by date, home_lau_id
-- sums: devices = devices_per_date.devices by date; devices <= residents_per_lau.residents by anchor_window(date) as window_start, home_lau_id as lau_id each date; devices times trips_class <= flow_balance.trips by date
WITH devices AS (
  SELECT DISTINCT date, user_id FROM segments
),
made AS (
  SELECT date, user_id, COUNT(*) AS trips
  FROM trips
  GROUP BY date, user_id
),
homes AS (
  SELECT user_id, window_start, lau_id FROM anchors WHERE kind = 'home'
),
classed AS (
  SELECT d.date, h.lau_id AS home_lau_id,
    CASE WHEN m.trips IS NULL THEN '0' WHEN m.trips = 1 THEN '1' WHEN m.trips = 2 THEN '2' ELSE '3+' END
      AS trips_class
  FROM devices d
  JOIN anchor_windows a ON a.date = d.date
  LEFT JOIN made m ON m.date = d.date AND m.user_id = d.user_id
  LEFT JOIN homes h ON h.user_id = d.user_id AND h.window_start = a.window_start
)
SELECT date, home_lau_id, trips_class, COUNT(*) AS devices
FROM classed
GROUP BY date, home_lau_id, trips_class
