# SPDX-License-Identifier: MIT
# acl: owners, groups, modes and ACLs, as a local file system has them; and private, which they do not open.

setup() {
	load ../helpers
	make_store
	start_daemon
}

teardown() {
	finish
}

own() {
	local uid=$1
	shift
	as "$uid" sh -c "$*"
}

# in_group GID UID COMMAND...
in_group() {
	local gid=$1 uid=$2
	shift 2
	setpriv --reuid="$uid" --regid="$uid" --groups="$gid" -- "$@"
}

# An ext4 of our own if there are loop devices, else a folder of a file system with ACLs.
make_other() {
	OTHER=$SFS/other
	mkdir "$OTHER"
	if command -v mkfs.ext4 >/dev/null && truncate -s 16M "$SFS/ext4" && mkfs.ext4 -q "$SFS/ext4" &&
		mount -o loop,acl "$SFS/ext4" "$OTHER" 2>/dev/null; then
		return
	fi
	touch "$OTHER/try"
	if ! setfacl -m u:1:r "$OTHER/try" 2>/dev/null; then
		OTHER=$(mktemp -d /var/tmp/sfs-acl.XXXXXX)
		touch "$OTHER/try"
		setfacl -m u:1:r "$OTHER/try" 2>/dev/null || skip "no other file system with ACLs here"
	fi
	rm -f "$OTHER/try"
}

drop_other() {
	case $OTHER in
	/var/tmp/*) rm -rf "$OTHER" ;;
	*) ! mountpoint -q "$OTHER" || umount "$OTHER" ;;
	esac
}

@test "modes and ACLs are those of a local file system, command by command" {
	make_other
	chmod 1755 "$OTHER" "$PUB"
	"$PYTHON" "$TESTS/mount/acl.py" "$OTHER" >"$SFS/want" 2>&1
	"$PYTHON" "$TESTS/mount/acl.py" "$PUB" >"$SFS/got" 2>&1
	drop_other
	grep -q '^user:20001:r-x' "$SFS/want"
	diff -u "$SFS/want" "$SFS/got" >"$SFS/diff" || {
		head -n 80 "$SFS/diff" >&2
		false
	}
}

@test "what root makes of public lasts over a restart" {
	chgrp 30000 "$PUB"
	chmod 1770 "$PUB"
	setfacl -m u:"$ALICE":rwx,d:g:30001:rx "$PUB"
	before=$(getfacl -cpn "$PUB"; stat -c '%a %u %g' "$PUB")
	restart_daemon
	same "$before" "$(getfacl -cpn "$PUB"; stat -c '%a %u %g' "$PUB")"
	same "1770 0 30000" "$(stat -c '%a %u %g' "$PUB")"
	expect_as "$ALICE" OK mkdir "$PUB/a"
	expect_as "$BOB" EACCES mkdir "$PUB/b"
	expect_as "$BOB" EACCES list "$PUB"
	in_group 30000 "$BOB" mkdir "$PUB/b"
	same "group:30001:r-x" "$(getfacl -cpn "$PUB/b" | grep '^group:30001')"
	chown "$BOB" "$PUB"
	restart_daemon
	same "$BOB" "$(stat -c %u "$PUB")"
	expect_as "$BOB" OK chmod "$PUB" 1700
	expect_as "$ALICE" EPERM chmod "$PUB" 1777
	setfacl -b "$PUB"
	restart_daemon
	same "1700 $BOB 30000" "$(stat -c '%a %u %g' "$PUB")"
	same "3" "$(getfacl -cpn "$PUB" | grep -c :)"
}

@test "an ACL of the most entries that there is room for, and of more" {
	mkdir "$PUB/s"
	touch "$PUB/s/k"
	list=$(for i in $(seq 1000 1059); do printf 'u:%s:r,' "$i"; done)
	setfacl -m "${list%,}" "$PUB/s/k"
	setfacl -d -m "${list%,}" "$PUB/s"
	same 60 "$(getfacl -cpn "$PUB/s/k" | grep -c '^user:1')"
	not setfacl -m u:1060:r "$PUB/s/k" 2>"$SFS/err"
	grep -q 'No space left on device' "$SFS/err"
	same 60 "$(getfacl -cpn "$PUB/s/k" | grep -c '^user:1')"
	restart_daemon
	same 60 "$(getfacl -cpn "$PUB/s" | grep -c '^default:user:1')"
	touch "$PUB/s/l"
	same 60 "$(getfacl -cpn "$PUB/s/l" | grep -c '^user:1')"
}

@test "a key that others write and cannot read" {
	mkdir -m 755 "$PUB/s"
	printf first >"$PUB/s/k"
	for mode in 0622 0222; do
		chmod $mode "$PUB/s/k"
		own "$ALICE" 'printf "from alice" >"$PUB/s/k"'
		same "from alice" "$(cat "$PUB/s/k")"
		own "$BOB" 'printf ", and bob" >>"$PUB/s/k"'
		same "from alice, and bob" "$(cat "$PUB/s/k")"
		for uid in "$ALICE" "$BOB"; do
			expect_as "$uid" EACCES read "$PUB/s/k"
			expect_as "$uid" EACCES open "$PUB/s/k" O_RDWR
			expect_as "$uid" EACCES read "$PUB/s/.json"
			expect_as "$uid" EACCES read "$PUB/s/.env"
			expect_as "$uid" EACCES list "$PUB/s/.versions"
		done
	done
	chown "$ALICE:$ALICE" "$PUB/s/k"
	chmod 0200 "$PUB/s/k"
	own "$ALICE" 'printf again >"$PUB/s/k"'
	same again "$(cat "$PUB/s/k")"
	expect_as "$ALICE" EACCES read "$PUB/s/k"
	expect_as "$BOB" EACCES open "$PUB/s/k" O_WRONLY
}

@test "a drop box: others add values that they cannot see again" {
	mkdir "$PUB/box"
	chmod 1733 "$PUB/box"
	own "$ALICE" 'umask 077; printf from-alice >"$PUB/box/a"'
	own "$BOB" 'umask 077; printf from-bob >"$PUB/box/b"'
	expect_as "$ALICE" EACCES list "$PUB/box"
	expect_as "$ALICE" EACCES read "$PUB/box/b"
	expect_as "$ALICE" EPERM unlink "$PUB/box/b"
	expect_as "$ALICE" EPERM rename "$PUB/box/b" "$PUB/box/c"
	expect_as "$ALICE" EPERM rename "$PUB/box/a" "$PUB/box/b"
	expect_as "$ALICE" EACCES open "$PUB/box/b" "O_WRONLY|O_CREAT"
	same "from-alice from-bob" "$(cat "$PUB/box/a") $(cat "$PUB/box/b")"
	expect_as "$ALICE" EACCES read "$PUB/box/.json"
	expect_as "$ALICE" EACCES open "$PUB/box/.json" O_WRONLY
}

@test "names are seen without the values" {
	mkdir "$PUB/s"
	printf value >"$PUB/s/k"
	printf value >"$PUB/s/l"
	chmod 600 "$PUB/s/k" "$PUB/s/l"
	same "k l" "$(as "$ALICE" ls "$PUB/s" | xargs)"
	same "5 600" "$(as "$ALICE" stat -c '%s %a' "$PUB/s/k")"
	for name in k l .json .env; do
		expect_as "$ALICE" EACCES read "$PUB/s/$name"
		expect_as "$ALICE" EACCES open "$PUB/s/$name" O_WRONLY
	done
	chmod 644 "$PUB/s/k"
	same value "$(as "$ALICE" cat "$PUB/s/k")"
	expect_as "$ALICE" EACCES read "$PUB/s/.json"
}

@test "changes of mode, group and ACL are seen by others at once" {
	mkdir "$PUB/s"
	printf value >"$PUB/s/k"
	for _ in {1..20}; do
		chmod 600 "$PUB/s/k"
		expect_as "$ALICE" EACCES read "$PUB/s/k"
		setfacl -m u:"$ALICE":r "$PUB/s/k"
		expect_as "$ALICE" OK read "$PUB/s/k"
		setfacl -b "$PUB/s/k"
		expect_as "$ALICE" EACCES read "$PUB/s/k"
		chmod 604 "$PUB/s/k"
		expect_as "$ALICE" OK read "$PUB/s/k"
		chmod 700 "$PUB/s"
		expect_as "$ALICE" EACCES read "$PUB/s/k"
		setfacl -m g:"$ALICE":x "$PUB/s"
		expect_as "$ALICE" OK read "$PUB/s/k"
		setfacl -b "$PUB/s"
		chmod 755 "$PUB/s"
	done
}

@test "a group that is the hundredth of a user's counts" {
	mkdir -m 750 "$PUB/s"
	printf value >"$PUB/s/k"
	chmod 640 "$PUB/s/k"
	chgrp -R 40100 "$PUB/s"
	same value "$(in_group "$(seq -s, 40001 40100)" "$ALICE" cat "$PUB/s/k")"
	not in_group "$(seq -s, 40001 40099)" "$ALICE" cat "$PUB/s/k" 2>/dev/null
}

@test "private: no way in for others, by no call that names a node" {
	own "$ALICE" 'mkdir "$PRIV/s"; echo value >"$PRIV/s/k"
		chmod 777 "$PRIV/s"; chmod 666 "$PRIV/s/k"; setfacl -m u:'"$BOB"':rwx "$PRIV/s" "$PRIV/s/k"
		setfattr -n user.secretfs.description -v text "$PRIV/s"'
	for uid in 0 "$BOB"; do
		"$PYTHON" "$TESTS/mount/acl_private.py" "$MNT" "$ALICE" "$uid"
	done
	same value "$(as "$ALICE" cat "$PRIV/s/k")"
	same "777 676" "$(as "$ALICE" stat -c %a "$PRIV/s" "$PRIV/s/k" | xargs)"
	same s "$(as "$ALICE" ls "$PRIV/")"
	same k "$(as "$ALICE" ls "$PRIV/s")"
}

@test "private: a bind mount of it is no way in" {
	mkdir "$PRIV/s" "$SFS/bound"
	echo value >"$PRIV/s/k"
	chmod 777 "$PRIV/s"
	chmod 666 "$PRIV/s/k"
	mount --bind "$MNT/.private/0/s" "$SFS/bound"
	same value "$(cat "$SFS/bound/k")"
	expect_as "$ALICE" EACCES read "$SFS/bound/k"
	expect_as "$ALICE" EACCES open "$SFS/bound/k" O_WRONLY
	expect_as "$ALICE" EACCES list "$SFS/bound"
	expect_as "$ALICE" EACCES open "$SFS/bound/new" "O_WRONLY|O_CREAT"
	expect_as "$ALICE" EACCES unlink "$SFS/bound/k"
	expect_as "$ALICE" EACCES rename "$SFS/bound/k" "$SFS/bound/l"
	expect_as "$ALICE" EACCES truncate "$SFS/bound/k" 0
	expect_as "$ALICE" EACCES read "$SFS/bound/.json"
	expect_as "$ALICE" EACCES open "$SFS/bound/.env" O_WRONLY
	expect_as "$ALICE" EACCES getxattr "$SFS/bound" user.secretfs.id
	expect_as "$ALICE" EACCES list "$SFS/bound/.versions"
	same value "$(cat "$SFS/bound/k")"
	umount "$SFS/bound"
}

@test "private: there is no file handle that opens it" {
	own "$ALICE" 'mkdir "$PRIV/s"; echo value >"$PRIV/s/k"'
	"$PYTHON" "$TESTS/mount/acl_handle.py" "$MNT" "$ALICE"
}

@test "private: the owner's chmod and ACLs are kept, and chown is not for a private secret" {
	own "$ALICE" 'umask 022; mkdir "$PRIV/s"; echo value >"$PRIV/s/k"; setfacl -m u:5:r "$PRIV/s/k"; chmod 500 "$PRIV/s"'
	same "500 644" "$(as "$ALICE" stat -c %a "$PRIV/s" "$PRIV/s/k" | xargs)"
	expect_as "$ALICE" EACCES open "$PRIV/s/new" "O_WRONLY|O_CREAT"
	expect_as "$ALICE" EACCES unlink "$PRIV/s/k"
	expect_as "$ALICE" OK chown "$PRIV/s/k" "$ALICE" "$ALICE"
	not in_group 30000 "$ALICE" chgrp 30000 "$PRIV/s/k" 2>"$SFS/err"
	grep -q 'Operation not permitted' "$SFS/err"
	same "user:5:r--" "$(as "$ALICE" getfacl -cpn "$PRIV/s/k" | grep user:5)"
	own "$ALICE" 'chmod 700 "$PRIV/s"; rm -r "$PRIV/s"'
}

@test "private: umask and default ACLs count there, too" {
	own "$ALICE" 'umask 027; mkdir "$PRIV/s"; : >"$PRIV/s/k"; setfacl -d -m u:5:rw "$PRIV/s"; umask 077; : >"$PRIV/s/l"'
	same "750 640 660" "$(as "$ALICE" stat -c %a "$PRIV/s" "$PRIV/s/k" "$PRIV/s/l" | xargs)"
	same "700 $ALICE" "$(as "$ALICE" stat -c '%a %u' "$PRIV/")"
	expect_as "$ALICE" EPERM chmod "$MNT/.private/$ALICE" 755
	not as "$ALICE" setfacl -m u:5:rx "$MNT/.private/$ALICE" 2>/dev/null
	same "700 $ALICE" "$(as "$ALICE" stat -c '%a %u' "$PRIV/")"
}
