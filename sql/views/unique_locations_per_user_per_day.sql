-- name: unique-locations-per-user-per-day
-- view: unique_locations_per_user_per_day
-- aliases: number-of-unique-locations-per-user-per-day
-- title: Unique locations per user and day
-- description: Number of different locations (cells) at which each user was seen on a day.
-- order: user_id, date
-- by: date
-- chart: table
-- single_users: yes
SELECT user_id, date, unique_cell_count AS unique_locations
FROM agg_cell_count_per_user_per_day
