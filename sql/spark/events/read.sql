-- Events of one form in canonical columns: cells as text, local wall time in microseconds. A user is the
-- bytes of a hash behind a 1, or any other text behind a 0, which is half as long as text would be.
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
