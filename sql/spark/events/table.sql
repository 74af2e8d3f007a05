-- Event files of one form: columns in the types of the files, time stamps as the numbers they are.
CREATE TABLE {{table}} ({{user}} {{user_type}}, {{cell}} {{cell_type}}, {{time}} {{time_type}})
USING parquet
OPTIONS (path {{paths}}, recursiveFileLookup 'true')
