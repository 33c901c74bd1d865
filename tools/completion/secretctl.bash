# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Completion of secretctl for bash. "secretctl complete" knows what there is; this is how bash is told.

# Puts the words of the line together that bash has split at = and :, and takes their quotes away. The last one goes
# to the variable word, and all to words.
_secretctl_words() {
	local i part join=''
	words=() word=''
	for ((i = 1; i <= COMP_CWORD; i++)); do
		part=${COMP_WORDS[i]}
		# A path that begins with ~ is left to secretctl as it stands, which has no business with it.
		case $part in
		\'*) part=${part#\'} part=${part%\'} ;;
		\"*) part=${part#\"} part=${part%\"} ;;
		# Backslashes are taken away; nothing is expanded.
		*\\*) read -d '' part <<<"$part" || part=${part%$'\n'} ;;
		esac
		case ${COMP_WORDS[i]} in
		= | :)
			[ ${#words[@]} -gt 0 ] || words=('')
			words[-1]+=$part
			join=yes
			;;
		*)
			if [ -n "$join" ]; then
				words[-1]+=$part
			else
				words+=("$part")
			fi
			join=''
			;;
		esac
	done
	[ ${#words[@]} -gt 0 ] || words=('')
	word=${words[-1]}
}

_secretctl() {
	local words word part line candidate cut
	_secretctl_words
	part=${COMP_WORDS[COMP_CWORD]}
	case $part in
	= | :) part='' ;;
	esac
	# What of the word bash keeps, because it has split it off.
	cut=$((${#word} - ${#part}))
	case $part in
	\'* | \"* | *\\*) cut=0 ;;
	esac
	[ "$cut" -ge 0 ] || cut=0
	COMPREPLY=()
	while IFS= read -r line; do
		case $line in
		:files)
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -f -- "$part")
			return
			;;
		:folders)
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -d -- "$part")
			return
			;;
		:commands)
			mapfile -t COMPREPLY < <(compgen -c -- "$part")
			return
			;;
		esac
		candidate=${line%%$'\t'*}
		candidate=${candidate:cut}
		case $part in
		# Between quotes bash closes them itself.
		\'* | \"*) ;;
		*) printf -v candidate %q "$candidate" ;;
		esac
		COMPREPLY+=("$candidate")
	done < <("${COMP_WORDS[0]}" complete -- "${words[@]}" 2>/dev/null)
	if [ ${#COMPREPLY[@]} = 1 ]; then
		case ${COMPREPLY[0]} in
		*[=:/,]) compopt -o nospace 2>/dev/null ;;
		esac
	fi
}

complete -F _secretctl secretctl
