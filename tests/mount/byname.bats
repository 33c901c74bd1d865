# SPDX-License-Identifier: MIT
# byname: by-name/ leads each caller to their own secret of a name, or else to the public one.

setup() {
	load ../helpers
	make_store
	start_daemon
	BY=$MNT/by-name
	export BY
	chmod 1777 "$PUB"
}

teardown() {
	[ -z "${WAITER:-}" ] || pkill -P "$WAITER" || true # of a test that failed
	finish
}

# own UID COMMAND...: a shell line as that user.
own() {
	local uid=$1
	shift
	as "$uid" sh -c "$*"
}

@test "each caller has their own" {
	for uid in 0 "$ALICE" "$BOB"; do
		same ".by-name/$uid" "$(as "$uid" readlink "$BY")"
		same "500 $uid $uid" "$(as "$uid" stat -L -c '%a %u %g' "$BY/")"
		same "" "$(as "$uid" ls -A "$BY/")"
		expect_as "$uid" ENOENT stat "$BY/x"
	done
	same "lrwxrwxrwx" "$(stat -c %A "$BY")"
}

@test "private comes before public" {
	mkdir "$PUB/x" "$PUB/only-public"
	echo public >"$PUB/x/k"
	own "$ALICE" 'mkdir "$PRIV/x" "$PRIV/mine"; echo alice >"$PRIV/x/k"'
	for _ in 1 2 3; do
		same "alice" "$(as "$ALICE" cat "$BY/x/k")"
		same "public" "$(as "$BOB" cat "$BY/x/k")"
		same "public" "$(cat "$BY/x/k")"
		same "../../private/x" "$(as "$ALICE" readlink "$BY/x")"
		same "../../public/x" "$(as "$BOB" readlink "$BY/x")"
		same "mine only-public x" "$(as "$ALICE" ls "$BY/" | xargs)"
		same "only-public x" "$(as "$BOB" ls "$BY/" | xargs)"
		same "only-public x" "$(ls "$BY/" | xargs)"
		expect_as "$BOB" ENOENT stat "$BY/mine"
	done
	same "symbolic link 15" "$(as "$ALICE" stat -c '%F %s' "$BY/x")"
	same "../../public/only-public" "$(as "$ALICE" readlink "$BY/only-public")"
}

@test "it follows every change at once, for each user" {
	"$PYTHON" "$TESTS/mount/byname.py" "$MNT" "$([ -n "${SECRETFS_SANITIZED:-}" ] && echo 60 || echo 200)" \
		0 "$ALICE" "$BOB" 20003
}

@test "the links work where the tree is bound" {
	mkdir "$PUB/x" "$SFS/else"
	echo public >"$PUB/x/k"
	own "$ALICE" 'mkdir "$PRIV/x"; echo alice >"$PRIV/x/k"'
	mount --bind "$MNT" "$SFS/else"
	same public "$(cat "$SFS/else/by-name/x/k")"
	same alice "$(as "$ALICE" cat "$SFS/else/by-name/x/k")"
	same "$SFS/else/.private/$ALICE/x" "$(as "$ALICE" readlink -f "$SFS/else/by-name/x")"
	same "$SFS/else/public/x" "$(as "$BOB" readlink -f "$SFS/else/by-name/x")"
	umount "$SFS/else"
}

@test "nobody looks into another's" {
	mkdir "$PUB/x"
	own "$ALICE" 'mkdir "$PRIV/mine"; ls "$BY/" >/dev/null; readlink "$BY/mine" >/dev/null'
	for uid in 0 "$BOB"; do
		expect_as "$uid" OK stat "$MNT/.by-name/$ALICE" # always the same node for everybody
		for name in mine x none; do
			expect_as "$uid" EACCES stat "$MNT/.by-name/$ALICE/$name"
		done
		expect_as "$uid" EACCES list "$MNT/.by-name/$ALICE"
		not as "$uid" readlink "$MNT/.by-name/$ALICE/mine"
	done
	expect_as "$ALICE" OK list "$MNT/.by-name/$ALICE"
	same "" "$(ls -A "$MNT/.by-name")"
	expect ENOENT stat "$MNT/.by-name/x"
	expect ENOENT stat "$MNT/.by-name/007"
	expect ENOENT stat "$MNT/.by-name/4294967295"
}

@test "nothing can be made, removed or changed in it" {
	mkdir "$PUB/x" "$PUB/y"
	echo v >"$PUB/x/k"
	chmod 777 "$PUB/x"
	expect EPERM mkdir "$BY/new"
	expect EPERM open "$BY/new" "O_WRONLY|O_CREAT"
	expect EPERM symlink x "$BY/new"
	expect EPERM unlink "$BY/x"
	expect EPERM rename "$BY/x" "$BY/z"
	expect EPERM rename "$BY/x" "$PUB/z"
	expect EPERM rename "$PUB/y" "$BY/z"
	same "x y" "$(ls "$BY/" | xargs)"
	expect_as "$ALICE" EACCES mkdir "$BY/new"
	expect_as "$ALICE" EACCES unlink "$BY/x"
	# But through it, as through any link.
	echo w >"$BY/x/k"
	same w "$(cat "$PUB/x/k")"
}

@test "a damaged private secret never falls through to the public one" {
	mkdir "$PRIV/x"
	echo mine >"$PRIV/x/k"
	mkdir "$PUB/x" "$PUB/y" "$PRIV/z"
	echo public >"$PUB/x/k"
	tamper() {
		"$PYTHON" "$TESTS/tools/tamper.py" "$STORE" "$@"
	}
	rows=$(tamper rows secret)
	row=$(head -n 1 <<<"$rows")
	same "../../private/x" "$(readlink "$BY/x")"
	stop_daemon
	tamper flip secret "$row"
	# The others of its bucket are damaged with it.
	same_bucket=$(tamper bucket $rows | head -n 2 | uniq -d)
	start_daemon
	for _ in 1 2 3; do
		expect EIO stat "$BY/x"
		expect EIO read "$BY/x/k"
		not ls "$BY/" >"$SFS/list" 2>/dev/null || true
		not grep -qx x "$SFS/list"
	done
	[ -n "$same_bucket" ] || same public "$(as "$ALICE" cat "$BY/x/k")"
}

@test "who may not list public does not learn its names here" {
	mkdir "$PUB/x" "$PUB/both"
	echo v >"$PUB/x/k"
	own "$ALICE" 'mkdir "$PRIV/mine" "$PRIV/both"'
	chgrp 30000 "$PUB"
	chmod 0750 "$PUB"
	same "both mine" "$(as "$ALICE" ls "$BY/" | xargs)"
	same "" "$(as "$BOB" ls "$BY/")"
	for _ in 1 2; do
		expect_as "$BOB" EACCES stat "$BY/x"
		expect_as "$BOB" EACCES stat "$BY/none"
		expect_as "$ALICE" EACCES stat "$BY/x"
	done
	same "../../private/both" "$(as "$ALICE" readlink "$BY/both")"
	same "both x" "$(ls "$BY/" | xargs)"
	in_group() {
		setpriv --reuid="$BOB" --regid="$BOB" --groups=30000 -- "$@"
	}
	same "both x" "$(in_group ls "$BY/" | xargs)"
	same v "$(in_group cat "$BY/x/k")"
	# Searched, but not listed.
	chmod 0711 "$PUB"
	same "" "$(as "$BOB" ls "$BY/")"
	same v "$(as "$BOB" cat "$BY/x/k")"
	# Listed, but not searched: what is listed leads nowhere.
	chmod 0744 "$PUB"
	expect_as "$BOB" EACCES stat "$BY/x"
	chmod 0700 "$PUB"
	setfacl -m u:"$BOB":rx "$PUB"
	same "both x" "$(as "$BOB" ls "$BY/" | xargs)"
	same "both mine" "$(as "$ALICE" ls "$BY/" | xargs)"
	setfacl -m m::--- "$PUB"
	same "" "$(as "$BOB" ls "$BY/")"
	expect_as "$BOB" EACCES stat "$BY/x"
}

@test "uids that are nobody's have the public ones" {
	mkdir "$PUB/x"
	echo v >"$PUB/x/k"
	for uid in 65534 61184; do
		same x "$(as "$uid" ls "$BY/")"
		same v "$(as "$uid" cat "$BY/x/k")"
		expect_as "$uid" ENOENT stat "$BY/none"
	done
	mkdir "$PRIV/x"
	restart_daemon private_root=no
	same "../../public/x" "$(readlink "$BY/x")"
}

@test "a long list is complete and has each name once" {
	"$PYTHON" - "$MNT" <<'END'
import os, sys
mnt = sys.argv[1]
n = 400
for i in range(n):
    os.mkdir(f"{mnt}/public/p{i:0100}")
    if i % 2:
        os.mkdir(f"{mnt}/private/p{i:0100}")
    if i % 3 == 0:
        os.mkdir(f"{mnt}/private/q{i}")
want = [f"p{i:0100}" for i in range(n)] + [f"q{i}" for i in range(0, n, 3)]
for _ in range(2):
    assert sorted(os.listdir(f"{mnt}/by-name/")) == sorted(want)
for entry in os.scandir(f"{mnt}/by-name/"):
    i = entry.name[1:]
    where = "private" if entry.name[0] == "q" or int(i) % 2 else "public"
    assert os.readlink(entry.path) == f"../../{where}/{entry.name}"
END
}

@test "mounts on a user's secret stay, whatever others do" {
	mkdir "$PUB/x"
	own "$ALICE" 'mkdir "$PRIV/x" "$PRIV/y"; echo real >"$PRIV/x/k"; echo real >"$PRIV/y/k"'
	dir=$MNT/.private/$ALICE
	# The mount helper is root; Alice's directory is reached as she does.
	cat >"$SFS/bin/on.py" <<'END'
import ctypes, os, sys
uid, source, folder = int(sys.argv[1]), sys.argv[2], sys.argv[3]
libc = ctypes.CDLL(None, use_errno=True)
os.setfsuid = lambda u: libc.setfsuid(u)
source = os.open(source, os.O_PATH)
os.setfsuid(uid)
target = os.open(folder, os.O_PATH)
os.setfsuid(0)
if libc.mount(f"/proc/self/fd/{source}".encode(), f"/proc/self/fd/{target}".encode(), None, 4096, None) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))
END
	mkdir "$SFS/plain"
	echo bound >"$SFS/plain/k"
	"$PYTHON" "$SFS/bin/on.py" "$ALICE" "$SFS/plain" "$dir/x" || skip "cannot mount on another's directory here"
	grep -qF " $dir/x " /proc/self/mountinfo
	same bound "$(as "$ALICE" cat "$PRIV/x/k")"
	for uid in 0 "$BOB" 65534; do
		as "$uid" stat "$dir/x" "$dir/y" >/dev/null 2>&1 || true
		expect_as "$uid" EACCES list "$dir"
		as "$uid" ls "$BY/" >/dev/null || true
		as "$uid" sh -c 'mkdir "$PRIV/x"; echo other >"$PRIV/x/k"; ls "$PRIV/"; cat "$BY/x/k"; rm -r "$PRIV/x"' >/dev/null 2>&1 || true
		expect_as "$uid" EACCES list "$dir"
		expect_as "$uid" EACCES mkdir "$dir/new"
	done
	sleep 1.2 # attributes are asked for again
	stat "$dir" >/dev/null
	as "$BOB" stat "$dir/x" >/dev/null 2>&1 || true
	grep -qF " $dir/x " /proc/self/mountinfo
	same bound "$(as "$ALICE" cat "$PRIV/x/k")"
	umount "$dir/x" || "$PYTHON" -c 'import ctypes, sys
ctypes.CDLL(None).setfsuid(int(sys.argv[1]))
sys.exit(ctypes.CDLL(None).umount2(sys.argv[2].encode(), 0) != 0)' "$ALICE" "$dir/x"
	same real "$(as "$ALICE" cat "$PRIV/x/k")"
}

@test "mounts on one's own secret, as root" {
	mkdir "$PRIV/x" "$PUB/x" "$SFS/plain"
	echo real >"$PRIV/x/k"
	echo bound >"$SFS/plain/k"
	for how in bind tmpfs; do
		if [ "$how" = bind ]; then
			mount --bind "$SFS/plain" "$MNT/.private/0/x"
		else
			mount -t tmpfs none "$MNT/.private/0/x"
			echo bound >"$MNT/.private/0/x/k"
		fi
		same bound "$(cat "$PRIV/x/k")"
		for uid in "$ALICE" "$BOB"; do
			expect_as "$uid" EACCES read "$MNT/.private/0/x/k"
			expect_as "$uid" EACCES list "$MNT/.private/0"
			own "$uid" 'mkdir "$PRIV/x"; cat "$BY/x/k" "$MNT/.private/0/x/k"; rmdir "$PRIV/x"' >/dev/null 2>&1 || true
			own "$uid" 'mkdir "$PUB/new-$$"; ls "$BY/"; rmdir "$PUB/new-$$"' >/dev/null
			expect_as "$uid" EACCES stat "$MNT/.private/0/x"
		done
		same bound "$(cat "$PRIV/x/k")"
		grep -qF " $MNT/.private/0/x " /proc/self/mountinfo
		umount "$MNT/.private/0/x"
		same real "$(cat "$PRIV/x/k")"
	done
}

@test "working directories stay, whatever others do" {
	own "$ALICE" 'mkdir "$PRIV/x"; echo mine >"$PRIV/x/k"'
	mkfifo "$SFS/go"
	chmod 666 "$SFS/go"
	as "$ALICE" sh -c 'cd "$PRIV/x" && read -r line <"$0" && /bin/pwd -P && cat k && echo more >l && ls ../ && cd .. && ls x' \
		"$SFS/go" >"$SFS/out" 2>&1 3>&- &
	pid=$!
	WAITER=$pid
	eventually 20 eval '[ "$(readlink "/proc/$(pgrep -P "$pid")/cwd")" = "$MNT/.private/$ALICE/x" ]'
	for uid in 0 "$BOB"; do
		for path in "$MNT/.private/$ALICE" "$MNT/.private/$ALICE/x"; do
			expect_as "$uid" EACCES list "$path"
			as "$uid" stat "$path/k" "$path" >/dev/null 2>&1 || true
			not as "$uid" mv "$path" "$MNT/public/stolen" 2>/dev/null
			as "$uid" rmdir "$path" 2>/dev/null || true
		done
		own "$uid" 'mkdir "$PRIV/x"; rmdir "$PRIV/x"'
	done
	sleep 1.2
	as "$BOB" ls "$MNT/.private/$ALICE/x" >/dev/null 2>&1 || true
	echo go >"$SFS/go"
	wait "$pid"
	WAITER=
	same "$(printf '%s\n' "$MNT/.private/$ALICE/x" mine x k l)" "$(cat "$SFS/out")"
}

@test "find, cp -r and tar of the root do not go into private and by-name" {
	mkdir "$PUB/x" "$PRIV/x" "$PRIV/mine"
	echo public >"$PUB/x/k"
	echo private >"$PRIV/mine/k"
	same ". ./by-name ./private ./public ./public/x ./public/x/k" "$(cd "$MNT" && find . | LC_ALL=C sort | xargs)"
	cp -r "$MNT" "$SFS/copy"
	same ". ./by-name ./private ./public ./public/x ./public/x/k" "$(cd "$SFS/copy" && find . | LC_ALL=C sort | xargs)"
	same ".private/0 .by-name/0" "$(readlink "$SFS/copy/private" "$SFS/copy/by-name" | xargs)"
	same public "$(cat "$SFS/copy/public/x/k")"
	tar -C "$MNT" -cf "$SFS/tar" .
	same "./ ./by-name ./private ./public/ ./public/x/ ./public/x/k" "$(tar -tf "$SFS/tar" | LC_ALL=C sort | xargs)"
	same "" "$(grep -rl private "$MNT" || true)"
	same 6 "$(du -a "$MNT" | wc -l)"
}
