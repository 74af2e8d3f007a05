-- Columns that tables of an earlier version lack. The next load fills them.
ALTER TABLE {schema}.cell_plan ADD COLUMN IF NOT EXISTS site_id text COLLATE "C";
ALTER TABLE {schema}.lau
  ADD COLUMN IF NOT EXISTS population bigint,
  ADD COLUMN IF NOT EXISTS area_km2 double precision;
ALTER TABLE {schema}.mobility_presence
  ADD COLUMN IF NOT EXISTS placed_first timestamp,
  ADD COLUMN IF NOT EXISTS placed_last timestamp;
