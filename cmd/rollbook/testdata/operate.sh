#!/usr/bin/env bash
# What a machine with systemd has for the commands of docs/operate.md, below the folder $root:
# TestOperate runs this under the name of each program that it stands in for.
set -euo pipefail
name=$(basename "$0")

# begin NAME FOLDER COMMAND... starts a service. Its end is in NAME.status.
begin() {
	local service=$1 folder=$2
	shift 2
	rm -f "$root/run/$service.status"
	(
		cd "$folder"
		umask 077
		setsid timeout --foreground 600 "$@" </dev/null >>"$root/run/$service.log" 2>&1 &
		echo $! >"$root/run/$service.pid"
		set +e
		wait $!
		echo $? >"$root/run/$service.status"
	) </dev/null >/dev/null 2>&1 &
	until [ -s "$root/run/$service.pid" ]; do sleep 0.01; done
}

# listened counts the starts of the service.
listened() { grep -c '^listening' "$root/run/rollbook.log" 2>/dev/null || true; }

start() {
	case $1 in
	rollbook)
		local unit=$root/etc/systemd/system/rollbook.service variables before
		before=$(listened)
		mkdir -p -m 700 "$root/var/lib/$(sed -n 's/^StateDirectory=//p' "$unit")"
		mapfile -t variables < <(sed -n 's/^Environment=//p' "$unit")
		# shellcheck disable=SC2046 # the line has words
		begin rollbook "$(sed -n 's/^WorkingDirectory=//p' "$unit")" env "${variables[@]}" $(sed -n 's/^ExecStart=//p' "$unit")
		until [ "$(listened)" != "$before" ] || [ -e "$root/run/rollbook.status" ]; do sleep 0.02; done
		;;
	redis-server)
		begin redis-server "$root" "$redis_server" "$root/etc/redis/redis.conf"
		until redis-cli ping 2>/dev/null | grep -q PONG; do
			[ ! -e "$root/run/redis-server.status" ] || exit 1
			sleep 0.05
		done
		;;
	*) exit 5 ;;
	esac
}

# stop NAME fails unless the service ends by itself with status 0.
stop() {
	[ -e "$root/run/$1.pid" ] || return 0
	kill -TERM "$(cat "$root/run/$1.pid")" 2>/dev/null || true
	for ((i = 0; i < 3000; i++)); do
		[ ! -e "$root/run/$1.status" ] || break
		sleep 0.01
	done
	rm "$root/run/$1.pid"
	[ "$(cat "$root/run/$1.status")" = 0 ]
}

# reload NAME returns when the service has read its files again, which systemctl does not wait for.
reload() {
	local log=$root/run/$1.log last=-keys lines
	! grep -q '^keyring = "shared:' "$root/etc/rollbook/rollbook.toml" || last=-keyring
	lines=$(wc -l <"$log")
	kill -HUP "$(cat "$root/run/$1.pid")"
	for ((i = 0; i < 3000; i++)); do
		! tail -n "+$((lines + 1))" "$log" | grep "\"setting\":\"$last\"" >/dev/null || return 0
		sleep 0.01
	done
	return 1
}

case $name in
sudo)
	while [[ ${1-} == -* ]]; do
		[ "$1" = -u ] && shift
		shift
	done
	exec "$@"
	;;
install) # the users are not there
	arguments=()
	while (($#)); do
		case $1 in
		-o | -g) shift ;;
		*) arguments+=("$1") ;;
		esac
		shift
	done
	exec /usr/bin/install "${arguments[@]}"
	;;
systemd-sysusers)
	grep -q '^u rollbook ' "$root/etc/sysusers.d/rollbook.conf"
	;;
go) # go build … -o FILE ./cmd/rollbook
	while [ "$1" != -o ]; do shift; done
	[ "$3" = ./cmd/rollbook ]
	exec /usr/bin/install -D "$program" "$2"
	;;
systemctl)
	verb=$1
	shift
	[ "${1-}" != --now ] || shift
	case $verb in
	daemon-reload) ;;
	enable | start) start "$1" ;;
	stop) stop "$1" ;;
	restart) stop "$1" && start "$1" ;;
	status) [ ! -e "$root/run/$1.status" ] ;;
	reload) reload "$1" ;;
	*) exit 5 ;;
	esac
	;;
journalctl)
	cat "$root/run/rollbook.log"
	;;
redis-cli)
	exec "$redis_cli" -p "$redis_port" "$@"
	;;
*)
	echo "$name: unknown" >&2
	exit 127
	;;
esac
