-- name: population-weights
-- view: population_weights
-- title: Weights from devices to the population
-- description: Inhabitants for each device with its home in a LAU, in each window, and whether the weight counts: ok and over_covered (more devices than inhabitants, weight 1) do; no_population, too_few (fewer devices than weights.min_devices) and too_heavy (weight over the largest allowed) do not.
-- order: window_start, lau_id
-- by: window
-- chart: table
WITH devices AS (
  SELECT r.window_start, r.lau_id, l.population, r.residents AS devices,
    CASE WHEN l.population IS NULL THEN 'no_population'
      WHEN r.residents < :min_devices THEN 'too_few'
      WHEN l.population > :max_weight * r.residents THEN 'too_heavy'
      WHEN l.population < r.residents THEN 'over_covered'
      ELSE 'ok' END AS status
  FROM residents_per_lau r
  JOIN lau l ON l.lau_id = r.lau_id
)
SELECT window_start, lau_id, population, devices,
  CASE WHEN status = 'over_covered' THEN CAST(1 AS DOUBLE PRECISION)
    WHEN devices > 0 THEN FLOOR(CAST(population AS DOUBLE PRECISION) * 10000 / devices + 0.5) / 10000
    END AS weight,
  status
FROM devices
