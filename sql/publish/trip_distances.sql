-- the trips of each device with their class of distance, as in the view
WITH located AS (
  SELECT date, user_id,
    RADIANS(CAST(split_part(from_site_id, ',', 1) AS DOUBLE PRECISION)) AS from_latitude,
    RADIANS(CAST(split_part(from_site_id, ',', 2) AS DOUBLE PRECISION)) AS from_longitude,
    RADIANS(CAST(split_part(to_site_id, ',', 1) AS DOUBLE PRECISION)) AS to_latitude,
    RADIANS(CAST(split_part(to_site_id, ',', 2) AS DOUBLE PRECISION)) AS to_longitude
  FROM trips
),
-- the haversine of the angle between the sites grows with their distance, which trips have in rounded form
measured AS (
  SELECT date, user_id,
    POWER(SIN((to_latitude - from_latitude) / 2), 2)
      + COS(from_latitude) * COS(to_latitude) * POWER(SIN((to_longitude - from_longitude) / 2), 2)
      AS haversine
  FROM located
),
classed AS (
  SELECT date, user_id,
    -- the sphere has a diameter of 12,742,017.6 m
    CASE
      WHEN haversine < POWER(SIN(CAST(2000 AS DOUBLE PRECISION) / CAST(12742017.6 AS DOUBLE PRECISION)), 2)
        THEN '<2 km'
      WHEN haversine < POWER(SIN(CAST(10000 AS DOUBLE PRECISION) / CAST(12742017.6 AS DOUBLE PRECISION)), 2)
        THEN '2-10 km'
      WHEN haversine < POWER(SIN(CAST(50000 AS DOUBLE PRECISION) / CAST(12742017.6 AS DOUBLE PRECISION)), 2)
        THEN '10-50 km'
      ELSE '50+ km' END AS distance_class
  FROM measured
)
SELECT user_id, date, distance_class, 1 AS trips, 1 AS devices
FROM classed
