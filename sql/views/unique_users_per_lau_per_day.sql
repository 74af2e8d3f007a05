-- name: unique-users-per-lau-per-day
-- view: unique_users_per_lau_per_day
-- aliases: number-of-unique-users-per-lau-per-day
-- title: Unique users per LAU and day (name kept for old scripts)
-- description: The same rows as users-per-lau, under a name that older scripts use.
-- order: date, lau_id
-- by: date
-- chart: map user_count
-- counts: user_count
-- keys: date, lau_id, lau_name
-- sums: user_count = agg_users_per_lau_per_day.user_count by date, lau_id
SELECT lau_id, lau_name, date, user_count
FROM agg_users_per_lau_per_day
