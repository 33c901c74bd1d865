# SPDX-License-Identifier: MIT
# restart: the worker dies and nobody notices; the supervisor dies and nothing is left.

setup() {
	load ../helpers
	make_store
	start_daemon
	WORKER_MAY_DIE=1
	mkdir "$PUB/s" "$PRIV/p"
	echo value >"$PUB/s/k"
	echo own >"$PRIV/p/k"
}

teardown() {
	finish
}

# replaced PID: another worker serves.
replaced() {
	local now
	now=$(worker_pid) 2>/dev/null && [ "$now" != "$1" ]
}

unmounted() {
	not mountpoint -q "$MNT" 2>/dev/null
}

# More than ten deaths within ten seconds make the supervisor wait longer and longer before the next worker.
breathe() {
	sleep 1.05
}

@test "twelve workers die" {
	for i in {1..12}; do
		worker=$(worker_pid)
		kill -9 "$worker"
		same value "$(soon 20 cat "$PUB/s/k")"
		same own "$(soon 20 cat "$PRIV/p/k")"
		soon 20 sh -c 'echo "$1" >"$2"' sh "$i" "$PUB/s/n"
		same "$i" "$(soon 20 cat "$PUB/s/n")"
		not test "$worker" = "$(worker_pid)"
		breathe
	done
	mountpoint -q "$MNT"
}

@test "a folder that is somebody's working directory stays theirs" {
	cd "$PUB/s"
	kill -9 "$(worker_pid)"
	same value "$(soon 20 cat k)"
	same "$PUB/s" "$(/bin/pwd)"
	same k "$(soon 20 ls)"
	cd /
}

@test "a descriptor that was open for reading stays on its value" {
	exec 7<"$PUB/s/k"
	echo newer >"$PUB/s/k"
	kill -9 "$(worker_pid)"
	same value "$(soon 20 cat <&7)"
	exec 7<&-
	same newer "$(cat "$PUB/s/k")"
}

@test "a write handle whose data died answers EIO, and the old value is whole" {
	soon 30 "$PYTHON" - "$PUB/s/k" "$(worker_pid)" <<'END'
import errno, os, signal, sys, time
k, worker = sys.argv[1], int(sys.argv[2])
w = os.open(k, os.O_WRONLY | os.O_TRUNC)
os.write(w, b"half")
os.kill(worker, signal.SIGKILL)
try:
    os.write(w, b"another half")
    os.fsync(w)
    sys.exit("nobody said that data was lost")
except OSError as e:
    assert e.errno == errno.EIO, e
assert open(k).read() == "value\n"
END
}

@test "committed is committed" {
	for i in {1..9}; do
		echo "$i" >"$PUB/s/n"
		kill -9 "$(worker_pid)"
		same "$i" "$(soon 20 cat "$PUB/s/n")"
	done
}

@test "a worker that dies all the time is not started all the time, and the mount ends when it is told to" {
	for _ in {1..13}; do
		eventually 20 worker_pid >/dev/null
		kill -9 "$(worker_pid)"
		same value "$(soon 20 cat "$PUB/s/k")"
	done
	kill -9 "$(worker_pid)"
	kill -TERM "$(supervisor_pid)"
	eventually 10 unmounted
	eventually 10 no_processes
}

@test "a worker that stops by an error signal is replaced too" {
	for signal in SEGV ABRT; do
		worker=$(worker_pid)
		kill -"$signal" "$worker"
		same value "$(soon 20 cat "$PUB/s/k")"
		# A sanitizer takes its time over the report, and the other threads serve meanwhile.
		eventually 10 replaced "$worker"
		same value "$(soon 20 cat "$PUB/s/k")"
	done
	: >"$LOG"
}

@test "the supervisor dies: the mount is gone within five seconds and no process is left" {
	kill -9 "$(supervisor_pid)"
	eventually 5 unmounted
	eventually 5 no_processes
	expect ENOENT stat "$PUB"
	flock -n "$STORE.lock" true
	start_daemon
	same value "$(cat "$PUB/s/k")"
}

@test "the supervisor dies while files are open" {
	exec 7<"$PUB/s/k"
	kill -9 "$(supervisor_pid)"
	eventually 5 unmounted
	eventually 5 no_processes
	exec 7<&-
}
