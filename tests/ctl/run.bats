# SPDX-License-Identifier: MIT
# run: a program with secrets in its environment; whose secrets; signals, exit codes and hidden output.

setup() {
	load ../helpers
	load helpers
	make_store
	start_daemon
	make_ctl
	STARTED=()
}

# A test that fails must not leave what it had started.
teardown() {
	local pid
	for pid in "${STARTED[@]}"; do
		kill -9 "$pid" 2>/dev/null || true
	done
	finish
}

# run_ctl WANT ARGUMENTS...
run_ctl() {
	local want=$1
	shift
	ctl "$want" run "$@"
}

# What may not be dumped belongs to root in /proc, whoever runs it.
undumpable() {
	[ "$(stat -c %u "/proc/$1/environ")" = 0 ]
}

@test "all keys of a secret are variables" {
	ctl 0 create db --user=app --password='p w$x' --empty=
	ctl 0 create -p mine --k=private
	run_ctl 0 --secret db -s private/mine -- sh -c 'printf "%s|" "$user" "$password" "${empty-unset}" "$k" "$1"' sh '{{db.user}}'
	value 'app|p w$x||private|{{db.user}}|' "$SFS/out"
	err ""
	printf 'line\nend\n\377' >"$SFS/odd"
	ctl 0 create odd --odd=@"$SFS/odd"
	run_ctl 0 -sodd sh -c 'printf %s "$odd"'
	cmp "$SFS/odd" "$SFS/out"
}

@test "references in the environment" {
	ctl 0 create db --user=app --password=pw
	URL='pg://{{db.user}}:{{ public/db.password }}@h' LIT='\{{db.user}} {{x}}' run_ctl 0 -- sh -c 'echo "$URL" "$LIT" "{{db.user}}"'
	out 'pg://app:pw@h {{db.user}} {{x}} {{db.user}}'
	A='{{db.usr}}' B=$'x\n{{nodb.k}} {{db.user}}' run_ctl 6 -- touch "$SFS/ran"
	same "$(printf '%s\n' '$A:1:1: public/db: there is no key usr; did you mean user?' \
		'$B:2:1: nodb: there is no such secret; "secretctl list" shows what there is' \
		'secretctl: run: 2 of 3 references do not resolve; nothing was run')" "$(sort "$SFS/err")"
	not test -e "$SFS/ran"
	ctl 0 create rec --k='{{db.user}}'
	A='{{rec.k}}' run_ctl 0 -- sh -c 'echo "$A"'
	out '{{db.user}}'
}

@test "env files: what they may say, references in them, where mistakes are" {
	ctl 0 create db --user=app --password='p"w'
	printf '%s\n' '# comment' 'PLAIN=a b # c' "SINGLE='\$x {{db.user}}'" 'export DOUBLE="two' 'lines {{db.password}}"' \
		'URL=x:{{db.user}}@h' 'LIT=\{{db.user}}' 'DOLLAR=$HOME' >"$SFS/env"
	run_ctl 0 --env-file "$SFS/env" -- sh -c 'printf "%s|" "$PLAIN" "$SINGLE" "$DOUBLE" "$URL" "$LIT" "$DOLLAR"'
	value $'a b|$x app|two\nlines p"w|x:app@h|{{db.user}}|$HOME|' "$SFS/out"
	printf '%s\n' 'A=1' 'B="x' 'y {{db.usr}}"' '  C=z{{no.k}}' >"$SFS/env"
	run_ctl 6 -e "$SFS/env" -- true
	same "$(printf '%s\n' "$SFS/env:2:1: public/db: there is no key usr; did you mean user?" \
		"$SFS/env:4:3: no: there is no such secret; \"secretctl list\" shows what there is" \
		'secretctl: run: 2 of 2 references do not resolve; nothing was run')" "$(cat "$SFS/err")"
	printf 'A=1\nB="x\n' >"$SFS/env"
	run_ctl 2 -e "$SFS/env" -- true
	err_has "$SFS/env:2: not of the form NAME=VALUE"
	printf 'A=1\n\nnot this\n' >"$SFS/env"
	run_ctl 2 -e "$SFS/env" -- true
	err_has "$SFS/env:3: not of the form"
	printf 'A=x\0y\n' >"$SFS/env"
	run_ctl 2 -e "$SFS/env" -- true
	err_has 'A: the value has a NUL'
	run_ctl 3 -e "$SFS/missing" -- true
	: >"$SFS/env"
	run_ctl 0 -e "$SFS/env" -- true
}

@test "later wins over earlier, secrets over files, files over the environment" {
	ctl 0 create one --A=secret1 --B=secret1
	ctl 0 create two --B=secret2
	printf 'A=file1\nB=file1\nC=file1\nD=file1\nD=again\n' >"$SFS/f1"
	printf 'C=file2\n' >"$SFS/f2"
	show='printf "%s " "$A" "$B" "$C" "$D" "$E"'
	A=env B=env C=env D=env E=env run_ctl 0 -s one -s two -e "$SFS/f1" -e "$SFS/f2" -- sh -c "$show"
	value 'secret1 secret2 file2 again env ' "$SFS/out"
	A=env E=env run_ctl 0 -e "$SFS/f2" -e "$SFS/f1" -s two -s one -- sh -c "$show"
	value 'secret1 secret1 file1 again env ' "$SFS/out"
	A=env run_ctl 0 --optional one -s two --optional=nothing -- sh -c 'echo "$A $B"; env | grep -c "^[AB]="'
	out $'secret1 secret2\n2'
}

@test "private first; a private secret hides the public one whole" {
	ctl 0 create db --k=public --l=public
	ctl 0 create -p db --k=private
	run_ctl 0 -s db -- sh -c 'echo "$k ${l-unset}"'
	out 'private unset'
	run_ctl 0 -s public/db -- sh -c 'echo "$k $l"'
	out 'public public'
	ctl_as $ALICE 0 run -s db -- sh -c 'echo "$k $l"'
	out 'public public'
	ctl_as $ALICE 3 run -s private/db -- sh -c 'echo no'
	out ""
	err_has 'private/db: there is no such secret'
}

@test "what cannot be read is an error, with --optional a warning" {
	ctl 0 create db --open=1 --closed=hunter2
	ctl 0 create old --k=1
	setfattr -n user.secretfs.expires -v 2020-01-01T00:00:00Z "$PUB/old"
	chmod 600 "$PUB/db/closed"
	show=(sh -c 'echo "${open-unset} ${k-unset}"')
	ctl_as $ALICE 4 run -s db -- "${show[@]}"
	out ""
	err_has 'public/db: the key closed exists, but you may not read it'
	ctl_as $ALICE 0 run --optional db -- "${show[@]}"
	out 'unset unset'
	err_has 'you may not read it; ask its owner for the permission; going on without it'
	ctl 1 run -s old -- "${show[@]}"
	err_has 'Key has expired'
	ctl 0 run --optional old -s db -- "${show[@]}"
	out '1 unset'
	ctl 3 run -s nothing -s db -- "${show[@]}"
	ctl 0 run --optional nothing -- "${show[@]}"
	err_has 'nothing: there is no such secret; "secretctl list" shows what there is; going on without it'
	not grep -q hunter2 "$SFS/err"
	ctl 3 run -s nothing -s alsonot -- "${show[@]}"
	same 2 "$(wc -l <"$SFS/err")"
}

@test "a public secret of somebody else by its bare name fails; by its whole name it does not" {
	setfacl -m u:$ALICE:rwx "$PUB"
	ctl_as $ALICE 0 create db --k=1
	ctl_as $ALICE 0 run -s db -- true
	for name in "--secret db" "--optional db" "--files db"; do
		# shellcheck disable=SC2086 # two words
		ctl_as $BOB 4 run $name -- touch "$SFS/ran"
		err_has "public/db belongs to $ALICE, neither to you nor to root; say public/db if that is the one you mean"
	done
	A='{{db.k}}' ctl_as $BOB 6 run -- true
	grep -q '^$A:1:1: public/db belongs to' "$SFS/err"
	A='{{public/db.k}}' ctl_as $BOB 0 run -s public/db -- sh -c 'echo "$A$k"'
	out 11
	ctl 0 create rootdb --k=2
	ctl_as $BOB 0 run -s rootdb -- sh -c 'echo "$k"'
	out 2
}

@test "a variable that steers programs comes only from the caller's own or root's" {
	setfacl -m u:$ALICE:rwx "$PUB"
	for name in LD_PRELOAD PATH IFS BASH_ENV PYTHONPATH GIT_SSH_COMMAND SSH_ASKPASS NODE_OPTIONS http_proxy; do
		ctl_as $ALICE 0 create "s$name" --set "$name=/evil" --ok=1
		ctl_as $BOB 4 run -s "public/s$name" -- touch "$SFS/ran"
		err_has "$name from public/s$name/$name, which belongs to $ALICE: a variable that decides which code is run"
		code 4 setpriv --reuid=$BOB --regid=$BOB --clear-groups -- /usr/bin/env "$name={{public/s$name.ok}}" "$SECRETCTL" run -- true
		grep -qF "\$$name:1:1: $name from public/s$name/ok" "$SFS/err"
	done
	not test -e "$SFS/ran"
	ctl_as $ALICE 0 create ca --SSL_CERT=/evil
	ctl_as $BOB 4 run --files public/ca -- true
	err_has 'SSL_CERT_FILE from public/ca/SSL_CERT'
	ctl_as $BOB 0 run -s public/ca -- sh -c 'echo $SSL_CERT'
	# from the caller and from root
	ctl_as $ALICE 0 run -s public/sPATH -- /bin/sh -c 'echo "$PATH"'
	out /evil
	ctl 0 create tools --PYTHONPATH=/roots
	ctl_as $BOB 0 run -s tools -- sh -c 'echo "$PYTHONPATH"'
	out /roots
	# a key of somebody else in root's secret
	ctl 0 create shared
	setfacl -m u:$ALICE:rwx "$PUB/shared"
	as $ALICE sh -c "echo /evil >'$PUB/shared/LD_PRELOAD'"
	ctl_as $BOB 4 run -s shared -- true
	err_has "LD_PRELOAD from public/shared/LD_PRELOAD, which belongs to $ALICE"
	ctl 4 run --optional shared -- true
}

@test "names and values that no variable can have" {
	ctl 0 create db --good=1 --set a-b=1 --set c.d=2 --set 1x=3
	touch "$PUB/db/.hidden"
	ctl 2 run -s db -- touch "$SFS/ran"
	err_has 'public/db: no variable can be called 1x, a-b, c.d; take single keys by reference: VARIABLE={{db.1x}}'
	A='{{db.a-b}}' ctl 0 run -- sh -c 'echo "$A"'
	out 1
	printf 'a\0b' >"$SFS/nul"
	head -c 131072 /dev/zero | tr '\0' x >"$SFS/long"
	ctl 0 create nul --k=@"$SFS/nul"
	ctl 0 create long --k=@"$SFS/long"
	ctl 2 run -s nul -- true
	err_has 'k: the value has a NUL'
	A='x{{nul.k}}' ctl 2 run -- true
	same '$A:1:2: the value has a NUL, which a variable cannot hold; let the program read the file (--files)' "$(cat "$SFS/err")"
	ctl 1 run -s long -- true
	err_has 'k: longer than a variable can be (131072 bytes)'
	head -c 131069 /dev/zero | tr '\0' x >"$PUB/long/k"
	ctl 0 run -s long -- sh -c 'echo ${#k}'
	out 131069
	not test -e "$SFS/ran"
	rm "$PUB"/db/{a-b,c.d,1x}
	ctl 0 run -s db -- sh -c 'echo "$good"'
}

@test "more than a program can be given" {
	ctl 0 create db
	for i in $(seq 1 20); do
		head -c 130000 /dev/zero | tr '\0' x >"$PUB/db/k$i"
	done
	ulimit -s 8192
	ctl 126 run -s db -- true
	err_has 'true: its arguments and variables are too long together'
}

@test "--files: paths instead of values" {
	ctl 0 create -p db --password=pw --set tls.key=x
	ctl 2 run --files db -- true
	rm "$PRIV/db/tls.key"
	ctl 0 run --files db -- sh -c 'echo "$password_FILE ${password-unset}"; cat "$password_FILE"'
	out "$MNT/private/db/password unset"$'\n'pw
	cd "$MNT"
	ctl 0 -m . run --files db -- sh -c 'echo "$password_FILE"'
	cd /
	out "$MNT/private/db/password"
	ctl_as $ALICE 3 run --files db -- true
	ctl 0 create closed --k=1
	chmod 600 "$PUB/closed/k"
	ctl_as $ALICE 4 run --files closed -- true
	strace -f -o "$SFS/trace" -e trace=openat "$SECRETCTL" run --files db -- /bin/true 2>/dev/null || skip "strace does not work here"
	not grep -q '"password"' "$SFS/trace"
}

@test "it becomes the program: exit codes, signals, standard input, the same process" {
	ctl 0 create db --k=1
	for code in 0 1 2 6 77 255; do
		run_ctl $code -s db -- sh -c "exit $code"
	done
	run_ctl 143 -s db -- sh -c 'kill -TERM $$'
	echo hello >"$SFS/in"
	INPUT=$SFS/in run_ctl 0 -s db -- cat
	out hello
	"$SECRETCTL" run -s db -- sh -c 'echo $$' >"$SFS/out" 3>&- &
	pid=$!
	STARTED+=($pid)
	wait $pid
	same "$pid" "$(cat "$SFS/out")"
	run_ctl 127 -s db -- nosuchprogram
	err_has 'nosuchprogram: No such file or directory'
	run_ctl 127 -s db -- "$SFS/nothere/x"
	run_ctl 126 -s db -- /etc/passwd
	err_has '/etc/passwd: Permission denied'
	run_ctl 126 -s db -- /
	printf 'echo "$k$1"\n' >"$SFS/script"
	chmod 755 "$SFS/script"
	run_ctl 0 -s db -- "$SFS/script" x # no #! line: env(1) runs it by sh
	out 1x
}

@test "the program is looked for in the PATH that it gets" {
	mkdir "$SFS/own"
	printf '#!/bin/sh\necho own\n' >"$SFS/own/thing"
	chmod 755 "$SFS/own/thing"
	ctl 0 create p --PATH="$SFS/own:/bin"
	run_ctl 0 -s p -- thing
	out own
	run_ctl 0 --mask -s p -- thing
	out own
}

@test "nothing of a tree is needed where nothing is asked for" {
	SECRETFS_MOUNT=/nonexistent A=plain run_ctl 0 -- sh -c 'echo $A'
	out plain
	SECRETFS_MOUNT=/nonexistent A='{{a.b}}' run_ctl 3 -- true
	SECRETFS_MOUNT=/nonexistent run_ctl 3 -s a -- true
}

@test "values are in the program's environment alone, and it cannot be dumped before" {
	ctl_as $ALICE 0 create -p db --k=canary-value
	mkfifo -m 666 "$SFS/fifo"
	printf 'x{{db.k}}' >"$SFS/in"
	setpriv --reuid=$ALICE --regid=$ALICE --clear-groups -- "$SECRETCTL" inject -i "$SFS/fifo" >/dev/null 3>&- &
	pid=$!
	STARTED+=($pid)
	eventually 10 grep -q secretctl "/proc/$pid/comm"
	eventually 10 undumpable $pid
	cat "$SFS/in" >"$SFS/fifo"
	wait $pid
	ctl_as $ALICE 0 run -s db -- sh -c 'tr "\0" "\n" </proc/$$/environ | grep -c canary'
	out 1
	ctl_as $ALICE 0 run -s db -- sh -c 'cat /proc/$$/cmdline | grep -c canary; ulimit -c'
}

@test "--mask: output without the values, on both streams, however it comes" {
	ctl 0 create db --user=application --password='hunter2 $x' --pem=$'-----BEGIN-----\nMIIabcdefgh\n-----END-----\n' --pin=123 --empty=
	run_ctl 0 --mask -s db -- sh -c 'echo "$user:$password@"; echo "e $password" >&2; echo "$pem"; printf "> %s\n" $pem; echo $pin'
	out "$(printf '%s\n' '********:********@' '********' '' '> ********' '> ********' '> ********' 123)"
	same "$(printf '%s\n' 'secretctl: run: public/db/pin: shorter than 4 bytes: it will not be hidden' 'e ********')" "$(cat "$SFS/err")"
	run_ctl 0 --mask -s db -- "$PYTHON" -uc 'import os, sys, time
for c in "a" + os.environ["password"] + "b":
    sys.stdout.write(c)
    sys.stdout.flush()
    time.sleep(0.001)'
	value 'a********b' "$SFS/out"
	URL='pg://{{db.password}}@h' run_ctl 0 --mask -- sh -c 'echo "$URL"'
	out 'pg://********@h'
	run_ctl 0 --mask --files db -- sh -c 'cat "$password_FILE"'
	value '********' "$SFS/out"
	run_ctl 0 --mask -s db -- sh -c 'printf "hunter2 "'
	value 'hunter2 ' "$SFS/out"
	head -c 3000000 /dev/urandom >"$SFS/blob"
	run_ctl 0 --mask -s db -- cat "$SFS/blob"
	cmp "$SFS/blob" "$SFS/out"
	run_ctl 0 --mask -- sh -c 'cat; echo end' <<<''
	A='{{db.password}}' run_ctl 0 --mask -- sh -c 'echo $A' 2>&1
	out '********'
}

@test "--mask: exit codes, signals, standard input" {
	ctl 0 create db --k=hunter2
	for code in 0 1 2 6 77 255; do
		run_ctl $code --mask -s db -- sh -c "exit $code"
	done
	run_ctl 143 --mask -s db -- sh -c 'kill -TERM $$'
	run_ctl 137 --mask -s db -- sh -c 'kill -KILL $$'
	run_ctl 127 --mask -s db -- nosuchprogram
	err_has 'nosuchprogram: No such file or directory'
	run_ctl 126 --mask -s db -- /etc/passwd
	echo hello hunter2 >"$SFS/in"
	INPUT=$SFS/in run_ctl 0 --mask -s db -- cat
	out 'hello ********'
	printf 'echo "x$1"\n' >"$SFS/script"
	chmod 755 "$SFS/script"
	run_ctl 0 --mask -s db -- "$SFS/script" y
	out xy
}

@test "--mask: signals are passed on, once; nobody outlives it" {
	ctl 0 create db --k=hunter2
	for signal in TERM INT HUP USR1 USR2 QUIT; do
		rm -f "$SFS/out"
		"$SECRETCTL" run --mask -s db -- "$PYTHON" -uc "
import signal, sys, time, os
n = 0
def got(*a):
    global n
    n += 1
signal.signal(signal.SIG$signal, got)
print('ready', os.getpid())
while n == 0:
    time.sleep(0.01)
time.sleep(0.2)
print('got', n)
sys.exit(40)
" >"$SFS/out" 2>"$SFS/err" </dev/null 3>&- &
		pid=$!
		STARTED+=($pid)
		eventually 20 grep -q ready "$SFS/out"
		kill -$signal $pid
		rc=0
		wait $pid || rc=$?
		same 40 $rc
		grep -q '^got 1$' "$SFS/out"
	done
	"$SECRETCTL" run --mask -s db -- sh -c 'echo $$; exec sleep 1000' >"$SFS/out" 3>&- &
	pid=$!
	STARTED+=($pid)
	eventually 20 test -s "$SFS/out"
	kill -9 $pid
	wait $pid || true
	eventually 10 not kill -0 "$(cat "$SFS/out")" 2>/dev/null
}

@test "--mask: who reads no longer, and output that cannot be written" {
	ctl 0 create db --k=hunter2
	# shellcheck disable=SC2016
	code 0 bash -c "'$SECRETCTL' run --mask -s db -- yes hunter2 | head -n 2; exit 0"
	out $'********\n********'
	code 141 bash -c "'$SECRETCTL' run --mask -s db -- yes | head -n 1 >/dev/null; exit \${PIPESTATUS[0]}"
	code 1 sh -c "'$SECRETCTL' run --mask -s db -- echo x >/dev/full"
	err_has 'standard output: No space left on device'
	code 0 sh -c "'$SECRETCTL' run --mask -s db -- sh -c 'echo x >&2' >&-"
	err x
	# What holds the output open is waited for, unless a signal comes.
	run_ctl 3 --mask -s db -- sh -c '(sleep 0.3; echo late hunter2) & exit 3'
	out 'late ********'
	"$SECRETCTL" run --mask -s db -- sh -c 'sleep 1000 & echo $!; exit 3' >"$SFS/out" 3>&- &
	pid=$!
	STARTED+=($pid)
	eventually 10 test -s "$SFS/out"
	sleep 0.2
	kill -TERM $pid
	rc=0
	wait $pid || rc=$?
	kill "$(cat "$SFS/out")"
	same 3 $rc
}

@test "--mask on a terminal: the program sees one, keys work, both streams are hidden" {
	ctl 0 create db --k=hunter2
	tty 5 -- "$SECRETCTL" run --mask -s db -- sh -c '[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo "all $k"; echo "e $k" >&2; stty size <&1 >/dev/null && exit 5'
	out $'all ********\ne ********'
	tty 0 -a 'name? ' hunter2 -- "$SECRETCTL" run --mask -s db -- sh -c 'printf "name? "; read x; echo "[$x]"'
	grep -q '^\[\*\*\*\*\*\*\*\*\]$' "$SFS/out"
	tty 254 -a ready $'\x03' -- "$SECRETCTL" run --mask -s db -- sh -c 'echo ready; exec sleep 100'
	tty 7 -a ready $'\x03' -- "$SECRETCTL" run --mask -s db -- "$PYTHON" -uc '
import signal, sys, time
n = []
signal.signal(signal.SIGINT, lambda *a: n.append(1))
print("ready")
while not n:
    time.sleep(0.01)
time.sleep(0.3)
sys.exit(6 + len(n))'
}

@test "bad input" {
	ctl 2 run
	ctl 2 run --
	ctl 2 run -s db --
	err_has 'which program?'
	ctl 2 run --secret
	ctl 2 run -s a/b -- true
	ctl 2 run --nothing -- true
	ctl 2 run --mask=1 -- true
	ctl 0 run sh -c 'echo "$1"' sh --secret
	out --secret
	ctl 0 run --help
	grep -q '^usage: secretctl run' "$SFS/out"
}
