# SPDX-License-Identifier: MIT
# containers: the tree, a secret or a key inside a container, for several uids.

setup() {
	load ../helpers
	load helpers
	make_store
	start_daemon
	mkdir "$PUB/s" "$PUB/other"
	echo value >"$PUB/s/k"
}

teardown() {
	# A container of a test that failed.
	if [ -n "${SESSION:-}" ] && kill -0 "$SESSION" 2>/dev/null; then
		echo exit 1<>"$SFS/go"
		eventually 20 not kill -0 "$SESSION" 2>/dev/null || kill "$SESSION"
	fi
	finish
}

# bw [OPTION...] [--] CMD...: bubblewrap without a bind of the tree. $SFS/bin is there for sc.
bw() {
	bwrap --ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64 \
		--dev /dev --proc /proc --unshare-pid --unshare-net --ro-bind "$SFS/bin" "$SFS/bin" "$@"
}

# bw_as UID OPTION...: by a plain user, who is root in a user namespace of their own.
bw_as() {
	local uid=$1
	shift
	as "$uid" bwrap --ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64 \
		--dev /dev --proc /proc --unshare-pid --unshare-user --uid 0 --gid 0 "$@"
}

need_bwrap() {
	need bwrap
	bw true 2>"$SFS/why" || skip "bubblewrap does not run here: $(head -n1 "$SFS/why")"
}

# expect_bw WANT "OPTIONS" COMMAND...: as expect, inside.
expect_bw() {
	local want=$1 options got
	read -ra options <<<"$2"
	shift 2
	got=$(bw "${options[@]}" "$SC" "$@") || true
	[ "$got" = "$want" ] || {
		printf '%s: wanted %s, got %s\n' "$*" "$want" "$got" >&2
		return 1
	}
}

need_userns() {
	need_bwrap
	as "$ALICE" bwrap --ro-bind / / --unshare-user true 2>"$SFS/why" ||
		skip "no user namespaces for plain users here: $(head -n1 "$SFS/why")"
}

# session FIFO PREFIX...: a shell in a container that goes on while the tests change things, and runs what step gives it.
# Inside, $SFS/go is at FIFO.
session() {
	local fifo=$1
	shift
	rm -f "$SFS/go"
	mkfifo -m 666 "$SFS/go"
	: >"$SFS/out"
	SEEN=0
	local script='PATH=$PATH:/bin; exec 4<>"$1"; while read -r line <&4; do eval "$line" 2>&1; echo "= $?"; done'
	"$@" sh -c "$script" sh "$fifo" >"$SFS/out" 2>>"$LOG" 3>&- &
	SESSION=$!
	exec 7<>"$SFS/go"
}

in_step() {
	local steps
	steps=$(grep -c '^= ' "$SFS/out") || true
	echo "$1" >&7
	eventually 60 eval '[ "$(grep -c "^= " "$SFS/out")" -gt '"$steps ]"
	tail -n "+$((SEEN + 1))" "$SFS/out" | xargs -d '\n'
	return 0
}

# step WANT LINE: LINE is run inside; its output and exit code, in one line, are WANT.
step() {
	local got
	got=$(in_step "$2")
	SEEN=$(wc -l <"$SFS/out")
	same "$1" "$got"
}

session_ends() {
	echo exit >&7
	exec 7>&-
	wait "$SESSION"
	SESSION=
}

@test "bubblewrap: through a read-only bind nothing changes: EROFS" {
	need_bwrap
	bind="--ro-bind $PUB/s /s"
	expect_bw EROFS "$bind" put /s/k 1 x
	expect_bw EROFS "$bind" truncate /s/k 0
	expect_bw EROFS "$bind" open /s/new 'O_WRONLY|O_CREAT' 644
	expect_bw EROFS "$bind" unlink /s/k
	expect_bw EROFS "$bind" rename /s/k /s/l
	expect_bw EROFS "$bind" chmod /s/k 600
	expect_bw EROFS "$bind" chown /s/k 1 1
	expect_bw EROFS "$bind" put /s/.json 1 x
	expect_bw EROFS "--ro-bind $PUB/s/k /k" put /k 1 x
	expect_bw EROFS "--ro-bind $MNT /m" mkdir /m/public/new 755
	expect_bw EROFS "--ro-bind $MNT /m" rmdir /m/public/other
	expect_bw EROFS "--ro-bind $MNT /m" put /m/public/s/k 1 x
	run bw --ro-bind "$PUB/s" /s setfacl -m u:1:r /s/k
	same "1 setfacl: /s/k: Read-only file system" "$status $output"
	same "value k" "$(cat "$PUB/s/k") $(ls -A "$PUB/s")"
	# The same, bound for writing.
	expect_bw OK "--bind $PUB/s /s" put /s/k 1 x
	expect_bw OK "--bind $PUB/s /s" open /s/new 'O_WRONLY|O_CREAT' 640
	expect_bw OK "--bind $PUB/s/k /k" put /k 1 y
	same "y 640" "$(cat "$PUB/s/k") $(stat -c %a "$PUB/s/new")"
	# A key out of the bind, and into it: other mounts.
	expect_bw EXDEV "--bind $PUB/s /s --bind $PUB/other /o" rename /s/k /o/k
}

@test "bubblewrap: the whole tree; private is the caller's" {
	need_userns
	echo root >"$SFS/root-own" && mkdir "$PRIV/mine" && cp "$SFS/root-own" "$PRIV/mine/k"
	as "$ALICE" sh -c 'mkdir "$PRIV/mine" && echo alice >"$PRIV/mine/k"'
	tree=(--ro-bind "$MNT" /secrets)
	same root "$(bw "${tree[@]}" cat /secrets/private/mine/k)"
	same alice "$(as "$ALICE" bwrap --ro-bind / / --unshare-user "${tree[@]/#\/secrets/\/mnt}" cat /mnt/private/mine/k)"
	same ".private/$ALICE .private/0" "$(as "$ALICE" bwrap --ro-bind / / --unshare-user --uid 0 --ro-bind "$MNT" /mnt readlink /mnt/private) $(bw "${tree[@]}" readlink /secrets/private)"
	# Root in a namespace of its own is the same root outside, whatever its number inside.
	same "1000 root" "$(bw --unshare-user --uid 1000 "${tree[@]}" sh -c 'echo $(id -u) $(cat /secrets/private/mine/k)')"
	# Alice as root inside is alice, and sees her own owner as 0 and everybody else's as nobody's.
	same "0 alice 0 65534" "$(as "$ALICE" bwrap --ro-bind / / --unshare-user --uid 0 --gid 0 --ro-bind "$MNT" /mnt \
		sh -c 'echo $(id -u) $(cat /mnt/private/mine/k) $(stat -c %u /mnt/private/mine/k) $(stat -c %u /mnt/public/s/k)')"
	# Her root's capabilities are none over what is not hers.
	chmod 600 "$PUB/s/k"
	run as "$ALICE" bwrap --ro-bind / / --unshare-user --uid 0 --cap-add ALL --ro-bind "$MNT" /mnt cat /mnt/public/s/k
	same "1 cat: /mnt/public/s/k: Permission denied" "$status $output"
	run as "$ALICE" bwrap --ro-bind / / --unshare-user --uid 0 --cap-add ALL --ro-bind "$MNT" /mnt ls /mnt/.private/0
	same "2 ls: cannot open directory '/mnt/.private/0': Permission denied" "$status $output"
	run as "$BOB" bwrap --ro-bind / / --unshare-user --uid "$ALICE" --ro-bind "$MNT" /mnt sh -c 'id -u; cat /mnt/.private/'"$ALICE"'/mine/k'
	same "1 $ALICE cat: /mnt/.private/$ALICE/mine/k: Permission denied" "$status $(xargs <<<"$output")"
	# Root may reach a folder whose name the kernel has cached, but no value in it.
	run bw --ro-bind "$MNT/.private/$ALICE/mine" /s cat /s/k
	[ "$status" = 1 ]
	[[ $output == *"Permission denied"* && $output != *alice* ]]
}

@test "bubblewrap: a bind of one secret and of one key, for a mapped user" {
	need_userns
	as "$ALICE" sh -c 'mkdir "$PRIV/mine" && echo alice >"$PRIV/mine/k" && chmod 600 "$PRIV/mine/k"'
	own=$MNT/.private/$ALICE/mine
	for uid in 0 1000 "$ALICE"; do
		same "$uid alice $uid 600" "$(as "$ALICE" bwrap --ro-bind / / --unshare-user --uid "$uid" --ro-bind "$own" /mnt \
			sh -c 'echo $(id -u) $(cat /mnt/k) $(stat -c "%u %a" /mnt/k)')"
		same "alice" "$(as "$ALICE" bwrap --ro-bind / / --unshare-user --uid "$uid" --ro-bind "$own/k" /etc/hostname cat /etc/hostname)"
	done
	same "in" "$(as "$ALICE" bwrap --ro-bind / / --unshare-user --uid 0 --bind "$own" /mnt sh -c 'echo in >/mnt/new && cat /mnt/new')"
	same "644 $ALICE" "$(as "$ALICE" stat -c '%a %u' "$PRIV/mine/new")"
	# An ACL of the host's uid holds inside.
	chmod 600 "$PUB/s/k"
	setfacl -m u:"$BOB":r "$PUB/s/k"
	same value "$(as "$BOB" bwrap --ro-bind / / --unshare-user --uid 0 --ro-bind "$PUB/s/k" /etc/hostname cat /etc/hostname)"
	run as "$ALICE" bwrap --ro-bind / / --unshare-user --uid "$BOB" --ro-bind "$PUB/s/k" /etc/hostname cat /etc/hostname
	same "1 cat: /etc/hostname: Permission denied" "$status $output"
}

# hers: alice's public secret h. $binds: it, its key and the tree, for bubblewrap.
hers() {
	chmod 1777 "$PUB"
	as "$ALICE" sh -c 'umask 022; mkdir "$PUB/h" && echo value >"$PUB/h/k"'
	binds=(--ro-bind "$PUB/h" /s --ro-bind "$PUB/h/k" /k --ro-bind "$MNT" /m --ro-bind "$SFS" "$SFS")
}

# sees WHO VALUE PATH...: in the running container each PATH has VALUE; where WHO is "shut", it cannot be opened.
sees() {
	local who=$1 value=$2 path
	shift 2
	for path; do
		if [ "$who" = shut ]; then
			step "${CAT/@/$path}: Permission denied = 1" "cat $path"
		else
			step "$value = 0" "cat $path"
		fi
	done
}

# changes OWNER MODES PRIVATE: what a container that runs must see of alice's secret while it changes. OWNER is her uid
# inside. MODES is "shut" if it is closed by mode 0600, PRIVATE if it is closed by becoming private. $CAT is how cat begins.
changes() {
	local owner=$1 modes=$2 private=$3
	sees open value /s/k /k /m/public/h/k
	step "$owner 644 $owner 644 = 0" 'stat -c "%u %a" /k /s/k'
	# In place: a new value for all at the next open, the old one for who has it open.
	step "= 0" 'exec 5</k'
	as "$ALICE" sh -c 'echo newer >"$PUB/h/k"'
	sees open newer /s/k /k /m/public/h/k
	step "value = 0" 'read -r line <&5; echo $line' # busybox cat sends pages, which are of the current value
	step "= 0" 'exec 5<&-'
	step "6 6 = 0" 'stat -c %s /k /s/k'
	# A worker that dies is not noticed.
	WORKER_MAY_DIE=1
	kill -9 "$(worker_pid)"
	as "$ALICE" sh -c 'echo newest >"$PUB/h/k"'
	sees open newest /s/k /k
	# Keys that come and go.
	as "$ALICE" touch "$PUB/h/two"
	step "k two = 0" 'ls /s'
	as "$ALICE" rm "$PUB/h/two"
	step "k = 0" 'ls /s'
	step "${CAT/@//s/two}: No such file or directory = 1" 'cat /s/two'
	# Modes and ACLs.
	as "$ALICE" chmod 600 "$PUB/h/k"
	step "600 600 = 0" 'stat -c %a /k /s/k'
	sees "$modes" newest /s/k /k /m/public/h/k
	as "$ALICE" setfacl -m u:"$BOB":r,u:50000:r "$PUB/h/k"
	sees open newest /s/k /k /m/public/h/k
	# The secret gets another name, and becomes private: a bind follows the secret, not the name, and has no more rights.
	step "= 0" 'exec 5</k'
	as "$ALICE" mv "$PUB/h" "$PUB/renamed"
	sees open newest /s/k /k /m/public/renamed/k
	step "${CAT/@//m/public/h/k}: No such file or directory = 1" 'cat /m/public/h/k'
	as "$ALICE" sh -c 'mv "$PUB/renamed" "$PRIV/h" && echo hidden >"$PRIV/h/k"'
	sees "$private" hidden /s/k /k
	step "newest = 0" 'read -r line <&5; echo $line'
	step "= 0" 'exec 5<&-'
	as "$ALICE" sh -c 'mv "$PRIV/h" "$PUB/h" && echo latest >"$PUB/h/k"'
	sees open latest /s/k /k /m/public/h/k
	session_ends
}

@test "bubblewrap: what changes under a running container, for root" {
	need_bwrap
	hers
	CAT='cat: @'
	session "$SFS/go" bw "${binds[@]}"
	changes "$ALICE" open shut
}

@test "bubblewrap: what changes under a running container, for a mapped uid: the owner as root inside" {
	need_userns
	hers
	CAT='cat: @'
	session "$SFS/go" bw_as "$ALICE" "${binds[@]}"
	changes 0 open open
}

@test "bubblewrap: what changes under a running container, where the owner has no number inside" {
	need_userns
	hers
	CAT='cat: @'
	session "$SFS/go" bw_as "$BOB" "${binds[@]}"
	changes 65534 shut shut
}

@test "bubblewrap: a key replaced by rename, under a bind of the key" {
	need_bwrap
	session "$SFS/go" bw --ro-bind "$PUB/s" /s --ro-bind "$PUB/s/k" /k --ro-bind "$SFS" "$SFS"
	step "value = 0" 'cat /k'
	step "= 0" 'exec 5</k'
	echo replaced >"$PUB/s/.new"
	mv "$PUB/s/.new" "$PUB/s/k"
	# The folder has the new key. The bind of the key goes on showing the one that is gone, as on a local file system.
	step "replaced = 0" 'cat /s/k'
	step "value = 0" 'cat /k'
	step "value = 0" 'cat <&5; exec 5<&-'
	# sed -i is such a rename, too.
	sed -i s/replaced/edited/ "$PUB/s/k"
	step "edited = 0" 'cat /s/k'
	rm -r "$PUB/s"
	step "value = 0" 'cat /k'
	mkdir "$PUB/s" && echo other >"$PUB/s/k"
	step "value = 0" 'cat /k'
	session_ends
	same other "$(bw --ro-bind "$PUB/s/k" /k cat /k)"
}

# pod [OPTION...] CMD...: podman without cgroups, busybox is all there is. All that podman and crun keep is in $SFS.
pod() {
	timeout 300 unshare -m --propagation slave sh -c '
		umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup
		exec podman --root "$SFS/containers" --runroot "$SFS/containers-run" --tmpdir "$SFS/containers-tmp" --runtime-flag "root=$SFS/crun" --runtime crun --cgroup-manager=cgroupfs run --rm --network none --cgroups=disabled \
			--ulimit nofile=1024:1024 --ulimit nproc=1024:1024 "$@"' sh "$@" 3>&-
}

# sh_in "OPTIONS" SCRIPT: what a shell in a container says, on one line.
sh_in() {
	local options
	read -ra options <<<"$1"
	pod "${options[@]}" --rootfs "$SFS/root" /bin/busybox sh -c "PATH=/bin; $2" 2>&1 | xargs -d '\n'
}

need_podman() {
	need podman
	need crun
	[ -x /bin/busybox ] || skip "busybox is not installed"
	(cd "$SFS" && mkdir -p root/{bin,s,secrets,proc,dev,sys,etc,tmp,run})
	cp /bin/busybox "$SFS/root/bin/"
	for tool in sh cat echo id ls stat readlink mkdir rm chmod; do
		ln -s busybox "$SFS/root/bin/$tool"
	done
	: >"$SFS/root/key"
	why=$(sh_in "" "true") || skip "podman does not run here: $why"
	[ -z "$why" ] || skip "podman does not run here: $why"
}

# need_maps: $maps gives alice, bob, a stranger and nobody the numbers 0 to 3 inside.
need_maps() {
	local got
	chown "$ALICE" "$SFS/root" "$SFS/root"/*
	maps=(--uidmap "0:$ALICE:1" --uidmap "1:$BOB:1" --uidmap 2:50000:1 --uidmap 3:65534:1 --gidmap "0:$ALICE:10")
	got=$(sh_in "${maps[*]}" 'id -u')
	[ "$got" = 0 ] || skip "podman maps no uids here: $got"
}

@test "podman: read-only binds of the tree, a secret, a key, as root" {
	need_podman
	mkdir "$PRIV/mine" && echo own >"$PRIV/mine/k"
	as "$ALICE" sh -c 'mkdir "$PRIV/mine" && echo alice >"$PRIV/mine/k"'
	binds="-v $MNT:/secrets:ro,rslave -v $PUB/s:/s:ro -v $PUB/s/k:/key:ro"
	same "value value value own .private/0 other s" "$(sh_in "$binds" 'cat /secrets/public/s/k /s/k /key /secrets/private/mine/k; readlink /secrets/private; ls /secrets/public')"
	same "sh: can't create /s/k: Read-only file system sh: can't create /s/new: Read-only file system sh: can't create /key: Read-only file system rm: can't remove '/s/k': Read-only file system mkdir: can't create directory '/secrets/public/x': Read-only file system chmod: /s/k: Read-only file system" \
		"$(sh_in "$binds" 'echo x >/s/k; echo x >/s/new; echo x >/key; rm -f /s/k; mkdir /secrets/public/x; chmod 600 /s/k')"
	same "cat: can't open '/secrets/.private/$ALICE/mine/k': Permission denied" "$(sh_in "$binds" "cat /secrets/.private/$ALICE/mine/k")"
	same "value k" "$(cat "$PUB/s/k") $(ls -A "$PUB/s")"
	same "in" "$(sh_in "-v $PUB/s:/s" 'echo in >/s/k; cat /s/k')"
	same "in" "$(cat "$PUB/s/k")"
	echo value >"$PUB/s/k"
	# A user inside without a mapping of its own is that uid outside.
	same "$ALICE alice" "$(sh_in "$binds --user $ALICE" 'id -u; cat /secrets/private/mine/k')"
	# Nobody in particular has no private namespace.
	same "65534 value ls: /secrets/private/: Permission denied" "$(sh_in "$binds --user 65534" 'id -u; cat /s/k; ls /secrets/private/')"
	# Root cannot hand over what it cannot reach.
	run sh_in "-v $MNT/.private/$ALICE/mine:/s:ro" 'cat /s/k'
	[[ $output == *"ermission denied"* && $output != *alice* ]]
}

@test "podman: uids that are mapped, and uids that are not" {
	need_podman
	mkdir "$PRIV/mine" && echo own >"$PRIV/mine/k"
	as "$ALICE" sh -c 'mkdir "$PRIV/mine" && echo alice >"$PRIV/mine/k"'
	chmod 755 "$PUB/s"
	(umask 077 && echo closed >"$PUB/s/closed")
	need_maps
	binds="${maps[*]} -v $MNT:/secrets:ro,rslave -v $PUB/s:/s:ro -v $PUB/s/k:/key:ro"
	# Root inside is alice: her private, and no power over files of root outside, which are nobody's inside.
	same "0 alice 0 value value 65534 .private/$ALICE cat: can't open '/s/closed': Permission denied" \
		"$(sh_in "$binds" 'id -u; cat /secrets/private/mine/k; stat -c %u /secrets/private/mine/k; cat /s/k /key; stat -c %u /s/k; readlink /secrets/private; cat /s/closed')"
	same "ls: can't open '/secrets/.private/0': Permission denied" "$(sh_in "$binds" 'ls /secrets/.private/0')"
	# Bob by an ACL, then a uid that nobody knows, then nobody.
	setfacl -m u:"$BOB":r "$PUB/s/closed"
	same "1 closed .private/$BOB" "$(sh_in "$binds --user 1" 'id -u; cat /s/closed; readlink /secrets/private')"
	same "2 value cat: can't open '/s/closed': Permission denied ls: can't open '/secrets/.private/$ALICE': Permission denied" \
		"$(sh_in "$binds --user 2" "id -u; cat /s/k; cat /s/closed; ls /secrets/.private/$ALICE; ls /secrets/private/")"
	same "3 value ls: /secrets/private/: Permission denied" "$(sh_in "$binds --user 3" 'id -u; cat /s/k; ls /secrets/private/')"
	# A uid that has no mapping at all cannot start.
	run sh_in "$binds --user 7" 'cat /s/k'
	[[ $output == *"Invalid argument"* && $output != *value* ]]
	# What root inside makes is alice's outside.
	chmod 1777 "$PUB"
	same "0" "$(sh_in "${maps[*]} -v $MNT:/secrets" 'mkdir /secrets/public/made && echo x >/secrets/public/made/k; stat -c %u /secrets/public/made/k')"
	same "$ALICE 644" "$(stat -c '%u %a' "$PUB/made/k")"
}

# pod_session OPTION...: a session in podman.
pod_session() {
	: >"$SFS/root/go"
	session /go pod "$@" -v "$PUB/h:/s:ro" -v "$PUB/h/k:/k:ro" -v "$MNT:/m:ro,rslave" -v "$SFS/go:/go" --rootfs "$SFS/root" /bin/busybox
}

@test "podman: what changes under a running container, for root" {
	need_podman
	hers
	CAT="cat: can't open '@'"
	pod_session
	changes "$ALICE" open shut
}

@test "podman: what changes under a running container, for a mapped uid: the owner as root inside" {
	need_podman
	hers
	need_maps
	CAT="cat: can't open '@'"
	pod_session "${maps[@]}"
	changes 0 open open
}

@test "podman: what changes under a running container, for a uid that is not the owner's" {
	need_podman
	hers
	need_maps
	CAT="cat: can't open '@'"
	pod_session "${maps[@]}" --user 2
	changes 0 shut shut
}
