# SPDX-License-Identifier: MIT
# editors: real keys, typed into real editors on a terminal.

setup() {
	load ../helpers
	load helpers
	make_store
	start_daemon
	mkdir "$PUB/s"
	printf 'one\ntwo\n' >"$PUB/s/k"
	chmod 640 "$PUB/s/k"
	chown "$ALICE:$BOB" "$PUB/s/k"
	TERMINAL=(tmux -S "$SFS/tmux" -f /dev/null)
	mkdir "$SFS/home"
}

teardown() {
	[ ! -S "$SFS/tmux" ] || tmux -S "$SFS/tmux" kill-server 2>/dev/null || true
	finish
}

# edit PROGRAM...: in a terminal of 80 by 24. type_keys types, screen_has waits for a text on it.
edit() {
	need tmux
	need "$1"
	local line
	printf -v line '%q ' "$@"
	env -u TMUX HOME="$SFS/home" TMPDIR="$SFS/home" TERM=screen LC_ALL=C.UTF-8 EDITOR= VISUAL= SHELL=/bin/sh "${TERMINAL[@]}" \
		new-session -d -x 80 -y 24 -c "$PUB/s" "$line; echo \$? >'$SFS/rc'" 3>&-
}

type_keys() {
	"${TERMINAL[@]}" send-keys "$@"
}

screen() {
	"${TERMINAL[@]}" capture-pane -p 2>/dev/null
}

screen_has() {
	eventually 60 eval 'screen | grep -qF -- '"$(printf %q "$1")" || {
		printf 'no "%s" on the screen:\n' "$1" >&2
		screen >&2
		return 1
	}
}

# ended: the editor has gone, with exit code 0.
ended() {
	eventually 60 test -s "$SFS/rc" || {
		screen >&2
		return 1
	}
	same 0 "$(cat "$SFS/rc")"
}

# kept NAMES: owner and mode of the key are as before, and the folder has these names.
kept() {
	same "640 $ALICE $BOB" "$(stat -c '%a %u %g' "$PUB/s/k")"
	same "$1" "$(ls -A "$PUB/s" | xargs)"
}

vim_plain=(vim -u NONE -i NONE -N)

@test "vim: change and write" {
	edit "${vim_plain[@]}" k
	screen_has '"k" 2L, 8B'
	type_keys Go 'three' Escape ':wq' Enter
	ended
	same "$(printf 'one\ntwo\nthree')" "$(cat "$PUB/s/k")"
	kept k
}

@test "vim: backups by rename and by copy" {
	for how in no yes; do
		rm -f "$SFS/rc"
		printf 'one\ntwo\n' >"$PUB/s/k"
		edit "${vim_plain[@]}" --cmd "set backup backupskip= backupcopy=$how backupext=~" k
		screen_has '"k" 2L, 8B'
		type_keys ':%s/two/2/' Enter ':x' Enter
		ended
		same "one 2" "$(xargs <"$PUB/s/k")"
		same "one two" "$(xargs <"$PUB/s/k~")"
		kept "k k~"
	done
}

@test "vim: a swap file in the folder, seen by a second vim, gone at the end" {
	edit "${vim_plain[@]}" k
	screen_has '"k" 2L, 8B'
	type_keys ihello Escape
	eventually 60 test -s "$PUB/s/.k.swp"
	type_keys ':w' Enter
	screen_has '"k" 2L, 13B written'
	same "helloone two" "$(xargs <"$PUB/s/k")"
	type_keys ':!vim -u NONE -i NONE -N k' Enter
	screen_has 'Found a swap file by the name ".k.swp"'
	type_keys q
	screen_has 'Press ENTER'
	type_keys Enter ':q' Enter
	ended
	kept k
}

@test "vim: the file changed meanwhile, and a value without a newline at its end" {
	edit "${vim_plain[@]}" -b --cmd 'set noeol nofixeol' k
	screen_has '"k" 2L, 8B'
	sleep 1.1 # vim looks at seconds
	printf other >"$PUB/s/k"
	type_keys ':w' Enter
	screen_has 'WARNING: The file has been changed since reading it!!!'
	type_keys n
	type_keys Enter ':e!' Enter
	screen_has 'other'
	type_keys 'A!' Escape ':wq' Enter
	ended
	same "6 other!" "$(stat -c %s "$PUB/s/k") $(cat "$PUB/s/k")"
}

@test "vim: a new key, an undo file, and :q! changes nothing" {
	edit "${vim_plain[@]}" --cmd 'set undofile' new
	screen_has '"new" [New]'
	type_keys iabc Escape ':w' Enter
	screen_has 'written'
	type_keys x ':q!' Enter
	ended
	same abc "$(cat "$PUB/s/new")"
	kept ".new.un~ k new"
}

@test "nano: change and write" {
	edit nano -I k
	screen_has two
	type_keys M-/ 'three' C-o
	screen_has 'File Name to Write'
	type_keys Enter
	screen_has 'Wrote 3 lines'
	type_keys C-x
	ended
	same "$(printf 'one\ntwo\nthree')" "$(cat "$PUB/s/k")"
	kept k
}

@test "nano: backup and lock file" {
	edit nano -I -B -G k
	screen_has two
	eventually 60 test -e "$PUB/s/.k.swp"
	type_keys zero C-o Enter
	screen_has 'Wrote 2 lines'
	type_keys C-x
	ended
	same "zeroone two" "$(xargs <"$PUB/s/k")"
	same "one two" "$(xargs <"$PUB/s/k~")"
	kept "k k~"
}

@test "emacs: change and write, with lock and backup" {
	edit emacs -nw -Q --eval '(setq backup-enable-predicate (lambda (name) t))' k # it makes none in /tmp
	screen_has two
	type_keys M-'>' three
	eventually 60 test -e "$PUB/s/.#k" -o -L "$PUB/s/.#k"
	type_keys C-x C-s
	screen_has 'Wrote '
	same "$(printf 'one\ntwo\nthree')" "$(cat "$PUB/s/k")"
	type_keys C-x C-c
	ended
	same "one two" "$(xargs <"$PUB/s/k~")"
	kept "k k~"
}

@test "emacs: auto-save, a file changed on disk" {
	edit emacs -nw -Q --eval '(setq make-backup-files nil auto-save-interval 20 ring-bell-function (quote ignore))' k
	screen_has two
	type_keys aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
	eventually 60 test -s "$PUB/s/#k#"
	type_keys C-x C-s
	screen_has 'Wrote '
	same "k" "$(ls -A "$PUB/s" | xargs)"
	printf 'other\n' >"$PUB/s/k"
	type_keys b
	screen_has 'changed on disk'
	type_keys r
	screen_has other
	type_keys C-x C-c
	ended
	kept k
}
