# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# helpers: a store, a daemon and two users for each bats test.
#
# SECRETFS_BUILD is the build to test. Every test has a folder of its own, $SFS:
#     $SFS/store/store.db  the store, of user secretfs     $SFS/key   its key file
#     $SFS/mnt             the mountpoint                  $SFS/log   what the daemon says
#     $SFS/anchor          the store's anchor, away from it
#     $SFS/audit/audit.log what was done
#     $SFS/bin             programs that a plain user must be able to reach
# so that tests may run at the same time.
#
# SECRETFS_TEST_OPTIONS: options that every daemon gets, before those of the test.

bats_require_minimum_version 1.5.0

: "${SECRETFS_BUILD:?set it to a build folder, such as build/dev}"
SECRETFS_BUILD=$(cd "$SECRETFS_BUILD" && pwd)
TESTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
DAEMON=$SECRETFS_BUILD/secretfs
CTL=$SECRETFS_BUILD/secretctl
PYTHON=/usr/bin/python3 # the one in PATH may be out of reach for a plain user
ALICE=20001
BOB=20002
# shellcheck disable=SC2034 # for the tests
readonly DAEMON CTL PYTHON ALICE BOB

# shellcheck source=tests/sweep.bash
. "$TESTS/sweep.bash"

umask 022

# make_place: the folder alone. The names are exported for the scripts that tests start.
make_place() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	id secretfs >/dev/null 2>&1 || skip "there is no user secretfs (tests/run makes one)"
	SFS=$(mktemp -d "${SECRETFS_TEST_DIR:-/tmp}/sfs.XXXXXX")
	chmod 755 "$SFS"
	STORE=$SFS/store/store.db KEY=$SFS/key ANCHOR=$SFS/anchor MNT=$SFS/mnt LOG=$SFS/log
	AUDIT=$SFS/audit/audit.log
	PUB=$MNT/public PRIV=$MNT/private
	SC=$SFS/bin/sc
	OPTIONS=keyfile=$KEY,user=secretfs,anchor=$ANCHOR,audit_file=$AUDIT,audit_rate=0
	OPTIONS+=${SECRETFS_TEST_OPTIONS:+,$SECRETFS_TEST_OPTIONS}
	export SFS STORE KEY ANCHOR AUDIT MNT LOG PUB PRIV SC
	mkdir "$MNT" "$SFS/bin"
	mkdir -m 700 "$ANCHOR"
	cp "$SECRETFS_BUILD/tests/bin/sc" "$SC"
	: >"$LOG"
	WORKER_MAY_DIE=
	WORKER_AT_START=
	ENTER=() # a prefix that gets to where the mount is
	cd /
}

# make_store: an empty store that key file opens.
make_store() {
	[ -n "${SFS:-}" ] && [ -d "$SFS" ] || make_place
	"$CTL" store init "$STORE" --keyfile "$KEY" --user secretfs </dev/null >>"$LOG" 2>&1 || {
		cat "$LOG" >&2
		return 1
	}
}

# run_daemon [NAME=VALUE...]: starts it and returns its exit code, as a person would type it.
run_daemon() {
	local opts=$OPTIONS opt
	for opt; do
		opts+=,$opt
	done
	"$DAEMON" "$STORE" "$MNT" -o "$opts" </dev/null >>"$LOG" 2>&1 3>&-
}

# A sanitizer's report goes to stderr, which only a daemon in the foreground keeps.
run_foreground() {
	local opts=$OPTIONS opt pid
	for opt; do
		opts+=,$opt
	done
	"$DAEMON" "$STORE" "$MNT" -f -o "$opts" </dev/null >>"$LOG" 2>&1 3>&- &
	pid=$!
	disown "$pid"
	until mountpoint -q "$MNT" && stat "$PUB" >/dev/null 2>&1; do
		kill -0 "$pid" 2>/dev/null || return 1
		sleep 0.02
	done
}

start_daemon() {
	if [ -n "${SECRETFS_SANITIZED:-}" ]; then
		run_foreground "$@"
	else
		run_daemon "$@"
	fi || {
		cat "$LOG" >&2
		return 1
	}
	mountpoint -q "$MNT" || {
		echo "not mounted" >&2
		return 1
	}
	WORKER_AT_START=$(worker_pid)
}

# Takes the mount away and waits until every process is gone.
stop_daemon() {
	umount "$MNT" && sweep_wait "$SFS" 10
}

restart_daemon() {
	stop_daemon && start_daemon "$@"
}

# The supervisor's command line names the mountpoint; so does its helper's, which is its child.
supervisor_pid() {
	local pid all parent
	all=" $(sweep_pids "$MNT" | tr '\n' ' ')"
	for pid in $all; do
		parent=$(ps -o ppid= -p "$pid" | tr -d ' ')
		case $all in
		*" $parent "*) ;;
		*) grep -qF -- "$MNT" "/proc/$pid/cmdline" && echo "$pid" && return 0 ;;
		esac
	done
	return 1
}

worker_pid() {
	local pid
	for pid in $(pgrep -P "$(supervisor_pid)"); do
		if [ "$(tr '\0' ' ' <"/proc/$pid/cmdline")" = "secretfs --worker " ]; then
			echo "$pid"
			return 0
		fi
	done
	return 1
}

# as UID CMD...
as() {
	local uid=$1
	shift
	setpriv --reuid="$uid" --regid="$uid" --clear-groups -- "$@"
}

# expect WANT COMMAND...: one system call by tests/tools/sc.c; WANT is OK or an errno's name.
expect() {
	local want=$1 got
	shift
	got=$("$SC" "$@") || true
	[ "$got" = "$want" ] || {
		printf '%s: wanted %s, got %s\n' "$*" "$want" "$got" >&2
		return 1
	}
}

# expect_as UID WANT COMMAND...
expect_as() {
	local uid=$1 want=$2 got
	shift 2
	got=$(as "$uid" "$SC" "$@") || true
	[ "$got" = "$want" ] || {
		printf 'uid %s: %s: wanted %s, got %s\n' "$uid" "$*" "$want" "$got" >&2
		return 1
	}
}

rings_built() {
	"$DAEMON" --version | grep -q io_uring
}

rings_offered() {
	grep -qx Y /sys/module/fuse/parameters/enable_uring 2>/dev/null
}

# need_rings: for tests of transport=io_uring.
need_rings() {
	rings_built || skip "built without liburing"
	rings_offered || skip "the kernel does not offer FUSE over io_uring (enable_uring of module fuse is not Y)"
	[ "$(cat /proc/sys/kernel/io_uring_disabled 2>/dev/null || echo 0)" != 2 ] || skip "io_uring is switched off (kernel.io_uring_disabled)"
}

worker_is_not() {
	local now
	now=$(worker_pid) 2>/dev/null && [ "$now" != "$1" ]
}

# after_commit COMMAND...: the worker is killed between the command's commit and its answer.
after_commit() {
	local before
	before=$(worker_pid)
	expect ENOENT stat "$MNT/.fault-commit"
	soon 20 "$@" || return 1
	eventually 10 worker_is_not "$before"
}

# listen NAME: everything that comes to the socket goes to $SFS/told, a message a line.
listen() {
	"$PYTHON" - "$1" >"$SFS/told" 3>&- <<'END' &
import socket, sys
name = sys.argv[1]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("\0" + name[1:] if name[0] == "@" else name)
print("listening", flush=True)
while True:
    print(s.recv(4096).decode().replace("\n", " | "), flush=True)
END
	LISTENER=$!
	eventually 10 grep -q listening "$SFS/told"
}

told() {
	eventually 10 grep -qE -- "$1" "$SFS/told" || {
		cat "$SFS/told" >&2
		return 1
	}
}

# tamper COMMAND...: what somebody does to the store who can write to the file (tools/tamper.py).
tamper() {
	"$PYTHON" "$TESTS/tools/tamper.py" "$STORE" "$@"
}

# audit_lines FIELD=VALUE...: how many lines of the audit log have all these fields.
audit_lines() {
	"$PYTHON" - "$AUDIT" "$@" <<'END'
import json, sys
want = dict(a.split("=", 1) for a in sys.argv[2:])
n = 0
for line in open(sys.argv[1]):
    o = json.loads(line)
    n += all(str(o.get(k)) == v for k, v in want.items()) and 1
print(n)
END
}

# same WANT GOT
same() {
	[ "$1" = "$2" ] || {
		printf 'wanted: %q\n   got: %q\n' "$1" "$2" >&2
		return 1
	}
}

# eventually SECONDS COMMAND...
eventually() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}

# seconds ORDINARY: for how long a test runs that could go on for ever: SECRETFS_LONG if it is set, two minutes in the form
# that has the label long, or else ORDINARY.
seconds() {
	if [ -n "${SECRETFS_LONG:-}" ]; then
		echo "$SECRETFS_LONG"
	elif [ "${SECRETFS_FORM:-}" = long ]; then
		echo 120
	else
		echo "$1"
	fi
}

# soon SECONDS COMMAND...: a command that must not wait for ever. A process whose request nobody has cannot be killed,
# so the connection is cut then.
soon() {
	local seconds=$1 pid i
	shift
	"$@" <&0 3>&- &
	pid=$!
	for ((i = 0; i < seconds * 50; i++)); do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.02
	done
	if kill -0 "$pid" 2>/dev/null; then
		printf 'still waiting after %s seconds: %s\n' "$seconds" "$*" >&2
		"${ENTER[@]}" umount -cif "$MNT"
	fi
	wait "$pid"
}

# not COMMAND...: bats looks past a failing "! command".
not() {
	if "$@"; then
		printf 'should have failed: %s\n' "$*" >&2
		return 1
	fi
}

# all_stopped PID...: SIGSTOP reaches a thread only when it next runs.
all_stopped() {
	local pid task
	for pid; do
		for task in "/proc/$pid/task/"*/status; do
			grep -q '^State:[[:space:]]*T' "$task" 2>/dev/null || return 1
		done
	done
}

# Every process of the mount at once: none acts on the death of another.
kill_all() {
	local pids
	mapfile -t pids < <(sweep_pids "$MNT")
	kill -STOP "${pids[@]}"
	kill -KILL "${pids[@]}"
}

no_processes() {
	[ -z "$(sweep_pids "$SFS")" ]
}

# Ends every test: nothing may be left, no worker may have died unasked, no sanitizer may have spoken.
finish() {
	local rc=0 now
	exec 7>&- # a test that failed may have left it open
	[ -z "${LISTENER:-}" ] || kill "$LISTENER" 2>/dev/null
	[ -n "${SFS:-}" ] && [ -d "$SFS" ] || return 0
	if [ -n "$WORKER_AT_START" ] && [ -z "$WORKER_MAY_DIE" ] && mountpoint -q "$MNT"; then
		now=$(worker_pid) || now=none
		[ "$now" = "$WORKER_AT_START" ] || {
			echo "worker $WORKER_AT_START died; now: $now" >&2
			rc=1
		}
	fi
	sweep "$SFS" || {
		echo "a mount or a process was left" >&2
		rc=1
	}
	if grep -qE 'Sanitizer|runtime error:' "$LOG"; then
		rc=1
	fi
	[ "$rc" = 0 ] && [ -n "${BATS_TEST_COMPLETED:-}" ] || tail -n 60 "$LOG" >&2
	rm -rf "$SFS"
	# Of a daemon that was started without anchor=.
	rm -f /var/lib/secretfs-anchor/*"${SFS##*/}"*
	return $rc
}
