# SPDX-License-Identifier: MIT
# errno: what the tree does not do, and the error it says so with.

setup() {
	load ../helpers
	make_store
	start_daemon
	mkdir "$PUB/s" "$PUB/t"
	echo value >"$PUB/s/k"
}

teardown() {
	finish
}

@test "directories are only secrets" {
	expect EPERM mkdir "$PUB/s/deeper"
	expect EEXIST mkdir "$PUB/s/k"
	expect ENOTDIR mkdir "$PUB/s/k/x"
	expect EPERM mkdir "$MNT/x"
	expect EEXIST mkdir "$PUB/s"
	expect EEXIST mkdir "$PUB"
	expect EPERM mkdir "$MNT/.private/x"
}

@test "files are only keys" {
	expect EPERM open "$PUB/file" "O_WRONLY|O_CREAT"
	expect EPERM open "$PRIV/file" "O_WRONLY|O_CREAT"
	expect EPERM open "$MNT/file" "O_WRONLY|O_CREAT"
	expect EPERM mknod "$PUB/file"
	expect EISDIR open "$PUB/s" O_WRONLY
	expect ENOENT open "$PUB/s/none" O_RDONLY
	expect EOPNOTSUPP open "$PUB/s" "O_RDWR|O_TMPFILE"
}

@test "no links, devices or pipes" {
	expect EPERM symlink k "$PUB/s/l"
	expect EPERM symlink s "$PUB/l"
	expect EPERM link "$PUB/s/k" "$PUB/s/l"
	expect EPERM link "$PUB/s/k" "$PUB/t/l"
	expect EPERM mkdev "$PUB/s/d"
	expect EPERM mkfifo "$PUB/s/f"
	expect EXDEV link "$SFS/log" "$PUB/s/l"
}

@test "names" {
	long=$(printf '%0255d' 0)
	expect OK mkdir "$PUB/$long"
	expect OK open "$PUB/$long/$long" "O_WRONLY|O_CREAT"
	expect OK stat "$PUB/$long/$long"
	expect ENAMETOOLONG mkdir "$PUB/${long}1"
	expect ENAMETOOLONG open "$PUB/s/${long}1" "O_WRONLY|O_CREAT"
	expect ENAMETOOLONG stat "$PUB/${long}1"
	expect ENAMETOOLONG rename "$PUB/t" "$PUB/${long}1"
	for bad in $'\xff' $'a\xc0\xafb' $'\xed\xa0\x80' $'a\nb' $'\x01' $'\x7f' $'\xc2\x85' $'\xe2\x80\xa8' $'a\xe2\x80\xaeb' $'\xe2\x81\xa6'; do
		expect EINVAL mkdir "$PUB/$bad"
		expect EINVAL open "$PUB/s/$bad" "O_WRONLY|O_CREAT"
		expect EINVAL rename "$PUB/t" "$PUB/$bad"
		expect EINVAL rename "$PUB/s/k" "$PUB/s/$bad"
	done
	for good in 'with space' 'ü' $'\xe2\x82\xac' $'\xf0\x9f\x94\x91' .dot ..dots '*' '-f' "it's" '\' 'a~' '.k.swp'; do
		expect OK mkdir "$PUB/$good"
		expect OK put "$PUB/$good/$good" 3 x
		expect OK read "$PUB/$good/$good"
		expect OK unlink "$PUB/$good/$good"
		expect OK rmdir "$PUB/$good"
	done
	for reserved in .json .env .versions; do
		expect EEXIST mknod "$PUB/s/$reserved"
		expect EPERM rename "$PUB/s/$reserved" "$PUB/s/other"
		[ "$reserved" = .versions ] || expect EPERM rename "$PUB/s/k" "$PUB/s/$reserved"
	done
	same value "$(cat "$PUB/s/k")"
	same k "$(ls -A "$PUB/s")"
}

@test "values of up to 1 MiB" {
	expect OK put "$PUB/s/k" 1048576 x
	expect EFBIG put "$PUB/s/k" 1048577 y
	expect EFBIG truncate "$PUB/s/k" 1048577
	expect EFBIG pwrite "$PUB/s/k" 1048576 z
	expect EFBIG pwrite "$PUB/s/k" 99999999999 z
	same 1048576 "$(tr -d '\n' <"$PUB/s/k" | tr -cd x | wc -c)"
	head -c 1048576 /dev/zero | tr '\0' x | cmp - "$PUB/s/k"
	run -1 sh -c 'echo more >>"$1"' sh "$PUB/s/k"
	same 1048576 "$(stat -c %s "$PUB/s/k")"
}

@test "max_value is a setting" {
	restart_daemon max_value=100
	expect OK put "$PUB/s/new" 100 x
	expect EFBIG put "$PUB/s/new" 101 y
	same 100 "$(stat -c %s "$PUB/s/new")"
}

@test "a key stays in its secret" {
	expect EXDEV rename "$PUB/s/k" "$PUB/t/k"
	expect EXDEV rename "$PUB/s/k" "$PRIV/k"
	expect EXDEV rename "$PUB/s/k" "$SFS/k"
	mv "$PUB/s/k" "$PUB/t/k" # copies
	same value "$(cat "$PUB/t/k")"
	expect ENOENT stat "$PUB/s/k"
}

@test "the fixed names stay" {
	expect EPERM rename "$PUB" "$MNT/other"
	expect EPERM rename "$PUB/s" "$MNT/s"
	expect EPERM rename "$PRIV" "$MNT/other"
	expect EPERM unlink "$PRIV"
	expect EPERM rmdir "$PUB"
	run expect OK rename "$PUB/s" "$PUB/t/s"
	[ "$status" -ne 0 ]
	expect EOPNOTSUPP setxattr "$PUB/s/k" user.other x
	expect OK stat "$PUB/s/k"
}

@test "a rename between a secret and a key" {
	not expect OK rename "$PUB/s/k" "$PUB/file"
	expect EINVAL rename "$PUB/s" "$PUB/s/x"
	expect EINVAL rename "$PUB/s/k" "$PUB/s/m" WHITEOUT
	same value "$(cat "$PUB/s/k")"
}

@test "a shared mapping cannot change a value" {
	not expect OK mapshared "$PUB/s/k"
	same value "$(cat "$PUB/s/k")"
	restart_daemon
	same value "$(cat "$PUB/s/k")"
}

@test "missing things" {
	expect ENOENT stat "$PUB/none"
	expect ENOENT stat "$PUB/none/k"
	expect ENOENT unlink "$PUB/s/none"
	expect ENOENT rename "$PUB/none" "$PUB/x"
	expect ENOENT stat "$MNT/none"
	expect ENODATA getxattr "$PUB/s/k" user.none || expect EOPNOTSUPP getxattr "$PUB/s/k" user.none
	expect ENOENT stat "$MNT/.private/nobody"
	expect ENOENT stat "$MNT/.private/007"
	expect ENOENT stat "$MNT/.private/99999999999"
}
