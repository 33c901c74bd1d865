# SPDX-License-Identifier: MIT
# import: secrets out of files, each as a whole or not at all.

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

# all NAMESPACE...: everything that can be seen of its secrets, for comparing.
all() {
	local ns dir key
	for ns; do
		for dir in "$MNT/$ns"/*/; do
			[ -d "$dir" ] || continue
			stat -c "$ns %n %a" "$dir" | sed "s|$MNT||"
			getfattr --only-values -n user.secretfs.expires "$dir" 2>/dev/null | xxd
			getfattr --only-values -n user.secretfs.description "$dir" 2>/dev/null | xxd
			for key in "$dir"*; do
				[ -e "$key" ] || continue
				stat -c "$ns %n %a" "$key" | sed "s|$MNT||"
				sha256sum <"$key"
			done
		done
	done
}

odd_secrets() {
	ctl 0 create db --user=app --password=$'p"w\\ \n\t$x: #' --empty=
	printf '\x00\xff\xfe bytes \x80' >"$PUB/db/bin"
	head -c 200000 /dev/urandom >"$PUB/db/long"
	printf -- '---\nsecretfs: 1\n---\n' >"$PUB/db/yaml.txt"
	printf '%s' '{"a": ["]}"]}' >"$PUB/db/json"
	for text in true 1.10 null '~' '' ' x ' $'x\n' $'\r\n' $'\xe2\x80\xa8' $'\xef\xbb\xbfx' '- a' 'a: b' '!!binary AP8=' '@x'; do
		printf '%s' "$text" >"$PUB/db/t$((n++))"
	done
	mkdir "$PUB/é: \"odd\" #name" "$PUB/empty" "$PUB/true"
	echo x >"$PUB/é: \"odd\" #name/- key: 'ü'"
	echo x >"$PUB/true/null"
	chmod 750 "$PUB/db"
	chmod 640 "$PUB/db/user"
	chmod 600 "$PUB/db/password"
	setfattr -n user.secretfs.expires -v 2030-01-01T00:00:00Z "$PUB/db"
	setfattr -n user.secretfs.description -v $'line\nand "more" \\ \xc3\xa9' "$PUB/db"
	ctl 0 create -p db --secret=hunter2
	setfattr -n user.secretfs.description -v private "$PRIV/db"
}

@test "a round trip keeps every byte, visibility, modes, expiry and description" {
	local before after form
	odd_secrets
	before=$(all public private)
	for form in yaml json; do
		ctl 0 export --all -o $form -f all.$form --force
		rm -r "$PUB"/* "$PRIV"/*
		same "" "$(all public private)"
		ctl 0 import all.$form
		out "imported 5 secrets"
		err ""
		after=$(all public private)
		same "$before" "$after"
		ctl 0 export --all -o $form -f again.$form --force
		cmp all.$form again.$form
	done
	# Through a pipe, and two files one behind the other.
	rm -r "$PUB"/* "$PRIV"/*
	cat all.yaml | INPUT=/dev/stdin ctl 0 import -
	same "$before" "$(all public private)"
	rm -r "$PUB"/* "$PRIV"/*
	ctl 2 import all.yaml again.json
	err_has "stands in the files twice; nothing was imported"
	same "" "$(all public private)"
}

@test "of a restricted secret nobody sees more on the way" {
	ctl 0 create db --k=1
	chmod 700 "$PUB/db"
	chmod 600 "$PUB/db/k"
	ctl 0 export db
	rm -r "$PUB/db"
	umask 000
	ctl 0 import db.yaml
	same "700 600" "$(stat -c %a "$PUB/db" "$PUB/db/k" | xargs)"
	# Without modes in the file it is the umask, as for any new secret.
	umask 027
	printf 'k: 1\n' >plain.yaml
	ctl 0 import plain.yaml
	same "750 640" "$(stat -c %a "$PUB/plain" "$PUB/plain/k" | xargs)"
}

@test "ZenML's own form: key: value, called like the file" {
	printf 'api_key: sk-123\nport: 8080\n"on": "yes"\n' >openai.yaml
	ctl 0 import openai.yaml
	out "imported 1 secret"
	same "sk-123 8080 yes" "$(cat "$PUB/openai/api_key" <(echo) "$PUB/openai/port" <(echo) "$PUB/openai/on" | xargs)"
	ctl 0 import openai.yaml -p
	same sk-123 "$(cat "$PRIV/openai/api_key")"
	ctl 0 import openai.yaml -n other
	same sk-123 "$(cat "$PUB/other/api_key")"
	ctl 0 import openai.yaml --name private/mine
	same sk-123 "$(cat "$PRIV/mine/api_key")"
}

@test "NAME: {key: value}, in YAML and in JSON" {
	cat >many.yaml <<-'EOF'
		# a comment
		db: {user: app, password: pw}
		private/mail:
		  key: |
		    several
		    lines
		public/bin:
		  cert: !!binary "AP8="
		  base64: text
	EOF
	ctl 0 import many.yaml
	out "imported 3 secrets"
	same $'several\nlines' "$(cat "$PRIV/mail/key")"
	printf '\x00\xff' | cmp - "$PUB/bin/cert"
	echo '{"j1": {"k": "v", "b": {"base64": "AP8="}}, "private/j2": {}}' >many.json
	ctl 0 import many.json
	printf '\x00\xff' | cmp - "$PUB/j1/b"
	[ -d "$PRIV/j2" ]
	echo '{"k": {"base64": "AP8="}}' >one.json
	ctl 0 import one.json
	printf '\x00\xff' | cmp - "$PUB/one/k"
}

@test "dotenv" {
	printf '# comment\nexport USER=app\nPASS="a \\"b\\""\n' >prod.env
	ctl 0 import prod.env
	same 'app a "b"' "$(cat "$PUB/prod/USER") $(cat "$PUB/prod/PASS")"
	cp prod.env .env
	ctl 2 import .env
	err_has "--name NAME"
	ctl 0 import .env -n dot
	same app "$(cat "$PUB/dot/USER")"
	cp prod.env settings
	ctl 0 import settings
	same app "$(cat "$PUB/settings/USER")"
	cp prod.env strange.json
	ctl 2 import strange.json
	ctl 0 import strange.json --format env
	same app "$(cat "$PUB/strange/USER")"
	INPUT=prod.env ctl 2 import -
	err_has "--name NAME"
	INPUT=prod.env ctl 0 import - -n stdin
	same app "$(cat "$PUB/stdin/USER")"
}

@test "a folder of files, and of folders" {
	mkdir -p one/ many/a many/b
	printf '\x00\xff' >one/cert.pem
	printf 'x\n' >"one/a b"
	echo swap >one/.swp
	ctl 0 import one
	err_has "1 files were left out"
	same $'a b\ncert.pem' "$(ls -A "$PUB/one")"
	cmp one/cert.pem "$PUB/one/cert.pem"
	echo 1 >many/a/k
	ctl 0 import many
	out "imported 2 secrets"
	same 1 "$(cat "$PUB/a/k")"
	same "" "$(ls -A "$PUB/b")"
	# As a container's orchestrator has it: links into a hidden folder.
	mkdir -p k8s/..data
	echo 2 >k8s/..data/token
	ln -s ..data/token k8s/token
	ctl 0 import k8s
	same 2 "$(cat "$PUB/k8s/token")"
	(cd one && ctl 0 import . -p)
	cmp one/cert.pem "$PRIV/one/cert.pem"
	# A copy of the tree.
	cp -r "$PUB/one" copy
	ctl 0 import copy
	cmp one/cert.pem "$PUB/copy/cert.pem"
	echo x >many/file
	ctl 2 import many
	err_has "both files and folders"
	mkdir nothing many/a/deep
	ctl 2 import nothing
	err_has "nothing in it"
	rm many/file
	ctl 2 import many --skip-existing
	err_has "deep is no file"
	mkdir -p pipes
	mkfifo pipes/p
	ctl 2 import pipes
	err_has "neither a file nor a folder"
}

@test "what exists: an error before anything is made, or left, or merged" {
	ctl 0 create b --old=1 --k=1
	setfattr -n user.secretfs.description -v before "$PUB/b"
	printf '%s\n' 'a: {k: 2}' 'b: {k: 2, new: 2}' 'c: {k: 2}' >three.yaml
	ctl 5 import three.yaml
	err_has "public/b: it exists already; nothing was imported; --skip-existing"
	same b "$(ls "$PUB")"
	ctl 0 import three.yaml --skip-existing
	out $'imported 2 secrets\nskipped 1 secret'
	same "1 1" "$(cat "$PUB/b/old") $(cat "$PUB/b/k")"
	ctl 5 import three.yaml
	err_has "(and 2 others)"
	ctl 0 import three.yaml --merge
	out "merged into 3 secrets"
	same "1 2 2 before" "$(cat "$PUB/b/old") $(cat "$PUB/b/k") $(cat "$PUB/b/new") $(getfattr --only-values -n user.secretfs.description "$PUB/b")"
	# The same name in the other namespace is another secret.
	ctl 0 import three.yaml -p
	out "imported 3 secrets"
	ctl 2 import three.yaml --merge --skip-existing
}

@test "a merge is one transaction, and not into a stranger's secret by a bare name" {
	chmod 1777 "$PUB"
	ctl_as $BOB 0 create theirs --k=1
	chmod 777 "$PUB/theirs"
	chmod 666 "$PUB/theirs/k"
	printf 'theirs: {k: 2}\n' >t.yaml
	ctl_as $ALICE 4 import t.yaml --merge
	same 1 "$(cat "$PUB/theirs/k")"
	printf 'public/theirs: {k: 2}\n' >t.yaml
	ctl_as $ALICE 0 import t.yaml --merge
	same 2 "$(cat "$PUB/theirs/k")"
	ctl 0 create db --a=1 --b=1
	local version
	version=$(getfattr --only-values -n user.secretfs.version "$PUB/db")
	printf 'db: {a: 2, b: 2, c: 2}\n' >d.yaml
	ctl 0 import d.yaml --merge
	same $((version + 1)) "$(getfattr --only-values -n user.secretfs.version "$PUB/db")"
}

@test "nothing is made half" {
	restart_daemon max_value=1k
	head -c 2000 /dev/zero | tr '\0' x >long
	"$PYTHON" -c 'import json
print(json.dumps({"a": {"k": "v"}, "b": {"k": "v", "long": open("long").read()}, "c": {"k": "v"}}))' >in.json
	ctl 1 import in.json
	err_has "1 of 3 secrets were imported before that; go on with --skip-existing"
	same a "$(ls "$PUB")"
	# Who may not make public secrets makes none of them.
	echo '{"n1": {"k": "v"}, "n2": {"k": "v"}}' >new.json
	ctl_as $ALICE 4 import new.json
	err_has "public/n1: Permission denied"
	ctl_as $ALICE 1 import in.json -p
	same a "$(as $ALICE ls "$PRIV")"
	# What cannot be read to its end is not begun.
	printf 'x: {k: 1}\n---\ny: [\n' >broken.yaml
	ctl 2 import broken.yaml
	same a "$(ls "$PUB")"
	printf '[{"secretfs": 1, "name": "x", "values": {"k": "1"}}' >cut.json
	ctl 2 import cut.json
	err_has "cut.json: line 1: the text ends before its list does"
	printf '[{"secretfs": 1, "name": "x", "values": {"k": "1"}}, {"secretfs"' >cut.json
	ctl 2 import cut.json
	err_has "the text ends before this object does"
	same a "$(ls "$PUB")"
}

@test "a file larger than the locked memory, piece by piece" {
	"$PYTHON" - <<-'EOF'
		import json
		item = lambda i: {"secretfs": 1, "name": f"s{i:03}", "private": False, "values": {"k": "x" * 60000}}
		with open("big.json", "w") as file:
		    file.write("[" + ",\n".join(json.dumps(item(i)) for i in range(100)) + "]\n")
	EOF
	[ "$(stat -c %s big.json)" -gt 5000000 ]
	code 0 prlimit --memlock=4194304 setpriv --clear-groups "$SECRETCTL" import big.json
	out "imported 100 secrets"
	same 60000 "$(stat -c %s "$PUB/s099/k")"
	code 0 prlimit --memlock=4194304 setpriv --clear-groups "$SECRETCTL" export --all -f big.yaml
	code 0 prlimit --memlock=4194304 setpriv --clear-groups "$SECRETCTL" import big.yaml -p
	cmp "$PUB/s042/k" "$PRIV/s042/k"
	# From a pipe it cannot be read twice, and does not fit.
	code 1 sh -c 'exec prlimit --memlock=4194304 setpriv --clear-groups "$0" import - --skip-existing <big.yaml' "$SECRETCTL"
	err_has "save it to a file"
}

@test "bad input" {
	ctl 2 import
	ctl 3 import none.yaml
	err_has "none.yaml: No such file"
	: >empty.yaml
	ctl 2 import empty.yaml
	err_has "there is no secret in it"
	echo '- a' >list.yaml
	ctl 2 import list.yaml
	echo 'text' >text.yaml
	ctl 2 import text.yaml
	printf 'a: 1\nb: {c: 2}\n' >mixed.yaml
	ctl 2 import mixed.yaml
	err_has "both values and secrets"
	printf 'a: {b: {c: 2}}\n' >deep.yaml
	ctl 2 import deep.yaml
	printf 'a: {b: null}\n' >null.yaml
	ctl 2 import null.yaml
	printf 'a/b: {c: 1}\n' >slash.yaml
	ctl 2 import slash.yaml
	err_has "no secret can have"
	printf 'a: 1\n---\nb: 2\n' >two.yaml
	ctl 2 import two.yaml
	err_has "none has a name"
	printf 'a: {k: 1}\nb: {k: 1}\n' >named.yaml
	ctl 2 import named.yaml -n x
	err_has "leave out --name"
	ctl 2 import named.yaml two.yaml -n x
	echo '{"secretfs": 2, "name": "x", "values": {}}' >later.json
	ctl 9 import later.json
	err_has "form 2"
	echo '{"secretfs": 1, "values": {}}' >nameless.json
	ctl 2 import nameless.json
	echo '{"secretfs": 1, "name": "x", "values": {}, "colour": 1}' >unknown.json
	ctl 2 import unknown.json
	err_has "and nothing else"
	for member in '"private": "maybe"' '"mode": "999"' '"mode": "7777"' '"mode": "-1"' '"expires": "soon"' '"expires": []' \
		'"description": {}' '"key_modes": []' '"key_modes": {"k": "8"}' '"name": "a/b"' '"name": ""'; do
		echo "{\"secretfs\": 1, $member, \"values\": {}}" >bad.json
		ctl 2 import bad.json
	done
	echo '{"a": {"k": "v"}} x' >behind.json
	ctl 2 import behind.json
	echo '[{"a": {"k": "v"}} {"b": {"k": "v"}}]' >comma.json
	ctl 2 import comma.json
	err_has "a comma is missing"
	echo '[{"a": {"k": "v"}}] {}' >closed.json
	ctl 2 import closed.json
	ctl 2 import behind.json --format xml
	same "" "$(ls "$PUB")"
	not grep -rq 'maybe\|soon' "$SFS/err"
	ctl 0 import --help
	grep -q '^usage: secretctl import' "$SFS/out"
}
