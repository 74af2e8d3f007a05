-- name: trips-od
-- view: trips_od
-- title: Trips between LAUs
-- description: Trips from one LAU to another, or within one, by the hour in which they begin: trips, devices that make them, mean distance in metres and mean duration in minutes. A LAU is empty outside all LAUs.
-- order: date, hour, from_lau_id, to_lau_id
-- by: date
-- chart: table
SELECT date, date_trunc('hour', departed) AS hour, from_lau_id, to_lau_id, COUNT(*) AS trips,
  COUNT(DISTINCT user_id) AS devices,
  -- the sums are those of tenths of a metre and of microseconds, so that they are exact
  FLOOR(
    CAST(SUM(CAST(FLOOR(distance_m * 10 + 0.5) AS BIGINT)) AS DOUBLE PRECISION) / COUNT(*) + 0.5
  ) / 10 AS mean_distance_m,
  FLOOR(
    CAST(SUM(CAST(FLOOR(seconds * 1000000 + 0.5) AS BIGINT)) AS DOUBLE PRECISION)
      / (6000000 * COUNT(*)) + 0.5
  ) / 10 AS mean_minutes
FROM trips
GROUP BY date, date_trunc('hour', departed), from_lau_id, to_lau_id
