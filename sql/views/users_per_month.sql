-- name: users-per-month
-- view: users_per_month
-- title: Unique users per month
-- description: Number of different users over each whole month, which is named by its first day; days is the number of its days with events. Dates before 1678 and after 2261 are left out.
-- order: month
-- by: month
-- chart: line month user_count
-- counts: user_count
-- keys: month, days
-- linked: user_count in users_per_week.user_count by week_of_month(month) as week
WITH seen AS (
  SELECT DISTINCT CAST(date_trunc('month', CAST(CASE WHEN date BETWEEN DATE '1678-01-01' AND DATE '2261-12-31' THEN date END AS TIMESTAMP)) AS DATE) AS month, user_id
  FROM agg_cell_count_per_user_per_day
  WHERE date BETWEEN DATE '1678-01-01' AND DATE '2261-12-31'
),
dates AS (
  SELECT DISTINCT CAST(date_trunc('month', CAST(CASE WHEN date BETWEEN DATE '1678-01-01' AND DATE '2261-12-31' THEN date END AS TIMESTAMP)) AS DATE) AS month, date
  FROM agg_cell_count_per_user_per_day
  WHERE date BETWEEN DATE '1678-01-01' AND DATE '2261-12-31'
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
