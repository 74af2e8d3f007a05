-- Hourly presence without the events of users at two places at once.
CREATE TEMPORARY VIEW mobile_events_placed AS
SELECT
  user_id,
  cell_id,
  date,
  hour,
  coalesce(placed_first_seen, first_seen) AS first_seen,
  coalesce(placed_last_seen, last_seen) AS last_seen,
  event_count - two_places_count AS event_count
FROM presence
WHERE two_places_count < event_count
