-- name: users-per-lau-{snapshot_date}
-- view: unique_users_per_lau_{snapshot_date}
-- aliases: number-of-users-per-lau-on-{snapshot_date}
-- title: Unique users per LAU on {snapshot_date}
-- description: Number of different users seen in each LAU on {snapshot_date}, most users first.
-- order: user_count desc, lau_id
-- by: date
-- chart: map user_count
-- counts: user_count
-- keys: lau_id, lau_name
-- sums: user_count = agg_users_per_lau_per_day.user_count by lau_id, '{snapshot_date}' as date
SELECT lau_id, lau_name, user_count
FROM agg_users_per_lau_per_day
WHERE date = DATE :'snapshot_date'
