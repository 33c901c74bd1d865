# SPDX-License-Identifier: MIT
# containers: one secret inside a container.

setup() {
	load ../helpers
	make_store
	start_daemon
	mkdir "$PUB/s" "$PUB/other"
	echo value >"$PUB/s/k"
}

teardown() {
	finish
}

in_bwrap() {
	bwrap --ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64 \
		--dev /dev --proc /proc --unshare-pid --unshare-net --ro-bind "$PUB/s" /secrets "$@"
}

need_bwrap() {
	command -v bwrap >/dev/null || skip "bubblewrap is not installed"
	in_bwrap true 2>"$SFS/why" || skip "bubblewrap does not run here: $(head -n1 "$SFS/why")"
}

@test "bubblewrap: one secret, read only" {
	need_bwrap
	same value "$(in_bwrap cat /secrets/k)"
	same k "$(in_bwrap ls -A /secrets)"
	run in_bwrap sh -c 'echo x >/secrets/k'
	[ "$status" -ne 0 ]
	same value "$(cat "$PUB/s/k")"
}

@test "bubblewrap: a change outside is seen inside, and a dying worker is not" {
	need_bwrap
	mkfifo "$SFS/go"
	in_bwrap --ro-bind "$SFS" "$SFS" sh -c 'cat /secrets/k; read -r _ <"$1"; cat /secrets/k; read -r _ <"$1"; cat /secrets/k' sh "$SFS/go" >"$SFS/out" 3>&- &
	eventually 5 grep -q value "$SFS/out"
	echo newer >"$PUB/s/k"
	echo >"$SFS/go"
	eventually 5 grep -q newer "$SFS/out"
	WORKER_MAY_DIE=1
	kill -9 "$(worker_pid)"
	echo >"$SFS/go"
	wait $!
	same "value newer newer" "$(xargs <"$SFS/out")"
}

@test "bubblewrap: a plain user" {
	command -v bwrap >/dev/null || skip "bubblewrap is not installed"
	as "$ALICE" sh -c 'mkdir "$PRIV/mine" && echo own >"$PRIV/mine/k"'
	run as "$ALICE" bwrap --ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64 \
		--unshare-user --ro-bind "$MNT/.private/$ALICE/mine" /secrets cat /secrets/k
	[[ $output != *"ermission denied"* && $output != *"not permitted"* ]] || [ "$output" = own ] ||
		skip "no user namespaces for plain users here: ${lines[0]}"
	same own "$output"
}

@test "podman: a bind of the mount, read only" {
	command -v podman >/dev/null && command -v crun >/dev/null || skip "podman and crun are not installed"
	[ -x /bin/busybox ] || skip "busybox is not installed"
	mkdir -p "$SFS/root/bin" "$SFS/root/secrets" "$SFS/root/proc" "$SFS/root/dev" "$SFS/root/sys" "$SFS/root/etc" "$SFS/root/tmp" "$SFS/root/run"
	cp /bin/busybox "$SFS/root/bin/"
	run timeout 60 unshare -m --propagation slave sh -c '
		umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup
		exec podman --root "$SFS/containers" --runroot "$SFS/containers-run" --runtime crun --cgroup-manager=cgroupfs run --rm --network none --cgroups=disabled \
			--ulimit nofile=1024:1024 --ulimit nproc=1024:1024 -v "$PUB:/secrets:ro,rslave" \
			--rootfs "$SFS/root" /bin/busybox cat /secrets/s/k'
	[ "$status" = 0 ] || skip "podman does not run here: ${lines[-1]}"
	same value "${lines[-1]}"
}
