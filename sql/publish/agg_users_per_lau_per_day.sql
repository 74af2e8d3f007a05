-- each device that was seen in a LAU on a date, once
SELECT DISTINCT e.user_id, e.date, c.lau_id, 1 AS user_count
FROM mobile_events_placed e
JOIN cell_plan c
  ON c.cell_id = e.cell_id
 AND (c.valid_date_start IS NULL OR e.date >= c.valid_date_start)
 AND (c.valid_date_end IS NULL OR e.date <= c.valid_date_end)
WHERE c.lau_id IS NOT NULL
