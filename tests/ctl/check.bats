# SPDX-License-Identifier: MIT
# check: every reference that does not resolve, at once, with its place; the levels; who may not see what.

setup() {
	load ../helpers
	load helpers
	make_store
	start_daemon
	make_ctl
	unset SECRETFS_VALIDATION_LEVEL
}

teardown() {
	finish
}

# summary TEXT: standard error is this one message.
summary() {
	same "secretctl: check: $1" "$(cat "$SFS/err")"
}

@test "all that does not resolve, with file, line and column" {
	ctl 0 create database --user=app --password=pw
	printf '%s\n' 'a {{database.user}} {{ database.pasword }}' '{{databse.user}}' >"$SFS/one"
	printf 'x\r\n\t{{nothing.k}}\r\nü{{private/database.user}}{{public/database.password}}' >"$SFS/two"
	cd "$SFS"
	ctl 6 check one two
	out "$(printf '%s\n' 'one:1:21: public/database: there is no key pasword; did you mean password?' \
		'one:2:1: databse: there is no such secret; did you mean public/database?' \
		'two:2:2: nothing: there is no such secret; "secretctl list" shows what there is' \
		'two:3:3: private/database: there is no such secret; did you mean public/database?')"
	summary '4 of 6 references do not resolve'
}

@test "what resolves says nothing" {
	ctl 0 create db --user=app
	ctl 0 create -p db2 --k=1
	echo '{{db.user}} {{public/db.user}} {{db2.k}} {{private/db2.k}} \{{no.no}} {{ no no.no }} {{no}}' >"$SFS/in"
	ctl 0 check "$SFS/in" /dev/null
	out ""
	err ""
	INPUT=$SFS/in ctl 0 check -
	echo '{{no.no}}' >"$SFS/in"
	INPUT=$SFS/in ctl 6 check -
	same '<stdin>:1:1: no: there is no such secret; "secretctl list" shows what there is' "$(cat "$SFS/out")"
}

@test "levels, by option and by environment" {
	ctl 0 create db --user=app
	printf '{{db.nokey}} {{nodb.user}}' >"$SFS/in"
	ctl 6 check "$SFS/in" --level SECRET_AND_KEY_EXISTS
	same 2 "$(wc -l <"$SFS/out")"
	ctl 6 check "$SFS/in" --level SECRET_EXISTS
	grep -q '^[^ ]*:1:14: nodb: there is no such secret' "$SFS/out"
	same 1 "$(wc -l <"$SFS/out")"
	summary '1 of 2 references do not resolve'
	ctl 0 check -l NONE "$SFS/in"
	out ""
	SECRETFS_VALIDATION_LEVEL=NONE ctl 0 check "$SFS/in"
	SECRETFS_VALIDATION_LEVEL=SECRET_EXISTS ctl 6 check "$SFS/in"
	same 1 "$(wc -l <"$SFS/out")"
	SECRETFS_VALIDATION_LEVEL=SECRET_AND_KEY_EXISTS ctl 6 check "$SFS/in"
	same 2 "$(wc -l <"$SFS/out")"
	SECRETFS_VALIDATION_LEVEL='' ctl 6 check "$SFS/in"
	same 2 "$(wc -l <"$SFS/out")"
	SECRETFS_VALIDATION_LEVEL=NONE ctl 6 check "$SFS/in" --level=SECRET_AND_KEY_EXISTS
	for level in none secret_exists SECRET KEY ALL 1 ' NONE'; do
		SECRETFS_VALIDATION_LEVEL=$level ctl 2 check "$SFS/in"
		out ""
		err_has "SECRETFS_VALIDATION_LEVEL: $level: say NONE, SECRET_EXISTS or SECRET_AND_KEY_EXISTS"
		ctl 2 check "$SFS/in" --level "$level"
		err_has "--level: $level"
	done
	ctl 2 check "$SFS/in" --level=
}

@test "level NONE needs no tree" {
	printf '{{db.k}}' >"$SFS/in"
	SECRETFS_MOUNT=/nonexistent ctl 0 check --level=NONE "$SFS/in"
	SECRETFS_MOUNT=/nonexistent ctl 3 check "$SFS/in"
	ctl 3 check --level=NONE "$SFS/missing"
}

@test "SECRET_EXISTS needs no right to read; SECRET_AND_KEY_EXISTS says what may not be read" {
	ctl 0 create db --open=1 --closed=hunter2
	printf '{{db.open}}\n{{db.closed}}\n{{db.nokey}}\n' >"$SFS/in"
	chmod 600 "$PUB/db/closed"
	ctl_as $ALICE 6 check "$SFS/in"
	same "$(printf '%s\n' \
		"$SFS/in:2:1: public/db: the key closed exists, but you may not read it; ask its owner for the permission" \
		"$SFS/in:3:1: public/db: there is no key nokey")" "$(cat "$SFS/out")"
	ctl_as $ALICE 0 check --level SECRET_EXISTS "$SFS/in"
	chmod 700 "$PUB/db"
	ctl_as $ALICE 0 check --level SECRET_EXISTS "$SFS/in"
	ctl_as $ALICE 6 check "$SFS/in"
	same 3 "$(grep -c 'Permission denied' "$SFS/out")"
	chmod 711 "$PUB/db"
	ctl_as $ALICE 6 check "$SFS/in"
	same 2 "$(wc -l <"$SFS/out")"
	not grep -q hunter2 "$SFS/out" "$SFS/err"
}

@test "no value is read" {
	ctl 0 create db --k=1
	printf '{{db.k}}' >"$SFS/in"
	strace -f -o "$SFS/trace" -e trace=openat "$SECRETCTL" check "$SFS/in" 2>/dev/null || skip "strace does not work here"
	not grep -qE '"k"|\.json|\.env' "$SFS/trace"
	grep -q '"db"' "$SFS/trace"
}

@test "private first; the private one hides the public one whole" {
	ctl 0 create db --k=1 --l=1
	ctl 0 create -p db --k=1
	printf '{{db.k}} {{db.l}} {{public/db.l}} {{private/db.l}}' >"$SFS/in"
	ctl 6 check "$SFS/in"
	out "$(printf '%s\n' "$SFS/in:1:10: private/db: there is no key l" "$SFS/in:1:35: private/db: there is no key l")"
	ctl_as $ALICE 6 check "$SFS/in"
	same 1 "$(wc -l <"$SFS/out")"
	grep -q ':1:35: private/db: there is no such secret' "$SFS/out"
	ctl_as 65534 6 check "$SFS/in"
	grep -q ':1:35: private: this user has no private secrets here' "$SFS/out"
}

@test "expired" {
	ctl 0 create db --k=1
	setfattr -n user.secretfs.expires -v 2020-01-01T00:00:00Z "$PUB/db"
	printf '{{db.k}}' >"$SFS/in"
	ctl 6 check "$SFS/in"
	grep -q ':1:1: public/db: Key has expired' "$SFS/out"
	ctl 0 check --level SECRET_EXISTS "$SFS/in"
	setfattr -n user.secretfs.expires -v 2090-01-01T00:00:00Z "$PUB/db"
	ctl 0 check "$SFS/in"
}

@test "a public secret of somebody else by its bare name: once a warning, strictly a failure" {
	setfacl -m u:$ALICE:rwx "$PUB"
	ctl_as $ALICE 0 create db --k=1
	ctl 0 create mine --k=1
	printf '{{db.k}}\n{{db.k}}\n{{public/db.k}}{{mine.k}}' >"$SFS/in"
	ctl_as $BOB 0 check "$SFS/in"
	out "$SFS/in:1:1: warning: public/db belongs to $ALICE, neither to you nor to root; say public/db if that is the one you mean"
	err ""
	ctl_as $BOB 6 check "$SFS/in" --strict
	same 2 "$(wc -l <"$SFS/out")"
	not grep -q warning "$SFS/out"
	summary '2 of 4 references do not resolve'
	ctl_as $ALICE 0 check "$SFS/in" --strict
	out ""
	ctl_as $BOB 0 check --level NONE --strict "$SFS/in"
	ctl_as $BOB 6 check --level SECRET_EXISTS --strict "$SFS/in"
}

@test "a file that cannot be read does not hide what is wrong in the others" {
	printf '{{no.no}}' >"$SFS/in"
	ctl 3 check "$SFS/missing" "$SFS/in" "$SFS"
	out "$SFS/in:1:1: no: there is no such secret; \"secretctl list\" shows what there is"
	grep -q "cannot read $SFS/missing: No such file or directory" "$SFS/err"
	grep -q "cannot read $SFS: Is a directory" "$SFS/err"
	printf x >"$SFS/secret"
	chmod 600 "$SFS/secret"
	ctl_as $ALICE 4 check "$SFS/secret"
}

@test "odd bytes in names and files" {
	printf '\0\377{{a.b}}\0' >"$SFS/in"
	ctl 6 check "$SFS/in"
	grep -q ":1:3: a: there is no such secret" "$SFS/out"
	printf '{{a.b}}' >"$SFS/"$'od\ndfile'
	ctl 6 check "$SFS/"$'od\ndfile'
	same 1 "$(wc -l <"$SFS/out")"
	grep -qF 'od\x0adfile:1:1: a:' "$SFS/out"
}

@test "many references, one large file" {
	ctl 0 create db --k=1
	"$PYTHON" -c 'print("x" * 5000000 + "{{db.k}}" * 20000 + "\n".join("{{no%d.k}}" % i for i in range(2000)))' >"$SFS/in"
	ctl 6 check "$SFS/in"
	same 2000 "$(wc -l <"$SFS/out")"
	summary '2000 of 22000 references do not resolve'
}

@test "bad input" {
	ctl 2 check
	ctl 2 check --level
	ctl 2 check --strict=1 x
	ctl 2 check x --k=1
	ctl 0 check --help
	grep -q '^usage: secretctl check FILE' "$SFS/out"
	printf '{{a.b}}' >"$SFS/in"
	code 1 sh -c "'$SECRETCTL' check '$SFS/in' >/dev/full"
}
