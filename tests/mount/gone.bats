# SPDX-License-Identifier: MIT
# gone: keys that are removed or replaced, and values that are pruned, while somebody has them.

setup() {
	load ../helpers
	make_store
	start_daemon
	mkdir "$PUB/s"
	K=$PUB/s/k
	export K
	echo old >"$K"
}

teardown() {
	finish
}

# How many values the store has, and how many things are kept that no version names.
stored() {
	"$PYTHON" "$TESTS/tools/tamper.py" "$STORE" rows value | wc -l
}

kept() {
	"$PYTHON" "$TESTS/tools/tamper.py" "$STORE" rows done | grep -c '^-'
}

kept_is() {
	[ "$(kept)" = "$1" ]
}

commits() {
	local i
	for ((i = 0; i < $1; i++)); do
		echo "$i" >"${2:-$PUB/s/other}"
	done
}

bound() {
	: >"$SFS/bound"
	mount --bind "${1:-$K}" "$SFS/bound"
}

@test "what is open is read on, by every way there is, with no history too" {
	for history in 10 1 0; do
		restart_daemon history=$history
		for how in unlink replace json; do
			mkdir "$PUB/$history$how"
			"$PYTHON" "$TESTS/mount/gone.py" "$PUB/$history$how" "$how"
		done
	done
	# Nothing is left of it.
	eventually 10 kept_is 0
}

@test "a name that .json has removed is gone at once" {
	for _ in {1..20}; do
		echo x >"$K"
		same 2 "$(stat -c %s "$K")"
		echo '{"k": null}' >"$PUB/s/.json"
		expect ENOENT stat "$K"
		expect ENOENT open "$K" O_RDONLY
	done
}

@test "a bound key that is replaced shows the one that was bound" {
	bound
	chmod 640 "$K"
	echo new >"$PUB/s/.new"
	mv "$PUB/s/.new" "$K"
	same "new old" "$(cat "$K") $(cat "$SFS/bound")"
	same "0 640 4" "$(stat -c '%h %a %s' "$SFS/bound")"
	same old "$("$PYTHON" -c 'import mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
print(mmap.mmap(fd, 0, prot=mmap.PROT_READ)[:].decode(), end="")' "$SFS/bound")"
	expect_as "$ALICE" EACCES open "$SFS/bound" O_RDONLY
	# It cannot be written: nobody would ever see it.
	for flags in O_WRONLY O_RDWR 'O_WRONLY|O_TRUNC' 'O_WRONLY|O_APPEND'; do
		expect ESTALE open "$SFS/bound" "$flags"
	done
	expect ESTALE truncate "$SFS/bound" 0
	# The history goes on without it.
	commits 30
	same old "$(cat "$SFS/bound")"
	same "10 1" "$(ls "$PUB/s/.versions" | wc -l) $(kept)"
	sed -i s/new/newer/ "$K"
	same "newer old" "$(cat "$K") $(cat "$SFS/bound")"
	umount "$SFS/bound"
	eventually 10 kept_is 0
}

@test "a bound key that is removed with its secret" {
	setfacl -m "u:$ALICE:r" "$K"
	chmod o= "$K"
	bound
	rm -r "$PUB/s"
	expect ENOENT stat "$PUB/s"
	same old "$(cat "$SFS/bound")"
	same old "$(as "$ALICE" cat "$SFS/bound")"
	expect_as "$BOB" EACCES open "$SFS/bound" O_RDONLY
	same "$(printf 'user::rw-\nuser:%s:r--\ngroup::r--\nmask::r--\nother::---' "$ALICE")" "$(getfacl -cn "$SFS/bound" 2>/dev/null | grep .)"
	# A worker dies, and another one.
	WORKER_MAY_DIE=1
	for _ in 1 2; do
		kill -9 "$(worker_pid)"
		same old "$(soon 20 cat "$SFS/bound")"
	done
	same 1 "$(kept)"
	mkdir "$PUB/s"
	expect ENOENT stat "$K"
	same old "$(cat "$SFS/bound")"
	umount "$SFS/bound"
	eventually 10 kept_is 0
	same 0 "$(stored)"
}

@test "a bound key that was never written" {
	: >"$PUB/s/empty"
	bound "$PUB/s/empty"
	rm "$PUB/s/empty"
	commits 30
	same "0 0 644" "$(stat -c '%h %s %a' "$SFS/bound")"
	same "" "$(cat "$SFS/bound")"
	WORKER_MAY_DIE=1
	kill -9 "$(worker_pid)"
	same "" "$(soon 20 cat "$SFS/bound")"
	umount "$SFS/bound"
	eventually 10 kept_is 0
}

@test "a private key that is bound is its owner's after it has gone" {
	as "$ALICE" sh -c 'mkdir "$PRIV/p" && echo own >"$PRIV/p/k" && chmod 777 "$PRIV/p" "$PRIV/p/k"'
	bound "$MNT/.private/$ALICE/p/k"
	as "$ALICE" rm "$PRIV/p/k"
	same own "$(as "$ALICE" cat "$SFS/bound")"
	for uid in 0 "$BOB"; do
		expect_as "$uid" EACCES open "$SFS/bound" O_RDONLY
	done
	as "$ALICE" rmdir "$PRIV/p"
	same own "$(as "$ALICE" cat "$SFS/bound")"
	for uid in 0 "$BOB"; do
		expect_as "$uid" EACCES open "$SFS/bound" O_RDONLY
	done
	umount "$SFS/bound"
}

@test "a key that went before its secret became private" {
	chmod 1777 "$PUB"
	chown "$ALICE" "$PUB/s" "$K"
	bound
	same old "$(as "$BOB" cat "$SFS/bound")"
	rm "$K"
	same old "$(as "$BOB" cat "$SFS/bound")"
	as "$ALICE" mv "$PUB/s" "$PRIV/s"
	expect_as "$BOB" EACCES open "$SFS/bound" O_RDONLY
	same old "$(as "$ALICE" cat "$SFS/bound")"
	umount "$SFS/bound"
}

@test "who holds removed keys does not fill the store" {
	chmod 1777 "$PUB"
	local closed
	# Removed before the close, or after: the kernel tells of a close when close has long returned.
	for closed in before after; do
		as "$ALICE" "$PYTHON" - "$PUB/t" $closed <<'END'
import os, sys, time
d = sys.argv[1]
os.mkdir(d)
fds = []
for i in range(60):
    with open(f"{d}/k{i}", "wb") as f:
        f.write(b"x" * 1000000)
    reader = open(f"{d}/k{i}", "rb") if sys.argv[2] == "after" else None
    fds.append(os.open(f"{d}/k{i}", os.O_PATH))
    os.unlink(f"{d}/k{i}")
    if reader:
        reader.close()
os.rmdir(d)
def whole(fd):
    try:
        return len(open(f"/proc/self/fd/{fd}", "rb").read()) == 1000000
    except OSError:
        return False
for _ in range(100):
    kept = sum(map(whole, fds))
    if kept <= 16:
        break
    time.sleep(0.05)
assert kept == 16, kept
END
		eventually 10 kept_is 0
	done
}

@test "a reader of a pruned value reads on exactly it after its worker died" {
	WORKER_MAY_DIE=1
	for history in 0 1; do
		restart_daemon history=$history
		for n in 10 300000; do
			"$PYTHON" - "$K" "$n" "$history" "$(worker_pid)" <<'END'
import os, signal, sys
k, n, history, worker = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])


def write(i):
    with open(k, "wb") as f:
        f.write(b"%04d" % i * (n // 4))


def whole(i):
    return b"%04d" % i * (n // 4)


write(0)
fds = [(0, os.open(k, os.O_RDONLY)), (0, os.open(k, os.O_RDONLY))]
for i in range(1, 20):
    write(i)
    fds.append((i, os.open(k, os.O_RDONLY)))
for i in range(20, 30):
    write(i)
old = os.open(os.path.dirname(k) + "/.versions/%s/k" % max([0, *map(int, os.listdir(os.path.dirname(k) + "/.versions"))]),
              os.O_RDONLY) if history else None
for i in range(30, 40):
    write(i)
os.kill(worker, signal.SIGKILL)
for i in range(40, 50):
    write(i)
for i, fd in fds:
    assert os.pread(fd, n, 0) == whole(i), i
    assert os.pread(fd, 2, 2) == whole(i)[2:4]
if history:
    assert os.pread(old, n, 0) == whole(28)
os.unlink(k)
for i, fd in fds[:10]:
    assert os.pread(fd, n, 0) == whole(i), i
    os.close(fd)
for i, fd in fds[10:]:
    assert os.pread(fd, n, 0) == whole(i), i
END
		done
		eventually 10 kept_is 0
	done
}

@test "whatever becomes of a key, who has it open reads on after the worker died" {
	"$PYTHON" "$TESTS/mount/gone_kill.py" "$MNT"
	WORKER_MAY_DIE=1
}

@test "two that share a snapshot read on both, one after the other" {
	WORKER_MAY_DIE=1
	restart_daemon history=0
	exec 7<"$K"
	exec 8<"$K"
	commits 3 "$K"
	for _ in 1 2; do
		kill -9 "$(worker_pid)"
		commits 1 "$K"
	done
	same old "$(soon 20 cat <&7)"
	exec 7<&-
	commits 3 "$K"
	kill -9 "$(worker_pid)"
	same old "$(soon 20 cat <&8)"
	same 1 "$(kept)"
	exec 8<&-
	eventually 10 kept_is 0
	same 1 "$(stored)"
}

@test "what was open when everything ended is not kept for ever" {
	restart_daemon history=0
	exec 7<"$K"
	commits 3 "$K"
	same "1 2" "$(kept) $(stored)"
	kill -9 "$(supervisor_pid)"
	eventually 10 no_processes
	exec 7<&-
	same "1 2" "$(kept) $(stored)"
	start_daemon history=0
	eventually 10 kept_is 0
	same "1 2" "$(stored) $(cat "$K")"
}

@test "openers beside overwrites without history are safe from a worker's death" {
	WORKER_MAY_DIE=1
	restart_daemon history=0
	"$PYTHON" - "$K" "$(worker_pid)" <<'END'
import os, signal, sys, threading
k, worker = sys.argv[1], int(sys.argv[2])
stop = False


def write(i):
    with open(k, "w") as f:
        f.write(f"{i:08d}")


def writer():
    i = 0
    while not stop:
        i += 1
        write(i)


write(0)
t = threading.Thread(target=writer)
t.start()
fds = []
for _ in range(400):
    fd = os.open(k, os.O_RDONLY)
    fds.append((os.pread(fd, 8, 0), fd))
stop = True
t.join()
write(-1)
os.kill(worker, signal.SIGKILL)
assert len({v for v, fd in fds}) > 1
for v, fd in fds:
    assert os.pread(fd, 8, 0) == v, v
END
	eventually 10 kept_is 0
}
