-- Visits, stays, segments and trips from raw events, by the definitions alone, with window functions.
--
-- {events} are the raw events, {cells} the cells with their sites and LAUs; all cells are valid on all dates. Times
-- are microseconds since 1970 by the clock, without a time zone. Users, sites and dates are numbers until the end.

CREATE MACRO metres(lat_a, lon_a, lat_b, lon_b) AS 2 * 6371008.8 * asin(least(1, sqrt(
  pow(sin((lat_b - lat_a) / 2), 2) + cos(lat_a) * cos(lat_b) * pow(sin((lon_b - lon_a) / 2), 2))));

-- whether events before and after a gap at one site belong to one visit: two hours, or eight from 23:00 to 09:00
CREATE MACRO is_one_visit(before, after) AS after - before <= 7200000000
  OR (after - before <= 28800000000 AND (before + 3600000000) % 86400000000 + after - before <= 36000000000);

CREATE MACRO day_of(t) AS CAST(t // 86400000000 AS INT);

CREATE TABLE sites AS
  SELECT CAST(row_number() OVER (ORDER BY site_id) AS INT) AS site, site_id, min(lau_id) AS lau_id,
    radians(CAST(split_part(site_id, ',', 1) AS DOUBLE)) AS latitude,
    radians(CAST(split_part(site_id, ',', 2) AS DOUBLE)) AS longitude
  FROM {cells} GROUP BY site_id;

-- within 5 km, or among the six nearest; sites are numbered in the order of their ids
CREATE TABLE near AS
  WITH pairs AS (
    SELECT a.site, b.site AS other, metres(a.latitude, a.longitude, b.latitude, b.longitude) AS distance
    FROM sites a JOIN sites b ON a.site <> b.site)
  SELECT site, other FROM pairs WHERE distance <= 5000
  UNION
  SELECT site, unnest(min_by(other, {'distance': distance, 'site': other}, 6)) FROM pairs GROUP BY site;

CREATE TABLE users AS
  SELECT CAST(row_number() OVER (ORDER BY user_id) AS INT) AS u, user_id FROM (SELECT DISTINCT user_id FROM {events});

-- without repeated events
CREATE TABLE seen AS
  WITH cells AS (SELECT CAST(c.cell_id AS BIGINT) AS cell_id, s.site FROM {cells} c JOIN sites s USING (site_id)),
  ordered AS (
    SELECT u, epoch_us(timestamp) AS t, site, e.cell_id, lag(e.cell_id) OVER w AS cell_before,
      lag(timestamp) OVER w = timestamp AS is_same_time
    FROM {events} e JOIN users USING (user_id) JOIN cells c ON c.cell_id = e.cell_id
    WINDOW w AS (PARTITION BY u ORDER BY timestamp, e.cell_id))
  SELECT u, t, site FROM ordered WHERE NOT coalesce(is_same_time AND cell_before = cell_id, false);

-- 1: the first event of each visit, and the last event of each user; visits end at midnight until 3
CREATE TABLE starts AS
  WITH two_places AS (SELECT u, t FROM seen GROUP BY u, t HAVING min(site) <> max(site)),
  ordered AS (
    SELECT u, t, site, lag(t) OVER w AS before, lag(site) OVER w AS site_before, row_number() OVER w AS number,
      lead(t) OVER w IS NULL AS is_last
    FROM seen ANTI JOIN two_places USING (u, t)
    WINDOW w AS (PARTITION BY u ORDER BY t)),
  marked AS (
    SELECT *, coalesce(site_before <> site OR NOT is_one_visit(before, t) OR day_of(before) <> day_of(t), true) AS is_start
    FROM ordered)
  SELECT * FROM marked WHERE is_start OR is_last;

DROP TABLE seen;

-- `number` and `end_number` count events of the user
CREATE TABLE visits AS
  WITH ended AS (
    SELECT u, day_of(t) AS d, site, t AS first, is_start, number,
      CASE WHEN is_last THEN t WHEN lead(is_start) OVER w THEN lead(before) OVER w ELSE lead(t) OVER w END AS last,
      CASE WHEN is_last THEN number + 1 WHEN lead(is_start) OVER w THEN lead(number) OVER w ELSE lead(number) OVER w + 1
        END AS end_number
    FROM starts WINDOW w AS (PARTITION BY u ORDER BY t))
  SELECT u, d, row_number() OVER (PARTITION BY u, d ORDER BY first) AS place, site, first, last, number, end_number
  FROM ended WHERE is_start;

-- 2: from each visit to the next one at its site, where the time between is flicker
CREATE TABLE links AS
  WITH returns AS (
    SELECT u, d, place, site, last, lead(place) OVER w AS back, lead(first) OVER w AS back_at
    FROM visits WINDOW w AS (PARTITION BY u, d, site ORDER BY place)),
  candidates AS (
    SELECT r.u, r.d, r.place, r.site, r.back
    FROM returns r JOIN visits away ON away.u = r.u AND away.d = r.d AND away.place = r.place + 1
    WHERE r.back > r.place + 1 AND r.back_at - away.first <= 1800000000 AND away.first - r.last <= 7200000000),
  between_visits AS (SELECT u, d, place, site, unnest(range(place + 1, back)) AS at FROM candidates),
  far AS (
    SELECT b.u, b.d, b.place
    FROM between_visits b JOIN visits v ON v.u = b.u AND v.d = b.d AND v.place = b.at
    ANTI JOIN near n ON n.site = b.site AND n.other = v.site)
  SELECT u, d, place, site, back FROM candidates ANTI JOIN far USING (u, d, place);

-- for each visit in a chain of links, the end of the chain
CREATE TABLE chains AS
  WITH linked AS (
    SELECT u, d, site, place, back FROM links
    UNION ALL
    SELECT u, d, site, back, NULL FROM links l ANTI JOIN links m ON m.u = l.u AND m.d = l.d AND m.place = l.back),
  numbered AS (
    SELECT *, count(*) FILTER (back IS NULL) OVER (PARTITION BY u, d, site ORDER BY place DESC) AS chain FROM linked)
  SELECT u, d, place, max(place) OVER c AS chain_end, min(place) OVER c AS chain_start
  FROM numbered WINDOW c AS (PARTITION BY u, d, site, chain);

-- chains overlap: the earliest visit takes in what it can, then the earliest one after it, and so on
CREATE TABLE grown AS
  WITH RECURSIVE spans AS (
    SELECT u, d, place, chain_end, max(chain_end) OVER (
      PARTITION BY u, d ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached
    FROM chains WHERE place = chain_start),
  clusters AS (
    SELECT u, d, min(place) AS place, max(chain_end) AS cluster_end FROM (
      SELECT *, count(*) FILTER (reached IS NULL OR place > reached) OVER (PARTITION BY u, d ORDER BY place) AS cluster
      FROM spans)
    GROUP BY u, d, cluster),
  walk AS (
    SELECT u, d, place, c.chain_end AS place_end, cluster_end FROM clusters JOIN chains c USING (u, d, place)
    UNION ALL
    SELECT w.u, w.d, w.place_end + 1, coalesce(c.chain_end, w.place_end + 1), cluster_end
    FROM walk w LEFT JOIN chains c ON c.u = w.u AND c.d = w.d AND c.place = w.place_end + 1
    WHERE w.place_end < cluster_end)
  SELECT u, d, place, place_end FROM walk WHERE place < place_end;

CREATE TABLE parts AS
  WITH taken_in AS (SELECT u, d, unnest(range(place + 1, place_end + 1)) AS place FROM grown)
  SELECT v.u, v.d, v.site, v.first, coalesce(e.last, v.last) AS last,
    coalesce(e.end_number, v.end_number) - v.number AS events
  FROM visits v ANTI JOIN taken_in USING (u, d, place)
  LEFT JOIN grown g USING (u, d, place)
  LEFT JOIN visits e ON e.u = g.u AND e.d = g.d AND e.place = g.place_end;

-- 1 and 3: parts that touch at midnight are one visit, and visits have pads beside unknown time
CREATE TABLE numbered_parts AS
  SELECT *, sum(begins) OVER (PARTITION BY u ORDER BY first) AS visit FROM (
    SELECT *, CASE WHEN lag(site) OVER w = site AND is_one_visit(lag(last) OVER w, first) THEN 0 ELSE 1 END AS begins
    FROM parts WINDOW w AS (PARTITION BY u ORDER BY first));

CREATE TABLE stops AS
  WITH whole AS (
    SELECT u, visit, any_value(site) AS site, min(first) AS first, max(last) AS last
    FROM numbered_parts GROUP BY u, visit),
  gaps AS (
    SELECT *, first - lag(last) OVER w AS gap_before, lead(first) OVER w - last AS gap_after
    FROM whole WINDOW w AS (PARTITION BY u ORDER BY visit)),
  padded AS (
    SELECT u, visit, site, first, last, coalesce(gap_after > 7200000000, true) AS then_unknown,
      first - CASE WHEN gap_before IS NULL THEN 300000000 WHEN gap_before > 7200000000
        THEN least(300000000, gap_before // 2) ELSE 0 END AS start_at,
      last + CASE WHEN gap_after IS NULL THEN 300000000 WHEN gap_after > 7200000000
        THEN least(300000000, gap_after // 2) ELSE 0 END AS end_at
    FROM gaps)
  -- 4
  SELECT *, end_at - start_at >= 900000000 AS is_stay, lag(end_at) OVER w AS end_before,
    lag(then_unknown) OVER w AS unknown_before, lead(u) OVER w IS NULL AS is_last_of_user
  FROM padded WINDOW w AS (PARTITION BY u ORDER BY visit);

-- 5
CREATE TABLE trips AS
  WITH blocks AS (
    SELECT *, count(*) FILTER (unknown_before) OVER (PARTITION BY u ORDER BY visit) AS block FROM stops),
  pairs AS (
    SELECT u, site, last, end_at, then_unknown, lead(site) OVER w AS to_site, lead(start_at) OVER w AS arrived_at
    FROM blocks WHERE is_stay WINDOW w AS (PARTITION BY u, block ORDER BY visit)),
  measured AS (
    SELECT p.*, f.site_id AS from_site_id, t.site_id AS to_site_id, f.lau_id AS from_lau_id, t.lau_id AS to_lau_id,
      metres(f.latitude, f.longitude, t.latitude, t.longitude) AS distance
    FROM pairs p JOIN sites f ON f.site = p.site JOIN sites t ON t.site = p.to_site)
  SELECT lower(hex(user_id)) AS user_id, make_timestamp(end_at) AS departed, make_timestamp(arrived_at) AS arrived,
    (arrived_at - end_at) / 1000000 AS seconds, from_site_id, to_site_id, from_lau_id, to_lau_id,
    floor(distance * 10 + 0.5) / 10 AS distance_m
  FROM measured JOIN users USING (u)
  WHERE distance >= 1000 AND arrived_at - end_at <= 43200000000;

-- 6
CREATE TABLE segments AS
  WITH spans AS (
    SELECT u, visit, site, start_at, end_at, day_of(first) AS first_day, CASE WHEN is_stay THEN 'stay' ELSE 'pass' END AS state
    FROM stops
    UNION ALL
    SELECT u, NULL, NULL, coalesce(end_before, first // 86400000000 * 86400000000), start_at, NULL,
      CASE WHEN coalesce(unknown_before, true) THEN 'unknown' ELSE 'move' END
    FROM stops
    UNION ALL
    SELECT u, NULL, NULL, end_at, (last // 86400000000 + 1) * 86400000000, NULL, 'unknown' FROM stops WHERE is_last_of_user),
  days AS (
    SELECT *, unnest(range(day_of(start_at), day_of(end_at) + 1)) AS d FROM spans WHERE start_at <= end_at),
  cut AS (
    SELECT u, visit, site, state, d, greatest(start_at, d * 86400000000) AS start_at,
      least(end_at, (d + 1) * 86400000000) AS end_at,
      start_at = end_at AND first_day = d AS is_moment
    FROM days SEMI JOIN (SELECT DISTINCT u, d FROM parts) AS dates USING (u, d)),
  rows AS (
    SELECT *, lag(d) OVER w AS day_before, lag(state) OVER w AS state_before, lag(site) OVER w AS site_before
    FROM cut WHERE start_at < end_at OR is_moment WINDOW w AS (PARTITION BY u ORDER BY start_at, end_at)),
  counted AS (SELECT u, visit, d, sum(events) AS events FROM numbered_parts GROUP BY u, visit, d)
  SELECT lower(hex(user_id)) AS user_id, make_timestamp(start_at) AS started, make_timestamp(end_at) AS ended,
    (end_at - start_at) / 1000000 AS seconds, state, site_id, lau_id, CAST(coalesce(c.events, 0) AS BIGINT) AS events,
    coalesce(day_before = r.d - 1 AND state_before = state AND site_before IS NOT DISTINCT FROM r.site, false) AS continues
  FROM rows r JOIN users USING (u) LEFT JOIN sites s ON s.site = r.site
  LEFT JOIN counted c ON c.u = r.u AND c.visit = r.visit AND c.d = r.d
