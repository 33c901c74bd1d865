#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""terminal.py [-a PROMPT ANSWER]... -- COMMAND...: runs a command on a terminal of its own.

When PROMPT has appeared, ANSWER and a newline are typed. Prints what the terminal showed, without carriage
returns, and ends with the command's exit code.
"""
import os
import pty
import select
import sys
import time


def main():
    words = sys.argv[1:]
    answers = []
    while words[0] == "-a":
        answers.append((words[1].encode(), words[2].encode()))
        words = words[3:]
    assert words.pop(0) == "--"
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp(words[0], words)
    shown = b""
    seen = 0
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if not select.select([fd], [], [], 0.2)[0]:
            continue
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        shown += data
        while answers and answers[0][0] in shown[seen:]:
            prompt, answer = answers.pop(0)
            seen = shown.index(prompt, seen) + len(prompt)
            os.write(fd, answer + b"\n")
    else:
        os.kill(pid, 9)
    status = os.waitpid(pid, 0)[1]
    sys.stdout.buffer.write(shown.replace(b"\r", b""))
    sys.exit(os.waitstatus_to_exitcode(status) & 0xff)


main()
