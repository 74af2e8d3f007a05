-- name: clock-hours
-- view: clock_hours
-- title: Clock hours of each date
-- description: Every clock hour of the dates with events that count: hour as in hourly presence, where the second of two equal hours is a microsecond late, and starts, the full hour by the clock. For the views about people.
-- order: date, hour
-- by: date
-- chart: table
WITH clock (number, since) AS (
  VALUES
    (0, INTERVAL '0' HOUR), (1, INTERVAL '1' HOUR), (2, INTERVAL '2' HOUR), (3, INTERVAL '3' HOUR),
    (4, INTERVAL '4' HOUR), (5, INTERVAL '5' HOUR), (6, INTERVAL '6' HOUR), (7, INTERVAL '7' HOUR),
    (8, INTERVAL '8' HOUR), (9, INTERVAL '9' HOUR), (10, INTERVAL '10' HOUR), (11, INTERVAL '11' HOUR),
    (12, INTERVAL '12' HOUR), (13, INTERVAL '13' HOUR), (14, INTERVAL '14' HOUR), (15, INTERVAL '15' HOUR),
    (16, INTERVAL '16' HOUR), (17, INTERVAL '17' HOUR), (18, INTERVAL '18' HOUR), (19, INTERVAL '19' HOUR),
    (20, INTERVAL '20' HOUR), (21, INTERVAL '21' HOUR), (22, INTERVAL '22' HOUR), (23, INTERVAL '23' HOUR)
),
full_hours AS (
  -- hours since 1970-01-01 00:00 by the clock, in which the lists of unusual hours are written
  SELECT d.date, d.first_hour - f.since + c.since AS starts,
    CAST(d.date - DATE '1970-01-01' AS INT) * 24 + c.number AS hours_since_1970
  FROM devices_per_date d
  JOIN clock f ON f.number = CAST(EXTRACT(HOUR FROM d.first_hour) AS INT)
  CROSS JOIN clock c
)
SELECT date, starts AS hour, starts
FROM full_hours
WHERE hours_since_1970 NOT IN (:skipped_hours)
UNION ALL
SELECT date, starts + INTERVAL '0.000001' SECOND AS hour, starts
FROM full_hours
WHERE hours_since_1970 IN (:repeated_hours)
