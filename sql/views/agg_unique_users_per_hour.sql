-- name: number-of-unique-users-per-hour
-- view: agg_unique_users_per_hour
-- aliases: unique-users-per-hour
-- title: Unique users per hour
-- description: Number of different users with at least one event in each clock hour.
-- order: hour
-- by: date
-- chart: line hour unique_user_count
SELECT hour, COUNT(DISTINCT user_id) AS unique_user_count
FROM mobile_events_compressed
GROUP BY hour
