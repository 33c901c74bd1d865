# SPDX-License-Identifier: MIT
# fsx: random operations on one key beside a model, for as long as "seconds" in helpers.bash says; and what they found.

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

@test "random operations do what the model says" {
	mkdir "$PRIV/p"
	seconds=$(seconds "$([ -n "${SECRETFS_SANITIZED:-}" ] && echo 15 || echo 30)")
	for dir in "$PUB/s" "$PRIV/p"; do
		"$SECRETFS_BUILD/tests/bin/fsx" --seconds "$seconds" --seed "$((RANDOM * 32768 + RANDOM))000" "$dir" >"$SFS/fsx.${dir##*/}" 2>&1 3>&- &
		pids+=($!)
	done
	rc=0
	for pid in "${pids[@]}"; do
		wait "$pid" || rc=1
	done
	sed 's/^/# /' "$SFS"/fsx.* >&3
	return $rc
}

@test "what many children inherit they do not publish" {
	bash -c 'exec 3>"$K"; for i in {1..40}; do /bin/true; done; cat "$K"; echo new >&3' >"$SFS/out"
	same old "$(cat "$SFS/out")"
	same new "$(cat "$K")"
}

@test "nor what they inherit twice" {
	bash -c '{ sleep 0.1; cat "$K" >&7; echo new; } >"$K" 2>&1' 7>"$SFS/out"
	same old "$(cat "$SFS/out")"
	same new "$(cat "$K")"
}

@test "an unlinked key is written, truncated and read on" {
	"$PYTHON" - "$K" <<'END'
import os, sys
k = sys.argv[1]
w = os.open(k, os.O_RDWR)
a = os.open(k, os.O_RDWR | os.O_APPEND)
os.unlink(k)
os.ftruncate(w, 2)
assert os.pread(w, 9, 0) == b"ol"
os.write(w, b"more")
assert os.pread(w, 9, 0) == b"more"
os.write(a, b" tail")
assert os.pread(a, 9, 0) == b"old tail"
os.close(a)
os.close(w)
assert not os.path.exists(k)
END
}

@test "a truncation that is refused changes nothing" {
	"$PYTHON" - "$K" <<'END'
import errno, os, sys
k = sys.argv[1]
a = os.open(k, os.O_WRONLY | os.O_APPEND)
try:
    os.ftruncate(a, (1 << 20) + 1)
    sys.exit("ftruncate to more than may be")
except OSError as e:
    assert e.errno == errno.EFBIG, e
with open(k, "w") as f:
    f.write("new")
os.write(a, b" tail")
os.close(a)
assert open(k).read() == "new tail", open(k).read()
END
}

@test "sizes are right at once while somebody writes" {
	"$PYTHON" - "$K" <<'END'
import os, sys
k = sys.argv[1]
for i in range(300):
    w = os.open(k, os.O_WRONLY | os.O_TRUNC)
    assert os.stat(k).st_size == 3
    os.write(w, b"long and new")
    assert os.lseek(w, 0, os.SEEK_END) == 12
    a = os.open(k, os.O_WRONLY | os.O_APPEND)
    os.write(a, b"and more")
    end = os.lseek(w, 0, os.SEEK_END)
    assert end == 12, f"round {i}: {end}"
    os.close(w)
    os.close(a)
    with open(k, "w") as f:
        f.write("old")
END
}
