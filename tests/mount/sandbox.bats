# SPDX-License-Identifier: MIT
# sandbox: what a worker can reach, tried from inside of it, and that it can do its work there.

setup() {
	load ../helpers
	make_store
	[ -z "${SECRETFS_SANITIZED:-}" ] || skip "builds with sanitizers have looser rules"
}

teardown() {
	finish
}

# status_of PID NAME: a line of /proc/PID/status
status_of() {
	sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"
}

namespace() {
	readlink "/proc/$1/ns/$2"
}

with_faults() {
	grep -q "fault-exec" "$DAEMON" || skip "the build has no faults"
	run_foreground
	WORKER_AT_START=$(worker_pid)
	mkdir "$PUB/s"
	printf value >"$PUB/s/k"
}

# ended NAME: the worker dies of trying, the next one too, and then the caller gets an error. The mount goes on.
ended() {
	local before
	before=$(grep -c "made a system call that it may not make (SIGSYS)" "$LOG") || true
	expect EIO stat "$MNT/.fault-$1" || return 1
	same value "$(cat "$PUB/s/k")" || return 1
	not grep -q "fault-$1: " "$LOG" || return 1
	same $((before + 2)) "$(grep -c "made a system call that it may not make (SIGSYS)" "$LOG")"
}

# refused NAME ERRNO: it gets an error, and lives.
refused() {
	local before
	before=$(worker_pid)
	expect ENOENT stat "$MNT/.fault-$1" || return 1
	eventually 10 grep -q "fault-$1: $2" "$LOG" || return 1
	same "$before" "$(worker_pid)"
}

@test "the worker has no rights, no dumps, and a filter of system calls" {
	start_daemon
	local pid own task
	pid=$(worker_pid) own=$(id -u secretfs)
	for task in "/proc/$pid/task/"*; do
		task=${task##*/}
		same "$own"$'\t'"$own"$'\t'"$own"$'\t'"$own" "$(status_of "$task" Uid)"
		same 1 "$(status_of "$task" NoNewPrivs)"
		same 2 "$(status_of "$task" Seccomp)"
		same "" "$(status_of "$task" Groups | tr -d ' ')"
		for set in CapInh CapPrm CapEff CapBnd CapAmb; do
			same 0000000000000000 "$(status_of "$task" $set)"
		done
	done
	[ "$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l)" -gt 4 ]
	# What belongs to an undumpable process is root's.
	same 0 "$(stat -c %u "/proc/$pid/environ")"
	same 0 "$(awk '/^Max core file size/ {print $5}' "/proc/$pid/limits")"
}

@test "no network and no IPC of others" {
	start_daemon
	local pid
	pid=$(worker_pid)
	[ "$(namespace "$pid" net)" != "$(namespace self net)" ]
	[ "$(namespace "$pid" ipc)" != "$(namespace self ipc)" ]
	same "$(namespace self mnt)" "$(namespace "$pid" mnt)"
	# No way to anywhere: a line of titles at most, and no route.
	[ "$(wc -l <"/proc/$pid/net/route")" -le 1 ]
}

@test "what the worker holds open" {
	start_daemon
	local pid
	pid=$(worker_pid)
	cat "$PUB/none" 2>/dev/null || true
	# The connection, the log, the anchor, the store with its log and index, the socket to the supervisor and an eventfd.
	local output
	output=$(bash -c 'for fd in /proc/'"$pid"'/fd/*; do readlink "$fd"; done | sed "s/:\[.*//; s/ (deleted)//; s|.*/||" | sort -u | tr "\n" " "')
	for what in $output; do
		case $what in
		audit | log | audit.log) ;; # the folder and the file
		fuse | null | pipe | socket | anon_inode | store.db | store.db-wal | store.db-shm) ;;
		*store.db.*) ;; # the anchor's name ends in a hash
		*)
			echo "not expected: $what" >&2
			return 1
			;;
		esac
	done
}

@test "no new programs, no new processes" {
	with_faults
	WORKER_MAY_DIE=1
	ended exec
	ended fork
	refused clone3 ENOSYS
}

@test "no sockets" {
	with_faults
	WORKER_MAY_DIE=1
	ended socket
	ended internet
}

@test "no io_uring" {
	with_faults
	WORKER_MAY_DIE=1
	ended ring
	ended ring-change
}

@test "no memory that can be run" {
	with_faults
	WORKER_MAY_DIE=1
	ended code
	ended code-later
}

@test "no dumps, no tracing, no signals, no terminal, no other credentials" {
	with_faults
	WORKER_MAY_DIE=1
	for way in dumpable ptrace kill ioctl unshare root; do
		ended $way
	done
}

@test "no file outside of the store's folder" {
	with_faults
	not grep -q "no Landlock" "$LOG" || skip "the kernel has no Landlock"
	refused read-etc EACCES
	refused list EACCES
	refused write-tmp EACCES
	not test -e /tmp/secretfs-fault
	refused write-proc EACCES
	same value "$(cat "$PUB/s/k")"
}

@test "all kinds of operations work inside, over new workers and a restart" {
	run_foreground
	WORKER_MAY_DIE=1
	local i
	for i in 1 2 3; do
		rm -rf "$PUB/s" "$PUB/t" "$PRIV/p"
		mkdir "$PUB/s" "$PRIV/p"
		head -c 1048576 /dev/urandom >"$SFS/big"
		cp "$SFS/big" "$PUB/s/big"
		cmp "$SFS/big" "$PUB/s/big"
		printf one >"$PUB/s/k"
		printf two >>"$PUB/s/k"
		truncate -s 4 "$PUB/s/k"
		same onet "$(cat "$PUB/s/k")"
		mv "$PUB/s/k" "$PUB/s/l"
		mv "$PUB/s" "$PUB/t"
		chmod 640 "$PUB/t/l"
		chown "$ALICE" "$PUB/t/l"
		touch -d 2030-01-01 "$PUB/t/l"
		setfacl -m "u:$BOB:r" "$PUB/t/l"
		getfacl -cn "$PUB/t/l" | grep -q "^user:$BOB:r--"
		setfattr -n user.secretfs.expires -v 2040-01-01T00:00:00Z "$PUB/t"
		same 2040-01-01T00:00:00Z "$(getfattr --only-values --absolute-names -n user.secretfs.expires "$PUB/t")"
		"$PYTHON" -c 'import json; print(json.dumps({f"k{i:03}": "v" * 40 for i in range(200)}))' >"$PUB/t/.json"
		same 202 "$("$PYTHON" -c 'import json, sys; print(len(json.load(open(sys.argv[1]))))' "$PUB/t/.json")"
		echo 'a=b' >"$PUB/t/.env"
		grep -qx a=b "$PUB/t/.env"
		ls "$PUB/t/.versions" >"$SFS/versions"
		[ -s "$SFS/versions" ]
		ls -lR "$MNT" >"$SFS/list"
		df "$MNT" >/dev/null
		stat -f "$MNT" >/dev/null
		cat "$MNT/.secretfs/status" >/dev/null
		printf x >"$PRIV/p/k"
		mv "$PRIV/p" "$PUB/p"
		rm -r "$PUB/p"
		"$PYTHON" -c 'import mmap, sys; f = open(sys.argv[1], "rb"); m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ, flags=mmap.MAP_PRIVATE); assert len(m[:]) == 1048576' "$PUB/t/big"
		# Enough for a checkpoint of SQLite's log (1,000 pages).
		for _ in 1 2 3 4 5; do cp "$SFS/big" "$PUB/t/big"; done
		case $i in
		1) kill -9 "$(worker_pid)" ;;
		2) stop_daemon && run_foreground ;;
		esac
	done
	same 1 "$(grep -c "the worker of" "$LOG")" # the one that was killed
	not grep -q SIGSYS "$LOG"
}

@test "a worker that was stopped and goes on" {
	start_daemon
	mkdir "$PUB/s"
	echo value >"$PUB/s/k"
	local pid
	pid=$(worker_pid)
	kill -STOP "$pid"
	eventually 10 all_stopped "$pid"
	kill -CONT "$pid"
	same value "$(soon 10 cat "$PUB/s/k")"
	same "$pid" "$(worker_pid)"
}
