-- Tables of version 2, whose numbers have 32 bits, become those of version 3. Their partitions have been
-- detached: a column that partitions are divided by cannot be changed.

-- The relations of the contract keep their columns but read no table for a moment, so that views of
-- users over them, and grants on them, are kept.
CREATE OR REPLACE VIEW {schema}.mobile_events_compressed AS
SELECT NULL::text COLLATE "C" AS user_id, NULL::text COLLATE "C" AS cell_id, NULL::date AS date,
  NULL::timestamp AS hour, NULL::timestamp AS first_seen, NULL::timestamp AS last_seen,
  NULL::bigint AS event_count;
CREATE OR REPLACE VIEW {schema}.mobile_events_placed AS
SELECT NULL::text COLLATE "C" AS user_id, NULL::text COLLATE "C" AS cell_id, NULL::date AS date,
  NULL::timestamp AS hour, NULL::timestamp AS first_seen, NULL::timestamp AS last_seen,
  NULL::bigint AS event_count;
CREATE OR REPLACE VIEW {schema}.mobile_events_uncompressed AS
SELECT NULL::text COLLATE "C" AS user_id, NULL::text COLLATE "C" AS cell_id,
  NULL::timestamp AS "timestamp";

-- The sequences of identity columns follow the types of the columns.
ALTER TABLE {schema}.mobility_user ALTER user_no TYPE bigint;
ALTER TABLE {schema}.mobility_cell ALTER cell_no TYPE bigint;
ALTER TABLE {schema}.mobility_leaf ALTER leaf_no TYPE bigint, ALTER retired_by TYPE bigint;
ALTER TABLE {schema}.mobility_load ALTER load_no TYPE bigint;
ALTER TABLE {schema}.mobility_view ALTER load_no TYPE bigint;
ALTER TABLE {schema}.mobility_presence
  ALTER user_no TYPE bigint, ALTER cell_no TYPE bigint, ALTER leaf_no TYPE bigint;

DROP TABLE {schema}.mobility_event;
CREATE TABLE {schema}.mobility_event (
  user_no bigint,
  cell_no bigint,
  leaf_no bigint NOT NULL,
  "timestamp" timestamp
) PARTITION BY LIST (leaf_no);
COMMENT ON TABLE {schema}.mobility_event IS 'mobility: raw events with numbers for ids; query mobile_events_uncompressed instead';
