-- name: overnight-estimate
-- view: overnight_estimate
-- title: Estimated overnight stays
-- description: People by the LAU of their home and the LAU where they spend each night, estimated from overnight stays. Each device counts with the weight of its home LAU; devices without a home are left out. lower and upper are 1.96 standard deviations away; coverage is the share of the devices whose weight counts. Where it is too small there is no estimate.
-- order: night, home_lau_id, night_lau_id
-- by: date
-- period: night
-- windows: anchor_windows
-- chart: table
-- counts: estimate from overnight_stays.devices, lower from overnight_stays.devices, upper from overnight_stays.devices, coverage from overnight_stays.devices
-- keys: night, home_lau_id, night_lau_id
-- needs: residents_per_lau.residents by anchor_window(night) as window_start, home_lau_id as lau_id
WITH strata AS (
  SELECT o.night, o.home_lau_id, o.night_lau_id, o.devices, w.status,
    -- as written, and like all sums of it in ten-thousandths, so that they are exact
    CASE WHEN w.status IN ('ok', 'over_covered') THEN CAST(FLOOR(w.weight * 10000 + 0.5) AS BIGINT) END
      AS weight
  FROM overnight_stays o
  JOIN anchor_windows a ON a.date = o.night
  LEFT JOIN population_weights w
    ON w.window_start = a.window_start AND w.lau_id = o.home_lau_id
  WHERE o.home_lau_id IS NOT NULL
),
sums AS (
  SELECT night, home_lau_id, night_lau_id, SUM(devices) AS devices,
    SUM(CASE WHEN weight IS NOT NULL THEN devices ELSE 0 END) AS weighted_devices,
    CAST(SUM(weight * devices) AS DOUBLE PRECISION) AS estimate,
    CAST(SUM(CAST(weight * (weight - 10000) AS DECIMAL(38, 0)) * devices) AS DOUBLE PRECISION)
      AS variance,
    MAX(CASE WHEN status = 'over_covered' THEN 1 ELSE 0 END) AS over_covered
  FROM strata
  GROUP BY night, home_lau_id, night_lau_id
),
intervals AS (
  SELECT night, home_lau_id, night_lau_id,
    CASE WHEN enough THEN estimate END AS estimate,
    CASE WHEN enough AND over_covered = 0 THEN :interval_z * SQRT(variance) END AS margin,
    FLOOR(CAST(weighted_devices AS DOUBLE PRECISION) * 10000 / devices + 0.5) / 10000 AS coverage
  FROM (
    SELECT night, home_lau_id, night_lau_id, devices, weighted_devices, estimate, variance, over_covered,
      weighted_devices * 10000 >= :min_coverage_10000 * devices AS enough
    FROM sums
  ) AS s
)
SELECT i.night, i.home_lau_id, i.night_lau_id,
  FLOOR(i.estimate / 1000 + 0.5) / 10 AS estimate,
  CASE WHEN i.margin > i.estimate THEN CAST(0 AS DOUBLE PRECISION)
    ELSE FLOOR((i.estimate - i.margin) / 1000 + 0.5) / 10 END AS lower,
  FLOOR((i.estimate + i.margin) / 1000 + 0.5) / 10 AS upper,
  i.coverage
FROM intervals i
