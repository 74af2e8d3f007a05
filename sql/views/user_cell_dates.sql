-- name: user-cell-dates
-- view: user_cell_dates
-- title: Dates per user and cell
-- description: Number of dates on which each user was seen at each cell, over the whole period.
-- order: user_id, cell_id
-- by: date
-- accumulate: dates
-- chart: table
-- single_users: yes
SELECT user_id, cell_id, COUNT(DISTINCT date) AS dates
FROM mobile_events_compressed
GROUP BY user_id, cell_id
