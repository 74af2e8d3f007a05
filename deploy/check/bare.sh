#!/bin/sh
# A bare Debian 12 for checks.
#
#   bare.sh make FOLDER              creates it anew; the base system is cached in FOLDER.base
#   bare.sh run FOLDER COMMAND ...   runs a command in it, with /proc and network
#   bare.sh read-only FOLDER USER WRITABLE COMMAND ...
#                                    the same as a numeric user; only an empty /tmp and the folder
#                                    WRITABLE are writable
set -eu
say() { echo "$*" >&2; }

[ "$(id -u)" = 0 ] || { say "please run this as root: it takes chroot and debootstrap"; exit 1; }
command=$1 folder=$2
shift 2
case $command in
  make)
    base=$folder.base
    if [ ! -e "$base/etc/debian_version" ]; then
      if ! command -v debootstrap >/dev/null; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
          debootstrap debian-archive-keyring >/dev/null
      fi
      rm -rf "$base.new"
      said=$(debootstrap --variant=minbase bookworm "$base.new" 2>&1) || { say "$said"; exit 1; }
      mv "$base.new" "$base"
    fi
    rm -rf "$folder"
    cp -a "$base" "$folder"
    cp /etc/resolv.conf "$folder/etc/resolv.conf"
    ;;
  run)
    # the mounts end with the command
    exec unshare --mount sh -ec '
      folder=$1; shift
      mount -t proc proc "$folder/proc"
      exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        chroot "$folder" "$@"' sh "$folder" "$@"
    ;;
  read-only)
    exec unshare --mount sh -ec '
      folder=$1 user=$2 writable=$3; shift 3
      mount --bind "$folder" "$folder"
      mount --bind "$folder$writable" "$folder$writable"
      mount -t proc proc "$folder/proc"
      mount -t tmpfs tmpfs "$folder/tmp"
      mount -o remount,bind,ro "$folder"
      exec env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME="$writable" $ENVIRONMENT \
        chroot "$folder" setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs \
        env --chdir "$writable" "$@"' sh "$folder" "$@"
    ;;
  *) sed -n 's/^#  *\(bare.sh .*\)/\1/p' "$0" >&2; exit 2 ;;
esac
