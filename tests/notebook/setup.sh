#!/bin/sh
# Makes or updates the Python environment of examples/analysis.ipynb: setup.sh FOLDER
set -eu
requirements=$(dirname "$0")/../../examples/requirements.txt
if cmp -s "$requirements" "$1/ready"; then exit 0; fi
if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
  if [ "$(id -u)" = 0 ]; then sudo=; else sudo="sudo -n"; fi
  $sudo true 2>/dev/null || { echo "please install first: python3-venv" >&2; exit 1; }
  echo "installing python3-venv" >&2
  $sudo apt-get update -qq
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o DPkg::Lock::Timeout=300 python3-venv >/dev/null
fi
python3 -m venv --clear "$1"
"$1/bin/pip" install -q --disable-pip-version-check --no-compile -r "$requirements" >&2
cp "$requirements" "$1/ready"
