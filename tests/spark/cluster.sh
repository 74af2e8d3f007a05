#!/bin/sh
# A standalone Apache Spark on this machine: a master and two workers, on free ports of 127.0.0.1.
#
#   cluster.sh install            installs Java where it is missing, and Spark below target/spark
#   cluster.sh start DIR OWNER    starts one and prints its URL; it ends when the process OWNER does
#   cluster.sh worker DIR N       starts worker N again
#   cluster.sh kill DIR N         kill -9 of worker N and all that it runs
#   cluster.sh stop DIR
set -eu
export LC_ALL=C.UTF-8

self=$(readlink -f "$0")
home=$(dirname "$self")
spark=$(readlink -f "$home/../..")/target/spark

say() { echo "$*" >&2; }
die() { say "$*"; exit 1; }
usage() { sed -n 's/^#  *\(cluster.sh .*\)/\1/p' "$self" >&2; exit 2; }

install_all() {
  missing=
  command -v java >/dev/null || missing=default-jre-headless
  python3 -c 'import venv, ensurepip' 2>/dev/null || missing="$missing python3-venv"
  if [ -n "$missing" ]; then
    command -v apt-get >/dev/null || die "please install first: Java 17 or newer, Python 3 with venv"
    if [ "$(id -u)" = 0 ]; then sudo=; else sudo="sudo -n"; fi
    $sudo true 2>/dev/null || die "please run first: sudo $self install"
    say "installing $missing"
    said=$($sudo apt-get update -qq 2>&1) || die "$said"
    # shellcheck disable=SC2086
    said=$($sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
      --no-install-recommends -o DPkg::Lock::Timeout=300 $missing 2>&1) || die "$said"
  fi
  if ! cmp -s "$home/requirements.txt" "$spark/requirements.txt"; then
    say "installing Spark below $spark"
    python3 -m venv "$spark"
    "$spark/bin/pip" install -q --disable-pip-version-check -r "$home/requirements.txt"
    # a short path to what the wheel holds
    ln -sfn "$(cd "$spark" && echo lib/python3*/site-packages/pyspark)" "$spark/home"
    cp "$home/requirements.txt" "$spark/requirements.txt"
  fi
  install_connectors
}

# The client for S3 with its dependencies, in one folder.
install_connectors() {
  cmp -s "$home/connectors.txt" "$spark/connectors.txt" && return
  say "installing Spark's client for S3 below $spark"
  rm -rf "$spark/ivy" "$spark/connectors"
  listed() { sed -n "s/^$1 //p" "$home/connectors.txt" | paste -sd, -; }
  said=$(cd "$spark" && SPARK_LOCAL_IP=127.0.0.1 home/bin/spark-sql --master 'local[1]' \
    --conf spark.ui.enabled=false --conf spark.sql.catalogImplementation=in-memory \
    --conf spark.jars.ivy="$spark/ivy" \
    --packages "$(listed package)" --exclude-packages "$(listed exclude)" -e 'SELECT 1' 2>&1) ||
    die "$said"
  mv "$spark/ivy/jars" "$spark/connectors"
  rm -rf "$spark/ivy"
  cp "$home/connectors.txt" "$spark/connectors.txt"
}

# Waits for a line of a log and prints what stands there.
logged() {
  tries=0
  until found=$(grep -om1 "$2" "$1" 2>/dev/null) && [ -n "$found" ]; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || die "$(tail -n 20 "$1")
$1 does not say $2"
    sleep 0.1
  done
  echo "$found"
}

# A process group of its own, so that all that it starts ends with it.
launch() {
  name=$1
  shift
  : >"$dir/$name.log" # what an earlier one said counts no more
  setsid env SPARK_LOCAL_IP=127.0.0.1 SPARK_DAEMON_MEMORY=256m SPARK_NO_DAEMONIZE=1 \
    "$spark/home/bin/spark-class" "$@" >"$dir/$name.log" 2>&1 </dev/null 9>&- &
  echo $! >"$dir/$name.pid"
}

worker() {
  launch "worker$1" org.apache.spark.deploy.worker.Worker --host 127.0.0.1 --webui-port 0 \
    --cores 1 --memory 1g -d "$dir/work$1" "$(cat "$dir/url")"
}

start() {
  [ -x "$spark/home/bin/spark-class" ] || die "no Spark in $spark; run $self install"
  mkdir -p "$dir"
  launch master org.apache.spark.deploy.master.Master --host 127.0.0.1 --port 0 --webui-port 0
  logged "$dir/master.log" 'spark://127\.0\.0\.1:[1-9][0-9]*' >"$dir/url"
  worker 1
  worker 2
  for number in 1 2; do logged "$dir/worker$number.log" 'Successfully registered' >/dev/null; done
  setsid "$self" watch "$dir" "$1" >/dev/null 2>&1 </dev/null &
  cat "$dir/url"
}

stop() {
  [ -e "$dir/master.pid" ] || die "$dir holds no cluster"
  for pid in "$dir"/*.pid; do kill -KILL "-$(cat "$pid")" 2>/dev/null || true; done
  rm -rf "$dir"
}

command=${1:-}
dir=${2:-}
case $command in
  install) install_all ;;
  start | worker | kill | stop | watch)
    [ -n "$dir" ] || usage
    case $command in
      start) start "${3:?}" ;;
      worker) worker "${3:?}" && logged "$dir/worker$3.log" 'Successfully registered' >/dev/null ;;
      kill) kill -KILL "-$(cat "$dir/worker${3:?}.pid")" ;;
      stop) stop ;;
      watch)
        tail --pid="${3:?}" -f /dev/null
        stop
        ;;
    esac
    ;;
  *) usage ;;
esac
