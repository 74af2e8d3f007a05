-- name: users-per-day
-- view: users_per_day
-- title: Unique users per day
-- description: Number of different users with at least one event on each day.
-- order: date
-- by: date
-- chart: line date user_count
-- counts: user_count
-- keys: date
-- linked: user_count seen in users_per_week.user_count by week(date); user_count seen in users_per_month.user_count by month(date)
SELECT date, COUNT(*) AS user_count
FROM agg_cell_count_per_user_per_day
GROUP BY date
