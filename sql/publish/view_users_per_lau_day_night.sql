-- each device that was seen in a LAU on a date: 1 if it was by day, and if it was by night
SELECT e.user_id, e.date, c.lau_id,
  MAX(CASE WHEN EXTRACT(HOUR FROM e.hour) >= :day_start
        AND EXTRACT(HOUR FROM e.hour) < :day_end THEN 1 ELSE 0 END) AS day_users,
  MAX(CASE WHEN EXTRACT(HOUR FROM e.hour) >= :day_start
        AND EXTRACT(HOUR FROM e.hour) < :day_end THEN 0 ELSE 1 END) AS night_users
FROM mobile_events_placed e
JOIN cell_plan c
  ON c.cell_id = e.cell_id
 AND (c.valid_date_start IS NULL OR e.date >= c.valid_date_start)
 AND (c.valid_date_end IS NULL OR e.date <= c.valid_date_end)
WHERE c.lau_id IS NOT NULL
GROUP BY e.user_id, e.date, c.lau_id
