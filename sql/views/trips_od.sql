-- name: trips-od
-- view: trips_od
-- title: Trips between LAUs
-- description: Trips from one LAU to another, or within one, by the hour in which they begin: trips, devices that make them, mean distance in metres and mean duration in minutes. A LAU is empty outside all LAUs.
-- order: date, hour, from_lau_id, to_lau_id
-- by: date
-- chart: table
-- counts: trips over devices, devices, mean_distance_m from devices, mean_minutes from devices
-- keys: date, hour, from_lau_id, to_lau_id
-- sums: trips = flow_balance.inflow by date, to_lau_id as lau_id where from_lau_id <> to_lau_id; trips = flow_balance.outflow by date, from_lau_id as lau_id where from_lau_id <> to_lau_id; trips = flow_balance.within by date, from_lau_id as lau_id where from_lau_id = to_lau_id
-- linked: devices nearly in trips_per_device.movers by date; devices nearly in od_pairs_per_day.devices by date, from_lau_id, to_lau_id; devices nearly in dwell_per_lau.present by date, from_lau_id as lau_id; devices nearly in dwell_per_lau.present by date, to_lau_id as lau_id; devices nearly in agg_users_per_lau_per_day.user_count by date, from_lau_id as lau_id; devices nearly in agg_users_per_lau_per_day.user_count by date, to_lau_id as lau_id; devices nearly in agg_unique_users_per_hour.unique_user_count by hour; devices nearly in devices_per_date.devices by date; devices nearly in present_coverage.located by hour; devices nearly in present_coverage.located by next_hour(hour) as hour
-- largest: trips in trips by date, hour as hour(departed), from_lau_id, to_lau_id
-- of each device, since counting distinct ids takes much memory
WITH by_device AS (
  SELECT date, date_trunc('hour', departed) AS hour, from_lau_id, to_lau_id, user_id, COUNT(*) AS trips,
    -- in tenths of a metre and in microseconds, so that the sums are exact
    SUM(CAST(FLOOR(distance_m * 10 + 0.5) AS BIGINT)) AS distance_dm,
    SUM(CAST(FLOOR(seconds * 1000000 + 0.5) AS BIGINT)) AS duration_us
  FROM trips
  GROUP BY date, date_trunc('hour', departed), from_lau_id, to_lau_id, user_id
),
sums AS (
  SELECT date, hour, from_lau_id, to_lau_id, CAST(SUM(trips) AS BIGINT) AS trips, COUNT(*) AS devices,
    CAST(SUM(distance_dm) AS DOUBLE PRECISION) AS distance_dm,
    CAST(SUM(duration_us) AS DOUBLE PRECISION) AS duration_us
  FROM by_device
  GROUP BY date, hour, from_lau_id, to_lau_id
)
SELECT date, hour, from_lau_id, to_lau_id, trips, devices,
  FLOOR(distance_dm / trips + 0.5) / 10 AS mean_distance_m,
  FLOOR(duration_us / (6000000 * trips) + 0.5) / 10 AS mean_minutes
FROM sums
