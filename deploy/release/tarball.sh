#!/bin/sh
# Makes a tarball from a wheel with manual pages, whose program needs nothing but glibc and libstdc++, and
# puts the wheel's bill of materials beside it: tarball.sh WHEEL FOLDER
set -eu
wheel=$1 out=$2
here=$(dirname "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m zipfile -e "$wheel" "$folder/wheel"
# mobility-0.1.0-py3-none-manylinux_2_28_x86_64
name=$(basename "$wheel" .whl)
version=$(echo "$name" | cut -d- -f2)
platform=$(echo "$name" | cut -d- -f5 | tr . '\n' | tail -n 1)
target=mobility-$version-${platform#manylinux_*_*_}-linux-gnu
data=$folder/wheel/mobility-$version.data
install -D -m 755 "$data/scripts/mobility" "$folder/$target/bin/mobility"
mkdir "$folder/$target/share"
cp -R "$data/data/share/." "$folder/$target/share/"
install -d "$folder/$target/share/doc/mobility"
install -m 644 "$here/../../LICENSE" "$here/../../README.md" "$here/../../CHANGELOG.md" \
  "$here/../../pipeline.toml" "$folder/$target/share/doc/mobility/"
mkdir -p "$out"
# the same bytes for the same files
tar --create --gzip --file "$out/$target.tar.gz" --directory "$folder" --sort=name --owner=0 --group=0 \
  --numeric-owner --mtime="@${SOURCE_DATE_EPOCH:-0}" "$target"
cp "$folder/wheel/mobility-$version.dist-info/sboms/mobility.cyclonedx.json" "$out/$target.cdx.json"
