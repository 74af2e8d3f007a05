-- the trips of each device that end in an area and begin in another, that begin in it and end in another, and those
-- within it. `areas` has the area of each LAU, so that what is called a LAU here is an area. A trip between two LAUs of
-- an area is within it.
WITH located AS (
  SELECT t.user_id, t.date, s.area AS from_area, e.area AS to_area
  FROM trips t
  LEFT JOIN areas s ON s.lau_id = t.from_lau_id
  LEFT JOIN areas e ON e.lau_id = t.to_lau_id
)
SELECT user_id, date, to_area AS lau_id, 1 AS inflow, 0 AS outflow, 0 AS within
FROM located
WHERE from_area IS DISTINCT FROM to_area
UNION ALL
SELECT user_id, date, from_area AS lau_id, 0 AS inflow, 1 AS outflow, 0 AS within
FROM located
WHERE from_area IS DISTINCT FROM to_area
UNION ALL
SELECT user_id, date, from_area AS lau_id, 0 AS inflow, 0 AS outflow, 1 AS within
FROM located
WHERE from_area IS NOT DISTINCT FROM to_area
