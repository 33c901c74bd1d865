# SPDX-License-Identifier: MIT
# list: what there is, never what it says.

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

# The table without its last column, the time.
rows() {
	awk '{ print $1, $2, $3, $4 }' "$SFS/out"
}

@test "nothing" {
	ctl 0 list
	out ""
	err ""
}

@test "both namespaces, sorted, without values" {
	ctl 0 create zeta --k=hunter2
	ctl 0 create -p beta --b=hunter2 --a=hunter2
	ctl 0 create beta --x=hunter2
	ctl 0 create alpha
	ctl 0 list
	same "$(printf '%s\n' 'NAME PRIVATE OWNER KEYS' 'alpha no root -' 'beta yes root a,b' 'beta no root x' \
		'zeta no root k')" "$(rows)"
	not grep -q hunter2 "$SFS/out"
	err ""
}

@test "a private secret is listed for its owner alone" {
	ctl_as $ALICE 0 create -p mine --k=1
	ctl 0 create ours --k=1
	ctl_as $ALICE 0 list
	same "$(printf '%s\n' 'NAME PRIVATE OWNER KEYS' "mine yes $ALICE k" 'ours no root k')" "$(rows)"
	ctl_as $BOB 0 list
	same "$(printf '%s\n' 'NAME PRIVATE OWNER KEYS' 'ours no root k')" "$(rows)"
	ctl 0 list
	same "$(printf '%s\n' 'NAME PRIVATE OWNER KEYS' 'ours no root k')" "$(rows)"
}

@test "names without permission for values, and without permission for names" {
	ctl 0 create db --k=hunter2
	ctl 0 create hidden --k=hunter2
	chmod 600 "$PUB/db/k"
	chmod 700 "$PUB/hidden"
	ctl_as $ALICE 0 list
	same "$(printf '%s\n' 'NAME PRIVATE OWNER KEYS' 'db no root k' 'hidden no root ?')" "$(rows)"
	err ""
}

@test "a user without private secrets" {
	ctl 0 create db --k=1
	ctl_as 65534 0 list
	same "$(printf '%s\n' 'NAME PRIVATE OWNER KEYS' 'db no root k')" "$(rows)"
}

@test "the time is that of the newest key" {
	ctl 0 create db --k=1 --l=1
	touch -d 2001-02-03T04:05:06Z "$PUB/db/k" "$PUB/db/l" "$PUB/db"
	ctl 0 list
	same 2001-02-03T04:05:06+0000 "$(awk 'NR == 2 { print $5 }' "$SFS/out")"
	touch -d 2002-02-03T04:05:06Z "$PUB/db/l"
	ctl 0 list
	same 2002-02-03T04:05:06+0000 "$(awk 'NR == 2 { print $5 }' "$SFS/out")"
}

@test "five hundred secrets" {
	for i in {100..599}; do
		mkdir "$PUB/s$i"
	done
	ctl 0 list
	same 501 "$(wc -l <"$SFS/out")"
	sed 1d "$SFS/out" | sort -c
}

@test "forms for programs" {
	ctl 0 create -p db --user=hunter2 --a,b=hunter2 '--back\slash=hunter2'
	ctl 0 create db
	setfattr -n user.secretfs.description -v $'two\nlines, "quoted"\tand \xc3\xa9 \\' "$PUB/db"
	setfattr -n user.secretfs.expires -v 2001-01-01T00:00:00Z "$PUB/db"
	touch -d 2001-02-03T04:05:06Z "$PUB/db"

	ctl 0 list -o name
	out $'db\npublic/db'
	ctl 0 list -o json
	"$PYTHON" - "$SFS/out" <<-'EOF'
		import json, re, sys
		page = json.load(open(sys.argv[1]))
		mine, ours = page["items"]
		assert list(mine) == ["name", "namespace", "private", "owner", "group", "mode", "keys", "created", "updated",
		                      "expires", "description", "id", "version"], mine
		assert mine["name"] == "db" and mine["private"] is True and mine["namespace"] == "private", mine
		assert mine["keys"] == ["a,b", "back\\slash", "user"] and mine["mode"] == "0755", mine
		assert mine["expires"] is None and mine["description"] is None, mine
		assert ours["keys"] == [] and ours["private"] is False and ours["mode"] == "0755", ours
		assert ours["description"] == 'two\nlines, "quoted"\tand \u00e9 \\', ours
		assert ours["expires"] == "2001-01-01T00:00:00Z" and ours["updated"] == "2001-02-03T04:05:06Z", ours
		assert re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", ours["id"]) and ours["version"] >= 1, ours
		assert (ours["owner"], ours["group"]) == ("root", "root"), ours
	EOF
	ctl 0 list -o yaml --columns name,private,keys,expires
	out "$(printf '%s\n' 'items:' '  - name: "db"' '    private: true' '    keys: ["a,b", "back\\slash", "user"]' \
		'    expires: null' '  - name: "db"' '    private: false' '    keys: []' '    expires: "2001-01-01T00:00:00Z"' \
		'total: 2' 'page: 1' 'size: null' 'pages: 1')"
	ctl 0 list -o csv --columns name,keys,description,updated --private false
	out $'name,keys,description,updated\ndb,,"two\nlines, ""quoted""\tand \xc3\xa9 \\",2001-02-03T04:05:06Z'
	ctl 0 list -o csv --columns keys --private true
	out $'keys\n"a\\,b,back\\\\slash,user"'
	ctl 0 list -o tsv --columns namespace,description,expires
	out $'namespace\tdescription\texpires\nprivate\t\t\npublic\ttwo\\nlines, "quoted"\\tand \xc3\xa9 \\\\\t2001-01-01T00:00:00Z'
	ctl 0 list -o csv
	same name,private,owner,keys,updated "$(head -n1 "$SFS/out")"
	for form in table json yaml csv tsv name; do
		ctl 0 list -o $form --name none
		not grep -q hunter2 "$SFS/out"
	done
	out ""
	ctl 0 list -o json --name none
	same '{"items": [], "total": 0, "page": 1, "size": null, "pages": 1}' "$(xargs -d'\n' <"$SFS/out")"
	ctl 0 list -o yaml --name none
	same "items: []" "$(head -n1 "$SFS/out")"
}

@test "columns, and what is not to be seen in each form" {
	ctl 0 create closed --k=1
	chmod 711 "$PUB/closed"
	ctl_as $ALICE 0 list --columns name,mode,keys,id,version,expires,description
	same "NAME MODE KEYS ID VERSION EXPIRES DESCRIPTION closed 0711 ? ? ? - -" "$(xargs <"$SFS/out")"
	ctl_as $ALICE 0 list --columns name,keys,id -o json
	grep -qF '{"name": "closed", "keys": null, "id": null}' "$SFS/out"
	ctl_as $ALICE 0 list --columns name,keys,id -o csv
	out $'name,keys,id\nclosed,,'
	ctl_as $ALICE 0 list --key k -o name
	out ""
	ctl_as $ALICE 0 list --key notequals:k -o name
	out closed
}

@test "an editor's file beside the keys is no key" {
	ctl 0 create db --k=1
	echo x >"$PUB/db/.k.swp"
	ctl 0 list --columns keys -o tsv
	out $'keys\nk'
}

@test "on a terminal: colours, unless NO_COLOR, and nothing that does harm" {
	ctl 0 create db
	setfattr -n user.secretfs.expires -v 2001-01-01T00:00:00Z "$PUB/db"
	setfattr -n user.secretfs.description -v $'\e]0;owned\a\xc2\x9b31m' "$PUB/db"
	export TERM=xterm
	for form in table json yaml csv tsv; do
		NO_COLOR=1 tty 0 -- "$SECRETCTL" list -o $form --columns name,description
		not grep -q $'\e\|\a\|\xc2\x9b' "$SFS/out"
		grep -qF 'owned' "$SFS/out"
	done
	tty 0 -- "$SECRETCTL" list --columns name,expires
	grep -q $'\e\[31m2001-01-01' "$SFS/out"
	NO_COLOR=1 tty 0 -- "$SECRETCTL" list --columns name,expires
	not grep -q $'\e' "$SFS/out"
	TERM=dumb tty 0 -- "$SECRETCTL" list --columns name,expires
	not grep -q $'\e' "$SFS/out"
	ctl 0 list --columns name,expires
	not grep -q $'\e' "$SFS/out"
	# To a file or a program text comes as it is.
	ctl 0 list -o csv --columns description
	grep -q $'\e]0;owned' "$SFS/out"
}

# How many system calls one more secret costs.
calls_each() {
	local n calls=()
	for n in 200 100; do
		strace -f -c -o "$SFS/calls" "$SECRETCTL" list "$@" --name "lt:s$((n + 100))" >"$SFS/out"
		calls+=("$(awk '$NF == "total" { print $(NF - (NF == 6 ? 2 : 1)) }' "$SFS/calls")")
	done
	echo $(((calls[0] - calls[1] + 50) / 100))
}

@test "no more system calls than it takes" {
	command -v strace >/dev/null || skip "strace is not installed"
	mkdir "$PUB"/s{100..299}
	same 0 "$(calls_each -o name)"
	same 1 "$(calls_each --columns name,owner,group,mode)"
	same 2 "$(calls_each --columns name,owner,expires)"
	same 6 "$(calls_each)"
	# What a filter leaves out is not read; nor is what is on another page.
	same 0 "$(calls_each --name startswith:x)"
	same 0 "$(calls_each --size 10)"
	same 1 "$(calls_each --size 10 --sort-by created)"
}

@test "a damaged secret is said, and does not hide all others" {
	ctl 0 create alpha --k=1
	ctl 0 create -p alpha --k=1
	ctl 0 create beta --k=1
	stop_daemon
	"$PYTHON" "$TESTS/tools/tamper.py" "$STORE" flip secret "$("$PYTHON" "$TESTS/tools/tamper.py" "$STORE" rows secret | tail -n1)"
	start_daemon
	ctl 1 list -o name
	same alpha "$(head -n1 "$SFS/out")"
	err_has "list: not complete: public: Input/output error"
}

@test "bad input and help" {
	ctl 2 list more
	ctl 2 list --all
	ctl 0 list --help
	grep -q '^usage: secretctl list' "$SFS/out"
}
