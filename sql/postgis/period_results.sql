-- What is stored about results of views beyond the tables of tables.sql, created once. The statements also
-- complete what an earlier version created.
ALTER TABLE {schema}.mobility_view
  ADD COLUMN IF NOT EXISTS by_date boolean NOT NULL DEFAULT false,
  ADD COLUMN growth text,
  ADD COLUMN period text,
  ADD COLUMN accumulate text,
  ADD COLUMN order_by text NOT NULL DEFAULT '',
  ADD COLUMN inputs text,
  ADD COLUMN seconds double precision;
UPDATE {schema}.mobility_view SET growth = 'date' WHERE by_date;
ALTER TABLE {schema}.mobility_view DROP COLUMN by_date;
CREATE TABLE IF NOT EXISTS {schema}.mobility_view_date (
  view text COLLATE "C" REFERENCES {schema}.mobility_view ON DELETE CASCADE,
  date date,
  mark text NOT NULL,
  row_count bigint NOT NULL,
  PRIMARY KEY (view, date)
);
ALTER TABLE {schema}.mobility_view_date ADD COLUMN leaf_no bigint;
COMMENT ON TABLE {schema}.mobility_view_date IS 'mobility: the periods, by their first dates, in the stored results of views that are computed by period';
CREATE TABLE {schema}.mobility_plan_date (
  first_date date PRIMARY KEY,
  mark text NOT NULL
);
COMMENT ON TABLE {schema}.mobility_plan_date IS 'mobility: fingerprints of the valid cells, each from a date up to the next one';
