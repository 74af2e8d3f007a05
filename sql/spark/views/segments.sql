-- The files of stays, passes, moves and unknown time.
CREATE TEMPORARY VIEW segments (
  user_id STRING,
  started TIMESTAMP_NTZ,
  ended TIMESTAMP_NTZ,
  seconds DOUBLE,
  state STRING,
  site_id STRING,
  lau_id STRING,
  events BIGINT,
  continues BOOLEAN,
  date DATE
)
USING parquet
OPTIONS (path {{files}}, basePath {{base}})
