# SPDX-License-Identifier: MIT
# complete: what shells offer.

setup() {
	load ../helpers
	load helpers
	make_store
	start_daemon
	make_ctl
	export PATH=$SFS/bin:$PATH
	ctl 0 create database --user=1 --password=1
	ctl 0 create -p database --token=1
	ctl 0 create dingo --k=1
	ctl 0 create "with space" --k=1
	COMPLETION=$TESTS/../tools/completion
}

teardown() {
	[ -z "${STOPPED:-}" ] || kill -CONT $STOPPED 2>/dev/null || true
	finish
}

# offers "CANDIDATES" WORD...: what is offered in place of the last word, sorted, in one line.
offers() {
	local want=$1
	shift
	ctl 0 complete -- "$@"
	err ""
	same "$want" "$(cut -f1 "$SFS/out" | sort | paste -sd' ')"
}

verbs() {
	"$SECRETCTL" --help | sed -n 's/^  \([a-z][a-z ]*[a-z]\)  .*/\1/p' | grep -v '^-'
}

@test "verbs" {
	same "$(verbs | sed 's/ .*//' | sort -u | paste -sd' ')" \
		"$("$SECRETCTL" complete -- "" | cut -f1 | grep '^[a-z]' | sort | paste -sd' ')"
	offers "--help --version -m" -
	offers "create" cr
	offers "" nothing ""
	not grep -qw complete <("$SECRETCTL" --help)
	offers "info init" store in
	offers "verify" audit ver
	offers "--log" audit verify --log
	offers "--since" audit --si
}

@test "every option that is offered is one, in each verb" {
	local verb option
	while read -r verb; do
		# shellcheck disable=SC2086 # two words
		for option in $("$SECRETCTL" complete -- $verb -- | sed 's/\t.*//' | grep -v =$); do
			# shellcheck disable=SC2086
			timeout 3 "$SECRETCTL" $verb "$option" </dev/null >"$SFS/out" 2>"$SFS/err" || true
			not grep -q 'no such option' "$SFS/err" || {
				echo "$verb $option"
				return 1
			}
		done
	done < <(verbs)
}

@test "every option in the help of each verb is offered" {
	local verb option
	while read -r verb; do
		# shellcheck disable=SC2086
		for option in $("$SECRETCTL" $verb --help | grep -oE '^ +(-[a-z], )?--[a-z-]+' | grep -oE -- '--[a-z-]+$'); do
			# shellcheck disable=SC2086
			"$SECRETCTL" complete -- $verb "$option" | cut -f1 | grep -qx -- "$option" || {
				echo "$verb $option"
				return 1
			}
		done
	done < <(verbs)
}

@test "secrets and keys" {
	offers "database dingo" get d
	offers "private/database" get private/
	offers "public/database public/dingo" get public/d
	offers "token" get database ""
	offers "password user" get public/database ""
	offers "password" get public/database p
	offers "" get none ""
	offers "database dingo private/ public/ public/database with space" tree dingo ""
	offers "" get dingo k ""
	offers "token" update database -r ""
	offers "--password= --private" update public/database --p
	offers "password= user=" update public/database --set ""
	ctl 0 update public/database --user=2
	ls "$PUB/database/.versions" >"$SFS/versions"
	offers "$(sort "$SFS/versions" | paste -sd' ')" rollback public/database ""
	offers "private/ public/" create ""
}

@test "values of options" {
	offers "json" list -o js
	offers "--output=json" list --output=js
	offers "false true" get -p ""
	offers "env json raw table yaml" get -o ""
	offers "--private=false" update x --private=f
	offers "desc:created" list --sort-by desc:cr
	offers "name,owner" list --columns name,o
	offers "group" list --columns g
	offers "notequals:" list --name n
	offers ":files" import ""
	offers ":files" export database -f ""
	offers ":folders" -m ""
	offers ":files" store info ""
}

@test "what a name may do to a shell" {
	mkdir "$PUB/d\$(touch $SFS/bin/pwned | cut -c1)" 2>/dev/null || mkdir "$PUB/d\$(id)"
	ctl 0 complete -- get 'd$'
	same 'd$(id)' "$(cut -f1 "$SFS/out")"
	bash_tab 'd$' secretctl get 'd$'
	same 'd\$\(id\)' "$REPLY_LINE"
}

@test "-m on the line counts, and a tree that is not there offers nothing" {
	SECRETFS_MOUNT=/nonexistent offers "dingo" -m "$MNT" get di
	SECRETFS_MOUNT=/nonexistent offers "dingo" "-m$MNT" get di
	SECRETFS_MOUNT=/nonexistent offers "" get di
}

@test "a mount that hangs does not make a shell hang" {
	WORKER_MAY_DIE=yes
	STOPPED="$(supervisor_pid) $(worker_pid)"
	kill -STOP $STOPPED
	code 0 timeout 20 "$SECRETCTL" complete -- get d
	out ""
	kill -CONT $STOPPED
}

# bash_tab WORD...: drives the completion as bash does; the replies are in REPLY_LINE.
bash_tab() {
	local word=$1
	shift
	REPLY_LINE=$(bash --norc --noprofile -c '. "$1/secretctl.bash"; shift
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
		"$(complete -p secretctl | sed "s/.*-F \([^ ]*\) .*/\1/")" && printf "%s\n" "${COMPREPLY[@]}"' bash "$COMPLETION" "$@")
}

@test "bash" {
	bash_tab - secretctl cr
	same create "$REPLY_LINE"
	bash_tab - secretctl get d
	same $'database\ndingo' "$REPLY_LINE"
	bash_tab - secretctl get public/database ''
	same $'password\nuser' "$REPLY_LINE"
	# What has = or : in it comes in pieces, and only the last one is replaced.
	bash_tab - secretctl list --output = js
	same json "$REPLY_LINE"
	bash_tab - secretctl list --output =
	same $'table\njson\nyaml\ncsv\ntsv\nname' "$REPLY_LINE"
	bash_tab - secretctl list --sort-by desc : cr
	same created "$REPLY_LINE"
	bash_tab - secretctl get with
	same 'with\ space' "$REPLY_LINE"
	bash_tab - secretctl get 'with\ '
	same 'with\ space' "$REPLY_LINE"
	bash_tab - secretctl get '"with'
	same 'with space' "$REPLY_LINE"
	mkdir "$SFS/here"
	touch "$SFS/here/some.yaml"
	cd "$SFS/here"
	bash_tab - secretctl import so
	same some.yaml "$REPLY_LINE"
	cd /
	bash_tab - secretctl nothing ''
	same "" "$REPLY_LINE"
}

@test "zsh" {
	command -v zsh >/dev/null || skip "zsh is not installed"
	zsh_tab() {
		"$PYTHON" "$TESTS/ctl/zsh_tab.py" "$COMPLETION" "$1"
	}
	same "secretctl create " "$(zsh_tab "secretctl crea")"
	same "secretctl get dingo " "$(zsh_tab "secretctl get di")"
	same "secretctl get public/database password " "$(zsh_tab "secretctl get public/database p")"
	same "secretctl list --output=json " "$(zsh_tab "secretctl list --output=js")"
	same "secretctl get with\\ space " "$(zsh_tab "secretctl get wi")"
	same "secretctl list --name notequals:" "$(zsh_tab "secretctl list --name no")"
}

@test "fish" {
	command -v fish >/dev/null || skip "fish is not installed"
	fish_tab() {
		HOME=$SFS fish --no-config -c 'source $argv[1]/secretctl.fish; complete -C $argv[2]' "$COMPLETION" "$1" | cut -f1
	}
	same create "$(fish_tab "secretctl cr")"
	same $'database\ndingo' "$(fish_tab "secretctl get d")"
	same $'password\nuser' "$(fish_tab "secretctl get public/database ")"
	same "--output=json" "$(fish_tab "secretctl list --output=js")"
}

@test "they are where the shells look for them" {
	local prefix=$SFS/prefix cmake
	# The one that the build was made with.
	cmake=$(sed -n 's/^CMAKE_COMMAND:INTERNAL=//p' "$SECRETFS_BUILD/CMakeCache.txt")
	"$cmake" -DCMAKE_INSTALL_PREFIX="$prefix" -P "$SECRETFS_BUILD/cmake_install.cmake" >/dev/null
	cmp "$COMPLETION/secretctl.bash" "$prefix/share/bash-completion/completions/secretctl"
	cmp "$COMPLETION/_secretctl" "$prefix/share/zsh/site-functions/_secretctl"
	cmp "$COMPLETION/secretctl.fish" "$prefix/share/fish/vendor_completions.d/secretctl.fish"
}
