# SPDX-License-Identifier: MIT
# reload: SIGHUP. Another worker goes on, with the settings of now and the program that is at the path now, and nobody
# notices: no operation fails, and nothing that was written to an open descriptor is lost.

setup() {
	load ../helpers
	make_store
	WORKER_MAY_DIE=1
}

teardown() {
	finish
}

status() {
	"$PYTHON" -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$MNT/.secretfs/status" "$1"
}

generation_is() {
	[ "$(status generation)" = "$1" ]
}

# reload: waits until the next worker serves.
reload() {
	local next=$(($(status generation) + ${1:-1}))
	kill -HUP "$(supervisor_pid)"
	eventually 20 generation_is "$next"
}

@test "what is open goes on: readers, and writers of every sort with what they have written" {
	start_daemon
	mkdir "$PUB/s" "$PRIV/p"
	"$PYTHON" - "$MNT" "$(supervisor_pid)" <<'END'
import json, os, signal, subprocess, sys, time
mnt, supervisor = sys.argv[1], int(sys.argv[2])
s = mnt + "/public/s/"

def reload():
    status = lambda: json.load(open(mnt + "/.secretfs/status"))["generation"]
    before = status()
    os.kill(supervisor, signal.SIGHUP)
    end = time.time() + 20
    while status() == before:
        assert time.time() < end, "no other worker"
        time.sleep(0.01)

def put(name, data):
    with open(s + name, "wb") as f:
        f.write(data)

def get(name):
    with open(s + name, "rb") as f:
        return f.read()

for name in ("read", "clean", "dirty", "tail", "emptied", "gone", "grown", "big"):
    put(name, b"old " + name.encode())
put("flushed", b"")
big = os.urandom(1 << 20)
reader = os.open(s + "read", os.O_RDONLY)
put("read", b"new")
view = os.open(s + ".json", os.O_RDONLY)
shown = os.pread(view, 1 << 20, 0)
state = os.open(mnt + "/.secretfs/status", os.O_RDONLY)
clean = os.open(s + "clean", os.O_RDWR)
dirty = os.open(s + "dirty", os.O_RDWR)
os.pwrite(dirty, b"NEW", 0)
tail = os.open(s + "tail", os.O_WRONLY | os.O_APPEND)
os.write(tail, b" and")
emptied = os.open(s + "emptied", os.O_WRONLY | os.O_TRUNC)
gone = os.open(s + "gone", os.O_RDWR)
os.write(gone, b"GONE")
os.unlink(s + "gone")
fresh = os.open(s + "fresh", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
os.write(fresh, b"fresh")
large = os.open(s + "big", os.O_WRONLY | os.O_TRUNC)
os.write(large, big)
copy = os.dup(dirty)
versions = int(os.getxattr(mnt + "/public/s", "user.secretfs.version"))

for round in range(3):
    reload()
    assert os.pread(reader, 99, 0) == b"old read"
    assert os.pread(view, 1 << 20, 0) == shown and json.loads(os.pread(state, 4096, 0))["generation"] == 1
    assert os.pread(clean, 99, 0) == b"old clean"
    assert os.pread(dirty, 99, 0) == b"NEW dirty"
    assert os.lseek(fresh, 0, os.SEEK_END) == 5 and os.pread(fresh, 99, 0) == b"fresh"
    assert os.pread(gone, 99, 0) == b"GONEgone"
    # Nothing was published.
    assert get("dirty") == b"old dirty" and get("tail") == b"old tail" and get("big") == b"old big"
    assert get("fresh") == b"" and get("emptied") in (b"", b"old emptied")
    assert int(os.getxattr(mnt + "/public/s", "user.secretfs.version")) == versions

os.write(tail, b" more")
put("tail", b"meanwhile")
os.write(emptied, b"full")
os.pwrite(dirty, b"!", 9)
os.close(copy)
assert get("dirty") == b"NEW dirty!"
os.pwrite(clean, b"NEW", 0)
for fd in (clean, dirty, tail, emptied, gone, fresh, large, reader):
    os.close(fd)
assert get("clean") == b"NEW clean"
assert get("tail") == b"meanwhile and more"
assert get("emptied") == b"full"
assert get("fresh") == b"fresh"
assert get("big") == big
assert not os.path.exists(s + "gone")
# Each descriptor made one version.
assert int(os.getxattr(mnt + "/public/s", "user.secretfs.version")) <= versions + 9
END
	[ "$(status generation)" = 4 ]
	# The memory in between is gone.
	not grep -l secretfs-handover "/proc/$(supervisor_pid)/maps" "/proc/$(worker_pid)/maps"
}

@test "users and reloads: no operation fails" {
	start_daemon
	chmod 1777 "$PUB"
	HOW=reload SECONDS_EACH=${SECRETFS_LONG:-6} "$PYTHON" "$TESTS/mount/crashes.py" "$MNT" "$(supervisor_pid)"
}

@test "reloads and crashes at once" {
	start_daemon
	chmod 1777 "$PUB"
	HOW=both SECONDS_EACH=${SECRETFS_LONG:-6} "$PYTHON" "$TESTS/mount/crashes.py" "$MNT" "$(supervisor_pid)"
}

@test "an OPEN that waits for a writer is answered by the next worker" {
	start_daemon
	mkdir "$PUB/s"
	echo one >"$PUB/s/k"
	"$PYTHON" - "$PUB/s/k" "$(supervisor_pid)" <<'END'
import os, signal, subprocess, sys, time
k, supervisor = sys.argv[1], int(sys.argv[2])
for _ in range(5):
    w = os.open(k, os.O_WRONLY | os.O_TRUNC)
    os.close(os.dup(w))  # flushed: readers wait for what comes
    reader = subprocess.Popen(["cat", k], stdout=subprocess.PIPE)
    os.kill(supervisor, signal.SIGHUP)
    os.write(w, b"two")
    os.close(w)
    assert reader.communicate(timeout=20)[0] in (b"one\n", b"two"), "neither old nor new"
    with open(k, "w") as f:
        f.write("one\n")
END
}

@test "the program that is at the path now; one that does not serve changes nothing" {
	local program=$SFS/bin/secretfs
	cp "$DAEMON" "$program"
	"$program" "$STORE" "$MNT" -o "keyfile=$KEY,user=secretfs,anchor=$ANCHOR,audit_file=$AUDIT" >>"$LOG" 2>&1 3>&-
	mkdir "$PUB/s"
	exec 7>"$PUB/s/k"
	echo before >&7
	# As a package does it.
	cp "$program" "$SFS/bin/new" && mv "$SFS/bin/new" "$program"
	reload
	[ "/proc/$(worker_pid)/exe" -ef "$program" ]
	printf '#!/bin/sh\nexit 3\n' >"$SFS/bin/new" && chmod 755 "$SFS/bin/new" && mv "$SFS/bin/new" "$program"
	reload 2
	not [ "/proc/$(worker_pid)/exe" -ef "$program" ]
	# Somebody else could have put it there.
	cp "$DAEMON" "$SFS/bin/new" && chmod 775 "$SFS/bin/new" && mv "$SFS/bin/new" "$program"
	reload
	not [ "/proc/$(worker_pid)/exe" -ef "$program" ]
	rm "$program"
	reload
	echo after >&7
	exec 7>&-
	same "before
after" "$(cat "$PUB/s/k")"
}

@test "one that comes while a worker makes room or starts is not lost" {
	start_daemon
	local before
	for before in 1 3 5; do
		generation_is "$before"
		# The second one as soon as there is another worker, which cannot serve yet.
		"$PYTHON" - "$(supervisor_pid)" <<'END'
import os, signal, sys, time
supervisor = int(sys.argv[1])
def children():
    with open(f"/proc/{supervisor}/task/{supervisor}/children") as f:
        return set(f.read().split())
before, end = children(), time.time() + 20
os.kill(supervisor, signal.SIGHUP)
while children() <= before:
    assert time.time() < end, "no other worker"
os.kill(supervisor, signal.SIGHUP)
END
		eventually 20 generation_is $((before + 2))
	done
	# As one that comes with the death of the worker.
	kill -9 "$(worker_pid)"
	kill -HUP "$(supervisor_pid)"
	eventually 20 eval '[ "$(status generation)" -ge 8 ]'
	mkdir "$PUB/s"
}

@test "many at once are a few" {
	start_daemon
	for _ in {1..20}; do
		kill -HUP "$(supervisor_pid)"
	done
	eventually 20 eval '[ "$(status generation)" -ge 2 ]'
	sleep 0.5
	[ "$(status generation)" -le 21 ]
	mkdir "$PUB/s"
}

@test "a reload while the daemon stops does not keep it" {
	start_daemon
	local supervisor
	supervisor=$(supervisor_pid)
	kill -HUP "$supervisor"
	kill -TERM "$supervisor"
	kill -HUP "$supervisor"
	eventually 10 not mountpoint -q "$MNT"
	sweep_wait "$SFS" 10
}

@test "workers and helper do not mind a SIGHUP that all get" {
	start_daemon
	mapfile -t pids < <(sweep_pids "$MNT")
	kill -HUP "$(worker_pid)" "${pids[@]}"
	eventually 20 generation_is 2
	mkdir "$PUB/s"
}

@test "the service manager is told" {
	listen "$SFS/socket"
	NOTIFY_SOCKET=$SFS/socket run_foreground
	reload
	told '^READY=1 .*generation 2'
	grep -A9 -E '^RELOADING=1 \| MONOTONIC_USEC=[0-9]+' "$SFS/told" | grep -q '^READY=1'
}
