# SPDX-License-Identifier: MIT
# cached: kernel_cache = yes. Values come out of the kernel's page cache, and what is read is exact all the same.

setup() {
	load ../helpers
	make_store
	start_daemon kernel_cache=yes
	mkdir "$PUB/s"
	K=$PUB/s/k
	export K
	printf old >"$K"
}

teardown() {
	finish
}

operations() {
	"$PYTHON" -c 'import json, sys; print(json.load(open(sys.argv[1]))["operations"])' "$MNT/.secretfs/status"
}

# A module for Python: opened(PATH) opens it once no writer has it any more. RELEASE is not waited for by who closes.
module() {
	cat >"$SFS/cached.py" <<'END'
import json, os, time
def opened(path):
    status = os.path.dirname(os.path.dirname(os.path.dirname(path))) + "/.secretfs/status"
    end = time.monotonic() + 20
    while json.load(open(status))["handles"] > 1:
        assert time.monotonic() < end
        time.sleep(0.01)
    return os.open(path, os.O_RDONLY)
END
	export PYTHONPATH=$SFS
}

# reads ROUNDS: one process reads the key so often.
reads() {
	"$PYTHON" - "$K" "$1" <<'END'
import os, sys
for _ in range(int(sys.argv[2])):
    fd = os.open(sys.argv[1], os.O_RDONLY)
    assert os.fstat(fd).st_size == 3
    assert os.read(fd, 100) == b"old"
    assert os.read(fd, 100) == b""
    os.close(fd)
END
}

@test "reading asks for nothing but to open and to close" {
	reads 1
	before=$(operations)
	reads 1000
	after=$(operations)
	# Python itself and the status want some, too.
	[ "$((after - before))" -lt 2100 ] || {
		echo "$((after - before)) operations" >&2
		false
	}
	restart_daemon kernel_cache=no
	reads 1
	before=$(operations)
	reads 1000
	after=$(operations)
	[ "$((after - before))" -gt 3500 ]
}

@test "each opening is in the audit log, of a user each" {
	chmod 644 "$K"
	for uid in 0 "$ALICE" "$BOB"; do
		same old "$(as "$uid" cat "$K")"
	done
	for uid in "$ALICE" "$BOB"; do
		same 1 "$(audit_lines operation=read result=ok uid="$uid" secret=public/s key=k command=cat)"
	done
	mkdir "$PUB/t"
	for i in {1..40}; do
		echo "$i" >"$PUB/t/$i"
	done
	cat "$PUB/t/"* >"$SFS/out"
	cat "$PUB/t/"* "$PUB/t/"* >"$SFS/out"
	"$PYTHON" - "$AUDIT" <<'END'
import json, sys
read = 0
for line in open(sys.argv[1]):
    o = json.loads(line)
    # The same within a second is one line that counts.
    if o.get("operation") == "read" and o.get("secret") == "public/t":
        read += o.get("count", 1) if o.get("count") else 1
assert read >= 80, read
END
}

@test "every length after every other, at the next open" {
	"$PYTHON" - "$K" <<'END'
import mmap, os, sys
k = sys.argv[1]
lengths = [0, 1, 2, 63, 64, 65, 511, 4095, 4096, 4097, 8191, 8192, 20000, 131072, 131073, 400000]

def check(value, where):
    fd = os.open(k, os.O_RDONLY)
    assert os.fstat(fd).st_size == len(value), where
    data = b""
    while part := os.read(fd, 100000):
        data += part
    assert data == value, where
    m = os.memfd_create("m")
    at = 0
    while n := os.sendfile(m, fd, at, 1 << 20):
        at += n
    assert os.pread(m, 1 << 20, 0) == value, where
    os.close(m)
    if value:
        with mmap.mmap(fd, 0, access=mmap.ACCESS_READ) as pages:
            assert pages[:] == value, where
    os.close(fd)

n = 0
for a in lengths:
    for b in lengths:
        for length in (a, b):
            n += 1
            value = (b"%07d " % n * (length // 8 + 1))[:length]
            if n % 3:
                with open(k, "wb") as f:
                    f.write(value)
            else:
                fd = os.open(k, os.O_WRONLY)
                os.pwrite(fd, value, 0)
                os.ftruncate(fd, length)
                os.close(fd)
            # Nothing but the bytes tells the kernel that it is another one.
            os.utime(k, ns=(0, 0))
            check(value, (a, b, n))
            check(value, (a, b, n))
END
}

@test "a process rewrites keys in many lengths and ways, others read them" {
	mkdir "$PUB/t"
	"$PYTHON" "$TESTS/mount/cached.py" "$PUB/t" 400 4
}

@test "who reads when the writer comes is waited for, and who comes then reads by himself" {
	"$PYTHON" - "$K" <<'END'
import os, sys, threading, time
k = sys.argv[1]
for way in ("anew", "over", "view"):
    with open(k, "w") as f:
        f.write("first " + way)
    r = os.open(k, os.O_RDONLY)
    assert os.read(r, 3) == b"fir"

    def write():
        if way == "anew":
            with open(k, "w") as f:
                f.write("the second, which is longer")
        elif way == "over":
            fd = os.open(k, os.O_WRONLY)
            os.write(fd, b"the second, which is longer")
            os.close(fd)
        else:
            with open(os.path.dirname(k) + "/.json", "w") as f:
                f.write('{"k": "the second, which is longer"}')
    w = threading.Thread(target=write)
    w.start()
    # Whether the writer is waiting by now or not.
    assert open(k).read() in ("first " + way, "the second, which is longer")
    try:
        rest = os.read(r, 100)
        assert rest == b"st " + way.encode(), rest
        assert os.read(r, 100) == b""
    except OSError as e:
        # This process stood still for so long that the writer did not wait any more.
        import errno
        assert e.errno == errno.ESTALE, e
    os.close(r)
    w.join()
    assert open(k).read() == "the second, which is longer"
END
}

@test "who keeps it open gets no other value's end, and no writer waits for long" {
	module
	"$PYTHON" - "$K" <<'END'
import errno, os, sys
from cached import opened
k = sys.argv[1]
for new in ("longer than the first", "s", "another"):
    with open(k, "w") as f:
        f.write("the one")
    r = opened(k)
    assert os.read(r, 4) == b"the "
    with open(k, "w") as f:
        f.write(new)
    for _ in range(3):
        assert open(k).read() == new
        try:
            os.read(r, 100)
            raise SystemExit("read on")
        except OSError as e:
            assert e.errno == errno.ESTALE, e
    assert os.fstat(r).st_size == len(new)
    os.close(r)
    for _ in range(3):
        assert open(k).read() == new
END
}

@test "removed and replaced by rename: who has it open reads it to its end" {
	"$PYTHON" - "$K" <<'END'
import os, sys
k = sys.argv[1]
with open(k, "w") as f:
    f.write("the first one")
r = os.open(k, os.O_RDONLY)
assert os.read(r, 4) == b"the "
with open(k + ".new", "w") as f:
    f.write("and another, a longer one")
os.rename(k + ".new", k)
assert open(k).read() == "and another, a longer one"
assert os.read(r, 100) == b"first one" and os.read(r, 100) == b""
os.close(r)
r = os.open(k, os.O_RDONLY)
assert os.read(r, 4) == b"and "
os.unlink(k)
assert os.read(r, 100) == b"another, a longer one" and os.read(r, 100) == b""
os.close(r)
END
	not cat "$K"
}

@test "what is taken away or has expired is refused at the next open" {
	chmod 644 "$K"
	same old "$(as "$ALICE" cat "$K")"
	chmod 600 "$K"
	expect_as "$ALICE" EACCES open "$K" O_RDONLY
	setfacl -m "u:$ALICE:r" "$K"
	same old "$(as "$ALICE" cat "$K")"
	setfacl -b "$K"
	expect_as "$ALICE" EACCES open "$K" O_RDONLY
	exec 7<"$K"
	setfattr -n user.secretfs.expires -v 1 "$PUB/s"
	expect EKEYEXPIRED open "$K" O_RDONLY
	# As without the page cache.
	same old "$(cat <&7)"
	exec 7<&-
	setfattr -x user.secretfs.expires "$PUB/s"
	same old "$(cat "$K")"
	as "$ALICE" mkdir "$MNT/.private/$ALICE/p"
	as "$ALICE" sh -c "echo mine >$MNT/.private/$ALICE/p/k; cat $MNT/.private/$ALICE/p/k" >"$SFS/out"
	same mine "$(cat "$SFS/out")"
	expect EACCES open "$MNT/.private/$ALICE/p/k" O_RDONLY
	expect_as "$BOB" EACCES open "$MNT/.private/$ALICE/p/k" O_RDONLY
}

@test "views and earlier versions" {
	for i in 1 22 333; do
		echo "$i" >"$K"
		same "{\"k\": \"$i\\n\"}" "$(tr -d '\n' <"$PUB/s/.json" | tr -s ' ')"
		same "k=\"$i" "$(head -n 1 "$PUB/s/.env")"
	done
	same "1 22" "$(cat "$PUB/s/.versions/3/k" "$PUB/s/.versions/4/k" | xargs)"
	echo 'k=from-view' >"$PUB/s/.env"
	same from-view "$(cat "$K")"
	truncate -s 4 "$K"
	same from "$(cat "$K")"
	"$PYTHON" -c 'import os, sys; os.truncate(sys.argv[1], 2)' "$K"
	same fr "$(cat "$K")"
}

@test "workers die and are replaced while keys are rewritten and read" {
	WORKER_MAY_DIE=yes
	mkdir "$PUB/t"
	exec 7<"$K"
	"$PYTHON" "$TESTS/mount/cached.py" "$PUB/t" 300 4 >"$SFS/out" 2>&1 3>&- &
	load=$!
	for i in {1..6}; do
		sleep 0.3
		if [ $((i % 2)) = 0 ]; then
			kill -9 "$(worker_pid)"
			eventually 20 cat "$K" >/dev/null
		else
			before=$(worker_pid)
			kill -HUP "$(supervisor_pid)"
			eventually 20 worker_is_not "$before"
		fi
	done
	wait $load || {
		cat "$SFS/out" >&2
		false
	}
	same old "$(cat <&7)"
	exec 7<&-
	printf new >"$K"
	same new "$(cat "$K")"
}

@test "who has it open over the death of a worker, and a change" {
	module
	WORKER_MAY_DIE=yes
	"$PYTHON" - "$K" "$(worker_pid)" <<'END'
import errno, os, signal, sys
from cached import opened
k = sys.argv[1]
with open(k, "w") as f:
    f.write("the one")
r = opened(k)
assert os.read(r, 4) == b"the "
os.kill(int(sys.argv[2]), signal.SIGKILL)
assert os.pread(r, 100, 0) == b"the one"
assert open(k).read() == "the one"
with open(k, "w") as f:
    f.write("longer than the first")
assert os.stat(k).st_size == 21
try:
    os.read(r, 100)
    raise SystemExit("read on")
except OSError as e:
    assert e.errno == errno.ESTALE, e
assert open(k).read() == "longer than the first"
END
}
