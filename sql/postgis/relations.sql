-- The relations of the contract as views over the tables, created once and again after an upgrade of the
-- tables.

-- Outer joins on unique numbers: the planner removes the join if a query does not select the id.
CREATE OR REPLACE VIEW {schema}.mobile_events_compressed AS
SELECT u.user_id, c.cell_id, p.date, date_trunc('hour', p.first_seen)
    + CASE WHEN p.two_places < 0 THEN interval '1 microsecond' ELSE interval '0' END AS hour,
  p.first_seen, p.last_seen, p.event_count::bigint AS event_count
FROM {schema}.mobility_presence p
JOIN {schema}.mobility_leaf f ON f.leaf_no = p.leaf_no AND f.retired_by IS NULL
LEFT JOIN {schema}.mobility_user u ON u.user_no = p.user_no
LEFT JOIN {schema}.mobility_cell c ON c.cell_no = p.cell_no;
COMMENT ON VIEW {schema}.mobile_events_compressed IS 'mobility: hourly presence, one row per user, cell and clock hour';

CREATE OR REPLACE VIEW {schema}.mobile_events_placed AS
SELECT u.user_id, c.cell_id, p.date, date_trunc('hour', p.first_seen)
    + CASE WHEN p.two_places < 0 THEN interval '1 microsecond' ELSE interval '0' END AS hour,
  coalesce(p.placed_first, p.first_seen) AS first_seen, coalesce(p.placed_last, p.last_seen) AS last_seen,
  (p.event_count - greatest(p.two_places, -1 - p.two_places))::bigint AS event_count
FROM {schema}.mobility_presence p
JOIN {schema}.mobility_leaf f ON f.leaf_no = p.leaf_no AND f.retired_by IS NULL
LEFT JOIN {schema}.mobility_user u ON u.user_no = p.user_no
LEFT JOIN {schema}.mobility_cell c ON c.cell_no = p.cell_no
WHERE greatest(p.two_places, -1 - p.two_places) < p.event_count;
COMMENT ON VIEW {schema}.mobile_events_placed IS 'mobility: hourly presence without events of users at two places at once';

CREATE OR REPLACE VIEW {schema}.mobile_events_uncompressed AS
SELECT u.user_id, c.cell_id, e."timestamp"
FROM {schema}.mobility_event e
JOIN {schema}.mobility_leaf f ON f.leaf_no = e.leaf_no AND f.retired_by IS NULL
LEFT JOIN {schema}.mobility_user u ON u.user_no = e.user_no
LEFT JOIN {schema}.mobility_cell c ON c.cell_no = e.cell_no;
COMMENT ON VIEW {schema}.mobile_events_uncompressed IS 'mobility: raw events, if load.uncompressed is set';
