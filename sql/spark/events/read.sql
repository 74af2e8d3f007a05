-- Events of one form in canonical columns: ids as text, local wall time in microseconds.
SELECT
  path,
  row,
  {{user_id}} AS user_id,
  {{user_bytes}} AS user_bytes,
  nullif(CAST(raw_cell AS STRING), '') AS cell_id,
  {{local_us}} AS local_us,
  {{repeated}} AS repeated,
  {{unreadable}} AS unreadable
FROM (
  SELECT *, {{instant}} AS instant_us
  FROM (
    SELECT
      _metadata.file_path AS path,
      _metadata.row_index AS row,
      {{user}} AS raw_user,
      {{cell}} AS raw_cell,
      {{time}} AS raw_time
    FROM {{table}}
  )
)
