-- The way of the Python original in PostGIS: first and last event of each group as rows of their
-- own, pseudonyms as text of 64 digits, cells as numbers here and as text there, and views that
-- are computed anew, with the geometry joined, whenever somebody reads them. All ten read the
-- compressed table, which favours the original: half of its own read the raw events.
DROP SCHEMA IF EXISTS original CASCADE;
CREATE SCHEMA original;
SET search_path = original, public;

CREATE TABLE events (user_id text, cell_id bigint, "timestamp" timestamp, date date);
INSERT INTO events
SELECT user_id, cell_id::bigint, seen, date
FROM bench.mobile_events_compressed, unnest(ARRAY[first_seen, last_seen]) AS seen;

CREATE TABLE cells AS SELECT cell_id, latitude, longitude, geometry FROM bench.cell_plan;
CREATE TABLE laus AS SELECT lau_id, lau_name, geometry FROM bench.lau;
CREATE INDEX ON cells USING gist (geometry);
CREATE INDEX ON laus USING gist (geometry);
ANALYZE events, cells, laus;

CREATE VIEW agg_events_per_hour AS
SELECT date_trunc('hour', "timestamp") AS hour, COUNT(*) AS event_count
FROM events GROUP BY 1 ORDER BY 1;

CREATE VIEW agg_unique_users_per_hour AS
SELECT date_trunc('hour', "timestamp") AS hour, COUNT(DISTINCT user_id) AS unique_user_count
FROM events GROUP BY 1 ORDER BY 1;

CREATE VIEW agg_cell_count_per_user_per_day AS
SELECT user_id, date, COUNT(DISTINCT cell_id) AS unique_cell_count
FROM events GROUP BY user_id, date;

CREATE VIEW agg_users_per_lau_per_day AS
SELECT l.lau_id, l.lau_name, e.date, COUNT(DISTINCT e.user_id) AS user_count
FROM events e
JOIN cells c ON c.cell_id::bigint = e.cell_id
JOIN laus l ON ST_Within(ST_Transform(c.geometry, 3035), l.geometry)
GROUP BY l.lau_id, l.lau_name, e.date;

CREATE VIEW unique_users_per_lau_per_day AS
SELECT l.lau_id, l.lau_name, e.date, COUNT(DISTINCT e.user_id) AS user_count
FROM events e
JOIN cells c ON c.cell_id::bigint = e.cell_id
JOIN laus l ON ST_Within(ST_Transform(c.geometry, 3035), l.geometry)
GROUP BY l.lau_id, l.lau_name, e.date ORDER BY e.date, l.lau_id;

CREATE VIEW unique_locations_per_user_per_day AS
SELECT user_id, date, COUNT(DISTINCT cell_id) AS unique_locations
FROM events GROUP BY user_id, date ORDER BY user_id, date;

CREATE VIEW user_location_distribution AS
SELECT unique_locations, COUNT(*) AS user_count
FROM (SELECT user_id, COUNT(DISTINCT cell_id) AS unique_locations FROM events GROUP BY user_id) AS u
GROUP BY unique_locations ORDER BY unique_locations;

CREATE VIEW view_users_per_lau_day_night AS
WITH placed AS (
  SELECT e.user_id, e.date, EXTRACT(HOUR FROM e."timestamp") AS hour, l.lau_id
  FROM events e
  JOIN cells c ON c.cell_id::bigint = e.cell_id
  JOIN laus l ON ST_Within(ST_Transform(c.geometry, 3035), l.geometry)
),
by_day AS (
  SELECT lau_id, date, COUNT(DISTINCT user_id) AS users FROM placed
  WHERE hour >= 7 AND hour < 20 GROUP BY lau_id, date
),
by_night AS (
  SELECT lau_id, date, COUNT(DISTINCT user_id) AS users FROM placed
  WHERE hour < 7 OR hour >= 20 GROUP BY lau_id, date
)
SELECT t.date, l.lau_id, l.lau_name,
  COALESCE(d.users, 0) AS day_users, COALESCE(n.users, 0) AS night_users
FROM (SELECT DISTINCT date FROM events) AS t
CROSS JOIN laus l
LEFT JOIN by_day d ON d.lau_id = l.lau_id AND d.date = t.date
LEFT JOIN by_night n ON n.lau_id = l.lau_id AND n.date = t.date;

CREATE VIEW events_per_hour_2024_10_01 AS
SELECT date_trunc('hour', "timestamp") AS hour, COUNT(*) AS event_count
FROM events WHERE "timestamp"::date = '2024-10-01' GROUP BY 1 ORDER BY 1;

CREATE VIEW unique_users_per_lau_2024_10_01 AS
SELECT l.lau_id, l.lau_name, COUNT(DISTINCT e.user_id) AS user_count
FROM events e
JOIN cells c ON c.cell_id::bigint = e.cell_id
JOIN laus l ON ST_Within(ST_Transform(c.geometry, 3035), l.geometry)
WHERE e."timestamp"::date = '2024-10-01'
GROUP BY l.lau_id, l.lau_name ORDER BY user_count DESC;
