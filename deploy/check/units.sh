#!/bin/sh
# Boots a bare Debian with the package and data, and starts the units: units.sh FOLDER
set -eu
folder=$1
"$(dirname "$0")/bare.sh" run "$folder" apt-get install -y -qq --no-install-recommends systemd-sysv \
  >"$folder.log" 2>&1 || { tail -n 20 "$folder.log" >&2; exit 1; }

cat >"$folder/usr/local/sbin/try-units" <<'TRY'
#!/bin/bash
exec >/result 2>&1
systemctl enable --now mobility-run.timer mobility-serve.service
echo "timer: $(systemctl is-active mobility-run.timer)"
systemctl start mobility-run.service
echo "run: $(systemctl show --property Result --value mobility-run.service)"
ask() {
  exec 3<>/dev/tcp/127.0.0.1/5000 &&
    printf 'GET /users-per-lau-day-night?format=csv HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3 && cat <&3
}
until ask >/answer 2>/dev/null; do sleep 0.1; done
echo "LAUs: $(grep -c ,EE_ /answer)"
systemctl stop mobility-serve.service
echo "serve: $(systemctl show --property Result --value mobility-serve.service)"
journalctl --no-pager --unit 'mobility-*'
TRY
chmod 755 "$folder/usr/local/sbin/try-units"
cat >"$folder/etc/systemd/system/try-units.service" <<'UNIT'
[Unit]
SuccessAction=poweroff-immediate
FailureAction=poweroff-immediate
[Service]
Type=oneshot
TimeoutStartSec=90
ExecStart=/usr/local/sbin/try-units
UNIT
ln -sf ../try-units.service "$folder/etc/systemd/system/multi-user.target.wants/"
timeout 180 systemd-nspawn --directory "$folder" --boot --register=no --keep-unit --private-network \
  >"$folder.boot" 2>&1 || { tail -n 30 "$folder.boot" >&2; exit 1; }
for line in 'timer: active' 'run: success' 'LAUs: 12' 'serve: success'; do
  grep -qx "$line" "$folder/result" || { echo "no '$line' in:" >&2; cat "$folder/result" >&2; exit 1; }
done
rm -f "$folder.log" "$folder.boot"
