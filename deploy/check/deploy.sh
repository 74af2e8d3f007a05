#!/bin/sh
# Checks each deployment file with a tool for its format: deploy.sh PROGRAM VENV FOLDER
# VENV contains the packages of deploy/check/requirements.txt.
set -eu
program=$(readlink -f "$1") venv=$(readlink -f "$2") folder=$3
cd "$(dirname "$0")/../.."
rm -rf "$folder"
mkdir -p "$folder"
folder=$(readlink -f "$folder")
export PATH="$venv/bin:$PATH" PYTHONDONTWRITEBYTECODE=1
say() { echo "check-deploy: $*" >&2; }
die() { say "$*"; exit 1; }

check-jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.yml
check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
say "docker-compose.yml and the workflow fit their schemas"
if docker compose version >/dev/null 2>&1; then
  POSTGIS_PASSWORD=x SERVE_POSTGIS_PASSWORD=y docker compose config --quiet
  for variable in POSTGIS_PASSWORD=x SERVE_POSTGIS_PASSWORD=y; do
    if env "$variable" docker compose config --quiet 2>/dev/null; then die "compose does without a password"; fi
  done
  say "docker compose config reads it"
elif command -v docker-compose >/dev/null; then
  # the first generation knows all but the name
  grep -v '^name:' docker-compose.yml >"$folder/compose.yml"
  POSTGIS_PASSWORD=x SERVE_POSTGIS_PASSWORD=y docker-compose -f "$folder/compose.yml" config --quiet
  for variable in POSTGIS_PASSWORD=x SERVE_POSTGIS_PASSWORD=y; do
    if env "$variable" docker-compose -f "$folder/compose.yml" config --quiet 2>/dev/null; then
      die "compose does without a password"
    fi
  done
  say "docker-compose config reads it"
else
  say "no Docker client with compose here: its schema has to do"
fi

kubernetes-validate --strict --quiet deploy/kubernetes/*.yaml
image="image: mobility:$("$program" --version | cut -d' ' -f2)"
if grep -E '^ *(- )?image:' deploy/kubernetes/*.yaml | grep -v "$image$"; then die "not $image"; fi
say "deploy/kubernetes fits the schemas of Kubernetes"

if ! command -v systemd-analyze >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends systemd >/dev/null
fi
units=$folder/units
mkdir "$units"
for unit in deploy/systemd/*.service deploy/systemd/*.timer; do
  sed "s|/usr/bin/mobility|$program|" "$unit" >"$units/${unit##*/}"
done
# unknown keys are only reported as warnings
said=$(systemd-analyze --man=no verify "$units"/* 2>&1) || die "$said"
if echo "$said" | grep -q mobility; then die "$said"; fi
for unit in run serve; do
  systemd-analyze security --offline=true --threshold=20 "$units/mobility-$unit.service" \
    >"$folder/security" 2>&1 || { cat "$folder/security" >&2; die "mobility-$unit.service is too open"; }
done
say "systemd verifies the units and finds them closed"

mkdir "$folder/bin" "$folder/run"
ln -s "$program" "$folder/bin/mobility"
cp -r fixtures/mini "$folder/run/raw"
printf '[data]\nevents = "raw/events"\ncells = "raw/cells"\nlau = "raw/lau"\n' >"$folder/run/pipeline.toml"
(
  export PATH="$folder/bin:$PATH" AIRFLOW_HOME="$folder/airflow" AIRFLOW__CORE__LOAD_EXAMPLES=False
  export AIRFLOW__CORE__DAGS_FOLDER="$PWD/deploy/airflow" AIRFLOW_VAR_MOBILITY_HOME="$folder/run"
  airflow db migrate >"$folder/airflow.log" 2>&1 || { tail -n 20 "$folder/airflow.log"; exit 1; }
  python deploy/check/dag.py "$folder/run" fixtures/expected/view_users_per_lau_day_night.csv \
    2>"$folder/dag.log" >&2 || { tail -n 40 "$folder/dag.log"; exit 1; }
) >&2
say "Airflow parses the DAG, runs it, and the answer is right"

python deploy/check/image.py "$program" "${folder%/*}/bare"
rm -rf "$folder"
