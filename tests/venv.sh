#!/bin/sh
# Makes or updates a Python environment: venv.sh FOLDER REQUIREMENTS [CONSTRAINTS]
set -eu
folder=$1 requirements=$2 constraints=${3:-/dev/null}
wanted=$(cat "$requirements" "$constraints")
if [ "$(cat "$folder/ready" 2>/dev/null)" = "$wanted" ]; then exit 0; fi
if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
  if [ "$(id -u)" = 0 ]; then sudo=; else sudo="sudo -n"; fi
  $sudo true 2>/dev/null || { echo "please install first: python3-venv" >&2; exit 1; }
  echo "installing python3-venv" >&2
  $sudo apt-get update -qq
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o DPkg::Lock::Timeout=300 python3-venv >/dev/null
fi
python3 -m venv --clear "$folder"
"$folder/bin/pip" install -q --disable-pip-version-check --no-compile -r "$requirements" -c "$constraints" >&2
echo "$wanted" >"$folder/ready"
