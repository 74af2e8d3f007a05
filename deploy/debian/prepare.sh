#!/bin/sh
# Prepares the files of the Debian package other than the program: prepare.sh PROGRAM FOLDER
set -eu
program=$1 folder=$2
here=$(dirname "$0")
rm -rf "$folder"
mkdir -p "$folder"
"$program" man --out "$folder/man"
for shell in bash zsh fish; do "$program" completions $shell >"$folder/mobility.$shell"; done

version=$("$program" --version | cut -d' ' -f2)
maintainer=$(sed -n 's/^maintainer = "\(.*\)"/\1/p' "$here/../../Cargo.toml")
# the time of the last commit, so that builds are reproducible
time=${SOURCE_DATE_EPOCH:-$(stat -c %Y "$here/../../CHANGELOG.md")}
cat >"$folder/changelog" <<END
mobility ($version-1) unstable; urgency=medium

  * See changelog.gz.

 -- $maintainer  $(LC_ALL=C date -u -R -d "@$time")
END
