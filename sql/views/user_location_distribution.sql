-- name: user-location-distribution
-- view: user_location_distribution
-- aliases: distribution-of-users-by-unique-locations
-- title: Users by number of unique locations
-- description: Number of users by the number of different locations (cells) at which each was seen over the whole period.
-- order: unique_locations
-- chart: bar unique_locations user_count
SELECT unique_locations, COUNT(*) AS user_count
FROM (
  SELECT user_id, COUNT(*) AS unique_locations
  FROM user_cell_dates
  GROUP BY user_id
) AS locations
GROUP BY unique_locations
