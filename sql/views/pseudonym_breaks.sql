-- name: pseudonym-breaks
-- view: pseudonym_breaks
-- title: Dates on which pseudonyms changed
-- description: Dates since which hardly any device is seen that was seen before. A date is low when its returning_share is below half of the median of at least 7 known shares of the 28 dates before; a break is a date that is not low, after a low one, where at least 5 of the 7 dates before are low and none is known not to be.
-- order: date
-- chart: table
-- counts: none
-- keys: date
WITH known AS (
  SELECT date, returning_share
  FROM quality_daily
  WHERE returning_share IS NOT NULL
),
earlier AS (
  SELECT k.date, e.returning_share,
    ROW_NUMBER() OVER (PARTITION BY k.date ORDER BY e.returning_share) AS place,
    COUNT(*) OVER (PARTITION BY k.date) AS shares
  FROM known k
  JOIN known e ON e.date >= k.date - 28 AND e.date < k.date
),
-- the sum of the two shares in the middle, or twice the one, is twice the median
medians AS (
  SELECT date, MIN(returning_share) + MAX(returning_share) AS twice_the_median
  FROM earlier
  WHERE shares >= 7 AND 2 * place >= shares AND 2 * place <= shares + 2
  GROUP BY date
),
judged AS (
  SELECT k.date,
    CASE WHEN 4 * k.returning_share < m.twice_the_median THEN 1 ELSE 0 END AS low
  FROM known k
  LEFT JOIN medians m ON m.date = k.date
)
-- l is the low date before the break, j the seven dates before the break and the break itself
SELECT l.date + 1 AS date
FROM judged l
JOIN judged j ON j.date >= l.date - 6 AND j.date <= l.date + 1
WHERE l.low = 1
GROUP BY l.date
HAVING SUM(CASE WHEN j.date <= l.date THEN j.low ELSE 0 END) >= 5
  AND MIN(CASE WHEN j.date <= l.date THEN j.low END) = 1
  AND MAX(CASE WHEN j.date > l.date THEN j.low ELSE 0 END) = 0
