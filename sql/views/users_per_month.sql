-- name: users-per-month
-- view: users_per_month
-- title: Unique users per month
-- description: Number of different users over each whole month, which is named by its first day; days is the number of its days with events.
-- order: month
-- chart: line month user_count
WITH seen AS (
  SELECT DISTINCT CAST(date_trunc('month', CAST(date AS TIMESTAMP)) AS DATE) AS month, user_id
  FROM agg_cell_count_per_user_per_day
),
dates AS (
  SELECT DISTINCT CAST(date_trunc('month', CAST(date AS TIMESTAMP)) AS DATE) AS month, date
  FROM agg_cell_count_per_user_per_day
),
lengths AS (
  SELECT month, COUNT(*) AS days
  FROM dates
  GROUP BY month
)
SELECT s.month, d.days, COUNT(*) AS user_count
FROM seen s
JOIN lengths d ON d.month = s.month
GROUP BY s.month, d.days
