-- Rows by date, file and code.
CREATE TABLE counts USING parquet LOCATION {{counts}} AS
SELECT /*+ COALESCE(1) */ date, file, code, sum(events) AS rows, min(first_row) AS first_row
FROM judged
GROUP BY date, file, code
