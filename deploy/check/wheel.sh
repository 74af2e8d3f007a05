#!/bin/sh
# Checks a wheel: that it takes nothing of the system but glibc and libstdc++, and its life on a bare
# Debian 12 from installation to removal. wheel.sh FILE.whl FOLDER PYTHON, where PYTHON has auditwheel
set -eu
wheel=$1 folder=$2 python=$3
here=$(dirname "$0")
say() { echo "check-wheel: $*" >&2; }
die() { say "$*"; exit 1; }

# the oldest policy that the wheel meets is the one in its name
policy=$(basename "$wheel" .whl | grep -o 'manylinux_[0-9_]*[0-9]' | head -n 1)
[ -n "$policy" ] || die "$wheel is not for manylinux"
"$python" -m auditwheel show "$wheel" | tr '\n' ' ' | grep -q "consistent with the following platform tag: \"$policy" ||
  die "auditwheel does not confirm $policy: $("$python" -m auditwheel show "$wheel")"
say "auditwheel confirms $policy"

"$here/bare.sh" make "$folder"
bare() { "$here/bare.sh" run "$folder" "$@"; }
bare sh -ec 'apt-get update -qq; apt-get install -y -qq --no-install-recommends python3-venv' \
  >"$folder.log" 2>&1 || { tail -n 20 "$folder.log" >&2; die "python3-venv cannot be installed"; }
cp "$wheel" "$folder/tmp/"
file=/tmp/$(basename "$wheel")
bare python3 -m venv /venv
bare /venv/bin/pip install -q --no-index "$file"
version=$(bare /venv/bin/mobility --version)
[ "$version" = "mobility $(basename "$wheel" | cut -d- -f2)" ] || die "it says $version"
[ "$(bare /venv/bin/python -m mobility --version)" = "$version" ] || die "python -m mobility is another program"
for path in man/man1/mobility.1 man/man1/mobility-run-all.1 bash-completion/completions/mobility; do
  [ -s "$folder/venv/share/$path" ] || die "it lacks share/$path"
done
say "installed on a bare Debian $(cat "$folder/etc/debian_version") without an index: $version"

as_user() { bare setpriv --reuid 1000 --regid 1000 --clear-groups env --chdir /work HOME=/work "$@"; }
bare install -d -o 1000 -g 1000 /work
as_user /venv/bin/mobility synth --quiet --out data/raw --events 50000 --cells 300 --laus 12
as_user /venv/bin/mobility run-all --quiet
rows=$(as_user /venv/bin/mobility query users-per-lau-day-night --format csv | wc -l)
[ "$rows" = 13 ] || die "12 LAUs and a header line are 13 lines, not $rows"
said=$(as_user /venv/bin/python -c 'import mobility; mobility.query("users-per-lau")' 2>&1) &&
  die "mobility.query works without pyarrow"
echo "$said" | grep -q 'pip install pyarrow' || die "without pyarrow it says $said"
# fetched outside, where pip is configured, for the Python of Debian 12
"$python" -m pip download -q --disable-pip-version-check --only-binary :all: --python-version 3.11 \
  --platform "manylinux_2_28_$(uname -m)" --dest "$folder/packages" 'pyarrow>=14'
bare /venv/bin/pip install -q --no-index --find-links /packages "$file[arrow]"
events=$(as_user /venv/bin/python -c 'import mobility
print(sum(mobility.query("number-of-events-per-hour")["event_count"].to_pylist()))')
[ "$events" = 50000 ] || die "$events events instead of 50000"
say "synth, run-all, query and the Python module work there"

bare /venv/bin/pip uninstall -q -y mobility
left=$(find "$folder/venv" -name '*mobility*')
[ -z "$left" ] || die "pip leaves $left"
say "pip removes it completely"
rm -rf "$folder" "$folder.log"
