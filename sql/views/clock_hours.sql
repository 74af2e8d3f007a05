-- name: clock-hours
-- view: clock_hours
-- title: Clock hours of each date
-- description: Every clock hour of the dates with events that count: hour as in hourly presence, where the second of two equal hours is a microsecond late; starts, the full hour by the clock; and flag, a power of two that no other hour of the date has. For the views about people.
-- order: date, hour
-- by: date
-- chart: table
-- counts: none
-- keys: every date, hour, starts, flag
WITH clock (number, since, flag) AS (
  VALUES
    (0, INTERVAL '0' HOUR, 1), (1, INTERVAL '1' HOUR, 2), (2, INTERVAL '2' HOUR, 4),
    (3, INTERVAL '3' HOUR, 8), (4, INTERVAL '4' HOUR, 16), (5, INTERVAL '5' HOUR, 32),
    (6, INTERVAL '6' HOUR, 64), (7, INTERVAL '7' HOUR, 128), (8, INTERVAL '8' HOUR, 256),
    (9, INTERVAL '9' HOUR, 512), (10, INTERVAL '10' HOUR, 1024), (11, INTERVAL '11' HOUR, 2048),
    (12, INTERVAL '12' HOUR, 4096), (13, INTERVAL '13' HOUR, 8192), (14, INTERVAL '14' HOUR, 16384),
    (15, INTERVAL '15' HOUR, 32768), (16, INTERVAL '16' HOUR, 65536), (17, INTERVAL '17' HOUR, 131072),
    (18, INTERVAL '18' HOUR, 262144), (19, INTERVAL '19' HOUR, 524288), (20, INTERVAL '20' HOUR, 1048576),
    (21, INTERVAL '21' HOUR, 2097152), (22, INTERVAL '22' HOUR, 4194304), (23, INTERVAL '23' HOUR, 8388608)
),
full_hours AS (
  -- hours since 1970-01-01 00:00 by the clock, in which the lists of unusual hours are written
  SELECT d.date, d.first_hour - f.since + c.since AS starts,
    CAST(d.date - DATE '1970-01-01' AS INT) * 24 + c.number AS hours_since_1970,
    CAST(c.flag AS BIGINT) AS flag
  FROM devices_per_date d
  JOIN clock f ON f.number = CAST(EXTRACT(HOUR FROM d.first_hour) AS INT)
  CROSS JOIN clock c
)
SELECT date, starts AS hour, starts, flag
FROM full_hours
WHERE hours_since_1970 NOT IN (:skipped_hours)
UNION ALL
SELECT date, starts + INTERVAL '0.000001' SECOND AS hour, starts,
  -- those of a date have 48 different flags
  flag * 16777216 AS flag
FROM full_hours
WHERE hours_since_1970 IN (:repeated_hours)
