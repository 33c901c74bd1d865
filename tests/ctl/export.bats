# SPDX-License-Identifier: MIT
# export: secrets in files, and what a file may not lose.

setup() {
	load ../helpers
	load helpers
	make_store
	start_daemon
	make_ctl
	mkdir -m 1777 "$SFS/work"
	cd "$SFS/work"
}

teardown() {
	cd /
	finish
}

@test "NAME.yaml, for its owner alone" {
	umask 000
	ctl 0 create db --user=app --password=hunter2
	chmod 755 "$PUB/db"
	chmod 644 "$PUB"/db/*
	ctl 0 export db
	out "wrote db.yaml"
	same 600 "$(stat -c %a db.yaml)"
	same "$(printf '%s\n' --- 'secretfs: 1' 'name: "db"' 'private: false' 'mode: "0755"' 'values:' '  password: "hunter2"' \
		'  user: "app"')" "$(cat db.yaml)"
	same db.yaml "$(ls -A)"
}

@test "everything that there is to say" {
	ctl 0 create db --b=1 --a=2
	chmod 750 "$PUB/db"
	chmod 640 "$PUB/db/a"
	chmod 600 "$PUB/db/b"
	setfattr -n user.secretfs.expires -v 2030-01-01T00:00:00Z "$PUB/db"
	setfattr -n user.secretfs.description -v $'the "billing"\ndatabase \xc3\xa9' "$PUB/db"
	printf '\x00\xff\x80' >"$PUB/db/bin"
	chmod 640 "$PUB/db/bin"
	ctl 0 export db -f -
	same "$(printf '%s\n' --- 'secretfs: 1' 'name: "db"' 'private: false' 'mode: "0750"' key_modes: '  b: "0600"' \
		'expires: "2030-01-01T00:00:00Z"' $'description: "the \\"billing\\"\\ndatabase \xc3\xa9"' values: '  a: "2"' '  b: "1"' \
		'  bin: !!binary "AP+A"')" "$(cat "$SFS/out")"
	ctl 0 export db -o json
	out "wrote db.json"
	"$PYTHON" - db.json <<-'EOF'
		import json, sys
		got = json.load(open(sys.argv[1]))
		assert got == {"secretfs": 1, "name": "db", "private": False, "mode": "0750", "key_modes": {"b": "0600"},
		               "expires": "2030-01-01T00:00:00Z", "description": 'the "billing"\ndatabase \u00e9',
		               "values": {"a": "2", "b": "1", "bin": {"base64": "AP+A"}}}, got
	EOF
	ctl 0 create -p mine
	ctl 0 export mine -f -
	out "$(printf '%s\n' --- 'secretfs: 1' 'name: "mine"' 'private: true' 'values: {}')"
}

@test "private first, selectors, -p and ids" {
	ctl 0 create db --k=public
	ctl 0 create -p db --k=private
	ctl 0 export db -f -
	grep -q '"private"' "$SFS/out"
	ctl 0 export public/db -f -
	grep -q '"public"' "$SFS/out"
	ctl 0 export db -p false -f -
	grep -q '"public"' "$SFS/out"
	ctl 2 export private/db -p false -f -
	ctl 0 export "$(getfattr --only-values -n user.secretfs.id "$PUB/db")"
	out "wrote db.yaml"
	grep -q '"public"' db.yaml
}

@test "several in one file" {
	ctl 0 create a --k=1
	ctl 0 create b --k=2
	ctl 2 export a b
	err_has "-f FILE"
	ctl 0 export a b -f both.yaml
	same 2 "$(grep -c '^---$' both.yaml)"
	ctl 0 export a b -o json -f both.json
	same "a b" "$("$PYTHON" -c 'import json; print(*[s["name"] for s in json.load(open("both.json"))])')"
	ctl 3 export a none -f none.yaml
	err_has "none: there is no such secret"
	[ ! -e none.yaml ]
}

@test "--all: both namespaces; one namespace; none" {
	ctl 0 export --all -o json -f -
	out "[]"
	ctl 0 export --all -f -
	out ""
	ctl 0 create a --k=1
	ctl 0 create -p a --k=2
	ctl 0 create 00000000-0000-4000-8000-000000000000 --k=3
	ctl 0 export --all -o json -f all.json
	same "True:a False:00000000-0000-4000-8000-000000000000 False:a" \
		"$("$PYTHON" -c 'import json; print(*[str(s["private"]) + ":" + s["name"] for s in json.load(open("all.json"))])')"
	ctl 0 export --all -p true -f -
	same 1 "$(grep -c '^---$' "$SFS/out")"
	ctl 2 export --all a -f -
	ctl 2 export --all
	ctl 2 export --all -o env -f -
}

@test "--all says what it leaves out, and its exit code too" {
	ctl 0 create open --k=hunter2
	ctl 0 create closed --k=hunter2
	chmod 600 "$PUB/closed/k"
	ctl_as $ALICE 4 export --all -f -
	err_has "left out: public/closed"
	same 1 "$(grep -c '^name:' "$SFS/out")"
	grep -q 'name: "open"' "$SFS/out"
	ctl_as $ALICE 4 export closed -f closed.yaml
	err_has "public/closed/k: Permission denied"
	[ ! -e closed.yaml ]
	# The view is for the owner where owners differ; each key alone may be open all the same.
	ctl 0 create mixed --a=1 --b=2
	chown $BOB "$PUB/mixed/b"
	ctl_as $ALICE 0 export mixed -f -
	grep -q 'b: "2"' "$SFS/out"
	setfattr -n user.secretfs.expires -v 2001-01-01T00:00:00Z "$PUB/open"
	ctl 1 export open -f -
	err_has "has expired"
	out ""
}

@test "an ACL stays behind, and what it gave does, too" {
	ctl 0 create db --k=1
	chmod 750 "$PUB/db"
	chmod 600 "$PUB/db/k"
	setfacl -m "u:$ALICE:rx" "$PUB/db"
	setfacl -m "u:$ALICE:r" "$PUB/db/k"
	same 640 "$(stat -c %a "$PUB/db/k")"
	ctl 0 export db -f db.yaml
	err_has "its ACL stays behind"
	grep -qx 'mode: "0700"' db.yaml
	not grep -q '"0640"' db.yaml
}

@test "never over a file that is there, without --force" {
	ctl 0 create db --k=new
	printf old >db.yaml
	chmod 644 db.yaml
	ctl 5 export db
	err_has "--force"
	same old "$(cat db.yaml)"
	ctl 0 export db --force
	grep -q '"new"' db.yaml
	same 600 "$(stat -c %a db.yaml)"
	ln -s elsewhere link
	ctl 5 export db -f link
	ctl 5 export db -f link --force
	[ ! -e elsewhere ]
	mkfifo pipe
	ctl 5 export db -f pipe --force
	ctl 3 export db -f none/db.yaml
	same "db.yaml link pipe" "$(ls -A | xargs)"
}

@test "a file that was there stays whole when nothing can be read" {
	ctl 0 create db --k=1
	printf old >db.yaml
	chmod 600 "$PUB/db/k"
	chown $ALICE db.yaml
	ctl_as $ALICE 4 export db --force
	same old "$(cat db.yaml)"
	same db.yaml "$(ls -A)"
}

@test "dotenv: the values alone, and nothing that it cannot say" {
	ctl 0 create db --USER=app '--PASS=a "b" $c'
	ctl 0 export db -o env
	out "wrote db.env"
	same "$(printf '%s\n' 'PASS="a \"b\" \$c"' USER=app)" "$(cat db.env)"
	ctl 0 create dashed --a-b=1
	ctl 2 export dashed -o env -f -
	err_has "public/dashed/a-b"
	out ""
	ctl 0 create binary --K=1
	printf '\xff' >"$PUB/binary/K"
	ctl 2 export binary -o env -f -
	ctl 2 export db binary -o env -f -
	err_has "one secret"
}

@test "a bar on long work, on a terminal alone" {
	local i
	for i in {100..400}; do
		mkdir "$PUB/s$i"
		echo x >"$PUB/s$i/k"
	done
	ctl 0 export --all -f quiet.yaml
	err ""
	ctl 0 export --all -f copy.yaml
	"$PYTHON" - "$SFS/work/copy.yaml" >many.json <<-'EOF'
		import json
		print(json.dumps([{"secretfs": 1, "name": f"t{i}", "values": {"k": "v"}} for i in range(600)]))
	EOF
	TERM=xterm tty 0 -- sh -c "stty cols 40; exec '$SECRETCTL' import many.json"
	grep -q 'importing \[#*-*\] *[0-9]*% [0-9]*/600' "$SFS/out"
	# No line is longer than the terminal, and the bar is gone at the end.
	same "imported 600 secrets" "$(tail -n1 "$SFS/out" | sed 's/.*\x1b\[K//')"
	"$PYTHON" -c 'import re, sys
data = open(sys.argv[1], newline="").read()
assert all(len(part) < 40 for part in re.split("\x1b\\[K|\n", data)), data' "$SFS/out"
	TERM=dumb tty 0 -- "$SECRETCTL" import many.json --merge
	not grep -q 'importing' "$SFS/out"
}

@test "bad input and help" {
	ctl 2 export
	ctl 2 export db -o xml
	ctl 2 export db --file
	ctl 3 export none
	err_has "no such secret"
	ctl 0 export --help
	grep -q '^usage: secretctl export' "$SFS/out"
}
