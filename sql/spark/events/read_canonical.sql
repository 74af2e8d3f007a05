-- Events that this program read from CSV, in the columns of read.sql.
SELECT
  _metadata.file_path AS path,
  _metadata.row_index AS row,
  user_key,
  cell_id,
  local_us,
  repeated,
  unreadable
FROM {{table}}
