-- Reads and shuffles every event once, determines its code and the visit that it belongs to, and counts by user,
-- hour, cell, visit, file and code.
-- All later statements read this table, which is small.
--
-- These are the checks of src/checks in SQL: a change here needs the same change there.
CREATE TABLE judged USING parquet LOCATION {{judged}} AS
WITH
events AS (
{{events}}
),
-- the date of a row: its own, or the fallback date of its file if its time stamp cannot be used
dated AS (
  SELECT /*+ BROADCAST(f) */
    f.file,
    f.folder,
    -- a file of CSV may be in several parts
    f.first_row + e.row AS row,
    e.user_key,
    e.cell_id,
    e.local_us,
    e.unreadable,
    e.local_us >= {{earliest_us}} AND e.local_us < {{end_us}} AS in_range,
    e.local_us > {{latest_us}} AS future,
    CAST((e.local_us - pmod(e.local_us, 86400000000)) div 86400000000 AS INT) AS day,
    CAST(pmod(e.local_us, 86400000000) div 3600000000 AS INT) * 2
      + CASE WHEN e.repeated THEN 1 ELSE 0 END AS hour,
    pmod(e.local_us, 3600000000) AS into_hour_us,
    f.fallback_date
  FROM events e
  JOIN files f ON f.path = e.path
),
-- checks on a row by itself
read AS (
  SELECT
    file,
    row,
    CASE WHEN in_range AND NOT future THEN day ELSE fallback_date END AS date,
    CASE
      WHEN user_key IS NULL THEN 'user_missing'
      WHEN (length(user_key) - 1) * CASE WHEN substring(user_key, 1, 1) = X'01' THEN 2 ELSE 1 END
        > {{max_id_bytes}} THEN 'user_id_too_long'
      WHEN substring(user_key, 1, 1) <> X'01' AND instr(CAST(substring(user_key, 2) AS STRING), char(0)) > 0
        THEN 'user_id_with_nul'
      WHEN length(user_key) - 1 <> {{user_id_bytes}} THEN 'user_malformed'
      WHEN unreadable THEN 'time_unreadable'
      WHEN local_us IS NULL THEN 'time_missing'
      WHEN NOT in_range THEN 'timestamp_out_of_range'
      WHEN future THEN 'time_future'
      WHEN abs(day - folder) > {{folder_tolerance}} THEN 'outside_folder'
      WHEN cell_id IS NULL THEN 'cell_missing'
      WHEN octet_length(cell_id) > {{max_id_bytes}} THEN 'cell_id_too_long'
      WHEN instr(cell_id, char(0)) > 0 THEN 'cell_id_with_nul'
    END AS rejection,
    user_key,
    cell_id,
    -- orders the instants of a date, including those of a repeated hour
    hour * 3600000000 + into_hour_us AS at
  FROM dated
),
-- the only shuffle of events. Rejected rows need no neighbours and are spread, so that they cannot make
-- a partition too large
shuffled AS (
  SELECT
    file,
    row,
    date,
    rejection,
    CASE WHEN rejection IS NULL THEN 0 ELSE pmod(row, 1024) + 1 END AS spread,
    CASE WHEN rejection IS NULL THEN user_key END AS user_key,
    CASE WHEN rejection IS NULL THEN cell_id END AS cell_id,
    CASE WHEN rejection IS NULL THEN at END AS at
  FROM read
  WHERE {{pending}}
  DISTRIBUTE BY date, user_key, spread
),
-- the location of the cell on the date; null for a cell that is not in the plan
located AS (
  SELECT /*+ BROADCAST(p) */
    s.*,
    s.at div 3600000000 AS hour,
    p.place,
    p.site,
    p.x,
    p.y,
    p.z,
    -- microseconds since the beginning of the date
    (s.at div 7200000000) * 3600000000 + pmod(s.at, 3600000000) - {{shift}} AS elapsed_us
  FROM shuffled s
  LEFT JOIN places p ON p.cell_id = s.cell_id AND s.date BETWEEN p.first AND p.last
),
-- copies of an event are adjacent; the first one counts
deduplicated AS (
  SELECT
    *,
    {{duplicate}} AND rejection IS NULL
      AND coalesce(lag(at) OVER in_order = at AND lag(cell_id) OVER in_order = cell_id, FALSE)
      AS duplicate
  FROM located
  WINDOW in_order AS (PARTITION BY date, user_key, spread ORDER BY at, cell_id, file, row)
),
placed AS (
  SELECT *, rejection IS NULL AND NOT duplicate AND coalesce(place = 'at', FALSE) AS is_located
  FROM deduplicated
),
two_places AS (
  SELECT
    *,
    {{two_places}} AND is_located AND (
      min(CASE WHEN is_located THEN site END) OVER at_once
        <> max(CASE WHEN is_located THEN site END) OVER at_once
    ) AS at_two_places
  FROM placed
  WINDOW at_once AS (PARTITION BY date, user_key, spread, at)
),
-- the located events before and after, and the number of events of the user on the date
hops AS (
  SELECT
    *,
    lag(stop) IGNORE NULLS OVER in_order AS before,
    lead(stop) IGNORE NULLS OVER in_order AS next,
    count(CASE WHEN rejection IS NULL AND NOT duplicate THEN 1 END) OVER of_date AS events_of_date
  FROM (
    SELECT
      *,
      CASE WHEN is_located AND NOT at_two_places
        THEN named_struct('cell_id', cell_id, 'site', site, 'x', x, 'y', y, 'z', z, 'us', elapsed_us) END
        AS stop
    FROM two_places
  )
  WINDOW
    in_order AS (PARTITION BY date, user_key, spread ORDER BY at, cell_id, file, row),
    of_date AS (PARTITION BY date, user_key, spread)
),
-- squared chords, in radii of the Earth
measured AS (
  SELECT
    *,
    (stop.x - before.x) * (stop.x - before.x) + (stop.y - before.y) * (stop.y - before.y)
      + (stop.z - before.z) * (stop.z - before.z) AS chord2_in,
    (stop.x - next.x) * (stop.x - next.x) + (stop.y - next.y) * (stop.y - next.y)
      + (stop.z - next.z) * (stop.z - next.z) AS chord2_out
  FROM hops
),
speeds AS (
  SELECT
    *,
    coalesce(chord2_in > {{fast_chord2}} AND {{earth_diameter_m}} * asin(least(sqrt(chord2_in) / 2, 1D))
      > {{fast_m_s}} * CAST(stop.us - before.us AS DOUBLE) / 1000000D, FALSE) AS fast_in,
    coalesce(chord2_out > {{fast_chord2}} AND {{earth_diameter_m}} * asin(least(sqrt(chord2_out) / 2, 1D))
      > {{fast_m_s}} * CAST(next.us - stop.us AS DOUBLE) / 1000000D, FALSE) AS fast_out
  FROM measured
),
-- the number of the visit, from 1; see src/movement/visit.rs
visited AS (
  SELECT
    *,
    sum(CASE
      WHEN stop IS NULL THEN 0
      WHEN before IS NULL OR before.site <> stop.site OR stop.us - before.us > {{visit_gap_us}} THEN 1
      ELSE 0
    END) OVER in_order AS visit
  FROM speeds
  WINDOW in_order AS (
    PARTITION BY date, user_key, spread ORDER BY at, cell_id, file, row
    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  )
),
coded AS (
  SELECT
    *,
    CASE
      WHEN rejection IS NOT NULL THEN rejection
      WHEN duplicate THEN 'duplicate'
      WHEN {{unknown_cell}} AND place IS NULL THEN 'unknown_cell'
      WHEN {{cell_not_valid}} AND place = 'not_valid' THEN 'cell_not_valid'
      WHEN {{bad_coordinates}} AND place = 'bad' THEN 'bad_coordinates'
      WHEN at_two_places THEN 'two_places'
      WHEN {{too_fast_both}} AND fast_in AND fast_out THEN 'too_fast_both'
      WHEN {{too_fast_once}} AND (fast_in OR fast_out) THEN 'too_fast_once'
      WHEN {{ping_pong}} AND before.cell_id = next.cell_id AND before.cell_id <> stop.cell_id
        AND next.us - before.us <= {{ping_pong_us}} AND chord2_in <= {{ping_pong_chord2}}
        THEN 'ping_pong'
      WHEN {{busy_user}} AND events_of_date > {{max_events}} THEN 'busy_user'
    END AS code
  FROM visited
)
SELECT
  date,
  CASE
    WHEN substring(user_key, 1, 1) = X'01' THEN lower(hex(substring(user_key, 2)))
    ELSE CAST(substring(user_key, 2) AS STRING)
  END AS user_id,
  hour,
  cell_id,
  file,
  code,
  set_aside,
  events,
  first,
  last,
  first_row,
  visit,
  site,
  visit_first_us,
  visit_last_us
FROM (
  SELECT
    date,
    user_key,
    spread,
    hour,
    cell_id,
    file,
    code,
    -- rejected rows for the quarantine, one by one
    CASE WHEN {{quarantine}} AND code IN ({{rejected}}) THEN row END AS set_aside,
    count(*) AS events,
    min(at) AS first,
    max(at) AS last,
    min(row) AS first_row,
    CASE WHEN stop IS NOT NULL THEN visit END AS visit,
    stop.site AS site,
    min(stop.us) AS visit_first_us,
    max(stop.us) AS visit_last_us
  FROM coded
  GROUP BY ALL
)
