# SPDX-License-Identifier: MIT
"""create, get, update and delete, in both namespaces, in both directions, and with bad input."""
import datetime
import os
import traceback
import unittest

import secretfs
from place import TreeTest, path, put, take
from secretfs import InvalidInput, KeyNotFound, LimitReached, SecretExists, SecretExpired, SecretNotFound

CANARY = "canary-7f3a"


class Create(TreeTest):
    def test_public_and_private(self):
        made = self.client.create_secret("db", {"user": "app", "password": "p=w\n"})
        self.assertFalse(made.private)
        self.assertEqual(b"p=w\n", take("public/db/password"))
        self.assertEqual({"user": "app", "password": "p=w\n"}, made.secret_values)
        made = self.client.create_secret("db", {"user": "me"}, private=True)
        self.assertTrue(made.private)
        self.assertEqual(b"me", take("private/db/user"))
        self.assertEqual(b"app", take("public/db/user"))
        self.assertTrue(self.client.create_secret("private/two", {}).private)
        self.assertFalse(self.client.create_secret("public/two", {}).private)

    def test_every_byte_comes_back(self):
        values = {
            "empty": "",
            "nul": "a\0b",
            "text": 'é"\\\u2028\U0001f511',
            "binary": bytes(range(256)),
            "base64": '{"base64": "YQ=="}',
            "key with = and é": "1",
        }
        self.client.create_secret("all", values)
        self.assertEqual(values, self.client.get_secret("all").secret_values)
        self.assertEqual(bytes(range(256)), take("public/all/binary"))
        self.assertEqual(b"a\0b", take("public/all/nul"))
        self.client.create_secret("bytes", {"a": b"text", "b": bytearray(b"\xff"), "c": memoryview(b"m")})
        self.assertEqual({"a": "text", "b": b"\xff", "c": "m"}, self.client.get_secret("bytes").secret_values)

    def test_without_keys(self):
        self.assertEqual({}, self.client.create_secret("none", {}).secret_values)
        got = self.client.get_secret("none")
        self.assertEqual((), got.keys)
        self.assertFalse(got.has_missing_values)

    def test_a_taken_name_is_not_touched(self):
        self.client.create_secret("db", {"a": "1"})
        self.fails(SecretExists, "public/db", self.client.create_secret, "db", {"a": "2", "b": "3"})
        self.assertEqual({"a": "1"}, self.client.get_secret("db").secret_values)
        self.client.create_secret("p", {"a": "1"}, private=True)
        self.fails(SecretExists, "private/p", self.client.create_secret, "p", {}, private=True)

    def test_too_long_leaves_nothing(self):
        self.fails(LimitReached, "max_value", self.client.create_secret, "big", {"a": "1", "b": "x" * 1048577})
        self.assertFalse(os.path.exists(path("public/big")))

    def test_a_megabyte(self):
        for value in (os.urandom(1 << 20), "x" * (1 << 20)):
            self.client.create_secret("big", {"a": value, "b": "2"})
            self.assertEqual({"a": value, "b": "2"}, self.client.get_secret("big").secret_values)
            self.client.delete_secret("big")

    def test_bad_input(self):
        create = self.client.create_secret
        for name in ("", ".", "..", "a/b", "a\nb", "x" * 256, "\u202ea", "\udc80", None, 7, "private/", "public/a/b"):
            self.fails(InvalidInput, "name of a secret", create, name, {})
        for key in ("", "a/b", ".", "\x1b", "k" * 256, None):
            self.fails(InvalidInput, "name of a key", create, "s", {key: "1"})
        for key in (".json", ".env", ".versions"):
            self.fails(InvalidInput, "reserved", create, "s", {key: "1"})
        self.fails(InvalidInput, "begin with a dot", create, "s", {".dot": "1"})
        for value in (None, 1, True, 1.5, ["a"], {"a": "b"}):
            self.fails(InvalidInput, "k: a value is str or bytes", create, "s", {"k": value})
        self.fails(InvalidInput, "UTF-8", create, "s", {"k": "\ud800"})
        self.fails(InvalidInput, "a dict", create, "s", ["k"])
        self.fails(InvalidInput, "True or False", create, "s", {}, private="false")
        self.fails(InvalidInput, "True or False", create, "s", {}, private=None)
        self.assertEqual([], os.listdir(path("public")) + os.listdir(path("private")))

    def test_private_flag_contradicting_the_name(self):
        self.fails(InvalidInput, "leave out one", self.client.create_secret, "public/s", {}, private=True)


class Get(TreeTest):
    def test_private_before_public(self):
        self.client.create_secret("db", {"a": "public"})
        self.assertEqual("public", self.client.get_secret("db").secret_values["a"])
        self.fails(SecretNotFound, "private/db", self.client.get_secret, "db", private=True)
        self.client.create_secret("db", {"a": "private"}, private=True)
        for name, private, want in (
            ("db", None, "private"),
            ("db", True, "private"),
            ("db", False, "public"),
            ("private/db", None, "private"),
            ("public/db", None, "public"),
            ("public/db", False, "public"),
        ):
            self.assertEqual(want, self.client.get_secret(name, private).secret_values["a"])
        self.fails(InvalidInput, "leave out one", self.client.get_secret, "public/db", True)

    def test_what_it_says(self):
        before = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
        self.client.create_secret("db", {"b": "1", "a": "2"})
        os.setxattr(path("public/db"), "user.secretfs.description", "the é database".encode())
        os.setxattr(path("public/db"), "user.secretfs.expires", b"2099-01-02T03:04:05Z")
        got = self.client.get_secret("db")
        self.assertEqual(("db", False, "root", 0), (got.name, got.private, got.owner, got.owner_id))
        self.assertEqual(("a", "b"), got.keys)
        self.assertEqual("the é database", got.description)
        self.assertEqual(datetime.datetime(2099, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc), got.expires)
        self.assertEqual(os.getxattr(path("public/db"), "user.secretfs.id").decode(), got.id)
        self.assertEqual(int(os.getxattr(path("public/db"), "user.secretfs.version")), got.version)
        self.assertLessEqual(before, got.created)
        self.assertLessEqual(got.created, got.updated)
        self.assertFalse(got.has_missing_values)

    def test_by_id(self):
        public = self.client.create_secret("db", {"a": "public"}).id
        private = self.client.create_secret("db", {"a": "private"}, private=True).id
        self.assertEqual("public", self.client.get_secret(public).secret_values["a"])
        self.assertEqual("private", self.client.get_secret(private.upper()).secret_values["a"])
        self.fails(SecretNotFound, public, self.client.get_secret, public, private=True)
        # Whoever names a secret like the id of another one is not taken for it.
        self.client.create_secret(public, {"a": "impostor"}, private=True)
        self.assertEqual("public", self.client.get_secret(public).secret_values["a"])
        self.client.delete_secret("db", private=False)
        self.assertEqual("impostor", self.client.get_secret(public).secret_values["a"])

    def test_never_by_a_part_of_the_name(self):
        self.client.create_secret("openai_secret", {"a": CANARY})
        for name in ("openai", "openai_secre", "OPENAI_SECRET", "openai_secret ", "openai*"):
            self.fails(SecretNotFound, "no such secret", self.client.get_secret, name)
        self.fails(SecretNotFound, "did you mean public/openai_secret?", self.client.get_secret, "openai_sceret")
        self.fails(SecretNotFound, "list_secrets()", self.client.get_secret, "zzz")

    def test_not_found_is_a_key_error(self):
        with self.assertRaises(KeyError):
            self.client.get_secret("none")

    def test_expired(self):
        self.client.create_secret("old", {"a": CANARY})
        os.setxattr(path("public/old"), "user.secretfs.expires", b"1000000000")
        self.fails(SecretExpired, "public/old", self.client.get_secret, "old")
        self.assertEqual(["old"], [s.name for s in self.client.list_secrets()])

    def test_an_expired_private_one_does_not_let_the_public_one_answer(self):
        self.client.create_secret("s", {"a": "public"})
        self.client.create_secret("s", {"a": "private"}, private=True)
        os.setxattr(path("private/s"), "user.secretfs.expires", b"1000000000")
        self.fails(SecretExpired, "private/s", self.client.get_secret, "s")

    def test_what_other_programs_wrote(self):
        os.mkdir(path("public/s"))
        put("public/s/k", b"\xff\n")
        self.assertEqual({"k": b"\xff\n"}, self.client.get_secret("s").secret_values)

    def test_a_copy_of_the_values(self):
        got = self.client.create_secret("s", {"a": "1"})
        got.secret_values["a"] = "2"
        self.assertEqual("1", got.secret_values["a"])


class Update(TreeTest):
    def test_values_in_one_transaction(self):
        version = self.client.create_secret("db", {"a": "1", "b": "2", "c": "3"}).version
        os.chmod(path("public/db/a"), 0o640)
        got = self.client.update_secret("db", add_or_update_values={"a": "one", "d": b"\xff"}, remove_values=["b"])
        self.assertEqual({"a": "one", "c": "3", "d": b"\xff"}, got.secret_values)
        self.assertEqual(version + 1, got.version)
        self.assertEqual(0o640, os.stat(path("public/db/a")).st_mode & 0o777)
        self.client.update_secret("db", remove_values=("a", "c", "d"))
        self.assertEqual([], os.listdir(path("public/db")))

    def test_of_two_with_one_name(self):
        self.client.create_secret("db", {"a": "public"})
        self.client.create_secret("db", {"a": "private"}, private=True)
        self.client.update_secret("db", add_or_update_values={"a": "1"})
        self.client.update_secret("db", private=False, add_or_update_values={"a": "2"})
        self.assertEqual((b"1", b"2"), (take("private/db/a"), take("public/db/a")))
        self.client.update_secret("db", private=True, add_or_update_values={"a": "3"})
        self.assertEqual((b"3", b"2"), (take("private/db/a"), take("public/db/a")))

    def test_never_from_private_to_public(self):
        self.client.create_secret("db", {"a": "public"})
        self.fails(SecretNotFound, "private/db", self.client.update_secret, "db", private=True, remove_values=["a"])
        self.assertEqual(b"public", take("public/db/a"))

    def test_visibility_both_ways(self):
        made = self.client.create_secret("db", {"a": "1"})
        got = self.client.update_secret("db", update_private=True)
        self.assertEqual((True, made.id), (got.private, got.id))
        self.assertFalse(os.path.exists(path("public/db")))
        self.assertEqual(b"1", take("private/db/a"))
        self.assertTrue(self.client.update_secret("db", update_private=True).private)
        got = self.client.update_secret("db", update_private=False)
        self.assertEqual((False, made.id), (got.private, got.id))
        self.assertFalse(os.path.exists(path("private/db")))

    def test_everything_at_once_both_ways(self):
        made = self.client.create_secret("db", {"a": "1", "b": "2"})
        got = self.client.update_secret("db", None, "mine", True, {"a": "new", "c": "3"}, ["b"])
        self.assertEqual(("mine", True, made.id), (got.name, got.private, got.id))
        self.assertEqual({"a": "new", "c": "3"}, got.secret_values)
        got = self.client.update_secret("mine", None, "ours", False, {"a": "newer"}, ["c"])
        self.assertEqual(("ours", False, made.id), (got.name, got.private, got.id))
        self.assertEqual({"a": "newer"}, got.secret_values)
        self.assertEqual(["ours"], os.listdir(path("public")))

    def test_rename(self):
        for private in (False, True):
            made = self.client.create_secret("old", {"a": "1"}, private=private)
            got = self.client.update_secret(made.id, new_name="new")
            self.assertEqual(("new", made.id, private), (got.name, got.id, got.private))
            self.assertEqual("new", self.client.update_secret("new", new_name="new").name)
            self.fails(SecretNotFound, "old", self.client.get_secret, "old")
            self.client.delete_secret("new")

    def test_never_over_another_one(self):
        self.client.create_secret("db", {"a": "public"})
        self.client.create_secret("db", {"a": "private"}, private=True)
        os.mkdir(path("public/empty"))
        update = self.client.update_secret
        self.fails(SecretExists, "public/db", update, "db", update_private=False, add_or_update_values={"a": "x"})
        self.fails(SecretExists, "private/db", update, "public/db", update_private=True, remove_values=["a"])
        self.fails(SecretExists, "public/empty", update, "public/db", new_name="empty", add_or_update_values={"a": "x"})
        self.assertEqual((b"private", b"public"), (take("private/db/a"), take("public/db/a")))

    def test_the_kernel_refuses_to_replace_too(self):
        from secretfs import tree

        self.client.create_secret("db", {"a": "1"})
        os.mkdir(path("public/empty"))
        with tree.Tree(self.client.mount) as opened, opened.find("db", None) as found:
            self.fails(SecretExists, "public/empty", opened.move, found, False, "empty")
        self.assertEqual(["db", "empty"], sorted(os.listdir(path("public"))))

    def test_a_mistake_changes_nothing(self):
        self.client.create_secret("db", {"alpha": "1", "b": "2"})
        before = self.client.get_secret("db").version
        update = self.client.update_secret
        error = self.fails(
            KeyNotFound, "did you mean alpha?", update, "db", add_or_update_values={"n": CANARY}, remove_values=["b", "alhpa"]
        )
        self.assertNotIn(CANARY, repr(error))
        self.fails(LimitReached, "max_value", update, "db", add_or_update_values={"alpha": "x", "n": "x" * 1048577})
        self.fails(InvalidInput, "nothing to change", update, "db")
        self.fails(InvalidInput, "b: both set and removed", update, "db", add_or_update_values={"b": "1"}, remove_values=["b"])
        self.fails(InvalidInput, "a list of keys", update, "db", remove_values="alpha")
        self.fails(InvalidInput, "reserved", update, "db", remove_values=[".json"])
        self.fails(InvalidInput, "b: a value is", update, "db", add_or_update_values={"b": None})
        self.fails(InvalidInput, "name of a secret", update, "db", new_name="public/x")
        self.fails(InvalidInput, "name of a secret", update, "db", new_name="")
        self.fails(InvalidInput, "update_private is True or False", update, "db", update_private="no")
        self.fails(SecretNotFound, "did you mean public/db?", update, "bd", new_name="x")
        self.assertEqual({"alpha": "1", "b": "2"}, self.client.get_secret("db").secret_values)
        self.assertEqual(before, self.client.get_secret("db").version)


class Delete(TreeTest):
    def test_private_first_and_each_by_choice(self):
        for private in (False, True):
            self.client.create_secret("db", {"a": "1", "b": "2"}, private=private)
        self.client.delete_secret("db")
        self.assertEqual(([], ["db"]), (os.listdir(path("private")), os.listdir(path("public"))))
        self.fails(SecretNotFound, "private/db", self.client.delete_secret, "db", private=True)
        self.client.create_secret("db", {}, private=True)
        self.client.delete_secret("db", private=False)
        self.assertEqual((["db"], []), (os.listdir(path("private")), os.listdir(path("public"))))
        self.client.delete_secret(self.client.get_secret("db").id)
        self.assertEqual([], os.listdir(path("private")))
        self.fails(SecretNotFound, "db", self.client.delete_secret, "db")

    def test_with_a_file_of_an_editor(self):
        self.client.create_secret("s", {"a": "1"})
        put("public/s/.a.swp", b"swap")
        self.assertEqual({"a": "1"}, self.client.get_secret("s").secret_values)
        self.assertEqual(("a",), self.client.list_secrets()[0].keys)
        self.client.delete_secret("s")
        self.assertEqual([], os.listdir(path("public")))

    def test_an_expired_one(self):
        self.client.create_secret("old", {"a": "1"})
        os.setxattr(path("public/old"), "user.secretfs.expires", b"1000000000")
        self.client.delete_secret("old")
        self.assertEqual([], os.listdir(path("public")))


class Shown(TreeTest):
    def test_no_value_in_any_text(self):
        got = self.client.create_secret("s", {"a": CANARY, "b": CANARY.encode() + b"\xff"})
        page = self.client.list_secrets()
        for thing in (got, page, page[0], self.client, [got], {"x": got}):
            self.assertNotIn(CANARY, repr(thing) + str(thing) + f"{thing}")

    def test_no_value_in_any_exception(self):
        self.client.create_secret("s", {"a": CANARY})
        for values in ({"a": CANARY, "b": None}, {"a": CANARY + "\ud800"}, {"a": CANARY, "/": "x"}, {"a": CANARY * 100000}):
            for call in (
                lambda: self.client.update_secret("s", add_or_update_values=values),
                lambda: self.client.create_secret("new", values),
            ):
                with self.assertRaises(secretfs.SecretfsError) as caught:
                    call()
                error = caught.exception
                while error is not None:
                    self.assertNotIn(CANARY, repr(error) + str(error) + repr(vars(error)))
                    error = error.__cause__ or error.__context__
                self.assertNotIn(CANARY, "".join(traceback.format_exception(None, caught.exception, None)))

    def test_names_do_nothing_to_a_terminal(self):
        self.fails(SecretNotFound, "a\\xe2\\x80\\x8bb", self.client.get_secret, "a\u200bb")


if __name__ == "__main__":
    unittest.main()
