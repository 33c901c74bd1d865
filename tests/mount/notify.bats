# SPDX-License-Identifier: MIT
# notify: what a service manager is told.

setup() {
	load ../helpers
	make_store
}

teardown() {
	exec 7>&-
	finish
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
