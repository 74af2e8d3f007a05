-- The files of hourly presence.
CREATE TEMPORARY VIEW presence (
  user_id STRING,
  cell_id STRING,
  hour TIMESTAMP_NTZ,
  first_seen TIMESTAMP_NTZ,
  last_seen TIMESTAMP_NTZ,
  event_count BIGINT,
  two_places_count BIGINT,
  placed_first_seen TIMESTAMP_NTZ,
  placed_last_seen TIMESTAMP_NTZ,
  date DATE
)
USING parquet
OPTIONS (path {{files}}, basePath {{base}})
