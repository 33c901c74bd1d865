# SPDX-License-Identifier: MIT
"""place: what the tests of the client share: an empty tree for each test, and other users."""
import contextlib
import json
import os
import shutil
import traceback
import unittest

import secretfs

MNT = os.environ["SECRETFS_MOUNT"]
ALICE, BOB = 20001, 20002


def as_user(uid, work):
    """Runs work in a process of that user; returns what it returns, or the exception's name and text."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            answer = work()
        except secretfs.SecretfsError as error:
            answer = [type(error).__name__, str(error)]
        except BaseException:
            answer = ["unexpected", traceback.format_exc()]
        os.write(writer, json.dumps(answer).encode())
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as answers:
        answer = json.load(answers)
    os.waitpid(pid, 0)
    return answer


def path(*parts):
    return os.path.join(MNT, *parts)


def put(where, data):
    with open(path(where), "wb") as file:
        file.write(data)


def take(where):
    with open(path(where), "rb") as file:
        return file.read()


def empty():
    for ns in ("public", "private"):
        with contextlib.suppress(PermissionError):
            for name in os.listdir(path(ns)):
                shutil.rmtree(path(ns, name))


class TreeTest(unittest.TestCase):
    def setUp(self):
        for uid in (ALICE, BOB):
            as_user(uid, empty)
        empty()
        os.chmod(path("public"), 0o1755)
        self.client = secretfs.Client()

    def fails(self, kind, text, call, *args, **kwargs):
        """The exception is of exactly this kind and says this."""
        with self.assertRaises(secretfs.SecretfsError) as caught:
            call(*args, **kwargs)
        self.assertIs(type(caught.exception), kind, str(caught.exception))
        self.assertIn(text, str(caught.exception))
        return caught.exception

    def user_fails(self, uid, kind, text, work):
        name, message = as_user(uid, work)
        self.assertEqual(kind.__name__, name, message)
        self.assertIn(text, message)
