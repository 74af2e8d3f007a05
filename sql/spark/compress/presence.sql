-- Hourly presence: each file has its own range of dates and users, in order.
CREATE TABLE presence USING parquet PARTITIONED BY (date) LOCATION {{presence}} AS
SELECT
  user_id, cell_id, hour, first_seen, last_seen, event_count, two_places_count, placed_first_seen,
  placed_last_seen, date
FROM (
  SELECT
    user_id,
    cell_id,
    CAST(timestamp_micros(start_us + hour % 2) AS TIMESTAMP_NTZ) AS hour,
    CAST(timestamp_micros(start_us + first - hour * 3600000000) AS TIMESTAMP_NTZ) AS first_seen,
    CAST(timestamp_micros(start_us + last - hour * 3600000000) AS TIMESTAMP_NTZ) AS last_seen,
    event_count,
    two_places_count,
    CASE WHEN two_places_count > 0
      THEN CAST(timestamp_micros(start_us + placed_first - hour * 3600000000) AS TIMESTAMP_NTZ)
    END AS placed_first_seen,
    CASE WHEN two_places_count > 0
      THEN CAST(timestamp_micros(start_us + placed_last - hour * 3600000000) AS TIMESTAMP_NTZ)
    END AS placed_last_seen,
    date_from_unix_date(date) AS date
  FROM (
    SELECT
      date,
      user_id,
      hour,
      cell_id,
      date * 86400000000 + (hour div 2) * 3600000000 AS start_us,
      min(first) AS first,
      max(last) AS last,
      sum(events) AS event_count,
      coalesce(sum(CASE WHEN code = 'two_places' THEN events END), 0) AS two_places_count,
      min(CASE WHEN code IS NULL OR code <> 'two_places' THEN first END) AS placed_first,
      max(CASE WHEN code IS NULL OR code <> 'two_places' THEN last END) AS placed_last
    FROM (
      SELECT /*+ REPARTITION_BY_RANGE({{files}}, date, user_id) */
        date, user_id, hour, cell_id, first, last, events, code
      FROM judged
      WHERE code IS NULL OR code NOT IN ({{rejected}})
    )
    GROUP BY date, user_id, hour, cell_id
  )
)
SORT BY date, user_id, hour, cell_id
