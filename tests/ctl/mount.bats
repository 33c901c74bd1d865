# SPDX-License-Identifier: MIT
# mount: how secretctl finds the tree, its global options and exit codes.

setup() {
	load ../helpers
	load helpers
	make_store
	start_daemon
	make_ctl
}

teardown() {
	[ -z "${OTHER:-}" ] || umount "$OTHER" 2>/dev/null || true
	finish
}

@test "-m, in both forms, wins over the environment" {
	ctl 0 create db --k=1
	SECRETFS_MOUNT=/nonexistent ctl 3 list
	SECRETFS_MOUNT=/nonexistent ctl 0 -m "$MNT" get db k
	SECRETFS_MOUNT=/nonexistent ctl 0 -m"$MNT" get db k
	value 1 "$SFS/out"
	ctl 3 -m /nonexistent get db k
	cd "$MNT"
	ctl 0 -m . get db k
	cd /
}

@test "a folder without a secretfs is refused" {
	mkdir -p "$SFS/plain/public"
	ctl 3 -m "$SFS/plain" create db --k=1
	err_has "no secretfs is mounted there"
	same "" "$(ls "$SFS/plain/public")"
	ctl 3 -m "$PUB" list
	ctl 3 -m "$SFS/key" list
	err_has "not a folder"
}

# In a mount namespace of its own each of these sees only the mounts it makes, and no settings of the machine's.
alone() {
	unshare -m --propagation slave sh -c "[ ! -d /etc/secretfs ] || mount -t tmpfs none /etc/secretfs
	findmnt -n -t fuse.secretfs -o TARGET | while read -r at; do
		[ \"\$at\" = '$MNT' ] || umount -l \"\$at\"
	done
	$1"
}

@test "the only mount is found without help" {
	ctl 0 create db --k=1
	unset SECRETFS_MOUNT
	code 0 alone "'$SECRETCTL' get db k"
	value 1 "$SFS/out"
	SECRETFS_MOUNT='' code 0 alone "'$SECRETCTL' get db k"
	code 3 alone "umount -l '$MNT'; '$SECRETCTL' get db k"
	err_has "no secretfs is mounted"
}

@test "the same tree at several places is one, a part of it is none" {
	ctl 0 create db --k=1
	unset SECRETFS_MOUNT
	mkdir "$SFS/a b" "$SFS/part"
	code 0 alone "mount --bind '$MNT' '$SFS/a b' && '$SECRETCTL' get db k"
	code 0 alone "mount --bind '$MNT' '$SFS/a b' && umount -l '$MNT' && '$SECRETCTL' get db k"
	value 1 "$SFS/out"
	code 0 alone "mount --bind '$MNT' '$SFS/a b' && '$SECRETCTL' -m '$SFS/a b' get db k"
	code 3 alone "mount --bind '$PUB' '$SFS/part' && umount -l '$MNT' && '$SECRETCTL' get db k"
	code 0 alone "mount --rbind '$SFS' '$SFS/part' && '$SECRETCTL' -m '$SFS/part/mnt' get db k"
}

@test "several trees: which?" {
	unset SECRETFS_MOUNT
	OTHER=$SFS/other
	mkdir "$OTHER"
	code 0 "$SECRETCTL" store init "$SFS/store2/store.db" --keyfile "$SFS/key2"
	code 0 "$DAEMON" "$SFS/store2/store.db" "$OTHER" -o "keyfile=$SFS/key2,anchor=$SFS/anchor,audit_file=$SFS/audit2/audit.log"
	XDG_CONFIG_HOME=$SFS/none ctl_as $ALICE 2 list
	err_has "$MNT"
	err_has "$OTHER"
	err_has "-m DIR"
	code 0 "$SECRETCTL" -m "$OTHER" create db
	code 0 "$SECRETCTL" -m "$MNT" list
	out ""
	umount "$OTHER"
}

@test "the tree of the settings wins over the only one, and over none" {
	local conf=$SFS/config/secretfs/secretfs.conf
	mkdir -p "$SFS/config/secretfs" "$SFS/none"
	ctl 0 create db --k=1
	unset SECRETFS_MOUNT
	export XDG_CONFIG_HOME=$SFS/config
	printf 'mountpoint = %s\n' "$MNT" >"$conf"
	ctl_as $ALICE 0 get db k
	value 1 "$SFS/out"
	# Not mounted there: no other one takes its place.
	printf 'mountpoint = %s\n' "$SFS/none" >"$conf"
	ctl_as $ALICE 3 get db k
	err_has "$SFS/none: no secretfs is mounted there, as it should be by $conf"
	# What is said nearer wins.
	ctl_as $ALICE 0 -m "$MNT" get db k
	SECRETFS_MOUNT=$MNT ctl_as $ALICE 0 get db k
	# A file without a mountpoint says nothing of it.
	echo 'threads = 4' >"$conf"
	code 0 alone "setpriv --reuid=$ALICE --regid=$ALICE --clear-groups '$SECRETCTL' get db k"
	# Settings in another user's home are not one's own.
	mkdir -m 700 "$SFS/closed"
	XDG_CONFIG_HOME=$SFS/closed code 0 alone "setpriv --reuid=$ALICE --regid=$ALICE --clear-groups '$SECRETCTL' get db k"
	# A file that is refused is not passed over.
	echo 'mount = /x' >"$conf"
	ctl_as $ALICE 2 get db k
	err_has "$conf:1:"
	chmod 666 "$conf"
	ctl_as $ALICE 4 get db k
	err_has "$conf"
	ctl_as $ALICE 0 -m "$MNT" get db k
}

@test "global options" {
	ctl 0 --help
	grep -q '^usage: secretctl \[-m DIR\] VERB' "$SFS/out"
	for verb in create get list update delete "store init" "store info"; do
		grep -q "^  $verb " "$SFS/out"
	done
	ctl 0 --version
	grep -qE '^secretctl [0-9]+\.[0-9]+\.[0-9]+$' "$SFS/out"
	ctl 2
	out ""
	ctl 2 nothing
	ctl 2 store
	ctl 2 store nothing
	ctl 2 -m
	ctl 2 --nothing list
	ctl 2 -x list
}

@test "control characters never reach the terminal" {
	ctl 2 get $'a\xc2\x9bb'
	ctl 2 $'no\x1b[2Jverb'
	not grep -q $'\x1b' "$SFS/err"
	ctl 3 -m $'/tmp/\x1b[2J' list
	not grep -q $'\x1b' "$SFS/err"
}
