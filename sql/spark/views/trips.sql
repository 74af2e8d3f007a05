-- The files of trips.
CREATE TEMPORARY VIEW trips (
  user_id STRING,
  departed TIMESTAMP_NTZ,
  arrived TIMESTAMP_NTZ,
  seconds DOUBLE,
  from_site_id STRING,
  to_site_id STRING,
  from_lau_id STRING,
  to_lau_id STRING,
  distance_m DOUBLE,
  date DATE
)
USING parquet
OPTIONS (path {{files}}, basePath {{base}})
