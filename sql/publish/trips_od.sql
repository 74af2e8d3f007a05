-- the trips of each device; distances in tenths of a metre and durations in microseconds, so that sums are exact
SELECT user_id, date, date_trunc('hour', departed) AS hour, from_lau_id, to_lau_id, 1 AS trips, 1 AS devices,
  CAST(FLOOR(distance_m * 10 + 0.5) AS BIGINT) AS distance_dm,
  CAST(FLOOR(seconds * 1000000 + 0.5) AS BIGINT) AS duration_us
FROM trips
