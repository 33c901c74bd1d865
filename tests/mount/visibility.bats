# SPDX-License-Identifier: MIT
# visibility: mv between private/ and public/.

setup() {
	load ../helpers
	make_store
	start_daemon
	chmod 1777 "$PUB"
}

teardown() {
	finish
}

own() {
	local uid=$1
	shift
	as "$uid" sh -c "umask 022; $*"
}

@test "there and back, with all that a secret has" {
	own "$ALICE" 'umask 077; mkdir "$PRIV/x"; printf one >"$PRIV/x/k"; printf two >"$PRIV/x/k"
		printf l >"$PRIV/x/l"; chmod 1700 "$PRIV/x"; chmod 400 "$PRIV/x/l"
		touch -d 2001-02-03T04:05:06Z "$PRIV/x/k"
		setfattr -n user.secretfs.description -v text "$PRIV/x"'
	id=$(as "$ALICE" getfattr --absolute-names --only-values -n user.secretfs.id "$PRIV/x")
	inos=$(as "$ALICE" stat -c '%i %Y' "$PRIV/x" "$PRIV/x/k")
	versions=$(as "$ALICE" ls "$PRIV/x/.versions")
	version=$(as "$ALICE" getfattr --absolute-names --only-values -n user.secretfs.version "$PRIV/x")

	own "$ALICE" 'mv "$PRIV/x" "$PUB/x"'
	same "755 644 644" "$(stat -c %a "$PUB/x" "$PUB/x/k" "$PUB/x/l" | xargs)"
	same "$ALICE $ALICE" "$(stat -c '%u %g' "$PUB/x/k")"
	same "two l" "$(as "$BOB" cat "$PUB/x/k") $(as "$BOB" cat "$PUB/x/l")"
	same "$inos" "$(stat -c '%i %Y' "$PUB/x" "$PUB/x/k")"
	same "$id $version text" "$(getfattr --absolute-names --only-values -n user.secretfs.id "$PUB/x") $(getfattr --absolute-names --only-values -n user.secretfs.version "$PUB/x") $(getfattr --absolute-names --only-values -n user.secretfs.description "$PUB/x")"
	same "$versions" "$(as "$ALICE" ls "$PUB/x/.versions")"
	expect_as "$BOB" EACCES list "$PUB/x/.versions"
	expect_as "$ALICE" ENOENT stat "$PRIV/x"
	same "" "$(as "$ALICE" ls "$PRIV/")"

	own "$ALICE" 'setfacl -m u:5:rwx "$PUB/x" "$PUB/x/k"; setfacl -d -m u:6:r "$PUB/x"; chmod 1775 "$PUB/x"; chmod 666 "$PUB/x/k"'
	own "$ALICE" 'mv "$PUB/x" "$PRIV/y"'
	expect ENOENT stat "$PUB/x"
	same "" "$(ls "$PUB")"
	same "1700 600 600" "$(as "$ALICE" stat -c %a "$PRIV/y" "$PRIV/y/k" "$PRIV/y/l" | xargs)"
	same "" "$(as "$ALICE" getfacl -pcns "$PRIV/y" "$PRIV/y/k")"
	same "two" "$(as "$ALICE" cat "$PRIV/y/k")"
	same "$inos" "$(as "$ALICE" stat -c '%i %Y' "$PRIV/y" "$PRIV/y/k")"
	same "$versions" "$(as "$ALICE" ls "$PRIV/y/.versions")"
	same "$id" "$(as "$ALICE" getfattr --absolute-names --only-values -n user.secretfs.id "$PRIV/y")"
	for uid in 0 "$BOB"; do
		expect_as "$uid" EACCES list "$MNT/.private/$ALICE/y"
	done
	restart_daemon
	same "two" "$(as "$ALICE" cat "$PRIV/y/k")"
	expect ENOENT stat "$PUB/x"
}

@test "history goes along" {
	own "$ALICE" 'mkdir "$PRIV/x"; for i in 1 2 3; do printf $i >"$PRIV/x/k"; done; mv "$PRIV/x" "$PUB/x"'
	values() {
		as "$ALICE" sh -c 'for v in "$1"/.versions/*; do cat "$v/k" 2>/dev/null; done' sh "$1"
	}
	same 12 "$(values "$PUB/x")"
	own "$ALICE" 'printf 4 >"$PUB/x/k"; mv "$PUB/x" "$PRIV/x"; printf 5 >"$PRIV/x/k"'
	same 1234 "$(values "$PRIV/x")"
}

@test "conflicts" {
	own "$ALICE" 'mkdir "$PRIV/x" "$PUB/x" "$PRIV/e" "$PUB/e"; echo private >"$PRIV/x/k"; echo public >"$PUB/x/k"; echo k >"$PRIV/e/k"'
	priv=$MNT/.private/$ALICE
	expect_as "$ALICE" ENOTEMPTY rename "$priv/x" "$PUB/x"
	expect_as "$ALICE" ENOTEMPTY rename "$PUB/x" "$priv/x"
	expect_as "$ALICE" EEXIST rename "$priv/x" "$PUB/x" NOREPLACE
	expect_as "$ALICE" EEXIST rename "$PUB/x" "$priv/x" NOREPLACE
	# An empty one is in the way, too.
	expect_as "$ALICE" ENOTEMPTY rename "$priv/e" "$PUB/e"
	expect_as "$ALICE" EEXIST rename "$priv/e" "$PUB/e" NOREPLACE
	not as "$ALICE" mv -T "$priv/x" "$PUB/x" 2>/dev/null
	same "private public" "$(as "$ALICE" cat "$priv/x/k") $(cat "$PUB/x/k")"
	same "755 644" "$(stat -c %a "$PUB/x" "$PUB/x/k" | xargs)"
	expect_as "$ALICE" OK rename "$priv/x" "$PUB/z" NOREPLACE
	same private "$(cat "$PUB/z/k")"
	expect_as "$ALICE" ENOENT rename "$priv/none" "$PUB/none"
	expect_as "$ALICE" ENOENT rename "$PUB/none" "$priv/none"
	expect_as "$ALICE" EINVAL rename "$priv/e" "$PUB/f" WHITEOUT
	expect_as "$ALICE" EINVAL rename "$priv/e" "$PUB/f" "NOREPLACE|EXCHANGE"
	expect_as "$ALICE" EINVAL rename "$priv/e" "$PUB/$(printf 'a\tb')"
}

@test "exchange" {
	own "$ALICE" 'mkdir "$PRIV/x" "$PUB/y"; echo was-private >"$PRIV/x/k"; echo was-public >"$PUB/y/k"; chmod 700 "$PRIV/x"; chmod 600 "$PRIV/x/k"'
	priv=$MNT/.private/$ALICE
	expect_as "$ALICE" OK rename "$priv/x" "$PUB/y" EXCHANGE
	same "was-public was-private" "$(as "$ALICE" cat "$PRIV/x/k") $(as "$BOB" cat "$PUB/y/k")"
	same "700 600" "$(as "$ALICE" stat -c %a "$PRIV/x" "$PRIV/x/k" | xargs)"
	same "755 644" "$(stat -c %a "$PUB/y" "$PUB/y/k" | xargs)"
	expect_as "$ALICE" OK rename "$PUB/y" "$priv/x" EXCHANGE
	same "was-private was-public" "$(as "$ALICE" cat "$PRIV/x/k") $(as "$BOB" cat "$PUB/y/k")"
	expect_as "$ALICE" ENOENT rename "$PUB/y" "$priv/none" EXCHANGE
	own "$BOB" 'mkdir "$PUB/bob"; echo bob >"$PUB/bob/k"'
	expect_as "$ALICE" EPERM rename "$priv/x" "$PUB/bob" EXCHANGE
	same "was-private bob" "$(as "$ALICE" cat "$PRIV/x/k") $(cat "$PUB/bob/k")"
}

@test "only the owner, and into private only with all its keys" {
	own "$ALICE" 'mkdir "$PUB/x"; echo v >"$PUB/x/k"; chmod 777 "$PUB/x"'
	expect_as "$BOB" EPERM rename "$PUB/x" "$MNT/.private/$BOB/x"
	expect EPERM rename "$PUB/x" "$MNT/.private/0/x"
	expect EACCES rename "$PUB/x" "$MNT/.private/$ALICE/x"
	expect_as "$ALICE" EACCES rename "$PUB/x" "$MNT/.private/$BOB/x"
	own "$BOB" 'echo b >"$PUB/x/of-bob"'
	expect_as "$ALICE" EPERM rename "$PUB/x" "$MNT/.private/$ALICE/x"
	own "$ALICE" 'mkdir "$PRIV/mine"'
	expect_as "$ALICE" EPERM rename "$PUB/x" "$MNT/.private/$ALICE/mine" EXCHANGE
	chown "$ALICE" "$PUB/x/of-bob"
	expect_as "$ALICE" OK rename "$PUB/x" "$MNT/.private/$ALICE/x"
	same b "$(as "$ALICE" cat "$PRIV/x/of-bob")"
	# Given away in public, it is the new owner's to make private.
	own "$ALICE" 'mv "$PRIV/x" "$PUB/x"'
	chown -R "$BOB" "$PUB/x"
	expect_as "$ALICE" EPERM rename "$PUB/x" "$MNT/.private/$ALICE/x"
	own "$BOB" 'mv "$PUB/x" "$PRIV/x"'
	same v "$(as "$BOB" cat "$PRIV/x/k")"
	# Who may not create in public cannot publish.
	chmod 1755 "$PUB"
	expect_as "$BOB" EACCES rename "$MNT/.private/$BOB/x" "$PUB/x"
}

@test "keys do not move between secrets of the two" {
	own "$ALICE" 'mkdir "$PRIV/x" "$PUB/y"; echo v >"$PRIV/x/k"'
	expect_as "$ALICE" EXDEV rename "$MNT/.private/$ALICE/x/k" "$PUB/y/k"
	own "$ALICE" 'mv "$PRIV/x/k" "$PUB/y/k"' # by copying and removing
	same v "$(cat "$PUB/y/k")"
	expect_as "$ALICE" ENOENT stat "$MNT/.private/$ALICE/x/k"
}

@test "descriptors go along" {
	"$PYTHON" "$TESTS/mount/visibility.py" "$MNT" "$ALICE" "$BOB" keep
}

@test "what others have open is worth nothing once it is private" {
	"$PYTHON" "$TESTS/mount/visibility.py" "$MNT" "$ALICE" "$BOB" revoke
}

@test "root's descriptors are no better" {
	"$PYTHON" "$TESTS/mount/visibility.py" "$MNT" "$ALICE" 0 revoke
}

@test "a running reader sees the old or the new place, and whole values" {
	mkdir "$PRIV/x"
	printf value >"$PRIV/x/k"
	"$PYTHON" - "$MNT" <<'END'
import os, sys, threading
mnt = sys.argv[1]
stop, bad, seen = threading.Event(), [], {"public": 0, "private": 0}


def reader():
    while not stop.is_set():
        for where in seen:
            try:
                with open(f"{mnt}/{where}/x/k") as f:
                    got = f.read()
                if got != "value":
                    bad.append(got)
                seen[where] += 1
            except FileNotFoundError:
                pass
            except OSError as e:
                bad.append(str(e))


threads = [threading.Thread(target=reader) for _ in range(2)]
for t in threads:
    t.start()
for i in range(150):
    a, b = ("private", "public") if i % 2 == 0 else ("public", "private")
    os.rename(f"{mnt}/{a}/x", f"{mnt}/{b}/x")
    assert os.listdir(f"{mnt}/{b}/") == ["x"] and os.listdir(f"{mnt}/{a}/") == []
stop.set()
for t in threads:
    t.join()
assert not bad, bad[:5]
assert all(seen.values()), seen
END
}

@test "sendfile gives no more than the current value while somebody has appended and not closed" {
	mkdir "$PUB/s"
	printf 'old value' >"$PUB/s/k"
	"$PYTHON" - "$PUB/s/k" <<'END'
import collections, os, sys
k = sys.argv[1]
seen = collections.Counter()
for _ in range(100):
    r = os.open(k, os.O_RDONLY)
    w = os.open(k, os.O_WRONLY | os.O_APPEND)
    os.write(w, b" appended")
    a, b = os.pipe()
    os.sendfile(b, r, 0, 4096)
    seen[os.read(a, 4096)] += 1
    os.close(a), os.close(b), os.close(r)
    os.ftruncate(w, 9)
    os.close(w)
assert set(seen) == {b"old value"}, seen
END
}
