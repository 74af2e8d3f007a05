-- Temporary views that hide the tables of the contract for one transaction: the same rows, with the
-- numbers of users and cells in place of their ids. {of_date} restricts hourly presence to a date.
CREATE TEMP VIEW cell_plan AS
SELECT c.cell_no AS cell_id, p.latitude, p.longitude, p.valid_date_start, p.valid_date_end, p.lau_id,
  p.lau_match, p.lau_distance_m, p.geometry
FROM {schema}.cell_plan p
LEFT JOIN {schema}.mobility_cell c ON c.cell_id = p.cell_id;
CREATE TEMP VIEW mobile_events_compressed AS
SELECT p.user_no AS user_id, p.cell_no AS cell_id, p.date, date_trunc('hour', p.first_seen)
    + CASE WHEN p.two_places < 0 THEN interval '1 microsecond' ELSE interval '0' END AS hour,
  p.first_seen, p.last_seen, p.event_count::bigint AS event_count
FROM {schema}.mobility_presence p
JOIN {schema}.mobility_leaf f ON f.leaf_no = p.leaf_no AND f.retired_by IS NULL{of_date};
CREATE TEMP VIEW mobile_events_placed AS
SELECT p.user_no AS user_id, p.cell_no AS cell_id, p.date, date_trunc('hour', p.first_seen)
    + CASE WHEN p.two_places < 0 THEN interval '1 microsecond' ELSE interval '0' END AS hour,
  p.first_seen, p.last_seen,
  (p.event_count - greatest(p.two_places, -1 - p.two_places))::bigint AS event_count
FROM {schema}.mobility_presence p
JOIN {schema}.mobility_leaf f ON f.leaf_no = p.leaf_no AND f.retired_by IS NULL{of_date}
WHERE greatest(p.two_places, -1 - p.two_places) < p.event_count;
CREATE TEMP VIEW mobile_events_uncompressed AS
SELECT e.user_no AS user_id, e.cell_no AS cell_id, e."timestamp"
FROM {schema}.mobility_event e
JOIN {schema}.mobility_leaf f ON f.leaf_no = e.leaf_no AND f.retired_by IS NULL;
