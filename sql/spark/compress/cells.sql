-- Events kept, by date and cell.
CREATE TABLE cells USING parquet LOCATION {{cells}} AS
SELECT /*+ COALESCE(1) */ date, cell_id, sum(events) AS events
FROM judged
WHERE code IS NULL OR code NOT IN ({{rejected}})
GROUP BY date, cell_id
