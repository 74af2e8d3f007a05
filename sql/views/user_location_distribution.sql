-- name: user-location-distribution
-- view: user_location_distribution
-- aliases: distribution-of-users-by-unique-locations
-- title: Users by number of unique locations
-- description: How many users were seen at exactly so many different locations (cells) over their whole period.
-- order: unique_locations
-- chart: bar unique_locations user_count
SELECT unique_locations, COUNT(*) AS user_count
FROM (
  SELECT user_id, COUNT(DISTINCT cell_id) AS unique_locations
  FROM mobile_events_compressed
  GROUP BY user_id
) AS locations
GROUP BY unique_locations
