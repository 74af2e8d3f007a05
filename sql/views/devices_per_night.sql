-- name: devices-per-night
-- view: devices_per_night
-- title: Devices with a night place per night
-- description: Number of devices that have a night place. For the views about people, which take the nights from here.
-- order: night
-- by: date
-- period: night
-- chart: line night devices
SELECT night, COUNT(*) AS devices
FROM night_places
GROUP BY night
