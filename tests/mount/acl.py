# SPDX-License-Identifier: MIT
"""acl.py FOLDER: one list of commands about modes and ACLs, done in FOLDER; prints what each of them says and the ACLs
after it, with names but without FOLDER. What it prints of two filesystems can be compared."""
import os
import re
import subprocess
import sys

folder = sys.argv[1]
os.chdir(folder)

# "USER UMASK COMMAND"; users: r root, a 20001, b 20002.
COMMANDS = """
r 022 mkdir s
r 022 touch s/k
r 022 setfacl -m u:20001:rx s
r 022 setfacl -m u:20001:r s/k
r 022 setfacl -m g:30000:rw,u:20002:--- s/k
r 022 chmod 600 s/k
r 022 chmod g=rw s/k
r 022 chmod 7777 s/k
r 022 chmod 0644 s/k
r 022 setfacl -m m::r s/k
r 022 setfacl -n -m u:20001:rwx s/k
r 022 setfacl -x u:20001 s/k
r 022 setfacl -x g:30000 s/k
r 022 setfacl -x u:20002 s/k
r 022 setfacl -x m s/k
r 022 setfacl -b s/k
r 022 setfacl -m u::r,g::w,o::x s/k
r 022 setfacl --set u::rw,g::r,o::-,u:0:rw,m::rw s/k
r 022 setfacl --set u::rw,g::r,o::-,m::r s/k
r 022 setfacl -b s/k
r 022 setfacl -d -m u:20001:rwx s
r 022 touch s/d1
r 077 touch s/d2
r 000 touch s/d3
r 077 sh -c ": >s/d4"
r 077 cp /etc/passwd s/d5
r 077 install -m 600 /etc/passwd s/d6
r 077 install -m 644 /etc/passwd s/d7
r 022 chmod 600 s/d1
r 022 setfacl -d -m o::rwx,m::rx s
r 077 touch s/e1
r 022 setfacl -d --set u::r,g::-,o::- s
r 000 touch s/e2
r 022 setfacl -d --set u::rwx,g::rwx,o::rwx s
r 077 touch s/e3
r 077 mknod s/e4 p
r 022 setfacl -k s
r 022 touch s/f1
r 077 touch s/f2
r 022 setfacl -d -m u:20001:rwx s/k
r 022 setfacl -m u:20001:rwx,u:20002:r,g:5:x,g:6:w,m::rw s
r 022 chmod 750 s
r 022 chmod 1770 s
r 022 chmod u+s s/k
r 022 chown 20001:20001 s/k
r 022 setfacl -m u:20002:r s/k
r 022 chmod 640 s/k
a 022 setfacl -m u:20002:rw s/k
a 022 chmod 600 s/k
b 022 setfacl -m u:20002:rw s/k
b 022 chmod 666 s/k
a 022 chown 20002 s/k
a 022 chgrp 20001 s/k
r 022 chmod 0755 s
r 022 setfacl -b s
a 022 touch s/new
r 022 setfacl -m u:20001:wx s
a 022 touch s/new
a 077 touch s/new2
a 022 ls s
a 022 rm s/f1
b 022 cat s/f2
r 022 setfacl -m u:20002:r s/f2
b 022 cat s/f2
r 022 setfacl -m m::- s/f2
b 022 cat s/f2
b 022 touch s/f2
r 022 chmod 1777 s
b 022 rm s/new
a 022 mv s/new s/moved
b 022 mv s/moved s/stolen
b 022 touch s/of-b
r 022 setfacl -d -m u:20002:rwx .
r 077 mkdir t
r 022 mkdir u
r 000 mkdir v
r 077 mkdir -m 700 w
r 077 touch t/k
r 022 setfacl -d -m g:7:rx t
r 022 touch t/l
r 022 setfacl -R -m u:20001:rX t
r 022 setfacl -k .
r 077 mkdir x
r 022 cp -a t y
r 022 cp -p t/k x/k
r 022 cp --preserve=all t/l x/l
r 022 mv t/l t/k
r 022 sh -c "getfacl t/k | setfacl --set-file=- x/k"
r 022 setfacl -m u:1:r,u:2:r,u:3:r,u:4:r,u:5:r,u:6:r,u:7:r,g:1:r,g:2:r,g:3:r x/k
r 022 setfacl -x u:4,g:2 x/k
r 022 setfacl -m u:99:q x/k
r 022 setfacl -m u:20001:r x/none
r 022 chmod 000 x/k
b 022 cat x/k
r 022 chmod 040 x/k
""".strip().splitlines()
IDS = {"r": 0, "a": 20001, "b": 20002}


def drop(uid):
    def call():
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)

    return call


def run(line):
    who, mask, command = line.split(" ", 2)
    # A fifo has no place among secrets.
    if "mknod" in command:
        return
    done = subprocess.run(
        ["sh", "-c", f"umask {mask}; {command}"],
        preexec_fn=drop(IDS[who]),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
    )
    # Secrets have no set-id bits and no directories below directories.
    print(f"== {line}: {done.returncode} {done.stdout.decode().strip()}")


def show():
    names = ["."]
    for top, folders, files in os.walk("."):
        folders.sort()
        names += [os.path.join(top, n) for n in sorted(folders + files) if n != "lost+found"]
    got = subprocess.run(["getfacl", "-n", "-p"] + names, stdout=subprocess.PIPE, check=True).stdout.decode()
    # The effective rights stand behind tabs; set-id bits are dropped by the one and kept by the other.
    print(re.sub(r"^# flags: (.)(.)(.)$", lambda m: "# flags: --" + m[3], got, flags=re.M).replace("# flags: ---\n", ""))
    for name in names:
        st = os.lstat(name)
        print(name, oct(st.st_mode & 0o1777), st.st_uid, st.st_gid)


for command in COMMANDS:
    run(command)
    show()
