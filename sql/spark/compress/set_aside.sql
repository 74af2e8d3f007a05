-- Rejected rows, for the quarantine.
CREATE TABLE set_aside USING parquet LOCATION {{set_aside}} AS
SELECT date, file, code, set_aside AS row
FROM judged
WHERE set_aside IS NOT NULL
