# SPDX-License-Identifier: MIT
"""Other users: what the kernel refuses, the client refuses too, and says so."""
import os
import unittest

from place import ALICE, BOB, TreeTest, as_user, path, take
from secretfs import Client, NotPermitted, SecretNotFound


class Users(TreeTest):
    def test_private_ones_are_there_for_their_owner_alone(self):
        os.chmod(path("public"), 0o1777)
        as_user(ALICE, lambda: Client().create_secret("hers", {"a": "alice"}, private=True).id)
        self.assertEqual("alice", as_user(ALICE, lambda: Client().get_secret("hers").secret_values["a"]))
        for uid in (0, BOB):
            self.user_fails(uid, SecretNotFound, "hers", lambda: Client().get_secret("hers").id)
            self.assertEqual([], as_user(uid, lambda: [s.name for s in Client().list_secrets()]))
        as_user(BOB, lambda: Client().create_secret("hers", {"a": "bob"}, private=True).id)
        self.assertEqual("alice", as_user(ALICE, lambda: Client().get_secret("hers").secret_values["a"]))

    def test_values_that_may_not_be_read(self):
        self.client.create_secret("db", {"user": "app", "password": "p", "bin": b"\xff"})
        os.chmod(path("public/db/password"), 0o600)
        got = as_user(ALICE, lambda: [*map(sorted, ((s := Client().get_secret("db")).secret_values, s.keys)), s.has_missing_values])
        self.assertEqual([["bin", "user"], ["bin", "password", "user"], True], got)
        self.assertEqual([True], as_user(ALICE, lambda: [s.has_missing_values for s in Client().list_secrets()]))
        self.assertFalse(self.client.get_secret("db").has_missing_values)
        self.assertEqual([False], [s.has_missing_values for s in self.client.list_secrets()])

    def test_a_closed_public_one(self):
        self.client.create_secret("db", {"a": "1"})
        os.chmod(path("public/db"), 0o700)
        self.user_fails(ALICE, NotPermitted, "public/db", lambda: Client().get_secret("db").id)
        self.user_fails(ALICE, NotPermitted, "public/db", lambda: Client().delete_secret("db"))

    def test_creating_in_public(self):
        self.user_fails(ALICE, NotPermitted, "public/s", lambda: Client().create_secret("s", {"a": "1"}).id)
        os.chmod(path("public"), 0o1777)
        self.assertEqual(ALICE, as_user(ALICE, lambda: Client().create_secret("s", {"a": "1"}).owner_id))
        self.assertEqual(str(ALICE), self.client.get_secret("s").owner)
        self.assertEqual("1", as_user(BOB, lambda: Client().get_secret("s").secret_values["a"]))

    def test_changing_needs_permission(self):
        self.client.create_secret("db", {"a": "1", "b": "2"})
        for change in (
            {"add_or_update_values": {"a": "2"}},
            {"add_or_update_values": {"new": "1"}},
            {"remove_values": ["a"]},
            {"new_name": "x"},
            {"update_private": True},
        ):
            self.user_fails(ALICE, NotPermitted, "public/db", lambda: Client().update_secret("db", **change).id)
        self.user_fails(ALICE, NotPermitted, "public/db", lambda: Client().delete_secret("db"))
        self.assertEqual({"a": "1", "b": "2"}, self.client.get_secret("db").secret_values)

    def test_one_key_that_may_be_written(self):
        self.client.create_secret("db", {"a": "1", "b": "2"})
        os.chmod(path("public/db/a"), 0o666)
        as_user(ALICE, lambda: Client().update_secret("db", add_or_update_values={"a": "new"}).id)
        self.assertEqual(b"new", take("public/db/a"))
        as_user(ALICE, lambda: Client().update_secret("db", add_or_update_values={"a": ""}).id)
        self.assertEqual(b"", take("public/db/a"))
        both = {"a": "x", "b": "y"}
        self.user_fails(ALICE, NotPermitted, "", lambda: Client().update_secret("db", add_or_update_values=both).id)
        self.assertEqual({"a": "", "b": "2"}, self.client.get_secret("db").secret_values)

    def test_only_the_owner_changes_visibility(self):
        self.client.create_secret("db", {"a": "1"})
        os.chmod(path("public"), 0o1777)
        os.chmod(path("public/db"), 0o777)
        os.chmod(path("public/db/a"), 0o666)
        change = {"a": "x"}
        move = lambda: Client().update_secret("db", update_private=True, add_or_update_values=change).id  # noqa: E731
        self.user_fails(ALICE, NotPermitted, "only its owner", move)
        self.assertEqual(b"1", take("public/db/a"))
        as_user(ALICE, lambda: Client().create_secret("hers", {"a": "1"}).id)
        self.assertIs(True, as_user(ALICE, lambda: Client().update_secret("hers", update_private=True).private))
        self.assertIs(False, as_user(ALICE, lambda: Client().update_secret("hers", update_private=False).private))
        self.assertEqual(ALICE, os.stat(path("public/hers")).st_uid)

    def test_what_cannot_be_deleted_keeps_its_keys(self):
        self.client.create_secret("db", {"a": "1"})
        os.chmod(path("public"), 0o1777)
        os.chmod(path("public/db"), 0o777)
        os.chmod(path("public/db/a"), 0o666)
        self.user_fails(ALICE, NotPermitted, "public/db", lambda: Client().delete_secret("db"))
        self.assertEqual(b"1", take("public/db/a"))

    def test_deleting_keys_that_cannot_be_written(self):
        os.chmod(path("public"), 0o1777)
        as_user(ALICE, lambda: Client().create_secret("hers", {"a": "1", "b": "2"}).id)
        for key in ("a", "b"):
            os.chown(path("public/hers", key), 0, 0)
            os.chmod(path("public/hers", key), 0o600)
        self.assertIsNone(as_user(ALICE, lambda: Client().delete_secret("hers")))
        self.assertEqual([], os.listdir(path("public")))


if __name__ == "__main__":
    unittest.main()
