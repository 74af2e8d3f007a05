#!/bin/sh
# Checks that QGIS and R read what the program writes: check.sh PROGRAM FOLDER. As root, it installs both.
set -eu
program=$(readlink -f "$1") folder=$2
here=$(cd "$(dirname "$0")" && pwd)
sources=$here/../..
if ! command -v Rscript >/dev/null || ! /usr/bin/python3 -c 'import qgis.core' 2>/dev/null; then
  [ "$(id -u)" = 0 ] || { echo "please install first: r-base-core python3-qgis" >&2; exit 1; }
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    r-base-core python3-qgis qgis-providers >/dev/null
fi
rm -rf "$folder"
mkdir -p "$folder"
cp -R "$sources/fixtures/mini" "$folder/raw"
# the environment of the user has no say
run() { (cd "$folder" && env -i PATH="$PATH" "$program" --quiet "$@"); }
cat >"$folder/pipeline.toml" <<'TOML'
[data]
events = "raw/events"
cells = "raw/cells"
lau = "raw/lau"
processed = "processed"
[warehouse]
url = "embedded:warehouse"
TOML
run run-all
run query users-per-lau --output users.gpkg
run query users-per-lau --date 2024-10-01 --output users.geojson
run query cell_plan --output cells.gpkg
for view in users-per-lau number-of-events-per-hour; do
  for ending in csv tsv csv.gz; do run query "$view" --output "$view.$ending"; done
done
QT_QPA_PLATFORM=offscreen PYTHONDONTWRITEBYTECODE=1 \
  /usr/bin/python3 "$here/qgis_layers.py" "$folder" "$sources/fixtures/expected"
Rscript --vanilla "$here/tables.R" "$folder" "$sources/fixtures/expected"
rm -rf "$folder"
