#!/bin/sh
# The first hour with data from elsewhere: German and Spanish headers, days before months, districts in
# degrees. docs/first-hour.md tells it step by step.
#
#   examples/first-hour.sh [FOLDER]
#
# FOLDER (first-hour by default) must not exist. MOBILITY names the program.
set -eu
mobility=${MOBILITY:-mobility}
folder=${1:-first-hour}
mkdir "$folder"
cd "$folder"

step() { printf '\n== %s\n' "$*"; }
run() { printf '\n$ mobility %s\n' "$*"; "$mobility" --progress never "$@" 2>&1; }
# runs a command that is to fail, and looks for words in what it says
fails() {
  words=$1
  shift
  printf '\n$ mobility %s\n' "$*"
  if "$mobility" --progress never "$@" >said 2>&1; then cat said; echo "it did not fail"; exit 1; fi
  cat said
  grep -qF -- "$words" said || { echo "it does not say: $words"; exit 1; }
}
# the number in the only row and column of a query
number() { "$mobility" query --sql "$1" --format csv | tail -n 1; }
# a number of truth.json, which synth writes beside its data
truth() { sed -n "s/^  \"$1\": \([0-9]*\),*\$/\1/p" data/raw/truth.json; }
same() { [ "$1" = "$2" ] || { echo "$3: $1 instead of $2"; exit 1; }; }

mkdir german
cd german
step "German headers, days before months, districts without country codes"
run synth --out data/raw --layout german --events 20000 --users 150 --cells 300 --laus 12 --days 4
head -n 2 data/raw/events/2024-10-01/part-00000.csv

step "What does the program say about it?"
: >pipeline.toml
fails 'no columns "user_id", "cell_id", "timestamp" among Teilnehmer, Zeitpunkt, Funkzelle' check

step "The names of the columns"
cat >pipeline.toml <<'TOML'
[columns]
user_id = "Teilnehmer"
timestamp = "Zeitpunkt"
cell_id = "Funkzelle"
plan_cell_id = "Zelle"
latitude = "Breite"
longitude = "Laenge"
valid_date_start = "gueltig_von"
valid_date_end = "gueltig_bis"
gisco_id = "AGS"
lau_name = "GEN"
TOML
fails 'columns.timestamp_format = "%d-%m-%Y %H:%M:%S"' check

step "The form of the time stamps, and all districts"
cat >>pipeline.toml <<'TOML'
timestamp_format = "%d-%m-%Y %H:%M:%S"

[lau]
countries = []
TOML
run check

step "Everything"
run run-all
run quality
same "$(number 'SELECT SUM(event_count) FROM mobile_events_compressed')" "$(truth events)" "events"

step "Answers"
run query --list
run query users-per-lau --date 2024-10-02 --limit 5
run query --sql 'SELECT lau_match, COUNT(*) AS cells FROM cell_plan GROUP BY lau_match ORDER BY 1'
fails 'did you mean' query --sql 'SELECT lau_nam FROM lau'

step "A view of our own"
mkdir -p sql/views
cat >sql/views/events_per_lau.sql <<'SQL'
-- title: Events per district
-- order: events desc, lau_name
-- chart: table
SELECT c.lau_id, c.lau_name, SUM(c.event_count) AS events
FROM (
  SELECT l.lau_id, l.lau_name, e.event_count
  FROM mobile_events_placed e
  JOIN cell_plan p ON p.cell_id = e.cell_id
  JOIN lau l ON l.lau_id = p.lau_id
) AS c
GROUP BY c.lau_id, c.lau_name
SQL
run views
run query events-per-lau --limit 3

step "A map and a report"
run query users-per-lau --format geojson --output users.geojson
same "$(grep -o '"type":"Feature"' users.geojson | grep -c .)" 12 "districts on the map"
run query users-per-lau --format gpkg --output users.gpkg
run report --output report.html --title "Four days in October"

step "The night on which a date does not arrive"
rm -r data/raw/events/2024-10-03
run run-all
fails '2024-10-03' quality --fail-on critical
cd ..

mkdir spanish
cd spanish
step "Spanish headers, times without seconds, two countries"
run synth --out data/raw --layout spanish --events 20000 --users 150 --cells 300 --laus 12
head -n 2 data/raw/events/2024-10-01/part-00000.csv
cat >pipeline.toml <<'TOML'
[columns]
user_id = "abonado"
timestamp = "fecha_hora"
timestamp_format = "%d/%m/%Y %H:%M"
cell_id = "celda"
latitude = "latitud"
longitude = "longitud"
valid_date_start = "desde"
valid_date_end = "hasta"
gisco_id = "CODIGO"
cntr_code = "PAIS"
lau_name = "NOMBRE"
TOML
fails 'ESP' check
printf '\n[lau]\ncountries = ["ESP"]\n' >>pipeline.toml
run check
run run-all
same "$(number 'SELECT COUNT(*) FROM lau')" 12 "municipalities of ESP"
run query users-per-lau --limit 5
cd ..
step "Done: $folder/german/report.html and $folder/german/users.geojson are for you to open."
