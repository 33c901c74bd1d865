# SPDX-License-Identifier: MIT
# crash: workers that die in the middle of a request. What they had read is finished by the next one, each change is made
# exactly once, and a request that kills workers gets an error alone. With and without the kernel's help (resend).

setup() {
	load ../helpers
	make_store
	start_daemon ${RESEND:+resend=$RESEND}
	WORKER_MAY_DIE=1
	mkdir "$PUB/s" "$PUB/t"
	printf one >"$PUB/s/k"
	printf two >"$PUB/s/l"
	grep -q "fault-segv" "$DAEMON" || skip "the build has no faults"
}

teardown() {
	finish || return 1
	[ -z "${GROUP:-}" ] || rmdir "$GROUP"
}

versions() {
	getfattr --only-values --absolute-names -n user.secretfs.version "$1"
}

# What each kind of change looks like when it has happened once. A second time each would fail or undo itself.
each_change_once() {
	after_commit expect OK mkdir "$PUB/new"
	[ -d "$PUB/new" ]
	after_commit expect OK rmdir "$PUB/new"
	expect ENOENT stat "$PUB/new"

	local version
	version=$(versions "$PUB/s")
	after_commit expect OK mknod "$PUB/s/made"
	same $((version + 1)) "$(versions "$PUB/s")"
	after_commit expect OK unlink "$PUB/s/made"
	same $((version + 2)) "$(versions "$PUB/s")"
	expect ENOENT stat "$PUB/s/made"

	after_commit expect OK rename "$PUB/s" "$PUB/moved"
	after_commit expect OK rename "$PUB/moved" "$PUB/t" EXCHANGE
	same one "$(cat "$PUB/t/k")"
	not test -e "$PUB/moved/k"
	after_commit expect OK rename "$PUB/t/k" "$PUB/t/m"
	after_commit expect OK rename "$PUB/t/m" "$PUB/t/l" EXCHANGE
	same one "$(cat "$PUB/t/l")"
	same two "$(cat "$PUB/t/m")"

	after_commit expect OK chmod "$PUB/t/l" 0600
	same 600 "$(stat -c %a "$PUB/t/l")"
	after_commit truncate -s 1 "$PUB/t/l"
	same o "$(cat "$PUB/t/l")"
	after_commit setfattr -n user.secretfs.description -v words "$PUB/t"
	same words "$(getfattr --only-values --absolute-names -n user.secretfs.description "$PUB/t")"

	version=$(versions "$PUB/t")
	after_commit "$PYTHON" -c '
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
os.write(fd, b"+")
os.close(fd)' "$PUB/t/l"
	same o+ "$(cat "$PUB/t/l")"
	same $((version + 1)) "$(versions "$PUB/t")"
	after_commit "$PYTHON" -c '
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
os.write(fd, b"+")
os.fsync(fd)' "$PUB/t/l"
	same o++ "$(cat "$PUB/t/l")"
	after_commit sh -c 'echo "{\"a\": \"1\", \"m\": null}" >"$1"' sh "$PUB/t/.json"
	same '{"a": "1", "l": "o++"}' "$(cat "$PUB/t/.json")"
	same 0 "$(sqlite3 "file:$STORE?mode=ro" 'SELECT count(*) > 4 FROM done')"
}

@test "each change is made exactly once" {
	each_change_once
}

@test "each change is made exactly once by a kernel that sends nothing again" {
	restart_daemon resend=no
	each_change_once
}

@test "what is opened and closed counts once" {
	for resend in yes no; do
		restart_daemon resend=$resend
		"$PYTHON" - "$MNT" <<'END'
import json, os, sys, time
mnt = sys.argv[1]
k = mnt + "/public/s/k"

def status(what):
    with open(mnt + "/.secretfs/status") as f:
        return json.load(f)[what]

def fault(name, do):
    before = status("worker")
    assert not os.path.exists(mnt + "/.fault-" + name)
    did = do()
    end = time.time() + 20
    while status("worker") == before:
        assert time.time() < end, "no other worker"
        time.sleep(0.01)
    return did

# One user's openings of one value share a handle. It is there until the last of them is closed.
fds = [os.open(k, os.O_RDONLY) for _ in range(3)]
for fd in fds[1:]:
    fault("close", lambda: os.close(fd))
    assert os.pread(fds[0], 9, 0) == b"one", "closed too early"
os.close(fds[0])

def settled():
    end = time.time() + 10
    while (n := status("handles")) != 0:
        assert time.time() < end, f"{n} handles are left"
        time.sleep(0.01)

settled()
for _ in range(3):
    fd = fault("open", lambda: os.open(k, os.O_RDONLY))
    assert os.pread(fd, 9, 0) == b"one"
    os.close(fd)
settled()
END
	done
}

@test "a fresh mount does not answer from the journal of another" {
	after_commit expect OK mkdir "$PUB/new"
	restart_daemon
	same 0 "$(sqlite3 "file:$STORE?mode=ro" 'SELECT count(*) FROM done')"
	expect EEXIST mkdir "$PUB/new"
}

poison() {
	exec 7<"$PUB/s/k"
	expect EIO stat "$MNT/.fault-$1"
	same one "$(soon 20 cat <&7)"
	exec 7<&-
	same two "$(soon 20 cat "$PUB/s/l")"
	soon 20 mkdir "$PUB/after"
	# It is the request that is dropped; the next one has its own two tries.
	expect EIO stat "$MNT/.fault-$1"
	mountpoint -q "$MNT"
}

@test "a request that ends the worker gets EIO at the second death, and the others are served" {
	[ -z "${SECRETFS_SANITIZED:-}" ] || skip "a sanitizer ends the worker in its own way"
	poison segv
}

@test "so does one that aborts it, on a kernel that sends nothing again" {
	[ -z "${SECRETFS_SANITIZED:-}" ] || skip "a sanitizer ends the worker in its own way"
	restart_daemon resend=no
	poison abort
}

@test "many such requests at once do not end the mount" {
	[ -z "${SECRETFS_SANITIZED:-}" ] || skip "a sanitizer ends the worker in its own way"
	for _ in {1..12}; do
		("$SC" stat "$MNT/.fault-segv" >>"$SFS/answers") &
	done
	wait
	same 12 "$(grep -c EIO "$SFS/answers")"
	same one "$(soon 30 cat "$PUB/s/k")"
}

@test "a key that was emptied stays so, whenever the worker dies" {
	local resend
	for resend in yes no; do
		restart_daemon resend=$resend
		"$PYTHON" - "$PUB/s/k" "$(supervisor_pid)" <<'END'
import os, signal, subprocess, sys, time
k, supervisor = sys.argv[1], sys.argv[2]

def worker():
    for pid in subprocess.run(["pgrep", "-P", supervisor], capture_output=True, text=True).stdout.split():
        with open(f"/proc/{pid}/cmdline") as f:
            if f.read().startswith("secretfs\0--worker"):
                return int(pid)

def kill():
    before = worker()
    os.kill(before, signal.SIGKILL)
    end = time.time() + 20
    while worker() in (None, before):
        assert time.time() < end
        time.sleep(0.01)

def value():
    with open(k, "rb") as f:
        return f.read()

def emptied(flushed):
    with open(k, "wb") as f:
        f.write(b"one")
    fd = os.open(k, os.O_WRONLY | os.O_TRUNC)
    if flushed:
        os.close(os.dup(fd))
    kill()
    return fd

for flushed in (False, True):
    os.close(emptied(flushed))
    # RELEASE is not waited for.
    end = time.time() + 10
    while value() != b"":
        assert time.time() < end, value()
        time.sleep(0.01)
    fd = emptied(flushed)
    kill()
    assert os.write(fd, b"two") == 3
    os.close(fd)
    assert value() == b"two", value()
    # What was written has died with its worker, and nothing of it is published.
    fd = emptied(flushed)
    os.write(fd, b"three")
    kill()
    try:
        os.write(fd, b"four")
        assert False, "written"
    except OSError as e:
        assert e.errno == 5, e
    try:
        os.close(fd)
    except OSError as e:
        assert e.errno == 5, e
    assert value() == b"one", value()
END
	done
}

@test "a worker that hangs is replaced; what hung gets EIO, everybody else an answer" {
	restart_daemon hang_timeout=2 threads=2
	before=$(worker_pid)
	("$SC" stat "$MNT/.fault-hang" >"$SFS/answer") &
	# Twice the limit, and not as long as a worker may take to start.
	same one "$(soon 20 cat "$PUB/s/k")"
	wait
	same EIO "$(cat "$SFS/answer")"
	worker_is_not "$before"
}

@test "a worker that is stopped is replaced" {
	restart_daemon hang_timeout=2
	before=$(worker_pid)
	kill -STOP "$before"
	same one "$(soon 30 cat "$PUB/s/k")"
	worker_is_not "$before"
}

@test "an OPEN that waits for a writer outlives the worker, also without the kernel's help" {
	restart_daemon resend=no
	"$PYTHON" - "$PUB/s/k" "$(worker_pid)" <<'END'
import os, signal, subprocess, sys, time
k, worker = sys.argv[1], int(sys.argv[2])
w = os.open(k, os.O_WRONLY | os.O_TRUNC)
d = os.dup(w)
os.close(d)  # flushed: readers wait for what comes
reader = subprocess.Popen(["cat", k], stdout=subprocess.PIPE)
time.sleep(0.03)
os.kill(worker, signal.SIGKILL)
assert reader.communicate(timeout=20)[0] == b"one"
END
}

# A memory cgroup of its own for the daemon; the kernel's killer takes its largest process, which is the worker.
memory_group() {
	local all=/sys/fs/cgroup/memory name=secretfs-test-$$
	if [ -e "$all/memory.limit_in_bytes" ]; then
		LIMIT=memory.limit_in_bytes USAGE=memory.usage_in_bytes
	else
		all=/sys/fs/cgroup LIMIT=memory.max USAGE=memory.current
		grep -qw memory "$all/cgroup.subtree_control" 2>/dev/null || skip "no memory cgroup can be made here"
	fi
	GROUP=$all/$name
	mkdir "$GROUP" 2>/dev/null || skip "no memory cgroup can be made here"
}

@test "a worker that the kernel kills for its memory is replaced" {
	stop_daemon
	memory_group
	(
		echo "$BASHPID" >"$GROUP/cgroup.procs"
		run_daemon
	)
	exec 7<"$PUB/s/k"
	local before i confirmed=none
	before=$(worker_pid)
	echo $(($(cat "$GROUP/$USAGE") + 262144)) >"$GROUP/$LIMIT"
	for ((i = 0; i < 4000; i++)); do
		mkdir "$PUB/o$i" || break
		# It may be killed over this one. dd, because bash does not look at what close returns.
		! dd of="$PUB/o$i/k" status=none <<<"$i" || confirmed=$i
		! worker_is_not "$before" || break
	done
	worker_is_not "$before" || skip "the worker needs no more memory than it has"
	echo $((1 << 30)) >"$GROUP/$LIMIT"
	same one "$(soon 30 cat "$PUB/s/k")"
	same one "$(cat <&7)"
	[ "$confirmed" = none ] || same "$confirmed" "$(soon 30 cat "$PUB/o$confirmed/k")"
}

@test "users and crashes: no reader sees an error, nothing that was closed is lost" {
	chmod 1777 "$PUB"
	for resend in yes no; do
		restart_daemon resend=$resend
		SECONDS_EACH=${SECRETFS_LONG:-8} "$PYTHON" "$TESTS/mount/crashes.py" "$MNT" "$(supervisor_pid)"
	done
}

@test "a container with one secret goes on while workers die" {
	command -v bwrap >/dev/null || skip "there is no bubblewrap"
	# Not all of /: a copy of every mount would keep those of the tests beside this one.
	local box=(bwrap --ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64
		--dev /dev --proc /proc)
	"${box[@]}" true || skip "bubblewrap cannot make namespaces here"
	"${box[@]}" --ro-bind "$PUB/s" /mnt bash -c '
		exec 7</mnt/k
		for ((i = 0; i < 150; i++)); do
			[ "$(cat /mnt/k)" = one ] || exit 1
			[ "$(ls /mnt)" = "k
l" ] || exit 2
			sleep 0.01
		done
		[ "$(cat <&7)" = one ]' 3>&- &
	reader=$!
	while kill -0 "$reader" 2>/dev/null; do
		kill -9 "$(worker_pid)" 2>/dev/null || true
		sleep 0.2
	done
	wait "$reader"
}

@test "the supervisor dies, twenty times: the mount goes, and nobody is left waiting in it" {
	local i client
	for i in {1..20}; do
		# Waits in an OPEN for a writer that never goes on, or in a read loop.
		"$PYTHON" -c '
import os, sys
w = os.open(sys.argv[1], os.O_WRONLY | os.O_TRUNC)
os.close(os.dup(w))
while True:
    with open(sys.argv[1]) as f:
        f.read()' "$PUB/s/k" 2>/dev/null 3>&- &
		client=$!
		sleep 0.05
		kill -9 "$(supervisor_pid)"
		eventually 10 not mountpoint -q "$MNT" 2>/dev/null
		eventually 10 no_processes
		wait "$client" || true
		WORKER_AT_START=
		start_daemon
		same one "$(cat "$PUB/s/k")"
	done
}

@test "the kernel is told of a view's commit whose worker died before it could tell" {
	WORKER_MAY_DIE=yes
	mkdir "$PUB/told"
	printf old >"$PUB/told/k"
	for name in json env; do
		# Asked for, the kernel keeps it for long.
		eventually 10 eval 'stat "$PUB/told/k" >"$SFS/out"; [ "$(stat -c %s "$PUB/told/k")" = 3 ]'
		if [ $name = json ]; then
			after_commit sh -c 'echo "{\"k\": \"longer\"}" >"$PUB/told/.json"'
		else
			after_commit sh -c 'echo "k=longer" >"$PUB/told/.env"'
		fi
		same 6 "$(stat -c %s "$PUB/told/k")"
		same longer "$(cat "$PUB/told/k")"
		printf old >"$PUB/told/k"
	done
}
