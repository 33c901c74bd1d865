# SPDX-License-Identifier: MIT
"""list_secrets: each operator, each field, order and pages."""
import datetime
import os
import unittest

from place import ALICE, TreeTest, as_user, path
from secretfs import Client, InvalidInput


class List(TreeTest):
    def setUp(self):
        super().setUp()
        self.client.create_secret("alpha", {"user": "1", "password": "2"})
        self.client.create_secret("beta", {"token": "1"})
        self.client.create_secret("alphabet", {"user": "1"}, private=True)
        self.client.create_secret("beta", {}, private=True)
        os.setxattr(path("public/alpha"), "user.secretfs.expires", b"2099-01-01T00:00:00Z")
        os.setxattr(path("public/beta"), "user.secretfs.expires", b"2098-01-01T00:00:00Z")

    def listed(self, *want, **filters):
        got = [("-" if s.private else "+") + s.name for s in self.client.list_secrets(**filters)]
        self.assertEqual(list(want), got, filters)

    def test_all_by_name_private_first(self):
        self.listed("+alpha", "-alphabet", "-beta", "+beta")

    def test_name(self):
        self.listed("+alpha", name="alpha")
        self.listed("+alpha", name="equals:alpha")
        self.listed("-alphabet", "-beta", "+beta", name="notequals:alpha")
        self.listed("+alpha", "-alphabet", name="contains:lph")
        self.listed("+alpha", "-alphabet", name="startswith:alpha")
        self.listed("+alpha", "-beta", "+beta", name="endswith:a")
        self.listed("+alpha", "-beta", "+beta", name='oneof:["alpha", "beta"]')
        self.listed("+alpha", "-beta", "+beta", name="oneof:alpha,beta")
        self.listed("-alphabet", name="in:alphabet,none")
        self.listed("-alphabet", "-beta", "+beta", name="gt:alpha")
        self.listed("+alpha", "-alphabet", "-beta", "+beta", name="gte:alpha")
        self.listed("+alpha", name="lt:alphabet")
        self.listed("+alpha", "-alphabet", name="lte:alphabet")
        self.listed(name="alph")
        self.listed("-alphabet", name=["startswith:alpha", "endswith:t"])
        self.listed(name="other:alpha")

    def test_a_name_with_a_colon(self):
        self.client.create_secret("contains:x", {})
        self.client.create_secret("a:b", {})
        self.listed("+contains:x", name="equals:contains:x")
        self.listed("+a:b", name="a:b")

    def test_private(self):
        for text in (True, "true", "yes", "equals:1", "notequals:false"):
            self.listed("-alphabet", "-beta", private=text)
        for text in (False, "false", "off", "notequals:true"):
            self.listed("+alpha", "+beta", private=text)

    def test_owner_and_key(self):
        self.listed("+alpha", "-alphabet", "-beta", "+beta", owner="root")
        self.listed("+alpha", "-alphabet", "-beta", "+beta", owner=0)
        self.listed(owner="notequals:root")
        self.listed("+alpha", "-alphabet", key="user")
        self.listed("-beta", "+beta", key="notequals:user")
        self.listed("+alpha", "+beta", key="oneof:password,token")
        self.listed("+alpha", key="startswith:pass")

    def test_id(self):
        wanted = self.client.get_secret("beta", private=False)
        self.listed("+beta", id=wanted.id)
        self.listed("+alpha", "-alphabet", "-beta", id=f"notequals:{wanted.id}")

    def test_times(self):
        all_four = ("+alpha", "-alphabet", "-beta", "+beta")
        now = datetime.datetime.now(datetime.timezone.utc)
        day = datetime.timedelta(days=1)
        self.listed(*all_four, created=f"gt:{(now - day).isoformat()}")
        self.listed(created=f"lt:{(now - day).isoformat()}")
        self.listed(*all_four, updated=f"in:{now - day},{now + day}")
        self.listed(updated="in:2001-01-01,2002-01-01")
        self.listed(*all_four, created=f"startswith:{now.year}")
        self.listed("+alpha", expires="2099-01-01T00:00:00Z")
        self.listed("+alpha", expires="2099-01-01T01:00:00+01:00")
        self.listed("+alpha", expires=datetime.datetime(2099, 1, 1, tzinfo=datetime.timezone.utc))
        self.listed("+alpha", expires="equals:2099-01-01")
        self.listed("+alpha", expires="4070908800")
        self.listed("+alpha", expires="gt:2098-06-01")
        self.listed("+beta", expires="lte:2098-01-01")
        self.listed("+alpha", "+beta", expires="gte:2098-01-01")
        self.listed("+beta", expires="lt:2099-01-01")
        self.listed("-alphabet", "-beta", "+beta", expires="notequals:2099-01-01")
        self.listed("+alpha", expires="oneof:2099-01-01,2097-01-01")

    def test_and_or(self):
        self.listed("+beta", name="beta", private=False)
        self.listed("-alphabet", name="startswith:alpha", private=True, logical_operator="and")
        self.listed("+alpha", "-alphabet", "-beta", name="startswith:alpha", private=True, logical_operator="or")
        self.listed("+alpha", "-alphabet", "-beta", "+beta", logical_operator="or")

    def test_order(self):
        self.listed("-beta", "+beta", "-alphabet", "+alpha", sort_by="desc:name")
        self.listed("+alpha", "+beta", "-alphabet", "-beta", sort_by="asc:private")
        self.listed("-alphabet", "-beta", "+beta", "+alpha", sort_by="asc:expires")
        self.listed("+alpha", "-alphabet", "-beta", "+beta", sort_by="name")
        for field in ("owner", "created", "updated"):
            self.assertEqual(4, len(self.client.list_secrets(sort_by="desc:" + field)))

    def test_pages(self):
        self.listed("+alpha", "-alphabet", "-beta", size=3)
        self.listed("+beta", size=3, page=2)
        self.listed(size=3, page=3)
        self.listed(page=2)
        self.assertEqual((4, 20), (self.client.list_secrets(page=1).total, self.client.list_secrets(page=1).size))
        # An exact match is looked for in all, not in a page.
        self.listed("+alpha", "-alphabet", name="oneof:alpha,alphabet", size=2, page=1)
        page = self.client.list_secrets(size=3)
        self.assertEqual((4, 2, 1, 3, 3), (page.total, page.total_pages, page.page, page.size, len(page.items)))
        self.assertEqual((4, 1), (self.client.list_secrets().total, self.client.list_secrets().total_pages))

    def test_bad_input(self):
        for filters in (
            {"private": "maybe"},
            {"private": "contains:t"},
            {"created": "gt:yesterday"},
            {"created": "in:2001-01-01"},
            {"created": "20260101"[:4] + "-1-1"},
            {"created": "2026-01-01T12"},
            {"created": "2026-02-30"},
            {"created": " 2026-01-01"},
            {"created": "2026-W01-1"},
            {"created": "-1"},
            {"name": "oneof:[1"},
            {"name": "oneof:[[]]"},
            {"name": b"x"},
            {"owner": 1.5},
            {"sort_by": "up:name"},
            {"sort_by": "asc:values"},
            {"sort_by": None},
            {"logical_operator": "xor"},
            {"page": 0},
            {"page": True},
            {"size": 0},
            {"size": "3"},
        ):
            self.fails(InvalidInput, "", self.client.list_secrets, **filters)
        with self.assertRaises(TypeError):
            self.client.list_secrets(nmae="x")

    def test_only_what_the_user_may_see(self):
        os.mkdir(path("public/closed"), 0o700)
        got = as_user(ALICE, lambda: [s.name for s in Client().list_secrets()])
        self.assertLessEqual({"alpha", "beta"}, set(got))
        self.assertNotIn("alphabet", got)


if __name__ == "__main__":
    unittest.main()
