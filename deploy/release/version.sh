#!/bin/sh
# Checks that a tag fits the version in Cargo.toml and a heading in CHANGELOG.md, and prints the text below
# that heading, the notes of the release: version.sh vVERSION
set -eu
cd "$(dirname "$0")/../.."
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
[ "$1" = "v$version" ] || { echo "the tag $1 does not fit version $version in Cargo.toml" >&2; exit 1; }
notes=$(awk -v heading="## $version" '
  index($0, "## ") == 1 { inside = $0 == heading || index($0, heading " ") == 1; next }
  inside' CHANGELOG.md)
[ -n "$notes" ] || { echo "CHANGELOG.md has no heading \"## $version\" with a text" >&2; exit 1; }
echo "$notes"
