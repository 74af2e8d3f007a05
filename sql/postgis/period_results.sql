-- What is stored about results of views beyond the tables of tables.sql, created once. The statements also
-- complete what an earlier version created.
ALTER TABLE {schema}.mobility_view
  ADD COLUMN IF NOT EXISTS by_date boolean NOT NULL DEFAULT false,
  ADD COLUMN IF NOT EXISTS growth text,
  ADD COLUMN IF NOT EXISTS period text,
  ADD COLUMN IF NOT EXISTS accumulate text,
  ADD COLUMN IF NOT EXISTS order_by text NOT NULL DEFAULT '',
  ADD COLUMN IF NOT EXISTS inputs text,
  ADD COLUMN IF NOT EXISTS seconds double precision,
  ADD COLUMN IF NOT EXISTS is_split boolean NOT NULL DEFAULT false,
  ADD COLUMN IF NOT EXISTS windows text;
UPDATE {schema}.mobility_view SET growth = 'date' WHERE by_date;
ALTER TABLE {schema}.mobility_view DROP COLUMN by_date;
CREATE TABLE IF NOT EXISTS {schema}.mobility_view_date (
  view text COLLATE "C" REFERENCES {schema}.mobility_view ON DELETE CASCADE,
  date date,
  mark text NOT NULL,
  row_count bigint NOT NULL,
  PRIMARY KEY (view, date)
);
ALTER TABLE {schema}.mobility_view_date ADD COLUMN IF NOT EXISTS leaf_no bigint;
COMMENT ON TABLE {schema}.mobility_view_date IS 'mobility: the periods, by their first dates, in the stored results of views that are computed by period';
CREATE TABLE IF NOT EXISTS {schema}.mobility_plan_date (
  first_date date PRIMARY KEY,
  mark text NOT NULL
);
COMMENT ON TABLE {schema}.mobility_plan_date IS 'mobility: fingerprints of the valid cells, each from a date up to the next one';
