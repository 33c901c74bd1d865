#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""zsh_tab.py FOLDER LINE: types LINE and a tab in a real zsh that has FOLDER in its fpath, and prints the line then."""
import os
import pty
import select
import sys
import time

RC = """
fpath=("$1" $fpath)
autoload -Uz compinit
compinit -u -D
unsetopt list_beep
show() { zle -I; print -r -- "<<$BUFFER>>" }
zle -N show
bindkey '^X' show
PS1='READY> '
"""


def read_until(fd, mark, end):
    shown = b""
    while mark not in shown and time.monotonic() < end:
        if select.select([fd], [], [], 0.2)[0]:
            try:
                shown += os.read(fd, 65536)
            except OSError:
                break
    if mark not in shown:
        sys.exit(f"no {mark!r} in {shown!r}")
    return shown


def main():
    folder, line = sys.argv[1:]
    home = os.environ["SFS"]
    with open(os.path.join(home, ".zshrc"), "w") as file:
        file.write(RC.replace('"$1"', f'"{folder}"'))
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(ZDOTDIR=home, HOME=home, TERM="dumb")
        os.execvp("zsh", ["zsh", "-i", "-d"])
    end = time.monotonic() + 60
    read_until(fd, b"READY> ", end)
    os.write(fd, line.encode() + b"\t\x18")
    shown = read_until(fd, b">>", end).decode()
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    print(shown[shown.rindex("<<") + 2 : shown.rindex(">>")])


main()
