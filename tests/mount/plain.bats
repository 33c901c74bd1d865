# SPDX-License-Identifier: MIT
# plain: a plain user mounts a tree of their own, without root.
#
# /dev/fuse is for root alone on some machines: the test brings a device of its own, in a mount
# namespace of its own, so that nothing on the machine changes. fusermount3 wants a user that has
# a name; secretfs has one.

setup() {
	load ../helpers
	make_place
	PLAIN=$(id -u secretfs)
	cp "$DAEMON" "$SFS/bin/secretfs"
	cp "$CTL" "$SFS/bin/secretctl"
	install -d -o secretfs -g secretfs -m 700 "$SFS/home"
	install -d -o secretfs -g secretfs -m 755 "$SFS/mnt2"
	MNT=$SFS/mnt2 PUB=$SFS/mnt2/public PRIV=$SFS/mnt2/private
	export MNT PUB PRIV HOME=$SFS/home XDG_CONFIG_HOME=$SFS/home/.config XDG_STATE_HOME=$SFS/home/.state
	mknod -m 666 "$SFS/fuse" c 10 229 || skip "cannot make a device node"
	unshare -m --propagation slave sh -c 'mount --bind "$1/fuse" /dev/fuse && touch "$1/ready" && exec sleep 300' sh "$SFS" 3>&- &
	NS=$!
	ENTER=(nsenter -t "$NS" -m)
	eventually 20 test -e "$SFS/ready" || skip "no mount namespace of one's own here"
	within "$PLAIN" sh -c ': <>/dev/fuse' 2>"$SFS/why" || skip "a plain user cannot open /dev/fuse: $(head -n1 "$SFS/why")"
	[ -u "$(command -v fusermount3)" ] || skip "fusermount3 is not set-uid here"
}

teardown() {
	local rc=0
	if [ -n "${NS:-}" ]; then
		within "$PLAIN" fusermount3 -u "$MNT" 2>/dev/null || true
		sweep_wait "$SFS" 10 || rc=1
		kill "$NS" 2>/dev/null || true
		wait "$NS" 2>/dev/null || true
	fi
	finish && [ "$rc" = 0 ]
}

# within UID COMMAND...: as that user, where the mount is.
within() {
	local uid=$1
	shift
	"${ENTER[@]}" setpriv --reuid="$uid" --regid="$(id -g "$uid" 2>/dev/null || echo "$uid")" --clear-groups -- "$@"
}

# start_plain [OPTIONS]
start_plain() {
	within "$PLAIN" "$SFS/bin/secretctl" store init "$HOME/store/store.db" --keyfile "$HOME/key" >>"$LOG" 2>&1 3>&- &&
		within "$PLAIN" "$SFS/bin/secretfs" "$HOME/store/store.db" "$MNT" -o "keyfile=$HOME/key${1:+,$1}" >>"$LOG" 2>&1 3>&- || {
		cat "$LOG" >&2
		return 1
	}
}

@test "a plain user mounts, writes, reads and unmounts" {
	start_plain
	within "$PLAIN" grep -q " $MNT .*fuse.secretfs" /proc/self/mountinfo
	within "$PLAIN" sh -c 'mkdir "$PUB/s" "$PRIV/p" && echo value >"$PUB/s/k" && echo own >"$PRIV/p/k"'
	same "value own" "$(within "$PLAIN" cat "$PUB/s/k" "$PRIV/p/k" | xargs)"
	same "$PLAIN" "$(within "$PLAIN" stat -c %u "$PUB")"
	run within "$BOB" cat "$PUB/s/k"
	[[ $output == *"ermission denied"* ]]
	run within 0 cat "$PUB/s/k"
	[[ $output == *"ermission denied"* ]]
	within "$PLAIN" fusermount3 -u "$MNT"
	eventually 10 no_processes
	within "$PLAIN" "$SFS/bin/secretfs" "$HOME/store/store.db" "$MNT" -o "keyfile=$HOME/key" >>"$LOG" 2>&1 3>&-
	same value "$(within "$PLAIN" cat "$PUB/s/k")"
}

@test "a plain user's worker dies and the mount stays" {
	start_plain
	within "$PLAIN" sh -c 'mkdir "$PUB/s" && echo value >"$PUB/s/k"'
	for _ in 1 2 3; do
		kill -9 "$(worker_pid)"
		same value "$(soon 20 within "$PLAIN" cat "$PUB/s/k")"
	done
}

@test "over io_uring a plain user's worker dies and the tree is mounted anew" {
	need_rings
	start_plain threads=3,transport=io_uring
	within "$PLAIN" sh -c 'mkdir "$PUB/s" && echo value >"$PUB/s/k"'
	for _ in 1 2 3; do
		before=$(worker_pid)
		kill -9 "$before"
		eventually 20 worker_is_not "$before"
		eventually 20 within "$PLAIN" stat "$PUB/s/k"
		same value "$(soon 20 within "$PLAIN" cat "$PUB/s/k")"
	done
	same 1 "$("${ENTER[@]}" grep -c " $MNT " /proc/self/mountinfo)"
}

@test "a plain user's supervisor dies and the mount goes" {
	start_plain
	kill -9 "$(supervisor_pid)"
	eventually 5 no_processes
	not within "$PLAIN" grep -q " $MNT " /proc/self/mountinfo
}

@test "workers of a plain user die, and each change is made once" {
	start_plain
	within "$PLAIN" sh -c 'mkdir "$PRIV/p" && printf own >"$PRIV/p/k"'
	for i in 1 2 3 4 5; do
		kill -9 "$(worker_pid)"
		same own "$(soon 20 within "$PLAIN" cat "$PRIV/p/k")"
		soon 20 within "$PLAIN" mkdir "$PRIV/new$i"
		soon 20 within "$PLAIN" mv "$PRIV/new$i" "$PUB/new$i"
	done
	WORKER_AT_START=
	same "new1 new2 new3 new4 new5" "$(within "$PLAIN" ls "$PUB" | xargs)"
}

@test "a plain user changes settings while it is mounted" {
	mkdir -p "$XDG_CONFIG_HOME/secretfs"
	local conf=$XDG_CONFIG_HOME/secretfs/secretfs.conf
	settings "max_value = 100"
	start_plain
	within "$PLAIN" sh -c 'mkdir "$PUB/s" && printf %50s x >"$PUB/s/k"'
	mkfifo -m 666 "$SFS/go"
	within "$PLAIN" timeout 60 sh -c '{ printf held; read -r _ <"$1"; printf on; } >"$PUB/s/open"' sh "$SFS/go" 3>&- &
	local writer=$!
	eventually 10 within "$PLAIN" test -e "$PUB/s/open"
	settings "max_value = 10"
	reloaded 2
	too_long "12345678901"
	same 50 "$(within "$PLAIN" stat -c %s "$PUB/s/k")"
	# What cannot be read changes nothing.
	settings "max_value = many"
	kill -HUP "$(supervisor_pid)"
	sleep 0.3
	too_long "12345678901"
	settings "max_value = 11"
	reloaded 3
	within "$PLAIN" sh -c 'printf 12345678901 >"$PUB/s/k"'
	echo >"$SFS/go"
	wait "$writer"
	same heldon "$(within "$PLAIN" cat "$PUB/s/open")"
	WORKER_AT_START=
}

# asked FILE: how many requests 500 openings of it are.
asked() {
	within "$PLAIN" "$PYTHON" - "$MNT/.secretfs/status" "$1" <<'END'
import json, os, sys
operations = lambda: json.load(open(sys.argv[1]))["operations"]
before = operations()
for _ in range(500):
    fd = os.open(sys.argv[2], os.O_RDONLY)
    assert os.read(fd, 100) == b"value" and os.read(fd, 100) == b""
    os.close(fd)
print(operations() - before)
END
}

@test "a plain user switches kernel_cache on and off, and what is open goes on" {
	mkdir -p "$XDG_CONFIG_HOME/secretfs"
	local conf=$XDG_CONFIG_HOME/secretfs/secretfs.conf
	settings "kernel_cache = no"
	start_plain
	within "$PLAIN" sh -c 'mkdir "$PUB/s" && printf value >"$PUB/s/k" && printf kept >"$PUB/s/held"'
	mkfifo -m 666 "$SFS/go"
	within "$PLAIN" timeout 60 sh -c 'exec 5<"$PUB/s/held"; touch "$HOME/at"; read -r _ <"$1"; cat <&5' sh "$SFS/go" >"$SFS/out" 3>&- &
	local reader=$! generation=1
	eventually 10 test -e "$HOME/at"
	[ "$(asked "$PUB/s/k")" -gt 1800 ]
	for setting in yes no yes; do
		settings "kernel_cache = $setting"
		generation=$((generation + 1))
		reloaded $generation
		if [ $setting = yes ]; then
			[ "$(asked "$PUB/s/k")" -lt 1700 ]
		else
			[ "$(asked "$PUB/s/k")" -gt 1800 ]
		fi
		within "$PLAIN" sh -c 'printf "%s" "$1" >"$PUB/s/k"; cat "$PUB/s/k"; printf value >"$PUB/s/k"' sh "is $setting" >"$SFS/read"
		same "is $setting" "$(cat "$SFS/read")"
	done
	echo >"$SFS/go"
	wait "$reader"
	same kept "$(cat "$SFS/out")"
	WORKER_AT_START=
}

settings() {
	echo "$1" >"$conf"
	chown -R secretfs: "$XDG_CONFIG_HOME"
}

# reloaded GENERATION
reloaded() {
	kill -HUP "$(supervisor_pid)"
	eventually 20 within "$PLAIN" grep -q "\"generation\": $1," "$MNT/.secretfs/status"
}

too_long() {
	run within "$PLAIN" tee "$PUB/s/k" < <(printf %s "$1")
	[[ $output == *"File too large"* ]]
}

@test "a plain user's worker is in the same sandbox" {
	start_plain
	local pid
	pid=$(worker_pid)
	grep -qx "Seccomp:[[:space:]]2" "/proc/$pid/status" || [ -n "${SECRETFS_SANITIZED:-}" ]
	grep -qx "NoNewPrivs:[[:space:]]1" "/proc/$pid/status"
	grep -qx "CapEff:[[:space:]]0000000000000000" "/proc/$pid/status"
	within "$PLAIN" mkdir "$PUB/s"
	within "$PLAIN" sh -c 'echo value >"$PUB/s/k"'
	grep -q "fault-socket" "$DAEMON" || skip "the build has no faults"
	WORKER_MAY_DIE=1
	[ -n "${SECRETFS_SANITIZED:-}" ] || {
		run within "$PLAIN" stat "$MNT/.fault-socket"
		[[ $output == *"nput/output error"* ]]
	}
	same value "$(within "$PLAIN" cat "$PUB/s/k")"
}
