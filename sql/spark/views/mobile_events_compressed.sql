-- Hourly presence with the columns of the contract.
CREATE TEMPORARY VIEW mobile_events_compressed AS
SELECT user_id, cell_id, date, hour, first_seen, last_seen, event_count
FROM presence
