# SPDX-License-Identifier: MIT
# doctor: what is wrong, and what to do about it.
#
# The machine itself is out of reach of a test, so each of these looks at one finding.

setup() {
	load ../helpers
	load helpers
	make_store
	start_daemon
	make_ctl
	CONF=$SFS/config/secretfs/secretfs.conf
	mkdir -p "${CONF%/*}"
	export XDG_CONFIG_HOME=$SFS/config
}

teardown() {
	finish
}

# finding STATE WHAT TEXT [HELP]: there is one finding of this state with this in it. All of JSON.
finding() {
	"$PYTHON" - "$SFS/out" "$@" <<-'EOF'
		import json, sys
		out, state, what, text, help = (sys.argv + [""])[1:6]
		found = json.load(open(out))
		hits = [f for f in found if f["state"] == state and f["what"] == what and text in f["text"] and help in (f["help"] or "")]
		assert len(hits) == 1, (state, what, text, help, found)
	EOF
}

# In a mount namespace of its own, where root's settings are these; COMMAND sees them. /etc itself is not touched.
with_settings() {
	local file
	mkdir -p "$SFS/etc/secretfs"
	for file in passwd group nsswitch.conf ld.so.cache fuse.conf; do
		[ ! -e "/etc/$file" ] || cp -p "/etc/$file" "$SFS/etc"
	done
	unshare -m --propagation slave sh -c 'mount --bind "$SFS/etc" /etc && mount --bind "$0" /etc/secretfs && exec "$@"' \
		"${CONF%/*}" "$@"
}

@test "all is well: as text, exit code 0" {
	ctl_as $ALICE 0 doctor
	grep -qx "ok    mount: $MNT" "$SFS/out"
	grep -qx "ok    daemon: serves, process $(supervisor_pid)" "$SFS/out"
	grep -q '^ok    mount options: .*default_permissions' "$SFS/out"
	not grep -q '^BAD' "$SFS/out"
	err ""
	ctl_as $ALICE 0 doctor -o json
	finding ok settings "there is no $CONF"
	finding ok store "as it should be for this user"
}

@test "nothing is mounted" {
	ctl 1 -m "$SFS" doctor -o json
	finding bad mount "no secretfs is mounted there; start it"
	err_has "findings are bad"
	ctl 1 -m "$SFS" doctor
	grep -q '^BAD   mount: ' "$SFS/out"
}

@test "a daemon that nobody answers for" {
	WORKER_MAY_DIE=yes
	kill_all
	eventually 5 no_processes
	ctl 1 doctor -o json
	finding bad mount "start secretfs again"
}

@test "a worker that was started again" {
	WORKER_MAY_DIE=yes
	kill -KILL "$(worker_pid)"
	eventually 5 grep -q '"generation": 2' "$MNT/.secretfs/status"
	ctl_as $ALICE 0 doctor -o json
	finding note daemon "started again 1 times" log
}

@test "settings that are refused" {
	echo 'mount = /x' >"$CONF"
	ctl_as $ALICE 1 -m "$MNT" doctor -o json
	finding bad settings "$CONF:1:" secretfs.conf
	printf 'store = %s\n' "$STORE" >"$CONF"
	chmod 666 "$CONF"
	ctl_as $ALICE 1 doctor -o json
	finding bad settings "$CONF"
	chmod 644 "$CONF"
	ctl_as $ALICE 0 doctor -o json || true
	finding ok settings "$CONF"
	mkdir -m 700 "$SFS/closed"
	XDG_CONFIG_HOME=$SFS/closed ctl_as $ALICE 0 doctor -o json
	finding note settings "not for you to look at" HOME
}

@test "store and key: permissions" {
	printf 'store = %s\nkeyfile = %s\n' "$STORE" "$KEY" >"$CONF"
	code 0 with_settings "$SECRETCTL" doctor -o json
	finding ok store "$STORE, for secretfs alone"
	finding ok "key file" "$KEY"
	chmod 644 "$KEY"
	code 1 with_settings "$SECRETCTL" doctor -o json
	finding bad "key file" "mode 0644: others may read the key" "chmod 0400"
	chmod 400 "$KEY"
	chown $ALICE "$KEY"
	code 1 with_settings "$SECRETCTL" doctor -o json
	finding bad "key file" "belongs to uid $ALICE" chown
	chown 0 "$KEY"
	mv "$KEY" "$KEY.away"
	code 1 with_settings "$SECRETCTL" doctor -o json
	finding bad "key file" "is not there" "your copy"
	echo short >"$KEY"
	code 1 with_settings "$SECRETCTL" doctor -o json
	finding bad "key file" "32 bytes"
	mv "$KEY.away" "$KEY"
	chmod 666 "$STORE"
	code 1 with_settings "$SECRETCTL" doctor -o json
	finding bad store "$STORE"
	chmod 600 "$STORE"
	cp -p "$KEY" "$SFS/store/key"
	printf 'store = %s\nkeyfile = %s\nuser = nobody-at-all\n' "$STORE" "$SFS/store/key" >"$CONF"
	code 1 with_settings "$SECRETCTL" doctor -o json
	finding bad user "no user nobody-at-all" useradd
	finding note "key file" "beside the store" apart
}

@test "the store of the mount, where no settings name one" {
	code 0 with_settings "$SECRETCTL" doctor -o json
	finding ok store "$STORE, for secretfs alone"
	chmod 640 "$STORE"
	code 1 with_settings "$SECRETCTL" doctor -o json
	finding bad store "$STORE"
	chmod 600 "$STORE"
}

@test "mount options, and who may enter" {
	mkdir "$SFS/again"
	unshare -m --propagation slave sh -c 'mount --bind "$MNT" "$SFS/again" && mount -o remount,bind,suid,dev,exec "$SFS/again" &&
		umount -l "$MNT" && "$1" -m "$SFS/again" doctor -o json' sh "$SECRETCTL" >"$SFS/out" 2>"$SFS/err" && false
	finding bad "mount options" "noexec is missing"
	finding bad "mount options" "nosuid is missing"
	restart_daemon allow_other=no
	ctl 0 doctor -o json
	finding note "mount options" "only root sees it"
}

@test "fuse.conf, /dev/fuse and fusermount3 for a plain user" {
	mknod -m 600 "$SFS/fuse" c 10 229 || skip "cannot make a device node"
	printf 'store = /x/store.db\nallow_other = yes\n' >"$CONF"
	: >"$SFS/fuse.conf"
	alice() {
		unshare -m --propagation slave sh -c 'mount --bind "$SFS/fuse.conf" /etc/fuse.conf && mount --bind "$SFS/fuse" /dev/fuse &&
			exec setpriv --reuid=20001 --regid=20001 --clear-groups -- "$@"' sh "$SECRETCTL" doctor -o json
	}
	code 1 alice
	finding bad /etc/fuse.conf "user_allow_other" "take allow_other out"
	finding bad /dev/fuse "mode 0600: you cannot mount" 0666
	echo '  user_allow_other  ' >"$SFS/fuse.conf"
	chmod 666 "$SFS/fuse"
	code 1 alice
	finding ok /etc/fuse.conf "is there"
	finding ok /dev/fuse "mode 0666"
	echo '# user_allow_other' >"$SFS/fuse.conf"
	code 1 alice
	finding bad /etc/fuse.conf user_allow_other
	# Who has no tree of one's own to mount needs none of it.
	rm "$CONF"
	chmod 600 "$SFS/fuse"
	code 0 alice
	finding note /dev/fuse "you cannot mount a tree of your own"
	finding ok /etc/fuse.conf "not needed"
	PATH=/nonexistent:/bin code 0 alice
	[ -e /bin/fusermount3 ] || finding note fusermount3 "is not in PATH" fuse3
}

@test "locked memory" {
	limit() {
		prlimit --memlock="$1" setpriv --reuid=$ALICE --regid=$ALICE --clear-groups "$SECRETCTL" doctor -o json
	}
	code 1 limit 65536
	finding bad "locked memory" "64 KiB" "ulimit -l"
	code 0 limit 6291456
	finding note "locked memory" "6144 KiB"
	code 0 limit 8388608
	finding ok "locked memory" "8192 KiB"
}

@test "a kernel without features" {
	ctl_as $ALICE 0 doctor -o json
	case $(uname -r) in
	[345].* | 6.[0-8].*) finding note kernel "no FUSE_NOTIFY_RESEND" 6.9 ;;
	*) finding ok kernel "Linux $(uname -r)" ;;
	esac
}

@test "on a terminal: colours, unless NO_COLOR" {
	TERM=xterm tty 0 -- "$SECRETCTL" doctor
	grep -q $'\e\[32mok' "$SFS/out"
	NO_COLOR=1 TERM=xterm tty 0 -- "$SECRETCTL" doctor
	not grep -q $'\e' "$SFS/out"
}

@test "bad input and help" {
	ctl 2 doctor db
	ctl 2 doctor -o yaml
	ctl 0 doctor --help
	grep -q '^usage: secretctl doctor' "$SFS/out"
}
