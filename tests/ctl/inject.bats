# SPDX-License-Identifier: MIT
# inject: texts with values in them, whole or not at all.

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

# inject WANT TEXT [ARGUMENTS...]: TEXT on standard input.
inject() {
	local want=$1
	printf '%s' "$2" >"$SFS/in"
	shift 2
	INPUT=$SFS/in ctl "$want" inject "$@"
}

# only FOLDER NAMES...: nothing else is in it.
only() {
	local folder=$1
	shift
	same "$(printf '%s\n' "$@" | sort)" "$(ls -A "$folder" | sort)"
}

@test "from standard input to standard output, anywhere in a line" {
	ctl 0 create db --user=app --password=p/w
	inject 0 'url=postgres://{{db.user}}:{{ db.password }}@h/{{public/db.user}}{{db.user}}'
	value 'url=postgres://app:p/w@h/appapp' "$SFS/out"
	err ""
	inject 0 ''
	value '' "$SFS/out"
	inject 0 $'no newline\r\n\t{{x}} {{ a b }} ${A} {{.x}} }}{{'
	cmp "$SFS/in" "$SFS/out"
	inject 0 '\{{db.user}} \\{{db.user}} \x'
	value '{{db.user}} \{{db.user}} \x' "$SFS/out"
}

@test "one pass: what a value holds is not looked at again" {
	ctl 0 create a --k='{{b.k}}' --esc='\{{' --open='{{'
	ctl 0 create b --k=no
	inject 0 '{{a.k}} {{a.esc}} {{a.open}}b.k}}'
	value '{{b.k}} \{{ {{b.k}}' "$SFS/out"
}

@test "any bytes, in the text and in values" {
	head -c 300000 /dev/urandom | tr -d '{' >"$SFS/blob"
	printf 'a\0b\n\n' >"$SFS/nul"
	ctl 0 create db2 --blob=@"$SFS/blob" --empty= --nul=@"$SFS/nul"
	{
		cat "$SFS/blob"
		printf '\0{{db2.blob}}\377{{db2.empty}}{{db2.nul}}'
	} >"$SFS/in"
	INPUT=$SFS/in ctl 0 inject
	{
		cat "$SFS/blob"
		printf '\0'
		cat "$SFS/blob"
		printf '\377a\0b\n\n'
	} | cmp - "$SFS/out"
}

@test "nothing at all is written when something does not resolve" {
	ctl 0 create db --user=app --closed=hunter2
	chmod 600 "$PUB/db/closed"
	text=$'first {{db.user}}\n{{db.usr}} {{nodb.k}}\n{{private/db.user}}\n{{db.closed}}'
	printf '%s' "$text" >"$SFS/in"
	INPUT=$SFS/in ctl_as $ALICE 6 inject
	out ""
	same "$(printf '%s\n' '<stdin>:2:1: public/db: there is no key usr; did you mean user?' \
		'<stdin>:2:12: nodb: there is no such secret; "secretctl list" shows what there is' \
		'<stdin>:3:1: private/db: there is no such secret; did you mean public/db?' \
		'<stdin>:4:1: public/db: the key closed exists, but you may not read it; ask its owner for the permission' \
		'secretctl: inject: 4 of 5 references do not resolve; nothing was written')" "$(cat "$SFS/err")"
	mkdir "$SFS/o"
	ctl 6 inject -i "$SFS/in" -o "$SFS/o/f"
	grep -q "^$SFS/in:2:1: " "$SFS/err"
	same "" "$(ls -A "$SFS/o")"
	echo old >"$SFS/o/f"
	ctl 6 inject -i "$SFS/in" -o "$SFS/o/f" -f
	only "$SFS/o" f
	same old "$(cat "$SFS/o/f")"
}

@test "what has expired does not resolve" {
	ctl 0 create db --user=app
	setfattr -n user.secretfs.expires -v 2020-01-01T00:00:00Z "$PUB/db"
	inject 6 'a{{db.user}}'
	out ""
	grep -q '^<stdin>:1:2: public/db/user: Key has expired' "$SFS/err"
}

@test "the output file is 0600 and whole" {
	ctl 0 create db --user=app
	mkdir "$SFS/o"
	printf 'x{{db.user}}' >"$SFS/in"
	for mask in 000 022 777; do
		(
			umask "$mask"
			exec "$SECRETCTL" inject -i "$SFS/in" -o "$SFS/o/f$mask"
		)
		value xapp "$SFS/o/f$mask"
		same 600 "$(stat -c %a "$SFS/o/f$mask")"
	done
	only "$SFS/o" f000 f022 f777
	setfacl -d -m u:$ALICE:rwx "$SFS/o"
	ctl 0 inject --in-file "$SFS/in" --out-file="$SFS/o/acl"
	chmod 777 "$SFS/o"
	not as $ALICE cat "$SFS/o/acl"
	cd "$SFS/o"
	ctl 0 inject -i ../in -o here
	value xapp here
	INPUT=$SFS/in ctl 0 inject -i - -o -
	value xapp "$SFS/out"
}

@test "an existing file stays, unless --force" {
	ctl 0 create db --user=app
	mkdir "$SFS/o"
	echo old >"$SFS/o/f"
	chmod 644 "$SFS/o/f"
	ln "$SFS/o/f" "$SFS/o/link"
	printf '{{db.user}}' >"$SFS/in"
	ctl 5 inject -i "$SFS/in" -o "$SFS/o/f"
	err_has "$SFS/o/f: it exists already and was not changed; --force replaces it"
	same old "$(cat "$SFS/o/f")"
	ctl 0 inject -i "$SFS/in" -o "$SFS/o/f" --force
	value app "$SFS/o/f"
	same 600 "$(stat -c %a "$SFS/o/f")"
	same old "$(cat "$SFS/o/link")" # another file now
	printf 'x{{db.user}}' >"$SFS/o/f"
	ctl 0 inject -i "$SFS/o/f" -o "$SFS/o/f" -f
	value xapp "$SFS/o/f"
	only "$SFS/o" f link
}

@test "no symbolic link is followed, nothing but a regular file is replaced" {
	ctl 0 create db --user=app
	mkdir "$SFS/o" "$SFS/o/dir"
	echo old >"$SFS/o/f"
	ln -s f "$SFS/o/sym"
	ln -s nothing "$SFS/o/dangling"
	mkfifo "$SFS/o/fifo"
	printf '{{db.user}}' >"$SFS/in"
	for force in "" --force; do
		# shellcheck disable=SC2086 # no word for an empty one
		for name in sym dangling fifo dir; do
			ctl 5 inject -i "$SFS/in" -o "$SFS/o/$name" $force
		done
		# shellcheck disable=SC2086
		ctl 5 inject -i "$SFS/in" -o /dev/stdout $force
		err_has "/dev/stdout: it is a symbolic link"
		# shellcheck disable=SC2086
		ctl 5 inject -i "$SFS/in" -o /dev/null $force
	done
	same old "$(cat "$SFS/o/f")"
	only "$SFS/o" dangling dir f fifo sym
	test -L "$SFS/o/sym"
	ctl 3 inject -i "$SFS/in" -o "$SFS/nothere/f"
	ctl 2 inject -i "$SFS/in" -o "$SFS/o/"
	chmod 755 "$SFS/o"
	ctl_as $ALICE 4 inject -i "$SFS/in" -o "$SFS/o/new"
	only "$SFS/o" dangling dir f fifo sym
}

@test "into the tree itself" {
	ctl 0 create db --user=app
	ctl 0 create -p conf --old=1
	printf 'u={{db.user}}' >"$SFS/in"
	ctl 0 inject -i "$SFS/in" -o "$PRIV/conf/file"
	value u=app "$PRIV/conf/file"
	only "$PRIV/conf" file old
	ctl 0 inject -i "$SFS/in" -o "$PRIV/conf/old" -f
	value u=app "$PRIV/conf/old"
	only "$PRIV/conf" file old
}

@test "a public secret of somebody else by its bare name" {
	setfacl -m u:$ALICE:rwx "$PUB"
	ctl_as $ALICE 0 create db --k=1
	inject 0 '{{db.k}}{{db.k}}'
	value 11 "$SFS/out"
	err "<stdin>:1:1: warning: public/db belongs to $ALICE, neither to you nor to root; say public/db if that is the one you mean"
	inject 6 '{{db.k}}{{public/db.k}}' --strict
	out ""
	same 2 "$(wc -l <"$SFS/err")"
	inject 0 '{{public/db.k}}' --strict
	value 1 "$SFS/out"
	err ""
}

# What a consumer may be hurt by.
nasty() {
	local values=("plain" "" "it's" '"' '\' 'a"b' "a'b\"c\$(touch $SFS/hurt)\`touch $SFS/hurt\`" '$HOME ${HOME} !x' $'two\nlines' $'\n'
		$'tab\tcr\rend' ' # not: a comment' '- [x, {y}]' $'\x01\x1f\x7f' $'\xc2\x85\xe2\x80\xa8\xef\xbb\xbf' 'ü€😀' '}} {{a.b}} \{{'
		'; rm -rf /' "trailing \\" '%s%n' "'" $'a\\\nb' '*' '~' '!!binary x' 'null' '0x10' ': ' '@`|>%')
	local i
	ctl 0 create nasty
	for i in "${!values[@]}"; do
		printf '%s' "${values[i]}" >"$PUB/nasty/k$i"
	done
	N=${#values[@]}
}

@test "--escape json: a parser reads back what was there" {
	nasty
	printf 'a\0b' >"$PUB/nasty/k$N"
	"$PYTHON" - "$N" >"$SFS/in" <<-'END'
		import sys
		n = int(sys.argv[1]) + 1
		print("{" + ",".join('"in%d": "{{nasty.k%d}}", "mid%d": "<{{nasty.k%d}}{{nasty.k%d}}>", "out%d": {{nasty.k%d}}'
		                     % ((i,) * 7) for i in range(n)) + "}")
	END
	INPUT=$SFS/in ctl 0 inject --escape json
	"$PYTHON" - "$SFS/out" "$PUB/nasty" "$N" <<-'END'
		import json, sys
		got = json.load(open(sys.argv[1], encoding="utf-8", newline=""))
		for i in range(int(sys.argv[3]) + 1):
		    want = open(f"{sys.argv[2]}/k{i}", encoding="utf-8", newline="").read()
		    assert got[f"in{i}"] == got[f"out{i}"] == want, (i, want, got[f"in{i}"])
		    assert got[f"mid{i}"] == f"<{want}{want}>", i
	END
}

@test "--escape yaml: a parser reads back what was there" {
	"$PYTHON" -c 'import yaml' || skip "PyYAML (python3-yaml) is not installed"
	nasty
	"$PYTHON" - "$N" >"$SFS/in" <<-'END'
		import sys
		print("# it's a \"comment\"\nblock: |\n  it's\n  \"x")
		for i in range(int(sys.argv[1])):
		    print('in%d: "{{nasty.k%d}}"\nmid%d: "<{{nasty.k%d}}>" # it\'s\nout%d: {{nasty.k%d}}\nlist%d: [{{nasty.k%d}}, "x"]' % ((i,) * 8))
	END
	INPUT=$SFS/in ctl 0 inject --escape yaml
	"$PYTHON" - "$SFS/out" "$PUB/nasty" "$N" <<-'END'
		import sys, yaml
		got = yaml.safe_load(open(sys.argv[1], encoding="utf-8", newline="").read())
		for i in range(int(sys.argv[3])):
		    want = open(f"{sys.argv[2]}/k{i}", encoding="utf-8", newline="").read()
		    assert got[f"in{i}"] == got[f"out{i}"] == got[f"list{i}"][0] == want, (i, want, got[f"in{i}"], got[f"out{i}"])
		    assert got[f"mid{i}"] == f"<{want}>", i
	END
	inject 0 "a: '{{nasty.k2}}'" -e yaml
	value "a: 'it''s'" "$SFS/out"
}

@test "--escape sh: shells read back what was there" {
	nasty
	"$PYTHON" - "$N" >"$SFS/in" <<-'END'
		import sys
		print("# it's a \"comment\"\ncheck() { [ \"$2$3$4\" = \"$1$1<$1>\" ] && printf x; }")
		for i in range(int(sys.argv[1])):
		    print("want=$(cat \"$DIR/k%d\"; echo x); check \"${want%%x}\" {{nasty.k%d}} \"{{nasty.k%d}}\" '<{{nasty.k%d}}>'" % ((i,) * 4))
		    print("check \"${want%%x}\" \"$(printf '%%sx' \"{{nasty.k%d}}\" | sed '$s/x$//'; echo)\" >/dev/null" % i)
	END
	INPUT=$SFS/in ctl 0 inject --escape sh
	for shell in bash dash; do
		same "$(printf 'x%.0s' $(seq "$N"))" "$(DIR=$PUB/nasty "$shell" "$SFS/out")"
	done
	not test -e "$SFS/hurt"
}

@test "--escape: what cannot be said there is refused, all at once" {
	printf 'a\0b' >"$SFS/nul"
	printf '\377' >"$SFS/raw"
	ctl 0 create db --nul=@"$SFS/nul" --raw=@"$SFS/raw" --k=1
	inject 6 $'["{{db.raw}}",\n 1{{db.k}}, {{db.nokey}}, {{db.nul}}]' -e json
	out ""
	same "$(printf '%s\n' '<stdin>:1:3: the value is not UTF-8, which JSON cannot say in a string' \
		'<stdin>:2:3: it stands beside other text, outside of quotes; put all of it between double quotes' \
		'<stdin>:2:13: public/db: there is no key nokey' \
		'secretctl: inject: 3 of 4 references do not resolve; nothing was written')" "$(cat "$SFS/err")"
	inject 6 'A={{db.nul}}' -e sh
	grep -q 'the value has a NUL' "$SFS/err"
	inject 0 'A={{db.raw}}' -e sh
	inject 6 'a: "{{db.raw}}"' -e yaml
	inject 6 $'a: |\n  {{db.k}}' -e yaml
	inject 2 '' -e xml
	inject 2 '' --escape
	inject 2 '' --escape=
}

@test "values of one secret belong together" {
	ctl 0 create db --a=0 --b=0
	printf '{{db.a}} {{db.b}}' >"$SFS/in"
	(while :; do for i in 1 2 3 4 5 6 7 8 9; do echo "{\"a\": \"$i\", \"b\": \"$i\"}" >"$PUB/db/.json"; done; done) 3>&- &
	writer=$!
	rc=0
	for ((i = 0; i < 150 && rc == 0; i++)); do
		"$SECRETCTL" inject -i "$SFS/in" >"$SFS/out" 2>"$SFS/err" || { grep -q 'try again' "$SFS/err" && continue; }
		read -r a b <"$SFS/out" || true
		[ -n "$a" ] && [ "$a" = "$b" ] || rc=1
	done
	kill $writer
	wait $writer || true
	cat "$SFS/out" "$SFS/err"
	[ "$rc" = 0 ]
}

@test "many and large values within the locked memory of a plain user" {
	head -c 1000000 /dev/urandom >"$SFS/big"
	ctl 0 create db
	for i in 1 2 3 4 5 6 7 8; do
		cp "$SFS/big" "$PUB/db/big$i"
	done
	ctl 0 create many
	"$PYTHON" -c '
import json, sys
for part in range(2):
    with open(sys.argv[1] + "/many/.json", "w") as f:
        json.dump({"k%d" % i: "v%d" % i for i in range(part * 120, part * 120 + 120)}, f)
' "$PUB"
	small() { prlimit --memlock=8388608:8388608 setpriv --reuid=$ALICE --regid=$ALICE --clear-groups -- "$SECRETCTL" "$@"; }
	printf '{{db.big1}}{{db.big2}}{{db.big3}}{{db.big4}}{{db.big1}}{{db.big4}}' >"$SFS/in"
	code 0 small inject -i "$SFS/in"
	for i in 1 2 3 4 5 6; do cat "$SFS/big"; done | cmp - "$SFS/out"
	printf '{{db.big%d}}' 1 2 3 4 5 6 7 8 >"$SFS/in"
	code 6 small inject -i "$SFS/in"
	out ""
	grep -q 'Cannot allocate memory; the daemon or this program is out of locked memory: raise ulimit -l' "$SFS/err"
	for i in $(seq 0 239); do printf '{{many.k%d}},' "$i"; done >"$SFS/in"
	code 0 small inject -i "$SFS/in"
	same "$(for i in $(seq 0 239); do printf 'v%d,' "$i"; done)" "$(cat "$SFS/out")"
	{
		head -c 40000000 /dev/zero | tr '\0' '{'
		printf 'x{{many.k1}}'
	} >"$SFS/in"
	code 0 small inject -i "$SFS/in"
	same 40000003 "$(stat -c %s "$SFS/out")"
	same v1 "$(tail -c 2 "$SFS/out")"
}

@test "output that cannot be written is an error and leaves nothing" {
	ctl 0 create db --k=1
	printf '{{db.k}}' >"$SFS/in"
	code 1 sh -c "'$SECRETCTL' inject -i '$SFS/in' >/dev/full"
	mkdir "$SFS/small"
	mount -t tmpfs -o size=64k tmpfs "$SFS/small"
	head -c 300000 /dev/zero >>"$SFS/in"
	ctl 1 inject -i "$SFS/in" -o "$SFS/small/f"
	err_has "$SFS/small/f: No space left on device"
	same "" "$(ls -A "$SFS/small")"
	umount "$SFS/small"
}

@test "bad input" {
	ctl 2 inject file
	ctl 2 inject -i
	ctl 2 inject --nothing
	ctl 2 inject --k=1
	ctl 3 inject -i "$SFS/missing"
	out ""
	ctl 1 inject -i "$SFS"
	SECRETFS_MOUNT=/nonexistent ctl 3 inject
	ctl 0 inject --help
	grep -q '^usage: secretctl inject' "$SFS/out"
}
