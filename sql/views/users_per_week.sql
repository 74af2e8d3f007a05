-- name: users-per-week
-- view: users_per_week
-- title: Unique users per week
-- description: Number of different users over each whole week, which is named by its Monday (ISO 8601); days is the number of its days with events.
-- order: week
-- chart: line week user_count
WITH seen AS (
  SELECT DISTINCT CAST(date_trunc('week', CAST(date AS TIMESTAMP)) AS DATE) AS week, user_id
  FROM agg_cell_count_per_user_per_day
),
dates AS (
  SELECT DISTINCT CAST(date_trunc('week', CAST(date AS TIMESTAMP)) AS DATE) AS week, date
  FROM agg_cell_count_per_user_per_day
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
