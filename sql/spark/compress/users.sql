-- Users of every date: number of hours, number of events, and a digest that identifies the user.
CREATE TABLE users USING parquet LOCATION {{users}} AS
SELECT
  date,
  count(DISTINCT hour) AS hours,
  sum(events) AS events,
  unhex(substring(sha2(user_id, 256), 1, 32)) AS digest
FROM judged
WHERE code IS NULL OR code NOT IN ({{rejected}})
GROUP BY date, user_id
