-- Event files with the same column types; time stamps are read as plain numbers.
CREATE TABLE {{table}} ({{user}} {{user_type}}, {{cell}} {{cell_type}}, {{time}} {{time_type}})
USING parquet
OPTIONS (path {{paths}}, recursiveFileLookup 'true')
