# SPDX-License-Identifier: MIT
# uring: requests over io_uring. SECRETFS_TEST_OPTIONS=transport=io_uring has other files of tests use it too.

setup() {
	load ../helpers
	make_store
}

teardown() {
	finish
}

# start_rings [NAME=VALUE...]: what it logs is in $LOG.
start_rings() {
	need_rings
	run_foreground transport=io_uring "$@"
	WORKER_AT_START=$(worker_pid)
	rings_of "$WORKER_AT_START"
}

rings_of() {
	[ "$(find "/proc/$1/fd" -lname 'anon_inode:*io_uring*' | wc -l)" -gt 0 ]
}

another_serves() {
	worker_is_not "$1" && rings_of "$(worker_pid)" && stat "$PUB" >/dev/null 2>&1
}

# crash: the worker is killed, and another one serves a mount in its place.
crash() {
	local before
	before=$(worker_pid)
	WORKER_MAY_DIE=1
	kill -9 "$before"
	eventually 20 another_serves "$before"
}

@test "a secretfs or a kernel without it says so" {
	local rc=0
	if ! rings_built; then
		run_daemon transport=io_uring || rc=$?
		grep -q "transport = io_uring: this secretfs was built without liburing; set transport = dev" "$LOG"
	elif ! rings_offered; then
		run_daemon transport=io_uring || rc=$?
		grep -q "the kernel does not offer FUSE over io_uring: .* set transport = dev" "$LOG"
	else
		skip "both have it"
	fi
	[ "$rc" != 0 ]
	not mountpoint -q "$MNT"
	no_processes
}

@test "auto takes it where it is there" {
	run_foreground transport=auto
	if rings_built && rings_offered; then
		rings_of "$(worker_pid)"
	else
		not rings_of "$(worker_pid)"
	fi
	mkdir "$PUB/s"
	echo one >"$PUB/s/k"
	same one "$(cat "$PUB/s/k")"
}

@test "values of every size come back as they were" {
	start_rings
	mkdir "$PUB/s"
	head -c 1048576 /dev/urandom >"$SFS/bytes"
	for len in 0 1 63 4095 4096 4097 131071 131072 131073 262144 1048576; do
		head -c "$len" "$SFS/bytes" >"$PUB/s/k$len"
		head -c "$len" "$SFS/bytes" | cmp - "$PUB/s/k$len"
		same "$len" "$(stat -c %s "$PUB/s/k$len")"
	done
	same 11 "$(find "$PUB/s" -type f | wc -l)"
	setfattr -n user.secretfs.description -v "what it is for" "$PUB/s"
	same "what it is for" "$(getfattr --only-values -n user.secretfs.description "$PUB/s")"
	restart_daemon transport=io_uring
	cmp "$SFS/bytes" "$PUB/s/k1048576"
}

@test "several users at once, each with what is his" {
	start_rings
	chmod 1777 "$PUB"
	local uid pids=()
	for uid in "$ALICE" "$BOB"; do
		as "$uid" sh -c '
			umask 077
			mkdir "$1/own" || exit 1
			for i in $(seq 100); do
				echo "$2 $i" >"$1/own/k" && [ "$(cat "$1/own/k")" = "$2 $i" ] || exit 1
			done' sh "$PRIV" "$uid" 3>&- &
		pids+=($!)
		as "$uid" sh -c '
			mkdir "$1/of$2" || exit 1
			for i in $(seq 50); do echo "$i" >"$1/of$2/k$i" || exit 1; done
			[ "$(cat "$1/of$2"/k* | wc -l)" = 50 ]' sh "$PUB" "$uid" 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
	same "$ALICE 100" "$(as "$ALICE" cat "$PRIV/own/k")"
	same "$BOB 100" "$(as "$BOB" cat "$PRIV/own/k")"
	expect_as "$BOB" EACCES open "$MNT/.private/$ALICE/own/k" O_RDONLY
}

@test "one thread serves every CPU, also while requests wait for a writer" {
	start_rings threads=1
	mkdir "$PUB/s"
	for _ in {1..10}; do
		printf old >"$PUB/s/k"
		soon 30 "$PYTHON" - "$PUB/s/k" <<'END'
import os, sys, threading
k = sys.argv[1]
cpus = sorted(os.sched_getaffinity(0))
w = os.open(k, os.O_WRONLY | os.O_TRUNC)
os.close(os.dup(w))  # flushed, nothing written yet: who opens it for reading waits
got = []
def read(cpu):
    os.sched_setaffinity(0, {cpu})
    with open(k) as f:
        got.append(f.read())
threads = [threading.Thread(target=read, args=(cpus[i % len(cpus)],)) for i in range(8)]
for t in threads:
    t.start()
os.close(w)
for t in threads:
    t.join()
assert len(got) == 8 and set(got) <= {"old", ""}, got
END
		eventually 5 cmp -s /dev/null "$PUB/s/k"
	done
}

@test "a worker dies: it is mounted anew, and only what was open is lost" {
	start_rings
	mkdir "$PUB/s" "$PRIV/p"
	echo value >"$PUB/s/k"
	echo own >"$PRIV/p/k"
	exec 7<"$PUB/s/k"
	for i in 1 2 3; do
		crash
		not cat <&7
		exec 7<&-
		same "value own" "$(cat "$PUB/s/k") $(cat "$PRIV/p/k")"
		same 1 "$(grep -c " $MNT " /proc/self/mountinfo)"
		exec 7<"$PUB/s/k"
		echo "$i" >"$PUB/s/n"
		same "$i" "$(cat "$PUB/s/n")"
	done
	exec 7<&-
	same 3 "$(grep -c "is mounted anew: over io_uring nothing that was open outlives a worker" "$LOG")"
}

@test "who waits for an answer when the worker dies gets an error" {
	start_rings
	mkdir "$PUB/s"
	echo value >"$PUB/s/k"
	local before waiting=() pid
	before=$(worker_pid)
	kill -STOP "$before"
	eventually 10 all_stopped "$before"
	for _ in {1..6}; do
		cat "$PUB/s/k" >/dev/null 2>&1 3>&- &
		waiting+=($!)
	done
	eventually 10 stuck "${waiting[@]}"
	crash
	for pid in "${waiting[@]}"; do
		not soon_ended "$pid"
	done
	same value "$(cat "$PUB/s/k")"
}

# stuck PID...: each waits for the mount.
stuck() {
	local pid
	for pid; do
		grep -qE 'fuse|request_wait' "/proc/$pid/wchan" 2>/dev/null || [[ $(ps -o stat= -p "$pid") == [DS]* ]] || return 1
	done
}

# soon_ended PID: its exit status.
soon_ended() {
	eventually 20 gone "$1" || return 0
	wait "$1"
}

gone() {
	! kill -0 "$1" 2>/dev/null
}

@test "the supervisor dies after a worker did: nothing stays mounted" {
	start_rings
	crash
	WORKER_MAY_DIE=1
	kill -9 "$(supervisor_pid)"
	eventually 10 no_processes
	not mountpoint -q "$MNT"
}

@test "a worker with rings can make no more of them, and none that can do more" {
	[ -z "${SECRETFS_SANITIZED:-}" ] || skip "builds with sanitizers have looser rules"
	grep -q "fault-ring" "$DAEMON" || skip "the build has no faults"
	start_rings
	WORKER_MAY_DIE=1
	local way before
	for way in ring ring-change; do
		before=$(worker_pid)
		not stat "$MNT/.fault-$way" 2>/dev/null
		eventually 20 another_serves "$before"
	done
	same 2 "$(grep -c "made a system call that it may not make (SIGSYS)" "$LOG")"
	not grep -q "fault-ring" "$LOG"
}

@test "a worker dies after the tree was detached: it is not mounted again" {
	start_rings
	mkdir "$PUB/s"
	echo value >"$PUB/s/k"
	exec 7<"$PUB/s/k"
	umount -l "$MNT"
	WORKER_MAY_DIE=1
	kill -9 "$WORKER_AT_START"
	eventually 20 no_processes
	not cat <&7
	exec 7<&-
	not mountpoint -q "$MNT"
}

@test "SIGHUP changes nothing, and says so" {
	start_rings
	mkdir "$PUB/s"
	echo value >"$PUB/s/k"
	kill -HUP "$(supervisor_pid)"
	eventually 10 grep -q "the settings of $MNT stay as they are: over io_uring no worker can make room for another" "$LOG"
	same value "$(cat "$PUB/s/k")"
	same "$WORKER_AT_START" "$(worker_pid)"
}

@test "it ends by umount, and by SIGTERM while a file is open" {
	start_rings stop_timeout=1
	stop_daemon
	start_rings stop_timeout=1
	mkdir "$PUB/s"
	echo value >"$PUB/s/k"
	exec 7<"$PUB/s/k"
	kill -TERM "$(supervisor_pid)"
	eventually 20 no_processes
	exec 7<&-
	not mountpoint -q "$MNT"
}
