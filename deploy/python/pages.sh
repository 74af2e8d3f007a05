#!/bin/sh
# Puts manual pages and completions of the program in a wheel into that wheel, from where pip installs them
# below the environment: pages.sh WHEEL PYTHON, where PYTHON has the package `wheel`
set -eu
file=$1 python=$2
here=$(dirname "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$python" -m wheel unpack --dest "$folder" "$file"
unpacked=$(echo "$folder"/mobility-*)
data=$(echo "$unpacked"/mobility-*.data)
chmod 755 "$data/scripts/mobility"
"$here/../install.sh" "$data/scripts/mobility" "$data/data"
# the program is in scripts already
rm -r "$data/data/bin"
"$python" -m wheel pack --dest-dir "$folder" "$unpacked"
mv "$folder/$(basename "$file")" "$file"
