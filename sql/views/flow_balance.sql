-- name: flow-balance
-- view: flow_balance
-- title: Trips into, out of and within each LAU
-- description: Trips that end in each LAU and begin in another (inflow), begin in it and end in another (outflow), their difference, and trips within it, by the date on which they begin. The last row of a date has what lies outside all LAUs.
-- order: date, lau_id
-- by: date
-- chart: map inflow outflow net within
-- counts: inflow over user_id, outflow over user_id, net from inflow + outflow, within over user_id
-- keys: any date, lau_id, lau_name
-- totals: trips = outflow + within by date; arriving = inflow by date
-- follows: outflow = flow_balance.arriving by date
-- largest: inflow in trips by date, lau_id as to_lau_id where from_lau_id <> to_lau_id; outflow in trips by date, lau_id as from_lau_id where from_lau_id <> to_lau_id; within in trips by date, lau_id as from_lau_id where from_lau_id = to_lau_id
WITH ends AS (
  SELECT date, to_lau_id AS lau_id, trips AS arriving, 0 AS leaving, 0 AS staying
  FROM trips_od
  WHERE from_lau_id IS DISTINCT FROM to_lau_id
  UNION ALL
  SELECT date, from_lau_id AS lau_id, 0 AS arriving, trips AS leaving, 0 AS staying
  FROM trips_od
  WHERE from_lau_id IS DISTINCT FROM to_lau_id
  UNION ALL
  SELECT date, from_lau_id AS lau_id, 0 AS arriving, 0 AS leaving, trips AS staying
  FROM trips_od
  WHERE from_lau_id IS NOT DISTINCT FROM to_lau_id
),
sums AS (
  SELECT date, lau_id, CAST(SUM(arriving) AS BIGINT) AS inflow, CAST(SUM(leaving) AS BIGINT) AS outflow,
    CAST(SUM(staying) AS BIGINT) AS within
  FROM ends
  GROUP BY date, lau_id
)
SELECT s.date, s.lau_id, l.lau_name, s.inflow, s.outflow, s.inflow - s.outflow AS net, s.within
FROM sums s
LEFT JOIN lau l ON l.lau_id = s.lau_id
