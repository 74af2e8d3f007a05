-- Event files with the same column types; time stamps are read as plain numbers.
CREATE TABLE {{table}} ({{columns}})
USING parquet
OPTIONS (path {{paths}}, recursiveFileLookup 'true')
