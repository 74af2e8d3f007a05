-- Events of one table in canonical columns: cells as text, local time in microseconds. A user key is a
-- byte 1 followed by the bytes of a hash, or a byte 0 followed by any other text: half the length of
-- the hash as text.
SELECT
  path,
  row,
  {{user_key}} AS user_key,
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
