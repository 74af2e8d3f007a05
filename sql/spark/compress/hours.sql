-- Events kept, by date and hour.
CREATE TABLE hours USING parquet LOCATION {{hours}} AS
SELECT /*+ COALESCE(1) */ date, hour, sum(events) AS events
FROM judged
WHERE code IS NULL OR code NOT IN ({{rejected}})
GROUP BY date, hour
