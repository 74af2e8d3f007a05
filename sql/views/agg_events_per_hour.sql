-- name: number-of-events-per-hour
-- view: agg_events_per_hour
-- title: Events per hour
-- description: Number of events in each clock hour.
-- order: hour
-- by: date
-- chart: line hour event_count
-- counts: event_count over agg_unique_users_per_hour.unique_user_count
-- keys: hour
-- largest: event_count in mobile_events_compressed.event_count by hour
SELECT hour, CAST(SUM(event_count) AS BIGINT) AS event_count
FROM mobile_events_compressed
GROUP BY hour
