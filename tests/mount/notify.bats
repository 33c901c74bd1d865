# SPDX-License-Identifier: MIT
# notify: what a service manager is told.

setup() {
	load ../helpers
	make_store
}

teardown() {
	exec 7>&-
	[ -z "${LISTENER:-}" ] || kill "$LISTENER" 2>/dev/null
	finish
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

@test "ready, the state, a new worker, and the stop" {
	listen "$SFS/socket"
	NOTIFY_SOCKET=$SFS/socket run_foreground
	told "^READY=1 \| STATUS=Serving $STORE at $MNT \(worker [0-9]+, generation 1\) \| MAINPID=$(supervisor_pid)$"
	kill -9 "$(worker_pid)"
	told '^STATUS=The worker was killed by signal 9'
	told '^READY=1 .*generation 2'
	kill -TERM "$(supervisor_pid)"
	told '^STOPPING=1'
	sweep_wait "$SFS" 10
}

@test "in the background, to an abstract socket" {
	listen "@secretfs-test-$$-$BATS_TEST_NUMBER"
	NOTIFY_SOCKET="@secretfs-test-$$-$BATS_TEST_NUMBER" run_daemon
	told "^READY=1 .*MAINPID=$(supervisor_pid)$"
}

@test "signs of life as often as they are wanted" {
	listen "$SFS/socket"
	NOTIFY_SOCKET=$SFS/socket WATCHDOG_USEC=400000 run_foreground
	told '^WATCHDOG=1$'
	eventually 10 eval '[ "$(grep -c "^WATCHDOG=1$" "$SFS/told")" -ge 4 ]'
}

@test "no signs of life for another process's watchdog, and none without a socket" {
	listen "$SFS/socket"
	NOTIFY_SOCKET=$SFS/socket WATCHDOG_USEC=200000 WATCHDOG_PID=1 run_foreground
	told '^READY=1'
	sleep 0.5
	not grep -q WATCHDOG "$SFS/told"
}

@test "a socket that is not there, or no name, is no failure" {
	NOTIFY_SOCKET=$SFS/none run_daemon
	stop_daemon
	NOTIFY_SOCKET=none run_daemon
	grep -q "NOTIFY_SOCKET is not the name" "$LOG"
}
