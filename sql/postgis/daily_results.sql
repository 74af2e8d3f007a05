-- What is stored of views that are computed date by date, created once beside the other tables.
ALTER TABLE {schema}.mobility_view ADD COLUMN by_date boolean NOT NULL DEFAULT false;
CREATE TABLE {schema}.mobility_view_date (
  view text COLLATE "C" REFERENCES {schema}.mobility_view ON DELETE CASCADE,
  date date,
  mark text NOT NULL,
  row_count bigint NOT NULL,
  PRIMARY KEY (view, date)
);
COMMENT ON TABLE {schema}.mobility_view_date IS 'mobility: the dates in the stored results of views that are computed date by date';
