-- name: night-places
-- view: night_places
-- title: Night place of each device and night
-- description: The site where each device spent most of a night, which lasts from anchors.night_start of its date up to anchors.night_end of the next: most clock hours, then the longest time between first and last event of each hour, then most events. observed_hours is the number of clock hours with an event anywhere.
-- order: user_id, night
-- by: date+1
-- period: night
-- chart: table
-- single_users: yes
WITH site_laus AS (
  SELECT d.date, c.site_id, MIN(c.lau_id) AS lau_id
  FROM devices_per_date d
  JOIN cell_plan c
    ON (c.valid_date_start IS NULL OR d.date >= c.valid_date_start)
   AND (c.valid_date_end IS NULL OR d.date <= c.valid_date_end)
  GROUP BY d.date, c.site_id
),
seen AS (
  SELECT e.user_id, c.site_id, l.lau_id, e.hour, e.last_seen - e.first_seen AS span, e.event_count,
    CASE WHEN EXTRACT(HOUR FROM e.hour) >= :night_start THEN e.date ELSE e.date - 1 END AS night
  FROM mobile_events_placed e
  JOIN cell_plan c
    ON c.cell_id = e.cell_id
   AND (c.valid_date_start IS NULL OR e.date >= c.valid_date_start)
   AND (c.valid_date_end IS NULL OR e.date <= c.valid_date_end)
  JOIN site_laus l ON l.date = e.date AND l.site_id = c.site_id
  WHERE EXTRACT(HOUR FROM e.hour) >= :night_start OR EXTRACT(HOUR FROM e.hour) < :night_end
),
observed AS (
  SELECT user_id, night, COUNT(DISTINCT hour) AS observed_hours
  FROM seen
  GROUP BY user_id, night
),
sites AS (
  SELECT user_id, night, site_id, MIN(lau_id) AS lau_id, COUNT(DISTINCT hour) AS hours,
    SUM(span) AS span, SUM(event_count) AS event_count
  FROM seen
  GROUP BY user_id, night, site_id
),
ranked AS (
  SELECT user_id, night, site_id, lau_id, hours,
    ROW_NUMBER() OVER (
      PARTITION BY user_id, night ORDER BY hours DESC, span DESC, event_count DESC, site_id
    ) AS place
  FROM sites
)
SELECT r.user_id, r.night, r.site_id, r.lau_id, r.hours, o.observed_hours
FROM ranked r
JOIN observed o ON o.user_id = r.user_id AND o.night = r.night
WHERE r.place = 1
