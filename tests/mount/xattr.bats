# SPDX-License-Identifier: MIT
# xattr: what a secret says of itself: id, version, created, expires, description.

setup() {
	load ../helpers
	make_store
	start_daemon
	chmod 1777 "$PUB"
	mkdir "$PUB/s"
	S=$PUB/s
	export S
}

teardown() {
	finish
}

# get PATH NAME
get() {
	getfattr --absolute-names --only-values -n "user.secretfs.$2" "$1"
}

# call WANT UID CALL PATH NAME [VALUE [FLAGS]]: setxattr, removexattr or getxattr; the flags are 1 (create), 2 (replace).
call() {
	local want=$1 uid=$2 got
	shift 2
	got=$(as "$uid" "$PYTHON" - "$@" <<'END'
import errno, os, sys
what, path, name, *rest = sys.argv[1:]
name = "user.secretfs." + name
try:
    if what == "set":
        os.setxattr(path, name, os.fsencode(rest[0]), int(rest[1]) if len(rest) > 1 else 0)
    elif what == "remove":
        os.removexattr(path, name)
    else:
        os.getxattr(path, name)
    print("OK")
except OSError as e:
    print("EOPNOTSUPP" if e.errno == errno.EOPNOTSUPP else errno.errorcode[e.errno]) # it has two names
END
	)
	[ "$got" = "$want" ] || {
		echo "uid $uid: $*: wanted $want, got $got" >&2
		return 1
	}
}

@test "the id is a UUID for life" {
	id=$(get "$S" id)
	[[ $id =~ ^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$ ]]
	mkdir "$PUB/other"
	[ "$(get "$PUB/other" id)" != "$id" ]
	echo v >"$S/k"
	mv "$S" "$PUB/t"
	same "$id" "$(get "$PUB/t" id)"
	mv "$PUB/t" "$PRIV/t"
	same "$id" "$(get "$PRIV/t" id)"
	mv "$PRIV/t" "$PUB/s"
	chown -R "$ALICE" "$S"
	same "$id" "$(get "$S" id)"
	restart_daemon
	same "$id" "$(get "$S" id)"
	same "$id" "$(as "$BOB" getfattr --absolute-names --only-values -n user.secretfs.id "$S")"
	rm -r "$S"
	mkdir "$S"
	[ "$(get "$S" id)" != "$id" ]
}

@test "version counts and created stays" {
	before=$(date +%s)
	mkdir "$PUB/t"
	created=$(get "$PUB/t" created)
	[[ $created =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$ ]]
	now=$(date -d "$created" +%s)
	[ "$now" -ge "$((before - 1))" ] && [ "$now" -le "$(date +%s)" ]
	for i in 1 2 3; do
		same $i "$(get "$PUB/t" version)"
		echo $i >"$PUB/t/k"
	done
	mv "$PUB/t" "$PRIV/t"
	same "$created 4" "$(get "$PRIV/t" created) $(get "$PRIV/t" version)"
	restart_daemon
	same "$created 4" "$(get "$PRIV/t" created) $(get "$PRIV/t" version)"
}

@test "what is set by whom" {
	chown "$ALICE" "$S"
	chmod 777 "$S"
	for name in id version created; do
		for uid in 0 "$ALICE" "$BOB"; do
			call EPERM "$uid" set "$S" $name x
			call EPERM "$uid" remove "$S" $name
		done
	done
	for name in expires description; do
		call ENODATA "$BOB" get "$S" $name
		call OK "$ALICE" set "$S" $name 2000000000
		call EPERM "$BOB" set "$S" $name 2000000000
		call EPERM "$BOB" remove "$S" $name
		call OK "$BOB" get "$S" $name
		call OK 0 set "$S" $name 2100000000
		call OK 0 remove "$S" $name
		call ENODATA "$ALICE" remove "$S" $name
	done
	chmod 000 "$S"
	call EACCES "$BOB" get "$S" id
	chmod 700 "$S"
	as "$ALICE" sh -c 'umask 022; mkdir "$PRIV/p"'
	for uid in 0 "$BOB"; do
		call EACCES "$uid" get "$MNT/.private/$ALICE/p" id
		call EACCES "$uid" set "$MNT/.private/$ALICE/p" expires 1
	done
	call OK "$ALICE" set "$MNT/.private/$ALICE/p" description mine
}

@test "when it expires, in all the ways to say it" {
	while read -r text want; do
		call OK 0 set "$S" expires "$text"
		same "$want" "$(get "$S" expires)"
	done <<-END
		2000000000 2033-05-18T03:33:20Z
		2040-01-02T03:04:05Z 2040-01-02T03:04:05Z
		2040-01-02t03:04:05z 2040-01-02T03:04:05Z
		2040-01-02T03:04:05.999Z 2040-01-02T03:04:05Z
		2040-01-02T03:04:05+00:00 2040-01-02T03:04:05Z
		2040-01-02T03:04:05+02:30 2040-01-02T00:34:05Z
		2040-01-02T03:04:05-05:00 2040-01-02T08:04:05Z
		2040-02-29T23:59:59Z 2040-02-29T23:59:59Z
		2039-12-31T23:30:00-01:00 2040-01-01T00:30:00Z
		1 1970-01-01T00:00:01Z
		2262-01-01T00:00:00Z 2262-01-01T00:00:00Z
	END
	call OK 0 set "$S" expires "2040-01-02 03:04:05Z"
	same 2040-01-02T03:04:05Z "$(get "$S" expires)"
	for bad in "" 0 -1 +5 " 5" "5 " 1e9 0x10 1.5 never 99999999999999999999 9223372036 18446744073709551617 \
		2040-01-02 2040-01-02T03:04:05 2040-1-2T03:04:05Z 2040-13-02T03:04:05Z 2040-00-02T03:04:05Z 2040-02-30T00:00:00Z \
		2041-02-29T00:00:00Z 2040-01-32T03:04:05Z 2040-01-02T24:00:00Z 2040-01-02T03:60:05Z 2040-01-02T03:04:61Z \
		2040-01-02T03:04:05.Z 2040-01-02T03:04:05+2 2040-01-02T03:04:05+25:00 2040-01-02T03:04:05ZZ 2040-01-02X03:04:05Z \
		1969-12-31T23:59:59Z 1970-01-01T00:00:00Z 2263-01-01T00:00:00Z "$(printf '%070d' 1)" "2000000000
"; do
		call EINVAL 0 set "$S" expires "$bad"
		same 2040-01-02T03:04:05Z "$(get "$S" expires)"
	done
	restart_daemon
	same 2040-01-02T03:04:05Z "$(get "$S" expires)"
}

@test "XATTR_CREATE and XATTR_REPLACE" {
	for name in expires description; do
		call ENODATA 0 set "$S" $name 2000000000 2
		call OK 0 set "$S" $name 2000000000 1
		call EEXIST 0 set "$S" $name 2100000000 1
		call OK 0 set "$S" $name 2200000000 2
		call OK 0 remove "$S" $name
		call ENODATA 0 set "$S" $name 2000000000 2
	done
}

@test "descriptions" {
	text="for the nightly job: 🔑 of ÄÖ"
	setfattr -n user.secretfs.description -v "$text" "$S"
	same "$text" "$(get "$S" description)"
	long=$(printf '%01024d' 7)
	setfattr -n user.secretfs.description -v "$long" "$S"
	same "$long" "$(get "$S" description)"
	call E2BIG 0 set "$S" description "${long}0"
	call EINVAL 0 set "$S" description $'\xff'
	same "$long" "$(get "$S" description)"
	setfattr -n user.secretfs.description -v "$text" "$S"
	mv "$S" "$PUB/t"
	restart_daemon
	same "$text" "$(get "$PUB/t" description)"
	setfattr -x user.secretfs.description "$PUB/t"
	not get "$PUB/t" description 2>/dev/null
}

@test "only what can be set is listed, and only on secrets" {
	names() {
		getfattr --absolute-names -m - "$1" | grep -v '^#' | LC_ALL=C sort | xargs
	}
	echo v >"$S/k"
	same "" "$(names "$S")"
	setfattr -n user.secretfs.description -v x "$S"
	setfattr -n user.secretfs.expires -v 2000000000 "$S"
	setfacl -m u:5:r "$S"
	setfacl -d -m u:5:r "$S"
	same "system.posix_acl_access system.posix_acl_default user.secretfs.description user.secretfs.expires" "$(names "$S")"
	same "" "$(names "$S/k")"
	call ENODATA 0 get "$S/k" id
	call EOPNOTSUPP 0 set "$S/k" expires 2000000000
	call ENODATA 0 get "$PUB" id
	expect EOPNOTSUPP setxattr "$S" user.other x
	expect EOPNOTSUPP setxattr "$S" user.secretfs.other x
	expect ENODATA getxattr "$S" user.secretfs.other
	expect EOPNOTSUPP setxattr "$S" security.other x
	# A buffer that is too small, and one that fits to the byte.
	"$PYTHON" - "$S" <<'END'
import ctypes, errno, sys
libc = ctypes.CDLL(None, use_errno=True)
buf = ctypes.create_string_buffer(100)
path, name = sys.argv[1].encode(), b"user.secretfs.id"
assert libc.getxattr(path, name, None, 0) == 36
assert libc.getxattr(path, name, buf, 36) == 36
assert libc.getxattr(path, name, buf, 35) == -1 and ctypes.get_errno() == errno.ERANGE
n = libc.listxattr(path, None, 0)
assert n > 0 and libc.listxattr(path, ctypes.create_string_buffer(n), n) == n
assert libc.listxattr(path, buf, 5) == -1 and ctypes.get_errno() == errno.ERANGE
END
	cp -a "$S" "$PUB/copy"
	same "x" "$(get "$PUB/copy" description)"
	[ "$(get "$PUB/copy" id)" != "$(get "$S" id)" ]
}

@test "an expired secret lists, but its values do not open" {
	echo one >"$S/k"
	echo two >"$S/k"
	exec 7<"$S/k"
	chmod 777 "$S"
	chmod 666 "$S/k"
	setfattr -n user.secretfs.expires -v "$(($(date +%s) - 1))" "$S"
	for uid in 0 "$ALICE"; do
		same k "$(as "$uid" ls "$S")"
		same "4 666" "$(as "$uid" stat -c '%s %a' "$S/k")"
		for name in k .json .env; do
			expect_as "$uid" EKEYEXPIRED read "$S/$name"
			expect_as "$uid" EKEYEXPIRED open "$S/$name" O_RDWR
		done
	done
	same "1 2" "$(ls "$S/.versions" | xargs)"
	for name in 2/k 2/.json 2/.env; do
		expect EKEYEXPIRED read "$S/.versions/$name"
	done
	same two "$(cat <&7)" # opened before
	exec 7<&-
	LC_ALL=C cat "$S/k" 2>&1 | grep -q 'Key has expired'
	"$PYTHON" -c 'import sys
try:
    open(sys.argv[1])
    sys.exit("opened")
except OSError as e:
    sys.exit(e.errno != 127)' "$S/k"
	# Writing goes on, and does not show what was there.
	echo three >"$S/k"
	echo four >>"$S/k"
	echo '{"l": "new"}' >"$S/.json"
	same "k l" "$(ls "$S" | xargs)"
	expect EKEYEXPIRED read "$S/l"
	mv "$S/l" "$S/m"
	rm "$S/m"
	restart_daemon
	expect EKEYEXPIRED read "$S/k"
	setfattr -n user.secretfs.expires -v "$(($(date +%s) + 1000))" "$S"
	same "three four" "$(xargs <"$S/k")"
	same two "$(cat "$S/.versions/3/k")"
	setfattr -n user.secretfs.expires -v 1 "$S"
	expect EKEYEXPIRED read "$S/k"
	setfattr -x user.secretfs.expires "$S"
	same "three four" "$(xargs <"$S/k")"
}

@test "it expires by itself" {
	echo v >"$S/k"
	setfattr -n user.secretfs.expires -v "$(($(date +%s) + 2))" "$S"
	same v "$(cat "$S/k")"
	eventually 5 expect EKEYEXPIRED read "$S/k" 2>/dev/null
	expect EKEYEXPIRED read "$S/.json"
}

@test "an expired secret is seen through no page cache either" {
	echo value >"$S/k"
	"$PYTHON" - "$S" <<'END'
import os, sys
s = sys.argv[1]
fd = os.open(f"{s}/k", os.O_RDONLY)
os.setxattr(s, "user.secretfs.expires", b"1")
a, b = os.pipe()
try:
    os.sendfile(b, fd, 0, 4096)
    sys.exit("sendfile went on")
except OSError:
    pass
END
}
