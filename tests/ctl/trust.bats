# SPDX-License-Identifier: MIT
# trust: which trees secretctl does not use: another user's, and one in whose place another could be put.

setup() {
	load ../helpers
	load helpers
	make_store
	start_daemon
	make_ctl
	ctl 0 create db --k=1
}

teardown() {
	if [ -n "${NS:-}" ]; then
		"${ENTER[@]}" umount "$THEIRS" 2>/dev/null || true
		kill "$NS" 2>/dev/null || true
		wait "$NS" 2>/dev/null || true
	fi
	finish
}

@test "below a folder that others can write" {
	mkdir "$SFS/above" "$SFS/above/mnt"
	for mode in 777 775 757; do
		chmod $mode "$SFS/above"
		mount --bind "$MNT" "$SFS/above/mnt"
		ctl_as $ALICE 10 -m "$SFS/above/mnt" get db k
		err_has "others can write to $SFS/above above it"
		ctl 10 -m "$SFS/above/mnt" list
		out ""
		umount "$SFS/above/mnt"
	done
	mount --bind "$MNT" "$SFS/above/mnt"
	# Whoever owns the folder can write to it, too.
	chmod 755 "$SFS/above"
	chown $BOB "$SFS/above"
	ctl_as $ALICE 10 -m "$SFS/above/mnt" get db k
	ctl 10 -m "$SFS/above/mnt" get db k
	ctl_as $BOB 0 -m "$SFS/above/mnt" get db k
	# In a sticky folder nobody can move what is another's.
	chown 0 "$SFS/above"
	chmod 1777 "$SFS/above"
	ctl_as $ALICE 0 -m "$SFS/above/mnt" get db k
	value 1 "$SFS/out"
	umount "$SFS/above/mnt"
}

@test "a symbolic link is followed to the folders that count" {
	mkdir -m 777 "$SFS/above"
	mkdir "$SFS/above/mnt"
	mount --bind "$MNT" "$SFS/above/mnt"
	ln -s "$SFS/above/mnt" "$SFS/link"
	ctl_as $ALICE 10 -m "$SFS/link" get db k
	umount "$SFS/above/mnt"
	# Who can turn the link can only turn it to a tree that is trusted itself.
	ln -sfn "$MNT" "$SFS/above/link"
	ctl_as $ALICE 0 -m "$SFS/above/link" get db k
}

@test "an ACL that lets others write counts" {
	mkdir "$SFS/above" "$SFS/above/mnt"
	mount --bind "$MNT" "$SFS/above/mnt"
	ctl_as $ALICE 0 -m "$SFS/above/mnt" get db k
	setfacl -m u:$BOB:rwx "$SFS/above" || { umount "$SFS/above/mnt" && skip "no ACLs in $SFS"; }
	ctl_as $ALICE 10 -m "$SFS/above/mnt" get db k
	umount "$SFS/above/mnt"
}

@test "bubblewrap, where root has no number" {
	command -v bwrap >/dev/null || skip "bubblewrap is not installed"
	as $ALICE bwrap --ro-bind / / true 2>/dev/null || skip "no user namespaces for plain users here"
	code 0 as $ALICE bwrap --ro-bind / / --unshare-user "$SECRETCTL" get db k
	value 1 "$SFS/out"
}

# A tree that the plain user secretfs has mounted for everybody, in a mount namespace of its own.
start_theirs() {
	local id home=$SFS/home
	id=$(id -u secretfs)
	THEIRS=$SFS/theirs
	install -d -o secretfs -m 700 "$home"
	install -d -o secretfs -m 755 "$THEIRS"
	cp "$DAEMON" "$SFS/bin/secretfs"
	mknod -m 666 "$SFS/fuse" c 10 229 || skip "cannot make a device node"
	[ -u "$(command -v fusermount3)" ] || skip "fusermount3 is not set-uid here"
	echo user_allow_other >"$SFS/fuse.conf"
	unshare -m --propagation private sh -c 'findmnt -n -t fuse.secretfs -o TARGET | while read -r at; do
			[ "$at" = "$MNT" ] || umount -l "$at"
		done
		mount --bind "$1/fuse" /dev/fuse &&
		mount --bind "$1/fuse.conf" /etc/fuse.conf && touch "$1/ready" && exec sleep 300' sh "$SFS" 3>&- &
	NS=$!
	ENTER=(nsenter -t "$NS" -m)
	eventually 5 test -e "$SFS/ready" || skip "no mount namespace of one's own here"
	"${ENTER[@]}" setpriv --reuid="$id" --regid="$id" --clear-groups sh -c ': <>/dev/fuse' || skip "no /dev/fuse"
	THEM=("${ENTER[@]}" setpriv --reuid="$id" --regid="$id" --clear-groups env HOME="$home" XDG_CONFIG_HOME="$home/.config")
	"${THEM[@]}" "$SECRETCTL" store init "$home/store/store.db" --keyfile "$home/key" >>"$LOG" 2>&1
	"${THEM[@]}" "$SFS/bin/secretfs" "$home/store/store.db" "$THEIRS" -o "keyfile=$home/key,allow_other" >>"$LOG" 2>&1 3>&-
}

@test "another user's tree" {
	local id
	id=$(id -u secretfs)
	start_theirs
	code 0 "${THEM[@]}" "$SECRETCTL" -m "$THEIRS" create db --k=theirs
	code 0 "${THEM[@]}" "$SECRETCTL" -m "$THEIRS" get db k
	# Open to all, and so it looks as it should to a careless program.
	same theirs "$("${ENTER[@]}" setpriv --reuid=$ALICE --regid=$ALICE --clear-groups cat "$THEIRS/public/db/k")"
	chown 0 "$THEIRS" # what it is mounted on does not count
	for uid in 0 $ALICE; do
		code 10 "${ENTER[@]}" setpriv --reuid="$uid" --regid="$uid" --clear-groups "$SECRETCTL" -m "$THEIRS" get db k
		err_has "mounted by uid $id, which is neither root nor you"
		out ""
		SECRETFS_MOUNT=$THEIRS code 10 "${ENTER[@]}" setpriv --reuid="$uid" --regid="$uid" --clear-groups \
			"$SECRETCTL" create mine --k=1
		# Beside root's it is no choice at all; alone it is not taken either.
		code 0 env -u SECRETFS_MOUNT XDG_CONFIG_HOME="$SFS/none" "${ENTER[@]}" \
			setpriv --reuid="$ALICE" --regid="$ALICE" --clear-groups "$SECRETCTL" get db k
		value 1 "$SFS/out"
	done
	"${ENTER[@]}" umount -l "$MNT"
	code 10 env -u SECRETFS_MOUNT XDG_CONFIG_HOME="$SFS/none" "${ENTER[@]}" \
		setpriv --reuid="$ALICE" --regid="$ALICE" --clear-groups "$SECRETCTL" get db k
	err_has "uid $id"
	code 0 "${THEM[@]}" "$SECRETCTL" -m "$THEIRS" list
	grep -q "^db " "$SFS/out"
}
