# SPDX-License-Identifier: MIT
# create: secrets with keys from words, files and standard input; all or nothing.

setup() {
	load ../helpers
	load helpers
	make_store
	start_daemon
	make_ctl
}

teardown() {
	finish
}

@test "public by default, with exact bytes" {
	ctl 0 create db --user=admin --password=hunter2
	out "created public/db"
	err ""
	value admin "$PUB/db/user"
	value hunter2 "$PUB/db/password"
	same "$(printf 'password\nuser\n')" "$(ls "$PUB/db")"
	same "755 0" "$(stat -c '%a %u' "$PUB/db")"
	same "644 0" "$(stat -c '%a %u' "$PUB/db/user")"
}

@test "private by -p, --private and by name" {
	ctl_as $ALICE 0 create one -p --k=1
	out "created private/one"
	ctl_as $ALICE 0 create --private two --k=2
	ctl_as $ALICE 0 create private/three --k=3
	ctl_as $ALICE 0 create -p private/four
	same "$(printf 'four\none\nthree\ntwo\n')" "$(as $ALICE ls "$PRIV")"
	same 3 "$(as $ALICE cat "$PRIV/three/k")"
	same "" "$(ls "$PUB")"
	same "" "$(as $ALICE ls "$PRIV/four")"
	ctl 0 create public/five
	out "created public/five"
	ctl 2 create -p public/six
	not test -e "$PUB/six"
}

@test "the same name in both namespaces" {
	ctl 0 create db --k=public
	ctl 0 create -p db --k=private
	value public "$PUB/db/k"
	value private "$PRIV/db/k"
}

@test "a name that exists stays as it is" {
	ctl 0 create db --k=old
	ctl 5 create db --k=new --other=1
	out ""
	err_has "public/db"
	value old "$PUB/db/k"
	same k "$(ls "$PUB/db")"
}

@test "empty values, equals signs, the last one wins" {
	ctl 0 create db --empty= --eq=a=b==c --k=1 --k=2 --k=
	value "" "$PUB/db/empty"
	value "a=b==c" "$PUB/db/eq"
	value "" "$PUB/db/k"
	ctl 0 create db2 --k= --k=last
	value last "$PUB/db2/k"
}

@test "values from files and standard input" {
	head -c 200000 /dev/urandom >"$SFS/blob"
	printf 'line\n' >"$SFS/in"
	INPUT=$SFS/in ctl 0 create db --blob=@"$SFS/blob" --in=@- --at=@@x --atat=@@@x --only=@@ --mail=a@b
	cmp "$SFS/blob" "$PUB/db/blob"
	cmp "$SFS/in" "$PUB/db/in"
	value @x "$PUB/db/at"
	value @@x "$PUB/db/atat"
	value @ "$PUB/db/only"
	value a@b "$PUB/db/mail"
	: >"$SFS/in"
	INPUT=$SFS/in ctl 0 create db2 --in=@- --null=@/dev/null
	value "" "$PUB/db2/in"
	value "" "$PUB/db2/null"
	head -c 1048576 /dev/zero >"$SFS/blob"
	ctl 0 create db3 --blob=@"$SFS/blob"
	cmp "$SFS/blob" "$PUB/db3/blob"
}

@test "a file that cannot be read, standard input twice: nothing is made" {
	ctl 3 create db --k=1 --f=@"$SFS/missing"
	err_has "f: cannot read $SFS/missing: No such file or directory"
	ctl 1 create db --f=@"$SFS"
	ctl 2 create db --a=@- --b=@-
	not test -e "$PUB/db"
}

@test "keys that are called like options" {
	ctl 0 create db --set private=1 --set=help=2 --set set=3 --set p=4
	value 1 "$PUB/db/private"
	value 2 "$PUB/db/help"
	value 3 "$PUB/db/set"
	value 4 "$PUB/db/p"
	ctl 2 create db2 --private=true
	err_has "--set KEY=VALUE"
	ctl 2 create db2 --set k
	ctl 2 create db2 --set
	not test -e "$PUB/db2"
}

@test "names after -- may begin with a dash" {
	ctl 0 create --k=1 -- --odd
	value 1 "$PUB/--odd/k"
	ctl 0 create -- -p
	test -d "$PUB/-p"
}

@test "names of any kind" {
	ctl 0 create "two words" "--a key=1"
	value 1 "$PUB/two words/a key"
	ctl 0 create "grün" --schlüssel=ä
	value ä "$PUB/grün/schlüssel"
	ctl 0 create dots --.hidden=1
	value 1 "$PUB/dots/.hidden"
	long=$(printf 'n%.0s' {1..255})
	ctl 0 create "$long" "--$long=1"
	value 1 "$PUB/$long/$long"
}

@test "bad input makes nothing and exits with 2" {
	ctl 2 create
	ctl 2 create ""
	ctl 2 create private/
	ctl 2 create a/b
	ctl 2 create .
	ctl 2 create ..
	ctl 2 create private/..
	ctl 2 create $'a\nb'
	ctl 2 create $'\xff'
	ctl 2 create "${long:=$(printf 'n%.0s' {1..256})}"
	ctl 2 create db "--$long=1"
	ctl 2 create db --=1
	ctl 2 create db --a/b=1
	ctl 2 create db --..=1
	ctl 2 create db --.json=1
	ctl 2 create db --.env=1
	ctl 2 create db --.versions=1
	ctl 2 create db $'--a\x1bb=1'
	ctl 2 create db --password
	ctl 2 create db -x
	ctl 2 create db --k=1 other
	ctl 2 create db password=hunter2
	not grep -q hunter2 "$SFS/err"
	same "" "$(ls "$PUB")"
	same "" "$(ls "$PRIV")"
}

@test "a key that cannot be written takes everything back" {
	head -c 1048577 /dev/zero >"$SFS/big"
	ctl 1 create db --a=1 --big=@"$SFS/big" --z=1
	err_has "public/db/big: File too large"
	not test -e "$PUB/db"
	ctl 0 create db --a=1
}

@test "who may not create in public is told so" {
	ctl_as $ALICE 4 create db --k=1
	err_has "public/db: Permission denied"
	not test -e "$PUB/db"
	setfacl -m u:$ALICE:rwx "$PUB"
	ctl_as $ALICE 0 create db --k=1
	same $ALICE "$(stat -c %u "$PUB/db")"
}

@test "the umask counts" {
	(umask 077 && ctl 0 create db --k=1)
	same "700 600" "$(stat -c %a "$PUB/db" "$PUB/db/k" | xargs)"
}

@test "a terminal is warned about values in ps, once; a log is not" {
	tty 0 -- "$SECRETCTL" create db --a=1 --b=2
	same 1 "$(grep -c 'can be seen by others' "$SFS/out")"
	grep -qF -- '--a=@FILE' "$SFS/out"
	echo 1 >"$SFS/in"
	tty 0 -- "$SECRETCTL" create db2 --a=@"$SFS/in" --b=
	same "created public/db2" "$(cat "$SFS/out")"
}

@test "values are wiped from the command line" {
	mkfifo "$SFS/fifo"
	"$SECRETCTL" create db --k=canary4711 --f=@"$SFS/fifo" 3>&- &
	pid=$!
	eventually 5 sh -c "grep -q fifo /proc/$pid/cmdline && ! grep -q canary4711 /proc/$pid/cmdline"
	echo >"$SFS/fifo"
	wait $pid
	value canary4711 "$PUB/db/k"
}

@test "help" {
	ctl 0 create --help
	grep -q '^usage: secretctl create NAME' "$SFS/out"
	ctl 0 create db --k=1 -h
	not test -e "$PUB/db"
}

@test "all keys in one transaction" {
	ctl 0 create db --a=1 --b=2 --c=3 --d=
	version=$(getfattr --only-values -n user.secretfs.version "$PUB/db")
	ctl 0 create one
	same $(($(getfattr --only-values -n user.secretfs.version "$PUB/one") + 1)) "$version"
	same '{"a": "1", "b": "2", "c": "3", "d": ""}' "$(cat "$PUB/db/.json")"
	ctl 0 create dots --.x=1 --y=2
	value 1 "$PUB/dots/.x"
	value 2 "$PUB/dots/y"
}

@test "--values as JSON, YAML and dotenv" {
	ctl 0 create json --values '{"user": "a\u0062", "port": 1.50, "on": true, "raw": {"base64": "AP8="}}'
	same '{"on": "true", "port": "1.50", "raw": {"base64": "AP8="}, "user": "ab"}' "$(cat "$PUB/json/.json")"
	ctl 0 create yaml -p --values=$'user: x\nport: 010\nraw: !!binary AP8=\npem: |\n  one\n  two\n'
	same '{"pem": "one\ntwo\n", "port": "010", "raw": {"base64": "AP8="}, "user": "x"}' "$(cat "$PRIV/yaml/.json")"
	ctl 0 create env -v $'A=1\nexport B="x y"\n'
	same '{"A": "1", "B": "x y"}' "$(cat "$PUB/env/.json")"
}

@test "--values from files and standard input; the end of the name says the form" {
	printf '{"a": "1"}' >"$SFS/set"
	printf 'a: A=2\n' >"$SFS/set.yaml"
	printf 'a=3: x\n' >"$SFS/set.env"
	ctl 0 create one -v @"$SFS/set"
	value 1 "$PUB/one/a"
	ctl 0 create two -v @"$SFS/set.yaml"
	value A=2 "$PUB/two/a"
	ctl 0 create three -v @"$SFS/set.env"
	value "3: x" "$PUB/three/a"
	INPUT=$SFS/set ctl 0 create four -v -
	INPUT=$SFS/set ctl 0 create five -v @-
	value 1 "$PUB/four/a"
	value 1 "$PUB/five/a"
	INPUT=$SFS/set ctl 2 create six -v - --b=@-
	err_has "standard input can be read only once"
	ctl 3 create six -v @"$SFS/missing"
	cp "$SFS/set.yaml" "$SFS/not.json"
	ctl 2 create six -v @"$SFS/not.json"
	err_has "$SFS/not.json: line 1, column 1:"
	not test -e "$PUB/six"
}

@test "--values wins over --KEY=, before it and after it" {
	ctl 0 create db --a=1 -v '{"a": "set", "b": "set"}' --b=2 --c=3
	same '{"a": "set", "b": "set", "c": "3"}' "$(cat "$PUB/db/.json")"
	ctl 0 create db2 -v '{"a": "1", "b": "1"}' -v 'a: 2'
	same '{"a": "2", "b": "1"}' "$(cat "$PUB/db2/.json")"
}

@test "--values that are refused make nothing and show no value" {
	for set in hunter2 '["hunter2"]' '{"k": ["hunter2"]}' '{"k": {"x": "hunter2"}}' '{"k": null}' '{"k": "hunter2"' \
		'{"k": "hunter2", "k": "hunter2"}' 'k: *hunter2' $'k: !x hunter2' '' '@@x' '{"a/b": "hunter2"}'; do
		ctl 2 create db -v "$set"
		out ""
		same 1 "$(wc -l <"$SFS/err")"
		not grep -q hunter2 "$SFS/err"
	done
	ctl 2 create db -v '{"key one": [1]}'
	err_has "--values: key one: a list is no value"
	ctl 2 create db -v
	not test -e "$PUB/db"
}

@test "values given as a set are wiped from the command line" {
	mkfifo "$SFS/fifo"
	"$SECRETCTL" create db -v '{"k": "canary4711"}' --f=@"$SFS/fifo" 3>&- &
	pid=$!
	eventually 5 sh -c "grep -q fifo /proc/$pid/cmdline && ! grep -q canary4711 /proc/$pid/cmdline"
	echo >"$SFS/fifo"
	wait $pid
	value canary4711 "$PUB/db/k"
	tty 0 -- "$SECRETCTL" create db2 -v '{"a": "1"}' --b=1
	same 1 "$(grep -c 'can be seen by others' "$SFS/out")"
}

@test "expiry and description" {
	ctl 0 create db --a=1 --expires 2099-01-31T12:00:00+01:00 --description "the billing database"
	same 2099-01-31T11:00:00Z "$(getfattr --only-values -n user.secretfs.expires "$PUB/db")"
	same "the billing database" "$(getfattr --only-values -n user.secretfs.description "$PUB/db")"
	ctl 0 create one --expires=4102444800
	same 2100-01-01T00:00:00Z "$(getfattr --only-values -n user.secretfs.expires "$PUB/one")"
	now=$(date +%s)
	ctl 0 create -p two --k=1 --expires +1d12h --description=
	at=$(date +%s -d "$(getfattr --only-values -n user.secretfs.expires "$PRIV/two")")
	test "$at" -ge $((now + 36 * 3600)) && test "$at" -le $((now + 36 * 3600 + 60))
	not getfattr -n user.secretfs.description "$PRIV/two"
	ctl 0 create three --k=1 --expires never
	not getfattr -n user.secretfs.expires "$PUB/three"
	for when in 30d +30 + +d +30y +-1d soon 2099-13-01T00:00:00Z 2099-02-30T00:00:00Z 1999-01-01T00:00:00Z 30 "" \
		2300-01-01T00:00:00Z +99999999999d; do
		ctl 2 create db2 --k=1 --expires="$when"
		err_has "--expires: "
	done
	ctl 2 create db2 --description "$(printf 'x%.0s' {1..1025})"
	ctl 2 create db2 --description $'\xff'
	not test -e "$PUB/db2"
	ctl 0 create db2 --description "$(printf 'x%.0s' {1..1024})"
}

@test "asked for on the terminal" {
	tty 0 -a "Key (empty: done): " user -a "Value of user: " hunter2 -a "The same again: " hunter2 \
		-a "remove one] " y -a "Key (empty: done): " port -a "Value of port: " 1 -a "The same again: " 2 \
		-a "Value of port: " 5432 -a "The same again: " 5432 -a "remove one] " r -a "Remove which" user \
		-a "remove one] " r -a "Remove which" zzz -a "remove one] " y -a "Key (" a/b -a "Key (" .json \
		-a "Key (" empty -a "Value of empty: " "" -a "The same again: " "" -a "remove one] " n \
		-- "$SECRETCTL" create db -i --given=1
	not grep -q hunter2 "$SFS/out"
	not grep -q 5432 "$SFS/out"
	grep -q "the two are not the same" "$SFS/out"
	grep -q "user is forgotten" "$SFS/out"
	grep -q "zzz: there is no such key" "$SFS/out"
	grep -q "this name is reserved" "$SFS/out"
	grep -qx "created public/db" "$SFS/out"
	same '{"empty": "", "given": "1", "port": "5432"}' "$(cat "$PUB/db/.json")"
	tty 0 -a "Key (" "" -- "$SECRETCTL" create none -i
	same "" "$(ls "$PUB/none")"
}

@test "nobody to ask, three times not the same: nothing is made" {
	code 2 setsid -w "$SECRETCTL" create db -i
	err_has "there is no terminal to ask on; give --KEY=@FILE or --values @FILE"
	tty 2 -a "Key (" k -a "Value of" 1 -a again: 2 -a "Value of" 1 -a again: 2 -a "Value of" 1 -a again: 2 \
		-- "$SECRETCTL" create db -i
	not test -e "$PUB/db"
	# Nobody is asked for values of a secret that cannot be made.
	ctl 0 create db
	tty 5 -- "$SECRETCTL" create db -i
}
