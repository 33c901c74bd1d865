# SPDX-License-Identifier: MIT
# snapshot: a reader sees a whole value, old or new, and a writer publishes a whole one or none.

setup() {
	load ../helpers
	make_store
	start_daemon
	mkdir "$PUB/s"
	K=$PUB/s/k
	export K
	printf old >"$K"
}

teardown() {
	finish
}

shells() {
	printf '%s\n' bash dash 'busybox sh'
}

@test "2,000 rewrites, and nobody reads a mixture" {
	"$PYTHON" "$TESTS/mount/hammer.py" "$K" 2000
}

@test "an open descriptor keeps what it was opened on" {
	exec 7<"$K"
	printf 'something new' >"$K"
	same old "$(cat <&7)"
	same 'something new' "$(cat "$K")"
	exec 7<&-
	"$PYTHON" - "$K" <<'END'
import os, sys
k = sys.argv[1]
fd = os.open(k, os.O_RDONLY)
first = os.pread(fd, 4, 0)
with open(k, "w") as f:
    f.write("x" * 200000)
assert first + os.pread(fd, 100, 4) == b"something new", "changed under the reader"
os.unlink(k)
assert os.pread(fd, 100, 0) == b"something new"
END
}

@test "a shell's > is empty for no reader" {
	shells | while read -r shell; do
		for i in 1 2 3 4 5; do
			$shell -c 'echo "new '"$i"'" >"$K"'
			same "new $i" "$(cat "$K")"
		done
	done
	"$PYTHON" "$TESTS/mount/shells.py" "$K" bash dash "busybox sh"
}

@test "a descriptor that a shell keeps open publishes nothing while other commands run" {
	shells | while read -r shell; do
		printf old >"$K"
		$shell -c 'exec 3>"$K"; /bin/true; /bin/true; cat "$K"; echo new >&3; exec 3>&-' >"$SFS/out"
		same old "$(cat "$SFS/out")"
		same new "$(cat "$K")"
	done
}

# late SHELL LINE REDIRECTIONS: a group that writes to the key after LINE and when it is told to; WRITER is its process.
# When this returns LINE is done.
late() {
	rm -f "$SFS/go" "$SFS/at"
	mkfifo "$SFS/go"
	$1 -c "{ $2; /usr/bin/touch \"\$SFS/at\"; read -r _ <\"\$SFS/go\"; echo new; } $3" 3>&- &
	WRITER=$!
	eventually 20 test -e "$SFS/at"
}

@test "a group that writes late" {
	shells | while read -r shell; do
		printf old >"$K"
		late "$shell" "sleep 0" '>"$K"' </dev/null
		same old "$(cat "$K")"
		same 3 "$(stat -c %s "$K")"
		echo >"$SFS/go"
		wait "$WRITER"
		same new "$(cat "$K")"
	done
}

@test "a reader between the truncation and the write gets the old value or the new" {
	"$PYTHON" - "$K" <<'END'
import os, sys
k = sys.argv[1]
w = os.open(k, os.O_WRONLY | os.O_TRUNC)
assert open(k).read() == "old"
os.close(os.dup(w))          # a flush before anything is written, as shells do
assert open(k).read() == "old"
os.write(w, b"half ")
assert open(k).read() == "old"
os.write(w, b"whole")
assert os.lseek(w, 0, os.SEEK_END) == 10
assert open(k).read() == "old"
os.close(w)
assert open(k).read() == "half whole"
END
}

@test "truncated and closed means empty, at once" {
	# A reader waits 100 ms for the close, which is queued by then but not served.
	[ "$(basename "$SECRETFS_BUILD")" != tsan ] || skip "100 ms are too short for ThreadSanitizer"
	"$PYTHON" - "$K" <<'END'
import os, sys, time
k = sys.argv[1]
for i in range(300):
    with open(k, "w") as f:
        f.write("something")
    os.close(os.open(k, os.O_WRONLY | os.O_TRUNC))
    start = time.monotonic()
    if open(k).read() != "":
        # The kernel does not wait for RELEASE, and nobody waits longer than this for what it will say.
        assert time.monotonic() - start >= 0.1, f"round {i}"
        while open(k).read() != "":
            assert time.monotonic() - start < 20, f"round {i}"
END
}

@test "a writer that is killed publishes nothing" {
	for i in {1..20}; do
		"$PYTHON" - "$K" "$i" <<'END' || true
import os, signal, sys
w = os.open(sys.argv[1], os.O_WRONLY | (os.O_TRUNC if int(sys.argv[2]) % 2 else 0))
os.write(w, b"half a value")
os.kill(os.getpid(), signal.SIGKILL)
END
		same old "$(cat "$K")"
	done
	sleep 0.3
	same old "$(cat "$K")"
	(
		exec 3>&-
		exec >"$K"
		echo half
		exec sleep 60
	) &
	eventually 20 eval '[ "$(cat /proc/$!/comm)" = sleep ]'
	kill -9 $!
	wait $! || true
	sleep 0.3
	same old "$(cat "$K")"
}

@test "a writer that ends without closing publishes" {
	"$PYTHON" -c 'import os, sys
w = os.open(sys.argv[1], os.O_WRONLY | os.O_TRUNC)
os.write(w, b"whole")
os._exit(0)' "$K"
	same whole "$(cat "$K")"
}

@test "fsync publishes" {
	"$PYTHON" - "$K" <<'END'
import os, sys
k = sys.argv[1]
w = os.open(k, os.O_WRONLY | os.O_TRUNC)
os.write(w, b"first")
assert open(k).read() == "old"
os.fsync(w)
assert open(k).read() == "first"
os.write(w, b" second")
assert open(k).read() == "first"
os.close(w)
assert open(k).read() == "first second"
END
}

@test "of two writers the last to close wins, and they do not mix" {
	"$PYTHON" - "$K" <<'END'
import os, sys
k = sys.argv[1]
for first in (0, 1):
    w = [os.open(k, os.O_WRONLY | os.O_TRUNC) for _ in range(2)]
    os.write(w[0], b"a" * 1000)
    os.write(w[1], b"b" * 10)
    os.write(w[0], b"a" * 1000)
    os.close(w[first])
    os.close(w[1 - first])
    assert open(k).read() == ("b" * 10 if first == 0 else "a" * 2000), first
END
}

@test "a descriptor for both sees its own writes" {
	"$PYTHON" - "$K" <<'END'
import os, sys
k = sys.argv[1]
f = os.open(k, os.O_RDWR)
assert os.read(f, 100) == b"old"
os.pwrite(f, b"OLDER", 0)
assert os.pread(f, 100, 0) == b"OLDER"
assert os.lseek(f, 0, os.SEEK_END) == 5
os.ftruncate(f, 2)
assert os.pread(f, 100, 0) == b"OL"
assert os.lseek(f, 0, os.SEEK_END) == 2
assert open(k).read() == "old"
os.close(f)
assert open(k).read() == "OL"
END
}

@test "a duplicate that closes first publishes what was written so far" {
	"$PYTHON" - "$K" <<'END'
import os, sys
k = sys.argv[1]
w = os.open(k, os.O_WRONLY | os.O_TRUNC)
os.write(w, b"one")
os.close(os.dup(w))
assert open(k).read() == "one"
os.write(w, b"two")
assert open(k).read() == "one"
os.close(w)
assert open(k).read() == "onetwo"
END
}

@test "a child that inherits the descriptor and ends publishes nothing" {
	"$PYTHON" - "$K" <<'END'
import os, subprocess, sys
k = sys.argv[1]
w = os.open(k, os.O_WRONLY | os.O_TRUNC)
os.write(w, b"half")
os.set_inheritable(w, True)
for _ in range(3):
    subprocess.run(["/bin/true"], close_fds=False)
    assert open(k).read() == "old"
os.write(w, b" whole")
os.close(w)
assert open(k).read() == "half whole"
END
}

@test "removing and making a key again while it is open" {
	exec 7>"$K"
	echo lost >&7
	rm "$K"
	echo kept >"$K"
	exec 7>&- || true
	same kept "$(cat "$K")"
}

@test "the writer's own times and the reader's agree" {
	printf new >"$K"
	same "$(stat -c '%s %Y' "$K")" "$("$PYTHON" -c 'import os, sys
f = open(sys.argv[1])
s = os.fstat(f.fileno())
print(s.st_size, int(s.st_mtime))' "$K")"
}

@test "children of a group that writes late flush both descriptors, and many children come and go" {
	for shell in bash dash; do
		printf old >"$K"
		late "$shell" "sleep 0; /bin/true; /bin/true" '>"$K" 2>&1'
		same old "$(cat "$K")"
		echo >"$SFS/go"
		wait "$WRITER"
		same new "$(cat "$K")"
	done
	printf old >"$K"
	same old "$(bash -c 'exec 3>"$K"; for i in {1..40}; do /bin/true; done; cat "$K"; echo new >&3')"
	same new "$(cat "$K")"
}

@test "a size that fstat tells is what sendfile sends, right after O_TRUNC" {
	"$PYTHON" - "$K" <<'END'
import os, sys
k = sys.argv[1]
with open(k, "wb") as f:
    f.write(b"x" * 500)
m = os.memfd_create("m")
for i in range(3000):
    r = os.open(k, os.O_RDONLY)
    w = os.open(k, os.O_WRONLY | os.O_TRUNC)
    assert os.fstat(r).st_size == 500
    n = os.sendfile(m, r, 0, 1000)
    assert n == 500, f"round {i}: {n}"
    os.write(w, b"x" * 500)
    os.close(w)
    os.close(r)
END
}
