# SPDX-License-Identifier: MIT
# structure: what a person reads where the two levels of the tree forbid something.

setup() {
	load ../helpers
	load helpers
	make_store
	start_daemon
	mkdir "$PUB/s"
	echo value >"$PUB/s/k"
}

teardown() {
	finish
}

@test "what the two levels forbid: directories" {
	says 1 "mkdir: cannot create directory ‘s/b’: Operation not permitted" env LC_ALL=C.UTF-8 mkdir s/b
	says 1 "mkdir: cannot create directory ‘a/b’: Operation not permitted" env LC_ALL=C.UTF-8 mkdir -p a/b/c
	[ -d "$PUB/a" ] && rmdir "$PUB/a"
	says 1 "mkdir: cannot create directory ‘../x’: Operation not permitted" env LC_ALL=C.UTF-8 mkdir ../x
	says 1 "mv: cannot create directory 's/a': Operation not permitted" sh -c 'mkdir a; LC_ALL=C mv a s'
	[ -d "$PUB/a" ] && rmdir "$PUB/a"
	says 1 "cp: cannot create directory 's/t': Operation not permitted" sh -c 'mkdir t; echo x >t/k; LC_ALL=C cp -r t s'
	same k "$(ls -A "$PUB/s")"
	says 1 "bash: line 1: file: Operation not permitted" env LC_ALL=C bash -c 'echo x >file'
	says 1 "touch: cannot touch 'file': Operation not permitted" env LC_ALL=C touch file
	same "s t" "$(ls -A "$PUB" | xargs)"
}

@test "what the two levels forbid: links, pipes, devices, sockets" {
	says 1 "ln: failed to create symbolic link 's/l': Operation not permitted" env LC_ALL=C ln -s k s/l
	says 1 "ln: failed to create symbolic link 'l': Operation not permitted" env LC_ALL=C ln -s s l
	says 1 "ln: failed to create hard link 's/l' => 's/k': Operation not permitted" env LC_ALL=C ln s/k s/l
	says 1 "mkfifo: cannot create fifo 's/p': Operation not permitted" env LC_ALL=C mkfifo s/p
	says 1 "mknod: s/d: Operation not permitted" env LC_ALL=C mknod s/d c 1 3
	says 0 "1" "$PYTHON" -c 'import socket
try:
	socket.socket(socket.AF_UNIX).bind("s/sock")
except OSError as e:
	print(e.errno)'
	ln -s k "$SFS/l"
	says 1 "cp: cannot create symbolic link 's/l': Operation not permitted" env LC_ALL=C cp -a "$SFS/l" s/
	same k "$(ls -A "$PUB/s")"
}

@test "what the two levels forbid: a deeper tar and a deeper rsync leave what fits" {
	mkdir -p "$SFS/deep/d/sub" "$SFS/out"
	echo top >"$SFS/deep/d/k"
	echo below >"$SFS/deep/d/sub/k"
	ln -s k "$SFS/deep/d/zlink"
	tar -C "$SFS/deep" --sort=name -cf "$SFS/deep.tar" d
	says 2 "tar: d/sub: Cannot mkdir: Operation not permitted
tar: d/sub: Cannot mkdir: Operation not permitted
tar: d/sub/k: Cannot open: No such file or directory
tar: d/zlink: Cannot create symlink to 'k': Operation not permitted
tar: Exiting with failure status due to previous errors" env LC_ALL=C tar -xf "$SFS/deep.tar"
	same "top k" "$(cat "$PUB/d/k") $(ls -A "$PUB/d")"
	if command -v rsync >/dev/null; then
		rm -r "$PUB/d"
		run -23 rsync -a "$SFS/deep/d" "$PUB/"
		[[ $output == *"d/sub\" failed: Operation not permitted (1)"* ]]
		same "top k" "$(cat "$PUB/d/k") $(ls -A "$PUB/d")"
	fi
}

@test "set-user-ID bits are dropped, the sticky bit is kept" {
	cp "$PUB/s/k" "$SFS/in"
	install -m 6755 "$SFS/in" "$PUB/s/a"
	same 755 "$(stat -c %a "$PUB/s/a")"
	chmod 7711 "$PUB/s" "$PUB/s/k"
	same "1711 1711" "$(stat -c %a "$PUB/s" "$PUB/s/k" | xargs)"
}
