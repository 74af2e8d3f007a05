#!/bin/sh
# A private PostgreSQL with PostGIS in a folder of its own, for development and tests.
#
#   cluster.sh start DIR [--owner PID] [--port PORT] [--throwaway]
#                        makes it where absent, starts it, prints its URL; when the process PID
#                        ends, it is stopped and DIR removed; --throwaway: faster, no fsync
#   cluster.sh url DIR   prints the URL of one that runs
#   cluster.sh pooler DIR MODE
#                        starts a pgbouncer before it, in the pool mode MODE, and prints its URL
#   cluster.sh stop DIR
#   cluster.sh kill DIR  kill -9, as in a power cut
#   cluster.sh install   installs the packages where they are missing, and Chromium, which the
#                        tests of the dashboard take
#
# DIR/server.crt is the certificate for sslrootcert. postgresql.conf is written at each start;
# what ALTER SYSTEM sets stays.
set -eu
export LC_ALL=C.UTF-8
# PGSERVICE, PGOPTIONS and the like would reach psql and the server
for name in $(env | sed -n 's/^\(PG[A-Z]*\)=.*/\1/p'); do unset "$name"; done

self=$(readlink -f "$0")

say() { echo "$*" >&2; }
die() { say "$*"; exit 1; }
usage() { sed -n 's/^#  *\(cluster.sh .*\)/\1/p' "$self" >&2; exit 2; }
is_root() { [ "$(id -u)" = 0 ]; }

# Sets bin: the newest PostgreSQL that has PostGIS, or that of version $1.
find_bin() {
  bin=
  for initdb in $(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -V); do
    version=${initdb#/usr/lib/postgresql/} && version=${version%%/*}
    [ -x "$initdb" ] || continue
    [ -e "/usr/share/postgresql/$version/extension/postgis.control" ] || continue
    bin=${initdb%/initdb}
    [ "$version" != "${1:-}" ] || break
  done
  [ -z "$bin" ] || return 0
  initdb=$(command -v initdb || echo "$(pg_config --bindir 2>/dev/null)/initdb")
  bin=${initdb%/*}
  share=$(pg_config --sharedir 2>/dev/null || echo /usr/share/pgsql)
  [ -x "$initdb" ] && [ -e "$share/extension/postgis.control" ]
}

# The browser of the dashboard's tests.
has_browser() {
  for name in chromium chromium-browser google-chrome google-chrome-stable; do
    if "$name" --version >/dev/null 2>&1; then return 0; fi
  done
  return 1
}

# The connection pooler of the tests.
find_pgbouncer() {
  pgbouncer=$(command -v pgbouncer || echo /usr/sbin/pgbouncer)
  [ -x "$pgbouncer" ]
}

install_packages() {
  missing=
  find_bin || missing=postgresql-postgis
  command -v openssl >/dev/null || missing="$missing openssl"
  find_pgbouncer || missing="$missing pgbouncer"
  has_browser || missing="$missing chromium"
  # a test of the storage traces system calls
  command -v strace >/dev/null || missing="$missing strace"
  [ -n "$missing" ] || return 0
  command -v apt-get >/dev/null || die "please install first: PostgreSQL, PostGIS, openssl, pgbouncer, Chromium, strace"
  if is_root; then sudo=; else sudo="sudo -n"; fi
  $sudo true 2>/dev/null || die "please run first: sudo $self install"
  say "installing $missing"
  (
    # or Debian makes and starts a cluster of its own on port 5432
    no_main=/etc/postgresql-common/createcluster.d/mobility.conf
    trap '$sudo rm -f $no_main' EXIT
    trap 'exit 1' HUP INT TERM
    $sudo mkdir -p "${no_main%/*}"
    echo 'create_main_cluster = false' | $sudo tee $no_main >/dev/null
    said=$($sudo apt-get update -qq 2>&1) || die "$said"
    # shellcheck disable=SC2086
    said=$($sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
      --no-install-recommends -o DPkg::Lock::Timeout=300 $missing 2>&1) || die "$said"
    case $missing in
      # or Debian runs one on port 6432
      *pgbouncer*) $sudo systemctl disable --now pgbouncer >/dev/null 2>&1 || true ;;
    esac
  )
  find_bin || die "PostGIS is still missing after the installation of $missing"
  find_pgbouncer || die "pgbouncer is still missing after the installation of $missing"
  has_browser || die "Chromium is still missing after the installation of $missing"
}

# Sets dir, data and base, the folder that data lies in, and user, who runs the server.
locate() {
  dir=$(cd -P -- "$1" && pwd) || exit 1
  data=$(readlink -f "$dir/data")
  base=${data%/*}
  user=postgres # it does not run as root
  if is_root && [ -d "$data" ]; then user=$(stat -c %U "$data"); fi
  cd / # the server's user may not be allowed where the caller is
}

as_server() {
  if is_root; then runuser -u "$user" -- "$@"; else "$@"; fi
}

# Another process may have got the number of a server that died, or nobody reaped it: the folder tells.
running() {
  pid=$(head -n 1 "$data/postmaster.pid" 2>/dev/null) &&
    [ "$(as_server readlink "/proc/$pid/cwd")" = "$data" ]
}

pg_ctl() {
  find_bin "$(cat "$data/PG_VERSION")"
  as_server "$bin/pg_ctl" -s -w -t 600 -D "$data" "$@" 9>&-
}

lock() {
  exec 9<"$dir"
  flock 9
}

print_url() {
  echo "postgres://postgres:$(cat "$dir/password")@127.0.0.1:$(cat "$dir/port")/mobility"
}

# Below the range that outgoing connections take theirs from, above 5432.
random_port() {
  echo $((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000))
}

prepare_dir() {
  [ -e "$dir/password" ] || [ -z "$(ls -A "$dir")" ] || die "$dir holds other files"
  chmod 700 "$dir"
  [ -s "$dir/password" ] || od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$dir/password"
  chmod 600 "$dir/password"
  case $(cat "$dir/password") in
    *[!A-Za-z0-9._~-]*) die "$dir/password: please only letters, digits and . _ ~ -" ;;
  esac
  if ! is_root || [ -e "$data" ]; then return; fi
  if as_server test -x "${dir%/*}/"; then
    chown "$user" "$dir"
  else
    # as in /root, which is closed to the server's user: data and log move to that user's home
    base=$(getent passwd "$user" | cut -d: -f6)/mobility-$(printf %s "$dir" | cksum | cut -d' ' -f1)
    data=$base/data
    if running; then pg_ctl stop -m immediate; fi
    rm -rf "$base"
    as_server mkdir -p "$base"
    ln -sfn "$base/data" "$dir/data"
    ln -sfn "$base/log" "$dir/log"
    say "$user may not enter ${dir%/*}: the data is in $base"
  fi
}

make_data() {
  new=$base/data.new # becomes data only when complete
  as_server rm -rf "$new"
  as_server tee "$base/password.new" <"$dir/password" >/dev/null
  as_server "$bin/initdb" -D "$new" -U postgres -E UTF8 --locale=C.UTF-8 $nosync \
    --auth-local=trust --auth-host=scram-sha-256 --pwfile="$base/password.new" >/dev/null
  as_server rm "$base/password.new"
  as_server openssl req -x509 -days 3650 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
    -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
    -keyout "$new/server.key" -out "$new/server.crt" 2>/dev/null
  as_server mv "$new" "$data"
}

write_settings() {
  memory=$(awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo)
  shared=$((memory / 4 < 1024 ? memory / 4 : 1024))
  # a container often has 64 MB there, too little for parallel queries
  shm=$(df -Pm /dev/shm 2>/dev/null | awk 'NR == 2 { print $2 }')
  if [ "${shm:-0}" -ge 1024 ] && as_server test -w /dev/shm; then shm=posix; else shm=mmap; fi
  socket=$(printf %s "$base" | sed "s/'/''/g")
  [ "$(printf %s "$base/.s.PGSQL.00000" | wc -c)" -le 107 ] || socket= # longer ones are refused
  as_server tee "$data/postgresql.conf" >/dev/null <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = '${socket:+\"$socket\"}'
unix_socket_permissions = 0700
max_connections = 50
password_encryption = 'scram-sha-256'
ssl = on
shared_buffers = ${shared}MB
effective_cache_size = $((memory / 2))MB
work_mem = 64MB
maintenance_work_mem = 256MB
dynamic_shared_memory_type = $shm
random_page_cost = 1.1
wal_level = minimal
max_wal_senders = 0
max_wal_size = 4GB
checkpoint_timeout = 15min
fsync = $fsync
full_page_writes = $fsync
log_line_prefix = '%m [%p] '
log_timezone = 'UTC'
timezone = 'UTC'
CONF
}

launch() {
  pid=$(head -n 1 "$data/postmaster.pid" 2>/dev/null) || pid=
  # PostgreSQL would take the process that now has this number for a server on its data
  if [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null; then rm -f "$data/postmaster.pid"; fi
  pg_ctl start -l "$base/log" -o "-p $port" >/dev/null 2>&1
}

make_database() {
  PGPASSWORD=$(cat "$dir/password") "$bin/psql" -qAtX -v ON_ERROR_STOP=1 \
    "host=127.0.0.1 port=$port user=postgres dbname=postgres" >/dev/null <<'SQL'
SET client_min_messages = warning;
SELECT 'CREATE DATABASE mobility' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'mobility') \gexec
\connect mobility
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS postgis;
SQL
}

start() {
  place=$1
  shift
  owner='' fixed='' fsync=on nosync=''
  while [ $# -gt 0 ]; do
    case $1 in
      --owner) owner=${2:?} && shift 2 ;;
      --port) fixed=${2:?} && shift 2 ;;
      --throwaway) fsync=off nosync=--no-sync && shift ;;
      *) usage ;;
    esac
  done
  install_packages
  mkdir -p -- "$place"
  locate "$place"
  umask 077
  lock
  # the watcher of an earlier owner may have removed the folder meanwhile
  until [ "$(stat -Lc %i /proc/self/fd/9)" = "$(stat -c %i "$dir" 2>/dev/null)" ]; do
    mkdir -p "$dir"
    lock
  done
  locate "$dir"
  prepare_dir
  if [ -n "$owner" ] && [ "$(cat "$dir/owner" 2>/dev/null)" != "$owner" ]; then
    echo "$owner" >"$dir/owner"
    setsid sh "$self" watch "$dir" "$owner" </dev/null >/dev/null 2>&1 9>&- &
  fi
  if running; then
    port=$(cat "$dir/port")
    [ "${fixed:-$port}" = "$port" ] || say "it already runs on port $port"
  else
    [ -e "$data/PG_VERSION" ] || make_data
    write_settings
    port=${fixed:-$(cat "$dir/port" 2>/dev/null || random_port)}
    tries=1
    until launch; do
      if [ -n "$fixed" ] || [ $tries = 20 ] || ! tail -n 10 "$base/log" | grep -q 'could not bind'; then
        tail -n 20 "$base/log" >&2
        die "PostgreSQL did not start, see $base/log"
      fi
      port=$(random_port)
      tries=$((tries + 1))
    done
    echo "$port" >"$dir/port"
    cat "$data/server.crt" >"$dir/server.crt"
  fi
  make_database
  print_url
}

# Starts a pgbouncer in the pool mode $1, unless one runs.
start_pooler() {
  running || die "the server does not run"
  find_pgbouncer || die "pgbouncer is missing: run $self install"
  settings=$base/pgbouncer-$1.ini
  if ! as_server test -e "$settings"; then
    tries=1
    until start_pooler_on "$(random_port)" "$1"; do
      [ $tries -lt 20 ] || die "pgbouncer did not start, see $base/pgbouncer-$1.log"
      tries=$((tries + 1))
    done
  fi
  port=$(as_server sed -n 's/^listen_port = //p' "$settings")
  echo "postgres://postgres@127.0.0.1:$port/mobility"
}

start_pooler_on() {
  as_server tee "$settings" >/dev/null <<CONF
[databases]
mobility = host=127.0.0.1 port=$(cat "$dir/port") user=postgres password=$(cat "$dir/password")
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $1
unix_socket_dir =
auth_type = any
pool_mode = $2
logfile = $base/pgbouncer-$2.log
pidfile = $base/pgbouncer-$2.pid
CONF
  as_server "$pgbouncer" -q -d "$settings" >/dev/null 2>&1 9>&-
}

stop_poolers() {
  for file in $(as_server find "$base" -maxdepth 1 -name 'pgbouncer-*.pid'); do
    as_server kill "$(as_server cat "$file")" || true
  done
}

stop() {
  if running; then pg_ctl stop -m "$1"; else say "it does not run"; fi
}

kill_all() {
  running || die "it does not run"
  kill -STOP "$pid" # or it would start new children
  children=$(cat /proc/[0-9]*/stat 2>/dev/null | awk -v parent="$pid" '$4 == parent { print $1 }')
  # shellcheck disable=SC2086
  kill -KILL "$pid" $children || true
  for process in $pid $children; do
    # one that nobody reaps stays as a zombie
    while grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$process/status"; do sleep 0.1; done
  done
}

watch() {
  tail --pid="$1" -f /dev/null
  lock
  locate "$dir"
  [ "$(cat "$dir/owner")" = "$1" ] || return 0
  stop_poolers
  stop immediate
  [ "$base" = "$dir" ] || rm -rf "$base"
  rm -rf "$dir"
}

command=${1:-}
shift $(($# > 0))
case $command in
  install) install_packages ;;
  start)
    [ $# -gt 0 ] || usage
    start "$@"
    ;;
  stop | kill | url | pooler | watch)
    [ $# -gt 0 ] || usage
    [ -d "$1" ] || die "$1 does not exist"
    locate "$1"
    case $command in
      stop) lock && stop fast ;;
      kill) kill_all ;;
      pooler) lock && start_pooler "${2:?}" ;;
      url) running || die "it does not run" && print_url ;;
      watch) watch "$2" ;;
    esac
    ;;
  *) usage ;;
esac
