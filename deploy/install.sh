#!/bin/sh
# Installs a program with its manual pages and completions below a prefix, or removes them:
#   install.sh PROGRAM PREFIX
#   install.sh --remove PREFIX
set -eu

prefix=$2
completions="bash-completion/completions/mobility zsh/site-functions/_mobility fish/vendor_completions.d/mobility.fish"

if [ "$1" = --remove ]; then
  rm -f "$prefix/bin/mobility" "$prefix"/share/man/man1/mobility.1 "$prefix"/share/man/man1/mobility-*.1
  for file in $completions; do rm -f "$prefix/share/$file"; done
  exit
fi

pages=$(mktemp -d)
trap 'rm -rf "$pages"' EXIT
"$1" man --out "$pages"
install -d "$prefix/bin" "$prefix/share/man/man1"
install -m 755 "$1" "$prefix/bin/mobility"
install -m 644 "$pages"/*.1 "$prefix/share/man/man1/"
for file in $completions; do
  install -d "$prefix/share/${file%/*}"
  "$1" completions "${file%%[-/]*}" >"$pages/completion"
  install -m 644 "$pages/completion" "$prefix/share/$file"
done
