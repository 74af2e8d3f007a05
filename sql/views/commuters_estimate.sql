-- name: commuters-estimate
-- view: commuters_estimate
-- title: Estimated commuters between LAUs
-- description: People by the LAUs of home and work place in each window, estimated from commuters. Each device counts with the weight of its home LAU; devices without a home are left out. lower and upper are 1.96 standard deviations away; coverage is the share of the devices whose weight counts. Where it is too small there is no estimate.
-- order: window_start, home_lau_id, work_lau_id
-- by: window
-- chart: table
-- counts: estimate from commuters.devices, lower from commuters.devices, upper from commuters.devices, coverage from commuters.devices
-- keys: window_start, home_lau_id, work_lau_id
-- needs: residents_per_lau.residents by window_start, home_lau_id as lau_id
WITH strata AS (
  SELECT c.window_start, c.home_lau_id, c.work_lau_id, c.devices, w.status,
    -- as written, and like all sums of it in ten-thousandths, so that they are exact
    CASE WHEN w.status IN ('ok', 'over_covered') THEN CAST(FLOOR(w.weight * 10000 + 0.5) AS BIGINT) END
      AS weight
  FROM commuters c
  LEFT JOIN population_weights w
    ON w.window_start = c.window_start AND w.lau_id = c.home_lau_id
),
sums AS (
  SELECT window_start, home_lau_id, work_lau_id, SUM(devices) AS devices,
    SUM(CASE WHEN weight IS NOT NULL THEN devices ELSE 0 END) AS weighted_devices,
    CAST(SUM(weight * devices) AS DOUBLE PRECISION) AS estimate,
    CAST(SUM(CAST(weight * (weight - 10000) AS DECIMAL(38, 0)) * devices) AS DOUBLE PRECISION)
      AS variance,
    MAX(CASE WHEN status = 'over_covered' THEN 1 ELSE 0 END) AS over_covered
  FROM strata
  GROUP BY window_start, home_lau_id, work_lau_id
),
intervals AS (
  SELECT window_start, home_lau_id, work_lau_id,
    CASE WHEN enough THEN estimate END AS estimate,
    CASE WHEN enough AND over_covered = 0 THEN :interval_z * SQRT(variance) END AS margin,
    FLOOR(CAST(weighted_devices AS DOUBLE PRECISION) * 10000 / devices + 0.5) / 10000 AS coverage
  FROM (
    SELECT window_start, home_lau_id, work_lau_id, devices, weighted_devices, estimate, variance, over_covered,
      weighted_devices * 10000 >= :min_coverage_10000 * devices AS enough
    FROM sums
  ) AS s
)
SELECT i.window_start, i.home_lau_id, i.work_lau_id,
  FLOOR(i.estimate / 1000 + 0.5) / 10 AS estimate,
  CASE WHEN i.margin > i.estimate THEN CAST(0 AS DOUBLE PRECISION)
    ELSE FLOOR((i.estimate - i.margin) / 1000 + 0.5) / 10 END AS lower,
  FLOOR((i.estimate + i.margin) / 1000 + 0.5) / 10 AS upper,
  i.coverage
FROM intervals i
