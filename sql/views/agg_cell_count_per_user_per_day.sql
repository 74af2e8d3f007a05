-- name: number-of-unique-cells-per-user
-- view: agg_cell_count_per_user_per_day
-- title: Unique cells per user and day
-- description: Number of different cells that each user's events of a day came from.
-- order: user_id, date
-- by: date
-- chart: table
-- single_users: yes
SELECT user_id, date, COUNT(DISTINCT cell_id) AS unique_cell_count
FROM mobile_events_compressed
GROUP BY user_id, date
