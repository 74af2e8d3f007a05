-- Users of every date: number of hours and number of events. The key of the digests of users is not
-- given to the cluster, so the ids are digested when this table is imported.
CREATE TABLE users USING parquet LOCATION {{users}} AS
SELECT
  date,
  count(DISTINCT hour) AS hours,
  sum(events) AS events,
  user_id
FROM judged
WHERE code IS NULL OR code NOT IN ({{rejected}})
GROUP BY date, user_id
