-- Users of every date: hours in which they were seen, events, and by what they are told apart.
CREATE TABLE users USING parquet LOCATION {{users}} AS
SELECT
  date,
  count(DISTINCT hour) AS hours,
  sum(events) AS events,
  unhex(substring(sha2(user_id, 256), 1, 32)) AS digest
FROM judged
WHERE code IS NULL OR code NOT IN ({{rejected}})
GROUP BY date, user_id
