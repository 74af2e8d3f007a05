-- name: users-per-week
-- view: users_per_week
-- title: Unique users per week
-- description: Number of different users over each whole week, which is named by its Monday (ISO 8601); days is the number of its days with events. Dates before 1678 and after 2261 are left out.
-- order: week
-- by: week
-- chart: line week user_count
-- counts: user_count
-- keys: week, days
-- linked: user_count in users_per_month.user_count by month_of_week(week) as month
WITH seen AS (
  SELECT DISTINCT CAST(date_trunc('week', CAST(CASE WHEN date BETWEEN DATE '1678-01-01' AND DATE '2261-12-31' THEN date END AS TIMESTAMP)) AS DATE) AS week, user_id
  FROM agg_cell_count_per_user_per_day
  WHERE date BETWEEN DATE '1678-01-01' AND DATE '2261-12-31'
),
dates AS (
  SELECT DISTINCT CAST(date_trunc('week', CAST(CASE WHEN date BETWEEN DATE '1678-01-01' AND DATE '2261-12-31' THEN date END AS TIMESTAMP)) AS DATE) AS week, date
  FROM agg_cell_count_per_user_per_day
  WHERE date BETWEEN DATE '1678-01-01' AND DATE '2261-12-31'
),
lengths AS (
  SELECT week, COUNT(*) AS days
  FROM dates
  GROUP BY week
)
SELECT s.week, d.days, COUNT(*) AS user_count
FROM seen s
JOIN lengths d ON d.week = s.week
GROUP BY s.week, d.days
