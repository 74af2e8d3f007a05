-- Fingerprints of the cells that are valid on a date, without their validities: sums of hashes of the rows,
-- which change only where a row becomes valid or ceases to be.
DELETE FROM {schema}.mobility_plan_date;
INSERT INTO {schema}.mobility_plan_date (first_date, mark)
SELECT first_date, concat_ws('-', sum(sum(a)) OVER dates, sum(sum(b)) OVER dates)
FROM (
  SELECT change.first_date, change.sign * hashed.a AS a, change.sign * hashed.b AS b
  FROM (
    SELECT valid_date_start, valid_date_end,
      ('x' || substr(h, 1, 15))::bit(60)::bigint::numeric AS a,
      ('x' || substr(h, 16, 15))::bit(60)::bigint::numeric AS b
    FROM (
      SELECT valid_date_start, valid_date_end, md5(ROW(cell_id, latitude, longitude, lau_id, lau_match,
        lau_distance_m, geometry, site_id)::text) AS h
      FROM {schema}.cell_plan
    ) AS rows_with_hash
  ) AS hashed
  CROSS JOIN LATERAL (VALUES
    (coalesce(hashed.valid_date_start, '-infinity'), 1), (hashed.valid_date_end + 1, -1)
  ) AS change (first_date, sign)
  WHERE change.first_date IS NOT NULL
) AS changes
GROUP BY first_date
WINDOW dates AS (ORDER BY first_date);
-- cells that no event refers to get numbers as well
INSERT INTO {schema}.mobility_cell (cell_id)
SELECT DISTINCT p.cell_id FROM {schema}.cell_plan p
WHERE NOT EXISTS (SELECT FROM {schema}.mobility_cell c WHERE c.cell_id = p.cell_id)
ORDER BY p.cell_id ON CONFLICT DO NOTHING;
