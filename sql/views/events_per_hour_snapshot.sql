-- name: events-per-hour-{snapshot_date}
-- view: events_per_hour_{snapshot_date}
-- aliases: number-of-events-per-hour-on-{snapshot_date}
-- title: Events per hour on {snapshot_date}
-- description: Number of events in each clock hour of {snapshot_date}.
-- order: hour
-- by: date
-- chart: line hour event_count
-- counts: event_count over agg_unique_users_per_hour.unique_user_count
-- keys: hour
-- largest: event_count in mobile_events_compressed.event_count by hour
SELECT hour, event_count
FROM agg_events_per_hour
WHERE CAST(hour AS DATE) = DATE :'snapshot_date'
