-- name: devices-per-night
-- view: devices_per_night
-- title: Devices with a night place per night
-- description: Number of devices that have a night place. For the views about people, which take the nights from here.
-- order: night
-- by: date
-- period: night
-- chart: line night devices
-- counts: devices
-- keys: night
-- linked: devices in users_per_week.user_count by week_of_night(night) as week; devices in users_per_month.user_count by month_of_night(night) as month
SELECT night, COUNT(*) AS devices
FROM night_places
GROUP BY night
