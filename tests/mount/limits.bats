# SPDX-License-Identifier: MIT
# limits: what happens at max_value, max_keys, max_secrets, max_bytes and max_open, and that it happens to one user alone.

setup() {
	load ../helpers
	make_store
}

teardown() {
	finish
}

own() {
	local uid=$1
	shift
	as "$uid" sh -c "umask 022; $*"
}

# In the foreground what the daemon says can be read.
start() {
	run_foreground "$@"
	WORKER_AT_START=$(worker_pid)
	chmod 1777 "$PUB"
}

# said TEXT: it is in the log, soon.
said() {
	eventually 3 grep -qF -- "$1" "$LOG" || {
		echo "the log does not say: $1" >&2
		return 1
	}
}

# steps PATH LENGTH: what open, write, fsync and close say of a value written as one; "ok" or the errno.
steps() {
	"$PYTHON" - "$@" <<'END'
import errno, os, sys
path, length = sys.argv[1], int(sys.argv[2])
out = []


def step(name, call):
    try:
        call()
        out.append(f"{name} ok")
        return True
    except OSError as e:
        out.append(f"{name} {errno.errorcode[e.errno]}")
        return False


fd = None


def do_open():
    global fd
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)


if step("open", do_open):
    done, ok = 0, True

    def do_write():
        global done
        while done < length:
            done += os.write(fd, b"x" * (length - done))

    step("write", do_write)
    step("close", lambda: os.close(fd))
print(", ".join(out))
END
}

@test "max_value" {
	start max_value=10k
	mkdir "$PUB/s"
	same "open ok, write ok, close ok" "$(steps "$PUB/s/k" 10240)"
	same "open ok, write EFBIG, close EFBIG" "$(steps "$PUB/s/k" 10241)"
	same 10240 "$(stat -c %s "$PUB/s/k")"
	same 10240 "$(wc -c <"$PUB/s/k")"
	said "uid 0: File too large: tried to write a value longer than max_value"
	expect EFBIG truncate "$PUB/s/k" 10241
	expect EFBIG pwrite "$PUB/s/k" 10240 x
	expect OK pwrite "$PUB/s/k" 10239 x
	expect EFBIG pwrite "$PUB/s/k" 100000000000 x
	not sh -c 'printf x >>"$PUB/s/k"' 2>/dev/null
	same 10240 "$(stat -c %s "$PUB/s/k")"
	# Two that append, each of which would fit alone.
	truncate -s 10238 "$PUB/s/k"
	"$PYTHON" - "$PUB/s/k" <<'END'
import errno, os, sys
k = sys.argv[1]
w = [os.open(k, os.O_WRONLY | os.O_APPEND) for _ in range(2)]
for fd in w:
    os.write(fd, b"ab")
os.close(w[0])
try:
    os.close(w[1])
    sys.exit("both fit")
except OSError as e:
    assert e.errno == errno.EFBIG, e
assert os.stat(k).st_size == 10240
END
	# By .json, too.
	"$PYTHON" -c 'print("{\"l\": \"" + "x" * 10241 + "\"}")' >"$SFS/json"
	not dd if="$SFS/json" of="$PUB/s/.json" bs=64k status=none 2>"$SFS/err"
	grep -q 'File too large' "$SFS/err"
	expect ENOENT stat "$PUB/s/l"
	same k "$(ls "$PUB/s")"
	# What is there already stays, also if the limit is lower now.
	stop_daemon
	start max_value=100
	same 10240 "$(wc -c <"$PUB/s/k")"
	same "open ok, write ok, close ok" "$(steps "$PUB/s/k" 100)"
}

@test "max_keys" {
	start max_keys=3
	mkdir "$PUB/s" "$PUB/t"
	touch "$PUB/s/a" "$PUB/s/b" "$PUB/s/c"
	expect EDQUOT open "$PUB/s/d" "O_WRONLY|O_CREAT"
	expect EDQUOT mknod "$PUB/s/d"
	said "uid 0: Disk quota exceeded: is at a limit of secrets, bytes or keys (max_secrets, max_bytes, max_keys)"
	not dd of="$PUB/s/.json" status=none <<<'{"a": "changed", "d": "1"}' 2>"$SFS/err"
	grep -q 'Disk quota exceeded' "$SFS/err"
	same "0" "$(stat -c %s "$PUB/s/a")"
	# Removing one makes room within the same object.
	echo '{"d": "1", "a": null}' >"$PUB/s/.json"
	same "b c d" "$(ls "$PUB/s" | xargs)"
	mv "$PUB/s/d" "$PUB/s/e"
	echo v >"$PUB/s/e"
	expect OK open "$PUB/t/a" "O_WRONLY|O_CREAT"
	rm "$PUB/s/e"
	expect OK open "$PUB/s/f" "O_WRONLY|O_CREAT"
}

@test "max_secrets" {
	start max_secrets=3
	own "$ALICE" 'mkdir "$PUB/a1" "$PRIV/a2" "$PUB/a3"'
	expect_as "$ALICE" EDQUOT mkdir "$PUB/a4"
	expect_as "$ALICE" EDQUOT mkdir "$MNT/.private/$ALICE/a4"
	said "uid $ALICE: Disk quota exceeded: is at a limit of secrets"
	# Others are not at it, and root never is.
	own "$BOB" 'mkdir "$PUB/b1" "$PRIV/b2" "$PUB/b3"'
	expect_as "$BOB" EDQUOT mkdir "$PUB/b4"
	for i in 1 2 3 4 5 6; do
		mkdir "$PUB/r$i"
	done
	# Keys and renames are no secrets.
	own "$ALICE" 'echo v >"$PUB/a1/k"; mv "$PUB/a1" "$PRIV/a1"; mv "$PRIV/a2" "$PUB/a2"'
	own "$ALICE" 'rmdir "$PUB/a3"; mkdir "$PUB/a5"'
	expect_as "$ALICE" EDQUOT mkdir "$PUB/a6"
	# Given away, it counts for the new owner.
	expect EDQUOT chown "$PUB/r1" "$ALICE" "$ALICE"
	own "$ALICE" 'rmdir "$PUB/a5"'
	expect OK chown "$PUB/r1" "$ALICE" "$ALICE"
	expect_as "$ALICE" EDQUOT mkdir "$PUB/a7"
	expect OK chown "$PUB/r1" 0 0
	own "$ALICE" 'mkdir "$PUB/a7"'
	stop_daemon
	start max_secrets=3
	expect_as "$ALICE" EDQUOT mkdir "$PUB/a8"
	stop_daemon
	start max_secrets=0
	own "$ALICE" 'for i in 1 2 3 4 5; do mkdir "$PUB/more$i" || exit 1; done'
}

@test "max_bytes" {
	start max_bytes=100k
	own "$ALICE" 'mkdir "$PUB/a" "$PRIV/a"; head -c 40000 /dev/zero >"$PUB/a/k"; head -c 40000 /dev/zero >"$PRIV/a/k"'
	same "open ok, write ok, close EDQUOT" "$(as "$ALICE" bash -c "$(declare -f steps); PYTHON=$PYTHON steps $PUB/a/l 40000")"
	same 0 "$(stat -c %s "$PUB/a/l")"
	said "uid $ALICE: Disk quota exceeded: is at a limit of secrets, bytes or keys"
	# The old value stays whole.
	same "open ok, write ok, close EDQUOT" "$(as "$ALICE" bash -c "$(declare -f steps); PYTHON=$PYTHON steps $PUB/a/k 90000")"
	same 40000 "$(as "$ALICE" sh -c 'wc -c <"$PUB/a/k"')"
	expect_as "$ALICE" EDQUOT truncate "$PUB/a/k" 90000
	# Others and root go on.
	own "$BOB" 'mkdir "$PUB/b"; head -c 80000 /dev/zero >"$PUB/b/k"'
	mkdir "$PUB/r"
	head -c 300000 /dev/zero >"$PUB/r/k"
	# Smaller is always possible, and makes room.
	own "$ALICE" 'echo small >"$PUB/a/k"; head -c 40000 /dev/zero >"$PUB/a/l"'
	same "6 40000" "$(stat -c %s "$PUB/a/k" "$PUB/a/l" | xargs)"
	# History is not counted.
	own "$ALICE" 'for i in 1 2 3 4 5 6; do head -c 39000 /dev/zero >"$PUB/a/l" || exit 1; done'
	own "$ALICE" 'rm -r "$PRIV/a"; head -c 80000 /dev/zero >"$PUB/a/k" 2>/dev/null || rm "$PUB/a/l"; head -c 80000 /dev/zero >"$PUB/a/k"'
	same 80000 "$(stat -c %s "$PUB/a/k")"
}

@test "max_open" {
	start max_open=3M
	mkdir "$PUB/s"
	for i in 1 2 3 4 5; do
		head -c 1048576 /dev/zero >"$PUB/s/k$i"
	done
	cat >"$SFS/bin/hold.py" <<'END'
import errno, os, sys
fds, got = [], []
for i in range(1, 6):
    try:
        fds.append(os.open(f"{sys.argv[1]}/k{i}", os.O_RDONLY))
        got.append("ok")
    except OSError as e:
        got.append(errno.errorcode[e.errno])
print(" ".join(got), flush=True)
sys.stdin.read()
END
	mkfifo "$SFS/go"
	as "$ALICE" "$PYTHON" "$SFS/bin/hold.py" "$PUB/s" <"$SFS/go" >"$SFS/out" 3>&- &
	pid=$!
	exec 7>"$SFS/go"
	eventually 10 test -s "$SFS/out"
	grep -qxE 'ok ok (ok|ENOMEM) ENOMEM ENOMEM' "$SFS/out"
	said "uid $ALICE: Cannot allocate memory: has too many values open (max_open), or locked memory is used up"
	expect_as "$ALICE" ENOMEM read "$PUB/s/k5"
	# Nobody else notices.
	expect_as "$BOB" OK read "$PUB/s/k5"
	expect OK read "$PUB/s/k5"
	own "$BOB" 'mkdir "$PRIV/x"; echo v >"$PRIV/x/k"; cat "$PRIV/x/k"' >"$SFS/bob"
	same v "$(cat "$SFS/bob")"
	echo changed >"$PUB/s/k5"
	# What is closed makes room again.
	exec 7>&-
	wait "$pid"
	expect_as "$ALICE" OK read "$PUB/s/k4"
	expect_as "$ALICE" OK read "$PUB/s/k5"
}

@test "max_open while writing" {
	start max_open=2M
	mkdir "$PUB/s"
	chmod 777 "$PUB/s"
	cat >"$SFS/bin/fill.py" <<'END'
import errno, os, sys
fds, failed = [], None
for i in range(6):
    try:
        fds.append(os.open(f"{sys.argv[1]}/w{i}", os.O_WRONLY | os.O_CREAT, 0o644))
        for _ in range(8):
            os.write(fds[-1], b"x" * 131072)
    except OSError as e:
        failed = (i, errno.errorcode[e.errno])
        break
print(failed[1] if failed else "no limit")
for i, fd in enumerate(fds):
    try:
        os.close(fd)
    except OSError as e:
        assert failed and i == failed[0] and e.errno == errno.ENOMEM, e
assert os.stat(f"{sys.argv[1]}/w0").st_size == 1 << 20
# It was refused at open, and then there is no key, or at write, and then it is empty.
last = f"{sys.argv[1]}/w{failed[0]}"
assert os.stat(last).st_size == 0 if len(fds) > failed[0] else not os.path.exists(last)
END
	same ENOMEM "$(as "$ALICE" "$PYTHON" "$SFS/bin/fill.py" "$PUB/s")"
	own "$BOB" 'head -c 1000000 /dev/zero >"$PUB/s/bob"'
	same 1000000 "$(stat -c %s "$PUB/s/bob")"
	own "$ALICE" 'echo again >"$PUB/s/again"'
	same again "$(cat "$PUB/s/again")"
}

@test "who runs into a limit in a loop does not fill the log" {
	start max_keys=1
	mkdir "$PUB/s"
	touch "$PUB/s/a"
	lines=$(wc -l <"$LOG")
	"$PYTHON" - "$PUB/s" <<'END'
import os, sys
for i in range(500):
    try:
        os.mknod(f"{sys.argv[1]}/n{i}")
        sys.exit("made")
    except OSError:
        pass
END
	[ $(($(wc -l <"$LOG") - lines)) -lt 20 ]
}
