-- name: number-of-unique-users-per-hour
-- view: agg_unique_users_per_hour
-- aliases: unique-users-per-hour
-- title: Unique users per hour
-- description: Number of different users with at least one event in each clock hour.
-- order: hour
-- by: date
-- chart: line hour unique_user_count
-- counts: unique_user_count
-- keys: hour
-- linked: unique_user_count seen in users_per_day.user_count by date(hour); unique_user_count nearly in devices_per_night.devices by night(hour); unique_user_count nearly in present_coverage.located by hour; unique_user_count nearly in present_coverage.located by next_hour(hour) as hour
SELECT hour, COUNT(*) AS unique_user_count
FROM (SELECT DISTINCT hour, user_id FROM mobile_events_compressed) AS seen
GROUP BY hour
