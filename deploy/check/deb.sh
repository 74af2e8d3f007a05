#!/bin/sh
# Checks a Debian package: its contents, lintian, and its life on a bare Debian 12 from installation to
# purge. deb.sh FILE.deb FOLDER
set -eu
deb=$1 folder=$2
here=$(dirname "$0")
say() { echo "check-deb: $*" >&2; }
die() { say "$*"; exit 1; }

contents=$(dpkg-deb --contents "$deb")
for path in usr/bin/mobility etc/mobility/pipeline.toml etc/mobility/environment \
  usr/lib/systemd/system/mobility-run.service usr/lib/systemd/system/mobility-run.timer \
  usr/lib/systemd/system/mobility-serve.service \
  usr/share/man/man1/mobility.1.gz usr/share/man/man1/mobility-run-all.1.gz \
  usr/share/bash-completion/completions/mobility usr/share/zsh/vendor-completions/_mobility \
  usr/share/fish/vendor_completions.d/mobility.fish usr/share/doc/mobility/copyright \
  usr/share/doc/mobility/examples/sql/views/view_users_per_lau_day_night.sql; do
  echo "$contents" | grep -q " ./$path$" || die "$deb lacks $path"
done
units=$(echo "$contents" | grep -c 'systemd/system/.')
[ "$units" = 3 ] || die "$units systemd units instead of 3"
say "its files are there"

if ! command -v lintian >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends lintian >/dev/null
fi
lintian --allow-root --fail-on error,warning "$deb"
say "lintian has nothing against it"

"$here/bare.sh" make "$folder"
bare() { "$here/bare.sh" run "$folder" "$@"; }
cp "$deb" "$folder/tmp/mobility.deb"
bare sh -ec 'apt-get update -qq; apt-get install -y -qq --no-install-recommends /tmp/mobility.deb' \
  >"$folder.log" 2>&1 || { tail -n 20 "$folder.log" >&2; die "it cannot be installed"; }
version=$(bare mobility --version)
[ "$version" = "mobility $(dpkg-deb --field "$deb" Version | sed 's/-[^-]*$//')" ] || die "it says $version"
say "installed on a bare Debian $(cat "$folder/etc/debian_version"): $version"

rights=$(bare stat -c '%a %U:%G' /etc/mobility/environment)
[ "$rights" = "600 root:root" ] || die "/etc/mobility/environment has the rights $rights"
# as an earlier version of the package left it
bare sh -ec 'chmod 640 /etc/mobility/environment; chgrp mobility /etc/mobility/environment
  apt-get install -y -qq --reinstall --no-install-recommends /tmp/mobility.deb' >>"$folder.log" 2>&1 ||
  die "it cannot be installed again"
rights=$(bare stat -c '%a %U:%G' /etc/mobility/environment)
[ "$rights" = "600 root:root" ] || die "after an upgrade /etc/mobility/environment has the rights $rights"
say "secrets are readable for root alone"

# like the unit: with its user, its folder, and the link to the configuration in /etc
as_mobility() {
  bare setpriv --reuid mobility --regid mobility --init-groups env --chdir /var/lib/mobility "$@"
}
as_mobility mobility synth --quiet --out data/raw --events 50000 --cells 300 --laus 12
as_mobility mobility run-all --quiet
rows=$(as_mobility mobility query users-per-lau-day-night --format csv | wc -l)
[ "$rows" = 13 ] || die "12 LAUs and a header line are 13 lines, not $rows"
events=$(as_mobility mobility query --format csv \
  --sql "SELECT CAST(SUM(event_count) AS BIGINT) AS events FROM agg_events_per_hour" | tail -n 1)
[ "$events" = 50000 ] || die "$events events instead of 50000"
say "synth, run-all and query work there, as the user mobility"

if command -v systemd-nspawn >/dev/null; then
  "$here/units.sh" "$folder"
  say "the units work under systemd: timer, run, server"
else
  say "without systemd-nspawn (package systemd-container) the units are not started"
fi

bare apt-get purge -y -qq mobility >>"$folder.log" 2>&1 || die "it cannot be removed"
[ ! -e "$folder/usr/bin/mobility" ] && [ ! -e "$folder/etc/mobility" ] || die "purge leaves files"
[ -e "$folder/var/lib/mobility/data/raw" ] || die "purge takes the data"
say "purge takes all but the data"
rm -rf "$folder" "$folder.log"
