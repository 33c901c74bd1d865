# SPDX-License-Identifier: MIT
"""Which tree is taken, and which is not."""
import os
import tempfile
import unittest
from unittest import mock

from place import ALICE, MNT, TreeTest, as_user, path
from secretfs import Client, MountAmbiguous, MountNotFound, MountNotTrusted, SecretExists, SecretNotFound
from secretfs import mount


def line(dev, point, options, root="/", kind="fuse.secretfs"):
    return f"36 35 0:{dev} {root} {point} rw,nosuid shared:1 - {kind} /store rw,{options}".encode()


class Mounts(TreeTest):
    def only(self, *lines, uid=1000):
        with mock.patch.object(os, "geteuid", lambda: uid):
            found = [entry for entry in map(mount._entry, lines) if entry is not None]
            with mock.patch.object(mount, "entries", lambda: found):
                return mount._only()

    def test_given_environment_and_discovered(self):
        for given in (MNT, MNT + "/", path("public/..")):
            self.assertEqual([], list(Client(given).list_secrets()))
        from pathlib import Path

        self.assertEqual(MNT, Client(Path(MNT)).mount)
        with mock.patch.dict(os.environ, {"SECRETFS_MOUNT": "/nonexistent"}):
            self.fails(MountNotFound, "/nonexistent", Client)
            self.assertEqual(MNT, Client(MNT).mount)

    def configure(self, folder, text, mode=0o644):
        path = os.path.join(folder, "secretfs")
        os.makedirs(path, exist_ok=True)
        file = os.path.join(path, "secretfs.conf")
        with open(file, "w") as out:
            out.write(text)
        os.chmod(file, mode)
        return mock.patch.object(mount, "_settings", lambda: file)

    def test_the_settings_win_over_the_only_one(self):
        with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ):
            del os.environ["SECRETFS_MOUNT"]
            other = os.path.join(folder, "other")
            with self.configure(folder, f"# c\nthreads = 4\nmountpoint = {MNT}\n"):
                self.assertEqual(MNT, Client().mount)
            half = len(MNT) // 2
            with self.configure(folder, f'mountpoint = {MNT[:half]}\nmountpoint+ = "{MNT[half:]}"\n'):
                self.assertEqual(MNT, Client().mount)
            os.mkdir(other)
            with self.configure(folder, f"mountpoint = {other}\n"):
                self.fails(MountNotFound, other, Client)
                self.assertEqual(MNT, Client(MNT).mount)
                with mock.patch.dict(os.environ, {"SECRETFS_MOUNT": MNT}):
                    self.assertEqual(MNT, Client().mount)
            with self.configure(folder, f"mountpoint = {MNT}\n", 0o666):
                self.fails(MountNotTrusted, "others can write", Client)
            with self.configure(folder, "threads = 4\n"):
                self.assertIsNone(mount.configured())

    def test_the_settings_of_each_user(self):
        self.assertEqual("/etc/secretfs/secretfs.conf", mount._settings())
        with mock.patch.object(os, "geteuid", lambda: 1000):
            with mock.patch.dict(os.environ, {"XDG_CONFIG_HOME": "/x", "HOME": "/home/me"}):
                self.assertEqual("/x/secretfs/secretfs.conf", mount._settings())
            with mock.patch.dict(os.environ, {"XDG_CONFIG_HOME": "", "HOME": "/home/me"}):
                self.assertEqual("/home/me/.config/secretfs/secretfs.conf", mount._settings())
            with mock.patch.dict(os.environ, {"XDG_CONFIG_HOME": "", "HOME": ""}):
                self.assertIsNone(mount._settings())

    def test_a_home_of_somebody_else(self):
        with tempfile.TemporaryDirectory() as folder:
            with self.configure(folder, f"mountpoint = {folder}\n"):
                os.chmod(folder, 0o700)
                self.assertIsNone(as_user(ALICE, mount.configured))

    def test_no_tree(self):
        self.fails(MountNotFound, "no secretfs is mounted there", Client, "/")
        self.fails(MountNotFound, "no such folder", Client, "/etc/passwd")
        self.fails(MountNotFound, "not the top", Client, path("public"))
        with mock.patch.object(mount, "entries", lambda: []):
            self.fails(MountNotFound, "", Client, MNT)
            with mock.patch.dict(os.environ):
                del os.environ["SECRETFS_MOUNT"]
                with mock.patch.object(mount, "configured", lambda: None):
                    self.fails(MountNotFound, "start it with", Client)

    def test_only_roots_or_ones_own(self):
        roots = line(50, "/mnt/secrets", "user_id=0,group_id=0,allow_other")
        mine = line(51, "/home/me/s", "user_id=1000,group_id=0")
        theirs = line(52, "/tmp/s", "user_id=1001,group_id=0,allow_other")
        closed = line(53, "/root/s", "user_id=0,group_id=0")
        self.assertEqual("/mnt/secrets", self.only(roots, theirs, closed))
        self.assertEqual("/home/me/s", self.only(mine, theirs))
        with self.assertRaises(MountNotTrusted):
            self.only(theirs)
        with self.assertRaises(MountAmbiguous) as caught:
            self.only(roots, mine)
        self.assertIn("/mnt/secrets, /home/me/s", str(caught.exception))
        with self.assertRaises(MountNotFound):
            self.only(closed)

    def test_binds_and_other_lines(self):
        top = line(50, r"/mnt/my\040s\134", "user_id=0,allow_other")
        part = line(50, "/run/one", "user_id=0,allow_other", root="/public/x")
        again = line(50, "/srv/s", "user_id=0,allow_other")
        other = line(60, "/x", "user_id=0,allow_other", kind="fuse.sshfs")
        no_owner = line(61, "/y", "allow_other")
        self.assertEqual("/mnt/my s\\", self.only(part, top, again, other, no_owner, b"", b"36 35"))

    def test_a_tree_of_somebody_else(self):
        real = mount.entries()
        with mock.patch.object(mount, "entries", lambda: [entry._replace(owner=4242) for entry in real]):
            self.fails(MountNotTrusted, "uid 4242", Client, MNT)

    def test_below_a_folder_that_others_can_write(self):
        with tempfile.TemporaryDirectory() as folder:  # in a sticky one
            inner = os.path.join(folder, "s")
            os.mkdir(inner)
            mount._check_parents(inner)
            for mode in (0o777, 0o775):
                os.chmod(folder, mode)
                self.fails(MountNotTrusted, folder, mount._check_parents, inner)
            os.chmod(folder, 0o1777)
            mount._check_parents(inner)
            os.chmod(folder, 0o755)
            os.chown(folder, ALICE, ALICE)
            self.fails(MountNotTrusted, folder, mount._check_parents, inner)

    def test_what_was_mounted_and_is_no_more(self):
        client = Client()
        with mock.patch.object(mount, "entries", lambda: []):
            self.fails(MountNotFound, "", client.create_secret, "s", {"a": "1"})
        self.assertEqual([], os.listdir(path("public")))

    def test_no_descriptor_is_left(self):
        before = os.listdir("/proc/self/fd")
        self.client.create_secret("s", {"a": "1"})
        self.client.update_secret("s", new_name="t", add_or_update_values={"a": "2"})
        self.client.list_secrets()
        for call in (self.client.get_secret, self.client.delete_secret):
            self.fails(SecretNotFound, "", call, "none")
        self.fails(SecretExists, "", self.client.create_secret, "t", {})
        self.client.delete_secret("t")
        self.assertEqual(len(before), len(os.listdir("/proc/self/fd")))

    def test_a_plain_user_finds_it(self):
        self.assertEqual(MNT, as_user(ALICE, lambda: Client().mount))


if __name__ == "__main__":
    unittest.main()
