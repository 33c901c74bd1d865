# SPDX-License-Identifier: MIT
# users: who sees what. Root and two plain users share one mount.

setup() {
	load ../helpers
	make_store
	start_daemon
}

teardown() {
	finish
}

# own UID COMMAND...: a shell line as that user, with $PUB and $PRIV.
own() {
	local uid=$1
	shift
	as "$uid" sh -c "$*"
}

@test "private is one's own for each user" {
	for uid in 0 "$ALICE" "$BOB"; do
		same ".private/$uid" "$(as "$uid" readlink "$PRIV")"
		own "$uid" 'umask 077; mkdir "$PRIV/same"; echo "of '"$uid"'" >"$PRIV/same/k"'
	done
	for _ in 1 2 3; do
		for uid in 0 "$ALICE" "$BOB"; do
			same "of $uid" "$(as "$uid" cat "$PRIV/same/k")"
			same same "$(as "$uid" ls "$PRIV")"
			same "$uid 700" "$(as "$uid" stat -c '%u %a' "$PRIV/same")"
		done
	done
	own "$ALICE" 'rm -r "$PRIV/same"'
	same "" "$(as "$ALICE" ls "$PRIV")"
	same "of $BOB" "$(as "$BOB" cat "$PRIV/same/k")"
	same "of 0" "$(cat "$PRIV/same/k")"
}

@test "users at the same time" {
	for uid in 0 "$ALICE" "$BOB"; do
		own "$uid" 'mkdir "$PRIV/s"
			for i in $(seq 100); do
				echo "'"$uid"' $i" >"$PRIV/s/k"
				[ "$(cat "$PRIV/s/k")" = "'"$uid"' $i" ] || exit 1
				[ "$(readlink "$PRIV")" = ".private/'"$uid"'" ] || exit 1
			done' &
		pids+=("$!")
	done
	for pid in "${pids[@]}"; do
		wait "$pid"
	done
}

@test "nobody gets into another's private namespace, not even root" {
	own "$ALICE" 'mkdir "$PRIV/s"; echo value >"$PRIV/s/k"; chmod 777 "$PRIV/s"; chmod 666 "$PRIV/s/k"'
	restart_daemon # what the kernel remembers of names and modes, root could stat
	for uid in 0 "$BOB"; do
		dir=$MNT/.private/$ALICE
		expect_as "$uid" EACCES list "$dir"
		expect_as "$uid" EACCES stat "$dir/s"
		expect_as "$uid" EACCES read "$dir/s/k"
		expect_as "$uid" EACCES open "$dir/s/k" O_WRONLY
		expect_as "$uid" EACCES open "$dir/s/new" "O_WRONLY|O_CREAT"
		expect_as "$uid" EACCES mkdir "$dir/new"
		expect_as "$uid" EACCES unlink "$dir/s/k"
		expect_as "$uid" EACCES rmdir "$dir/s"
		expect_as "$uid" EACCES rename "$dir/s" "$dir/t"
		expect_as "$uid" EACCES rename "$dir/s" "$PRIV/t"
		expect_as "$uid" EACCES chmod "$dir/s" 777
		expect_as "$uid" EACCES chown "$dir/s" "$uid" "$uid"
		expect_as "$uid" EACCES truncate "$dir/s/k" 0
		expect_as "$uid" EACCES getxattr "$dir/s/k" system.posix_acl_access
		expect_as "$uid" EACCES listxattr "$dir/s"
		same "700 $ALICE" "$(as "$uid" stat -c '%a %u' "$dir")"
	done
	same value "$(as "$ALICE" cat "$PRIV/s/k")"
}

@test "what root may not, it may not through a folder that is open either" {
	own "$ALICE" 'mkdir "$PRIV/s"; echo value >"$PRIV/s/k"'
	# The shell is root, its working directory is Alice's.
	not "$PYTHON" "$TESTS/mount/inherit.py" "$ALICE" "$MNT/.private/$ALICE/s" k
	same value "$(as "$ALICE" cat "$PRIV/s/k")"
}

@test "handing over a descriptor is the owner's act" {
	mkdir "$PRIV/s"
	echo value >"$PRIV/s/k"
	exec 7<"$PRIV/s/k"
	same value "$(as "$ALICE" cat <&7)"
	exec 7<&-
	as "$ALICE" echo "from alice" >"$PRIV/s/k"
	same "from alice" "$(cat "$PRIV/s/k")"
}

@test "the hidden folder is not listed" {
	mkdir "$PRIV/s"
	not grep -qx .private <<<"$(ls -A "$MNT")"
	same "" "$(ls "$MNT/.private" 2>/dev/null)"
}

@test "uids that are nobody's have no private namespace" {
	for uid in 65534 61184 65519; do
		as "$uid" sh -c 'ls "$PRIV/" 2>&1' | grep -q 'Permission denied'
		not own "$uid" 'mkdir "$PRIV/s" 2>/dev/null'
		expect_as "$uid" OK list "$PUB"
	done
	restart_daemon private_root=no "private_deny=30000-30010"
	for uid in 0 30000 30010; do
		not own "$uid" 'mkdir "$PRIV/s" 2>/dev/null'
	done
	own 30011 'mkdir "$PRIV/s"'
	own 29999 'mkdir "$PRIV/s"'
}

@test "public belongs to root until root says otherwise" {
	same "1755 0 0" "$(stat -c '%a %u %g' "$PUB")"
	expect_as "$ALICE" EACCES mkdir "$PUB/s"
	chmod 1777 "$PUB"
	expect_as "$ALICE" OK mkdir "$PUB/s"
	restart_daemon
	same "1777 0 0" "$(stat -c '%a %u %g' "$PUB")"
	expect_as "$BOB" OK mkdir "$PUB/t"
	chmod 1755 "$PUB"
	expect_as "$ALICE" EACCES mkdir "$PUB/u"
	setfacl -m u:"$ALICE":rwx "$PUB"
	expect_as "$ALICE" OK mkdir "$PUB/u"
	expect_as "$BOB" EACCES mkdir "$PUB/v"
	restart_daemon
	expect_as "$ALICE" OK mkdir "$PUB/v"
	expect_as "$BOB" EACCES mkdir "$PUB/w"
	setfacl -b "$PUB"
	chgrp 30000 "$PUB"
	chmod 1775 "$PUB"
	expect_as "$ALICE" EACCES mkdir "$PUB/x"
	setpriv --reuid="$ALICE" --regid="$ALICE" --groups=30000 mkdir "$PUB/x"
	expect_as "$ALICE" EPERM chmod "$PUB" 777
}

@test "sticky: nobody removes what is another's" {
	chmod 1777 "$PUB"
	own "$ALICE" 'mkdir "$PUB/s"; echo value >"$PUB/s/k"; chmod 777 "$PUB/s"; mkdir "$PUB/empty"'
	expect_as "$BOB" EPERM rmdir "$PUB/empty"
	expect_as "$BOB" EPERM rename "$PUB/s" "$PUB/t"
	own "$BOB" 'mkdir "$PUB/bob"'
	expect_as "$BOB" EPERM rename "$PUB/bob" "$PUB/empty"
	expect_as "$BOB" OK unlink "$PUB/s/k"
	own "$ALICE" 'echo value >"$PUB/s/k"; chmod 1777 "$PUB/s"'
	expect_as "$BOB" EPERM unlink "$PUB/s/k"
	expect_as "$ALICE" OK rmdir "$PUB/empty"
}

@test "modes decide in public" {
	mkdir "$PUB/s"
	echo value >"$PUB/s/k"
	same value "$(as "$ALICE" cat "$PUB/s/k")"
	expect_as "$ALICE" EACCES open "$PUB/s/k" O_WRONLY
	expect_as "$ALICE" EACCES unlink "$PUB/s/k"
	expect_as "$ALICE" EACCES open "$PUB/s/new" "O_WRONLY|O_CREAT"
	expect_as "$ALICE" EPERM chmod "$PUB/s/k" 666
	expect_as "$ALICE" EPERM chown "$PUB/s/k" "$ALICE" "$ALICE"
	chmod 600 "$PUB/s/k"
	expect_as "$ALICE" EACCES read "$PUB/s/k"
	same 6 "$(as "$ALICE" stat -c %s "$PUB/s/k")"
	chown :30000 "$PUB/s/k"
	chmod 640 "$PUB/s/k"
	same value "$(setpriv --reuid="$ALICE" --regid="$ALICE" --groups=30000 cat "$PUB/s/k")"
	expect_as "$ALICE" EACCES read "$PUB/s/k"
	chmod 644 "$PUB/s/k"
	chmod 750 "$PUB/s"
	expect_as "$ALICE" EACCES read "$PUB/s/k"
	expect_as "$ALICE" EACCES list "$PUB/s"
	chmod 711 "$PUB/s"
	expect_as "$ALICE" EACCES list "$PUB/s"
	expect_as "$ALICE" OK read "$PUB/s/k"
	chmod 777 "$PUB/s"
	expect_as "$ALICE" OK open "$PUB/s/new" "O_WRONLY|O_CREAT"
	same "$ALICE $ALICE" "$(stat -c '%u %g' "$PUB/s/new")"
	chmod 666 "$PUB/s/k"
	own "$ALICE" 'echo alice >"$PUB/s/k"'
	same "alice 0" "$(cat "$PUB/s/k") $(stat -c %u "$PUB/s/k")"
}

@test "names without values" {
	mkdir "$PUB/s"
	echo value >"$PUB/s/k"
	chmod 755 "$PUB/s"
	chmod 600 "$PUB/s/k"
	same k "$(as "$ALICE" ls "$PUB/s")"
	expect_as "$ALICE" EACCES read "$PUB/s/k"
}

@test "ACLs" {
	mkdir -m 700 "$PUB/s"
	(umask 077 && echo value >"$PUB/s/k")
	setfacl -m u:"$ALICE":rx "$PUB/s"
	setfacl -m u:"$ALICE":r "$PUB/s/k"
	same value "$(as "$ALICE" cat "$PUB/s/k")"
	expect_as "$ALICE" EACCES open "$PUB/s/k" O_WRONLY
	expect_as "$BOB" EACCES read "$PUB/s/k"
	same "640" "$(stat -c %a "$PUB/s/k")" # the mask shows as the group's bits
	chmod g= "$PUB/s/k"
	expect_as "$ALICE" EACCES read "$PUB/s/k"
	same "mask::---" "$(getfacl -cp "$PUB/s/k" | grep mask)"
	chmod g=r "$PUB/s/k"
	expect_as "$ALICE" OK read "$PUB/s/k"
	setfacl -x u:"$ALICE" "$PUB/s/k"
	expect_as "$ALICE" EACCES read "$PUB/s/k"
	setfacl -b "$PUB/s/k"
	same "" "$(getfacl -cps "$PUB/s/k")" # no more than the mode says
	expect EOPNOTSUPP setxattr "$PUB/s/k" system.posix_acl_access nonsense # the kernel says so
}

@test "default ACLs" {
	mkdir "$PUB/s"
	setfacl -d -m u:"$ALICE":rw "$PUB/s"
	(umask 077 && echo value >"$PUB/s/k")
	# As on ext4: the default ACL, ANDed with 0666, and no umask.
	same "664" "$(stat -c %a "$PUB/s/k")"
	own "$ALICE" 'echo alice >"$PUB/s/k"'
	same alice "$(cat "$PUB/s/k")"
	setfacl -d -m g:30000:rx "$PUB"
	(umask 077 && mkdir "$PUB/t")
	getfacl -cpn "$PUB/t" | grep -q '^group:30000:r-x$'
	getfacl -cpn "$PUB/t" | grep -q '^default:group:30000:r-x$'
	restart_daemon
	getfacl -cpn "$PUB/t" | grep -q '^default:group:30000:r-x$'
	setfacl -k "$PUB/s"
	(umask 077 && echo value >"$PUB/s/m")
	same "600" "$(stat -c %a "$PUB/s/m")"
}

@test "moving between the namespaces is the owner's" {
	chmod 1777 "$PUB"
	own "$ALICE" 'mkdir "$PUB/a"; echo value >"$PUB/a/k"; chmod 777 "$PUB/a"'
	expect_as "$BOB" EPERM rename "$PUB/a" "$PRIV/" || expect_as "$BOB" EPERM rename "$PUB/a" "$MNT/.private/$BOB/a"
	expect EPERM rename "$PUB/a" "$PRIV/a" # root is not the owner
	own "$BOB" 'echo bob >"$PUB/a/of-bob"'
	expect_as "$ALICE" EPERM rename "$PUB/a" "$PRIV/a"
	own "$BOB" 'rm "$PUB/a/of-bob"'
	own "$ALICE" 'mv "$PUB/a" "$PRIV/a"'
	same value "$(as "$ALICE" cat "$PRIV/a/k")"
	same "$ALICE 700" "$(as "$ALICE" stat -c '%u %a' "$PRIV/a")"
	own "$ALICE" 'mv "$PRIV/a" "$PUB/b"'
	same value "$(as "$BOB" cat "$PUB/b/k")"
	same "$ALICE 755" "$(stat -c '%u %a' "$PUB/b")"
}

@test "a private secret changes neither its owner nor its group" {
	mkdir "$PRIV/s"
	echo value >"$PRIV/s/k"
	expect EPERM chown "$PRIV/s" "$ALICE" "$ALICE"
	expect EPERM chown "$PRIV/s/k" "$ALICE" "$ALICE"
	same "0 0" "$(stat -c '%u %u' "$PRIV/s/k")"
}

@test "a worker is told apart from those it serves" {
	mkdir "$PRIV/s"
	echo value >"$PRIV/s/k"
	uid=$(id -u secretfs)
	if as "$uid" ls "$PRIV/" >/dev/null 2>&1; then
		same "" "$(as "$uid" ls "$PRIV/")"
	fi
	expect_as "$uid" EACCES read "$MNT/.private/0/s/k"
}
