# SPDX-License-Identifier: MIT
"""views.py COMMAND ARGUMENT...: the views .json and .env of a secret, from programs.

json FOLDER        values of all kinds: what .json must show, to the byte
write FOLDER       what may be written to .json and what not, and that nothing is done by halves
large FOLDER       long values in .json up to the largest, and a larger one
env FOLDER         values of all kinds: what .env must show, and what sh and a reader like systemd's make of it
envwrite FOLDER    what may be written to .env
atomic FOLDER N    user and password change together N times: nobody sees one of each
"""
import base64
import errno
import json
import os
import re
import subprocess
import sys
import threading

command, folder = sys.argv[1], sys.argv[2]

VALUES = {
    "plain": b"hello",
    "empty": b"",
    "newline": b"a\nb\n",
    "nul": b"a\0b",
    "controls": bytes(range(1, 32)) + b"\x7f",
    "quotes": b"\"double\" 'single' \\back /slash",
    "shell": b"$(id) `id` ${HOME} $x !! ; & | > < * ? ~",
    "unicode": "héllo 🔑 \u2028 \u202e".encode(),
    "binary": b"\xff\xfe\x00",
    "one": b"\x80",
    "cut": "é".encode()[:1],
    "surrogate": b"\xed\xa0\x80",
    "overlong": b"\xc0\xaf",
    "plainset": b"AZaz09_./:=@%+,-",
    "hash": b"a # b",
    "spaces": b"  a  ",
    "crlf": b"a\r\nb",
    "backslashes": b"\\\\n\\$\\\"",
    "1digit": b"starts with a digit",
    "with-dash": b"x",
    "with space": b"y",
    "schlüssel": b"z",
    "quote\"d": b"q",
    "_under": b"u",
    "UPPER": b"U",
}


def put(name, value):
    with open(f"{folder}/{name}", "wb") as f:
        f.write(value)


def get(name, mode="rb"):
    with open(f"{folder}/{name}", mode) as f:
        return f.read()


def keys():
    return {name: get(name) for name in os.listdir(folder)}


def write(view, text, flags=os.O_WRONLY | os.O_TRUNC):
    """Returns None, or the errno of the first call that failed."""
    if isinstance(text, str):
        text = text.encode()
    first = None
    fd = os.open(f"{folder}/{view}", flags)
    try:
        if text:
            os.write(fd, text)
    except OSError as e:
        first = e.errno
    try:
        os.close(fd)
    except OSError as e:
        first = first or e.errno
    return first


def json_string(text):
    return json.dumps(text, ensure_ascii=False)


def json_value(value):
    try:
        return json_string(value.decode())
    except UnicodeDecodeError:
        return '{"base64": "%s"}' % base64.b64encode(value).decode()


def want_json(values):
    # In the order of the names' bytes.
    members = [f"{json_string(n)}: {json_value(values[n])}" for n in sorted(values, key=lambda n: n.encode())]
    return ("{" + ", ".join(members) + "}\n").encode()


def cmd_json():
    assert get(".json") == b"{}\n", get(".json")
    for name, value in VALUES.items():
        put(name, value)
    got = get(".json")
    assert got == want_json(VALUES), f"\n got {got!r}\nwant {want_json(VALUES)!r}"
    assert os.stat(f"{folder}/.json").st_size == len(got)
    decoded = json.loads(got)
    for name, value in VALUES.items():
        member = decoded[name]
        assert value == (base64.b64decode(member["base64"]) if isinstance(member, dict) else member.encode())


def cmd_write():
    put("a", b"old a")
    put("b", b"old b")
    before = keys()
    bad = [
        "", " ", "\n", "null", "1", '"x"', "[]", "[{}]", "true", "{", "}", "{}}", "{} {}", "{}x", "garbage", "{'a': 'b'}",
        '{"a": 1}', '{"a": 1.5}', '{"a": true}', '{"a": false}', '{"a": []}', '{"a": ["x"]}', '{"a": {}}',
        '{"a": {"b": "c"}}', '{"a": {"base64": 1}}', '{"a": {"base64": null}}', '{"a": {"base64": "AA"}}',
        '{"a": {"base64": "AA=A"}}', '{"a": {"base64": "A A="}}', '{"a": {"base64": "AA==", "x": "y"}}', '{"a": {"x": "AA=="}}',
        '{"a": {"base64": {"base64": "AA=="}}}', '{"a": "1", "a": "2"}', '{"a": "1", "a": null}', '{"a": "1",}', '{a: "1"}',
        '{"a" "1"}', '{"a": "1" "b": "2"}', '{"a": "unterminated', '{"a": "bad \\x escape"}', '{"a": "\\ud800"}',
        '{"a": "new\nline"}', b'{"a": "\xff"}', b'\xff', b'{"a": "x"}\0', '{"": "x"}', '{".": "x"}', '{"..": "x"}',
        '{"a/b": "x"}', '{"c\\u0001": "x"}', '{"c\\nd": "x"}', '{"c\\u202e": "x"}', '{".json": "x"}', '{".env": "x"}',
        '{".versions": "x"}', '{"%s": "x"}' % ("n" * 256), '{"c\\u0000d": "x"}', "\ufeff{}",
        # Deep, whole and not: more than the stack of a thread has frames for.
        "[" * 2000 + "]" * 2000, '{"a":' * 2000 + "1" + "}" * 2000, "[" * 17, "[" * 100000,
    ]
    for text in bad:
        whole = text if not isinstance(text, str) else text.encode()
        # A change that alone would be fine is not done either.
        for version in [whole] + ([whole[:-1] + b', "b": "changed", "n": "new"}'] if whole.endswith(b"}") and len(whole) > 3 and whole.startswith(b'{"') else []):
            if version in (b"",):
                continue  # nothing written: nothing to do
            got = write(".json", version)
            assert got == errno.EINVAL, f"{version[:80]!r}: {errno.errorcode.get(got, got)}"
            assert keys() == before, f"{version[:80]!r} changed something: {keys()}"
    good = [
        ("{}", {}),
        (" \n{ }\n\n", {}),
        ('{"a": "new"}', {"a": b"new"}),
        ('{"c": "made"}', {"c": b"made"}),
        ('{"c": null}', {"c": None}),
        ('{"none": null}', {}),
        ('{"a": "", "b": "\\u00e9\\ud83d\\udd11\\n\\u0000\\"\\\\\\/"}', {"a": b"", "b": 'é🔑\n\0"\\/'.encode()}),
        ('{"a": {"base64": "/wD+"}, "d": {"base64": ""}}', {"a": b"\xff\x00\xfe", "d": b""}),
        ('{"e": "1", "a": null, "b": null, "d": null}', {"e": b"1", "a": None, "b": None, "d": None}),
        (json.dumps({f"k{i}": f"v{i}" for i in range(100)}), {f"k{i}": f"v{i}".encode() for i in range(100)}),
        (json.dumps({f"k{i}": None for i in range(100)}), {f"k{i}": None for i in range(100)}),
        (json.dumps({"big": "x" * 1000000}), {"big": b"x" * 1000000}),
        (json.dumps({"deep": '[{"\\' * 1000}), {"deep": b'[{"\\' * 1000}),
        ('{"name \\u00e9": "v"}', {"name é": b"v"}),
        ('{"%s": "x"}' % ("n" * 255), {"n" * 255: b"x"}),
    ]
    want = dict(before)
    for text, changes in good:
        for flags in (os.O_WRONLY | os.O_TRUNC, os.O_WRONLY, os.O_WRONLY | os.O_APPEND):
            got = write(".json", text, flags)
            assert got is None, f"{text[:80]!r}: {errno.errorcode[got]}"
            for name, value in changes.items():
                want.pop(name, None) if value is None else want.update({name: value})
            assert keys() == want, f"{text[:80]!r}: {str(keys())[:300]}, not {str(want)[:300]}"
    # In pieces, of which none alone is an object.
    fd = os.open(f"{folder}/.json", os.O_WRONLY | os.O_TRUNC)
    for piece in (b'{"a": "pi', b'eces", ', b'"b"', b": ", b'"too"}'):
        os.write(fd, piece)
        assert keys() == want
    os.close(fd)
    want.update({"a": b"pieces", "b": b"too"})
    assert keys() == want
    cut_anywhere(".json", '{"a": "é\\ud83d\\udd11", "b": null, "n": {"base64": "/w=="}}'.encode())
    want.update({"a": "é🔑".encode(), "n": b"\xff"})
    del want["b"]
    assert keys() == want
    # What is shown can be written back, and so copied to another secret.
    shown = get(".json")
    assert write(".json", shown) is None and keys() == want and get(".json") == shown


def cut_anywhere(view, text):
    """Text in two writes, cut after each of its bytes; tells what was refused."""
    refused = []
    for cut in range(1, len(text)):
        fd = os.open(f"{folder}/{view}", os.O_WRONLY | os.O_TRUNC)
        try:
            os.write(fd, text[:cut])
            os.write(fd, text[cut:])
            os.close(fd)
        except OSError as e:
            refused.append((text[:cut], errno.errorcode[e.errno]))
    assert not refused, refused


def cmd_large():
    put("a", b"old")
    failed = []
    for length in (16000, 16384, 17000, 65536, 80000, 131072, 524288, 600000, 1000000):
        got = write(".json", json.dumps({"big": "x" * length}))
        if got is not None or len(get("big")) != length:
            failed.append((length, errno.errorcode.get(got, got)))
    assert not failed, f"lengths that were refused: {failed}"
    most = "x" * (1 << 20)
    for text, value in ((json.dumps({"big": most}), most), ('{"big": "%s"}' % ("\\u0078" * (1 << 20)), most)):
        got = write(".json", text)
        assert got is None, f"the largest value in {len(text)} bytes: {errno.errorcode[got]}"
        assert get("big", "r") == value
    before = keys()
    got = write(".json", json.dumps({"a": "changed", "big": most + "x"}))
    assert got == errno.EFBIG, errno.errorcode.get(got, got)
    assert keys() == before


def want_env(values):
    out = b""
    for name in sorted(values, key=lambda n: n.encode()):
        value = values[name]
        try:
            value.decode()
            utf8 = True
        except UnicodeDecodeError:
            utf8 = False
        if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name, re.ASCII) or b"\0" in value or not utf8:
            out += f"# Left out: {json_string(name)}.\n".encode()
        elif re.fullmatch(rb"[A-Za-z0-9_./:=@%+,-]*", value):
            out += name.encode() + b"=" + value + b"\n"
        else:
            out += name.encode() + b'="' + re.sub(rb'(["$`\\])', rb"\\\1", value) + b'"\n'
    return out


def systemd_reads(text):
    """What an EnvironmentFile= gives: systemd.exec(5), for the form that .env has."""
    got, i = {}, 0
    while i < len(text):
        if text[i : i + 1] in (b"#", b";"):
            i = text.index(b"\n", i) + 1
            continue
        eq = text.index(b"=", i)
        name, i = text[i:eq].decode(), eq + 1
        value = b""
        if text[i : i + 1] == b'"':
            i += 1
            while text[i : i + 1] != b'"':
                if text[i : i + 1] == b"\\" and text[i + 1 : i + 2] in (b'"', b"\\", b"`", b"$"):
                    i += 1
                value += text[i : i + 1]
                i += 1
            i += 1
        else:
            end = text.index(b"\n", i)
            value, i = text[i:end], end
        assert text[i : i + 1] == b"\n", f"something behind {name}"
        got[name] = value
        i += 1
    return got


def cmd_env():
    assert get(".env") == b""
    for name, value in VALUES.items():
        put(name, value)
    got = get(".env")
    assert got == want_env(VALUES), f"\n got {got!r}\nwant {want_env(VALUES)!r}"
    assert os.stat(f"{folder}/.env").st_size == len(got)
    variables = {n: v for n, v in VALUES.items() if f"# Left out: {json_string(n)}.\n".encode() not in got}
    assert len(variables) > 10
    assert systemd_reads(got) == variables
    for shell in ("sh", "bash", "busybox sh"):
        for name, value in variables.items():
            script = f'set -a; . "$1"; printf %s "${name}"'
            out = subprocess.run(
                shell.split() + ["-c", script, "sh", f"{folder}/.env"], stdout=subprocess.PIPE, check=True, env={"PATH": "/usr/bin:/bin"}
            ).stdout
            assert out == value, f"{shell}: {name}: {out!r}, not {value!r}"


def cmd_envwrite():
    put("A", b"old")
    put("other", b"stays")
    before = keys()
    for text in (b"A", b"A B=1", b"=1", b"1A=2", b"A='open", b'A="open', b"A='1' 2", b'{"A": "1"}', b"A=1\nbad line\n", b"A=1\n\xff\n"):
        got = write(".env", text)
        assert got == errno.EINVAL, f"{text!r}: {got}"
        assert keys() == before, f"{text!r} changed something"
    good = [
        (b"A=new\n", {"A": b"new"}),
        (b"# comment\n\nexport A=1\nB=x", {"A": b"1", "B": b"x"}),
        (b"A=\nB=''\nC=\"\"\n", {"A": b"", "B": b"", "C": b""}),
        (b"A='$x `y` \\'\nB=\"\\$x \\`y\\` \\\\ \\\"\"\nC=a b # c\n", {"A": b"$x `y` \\", "B": b'$x `y` \\ "', "C": b"a b"}),
        (b"A='1\n2'\nB=\"1\n2\n\"\n", {"A": b"1\n2", "B": b"1\n2\n"}),
        (b"A=1\nA=2\n", {"A": b"2"}),
        (b"A=$(id)\n", {"A": b"$(id)"}),
        (b"\n# nothing\n", {}),
    ]
    want = dict(before)
    for text, changes in good:
        assert write(".env", text) is None, text
        want.update(changes)
        assert keys() == want, f"{text!r}: {keys()}, not {want}"
    # Value in two writes.
    fd = os.open(f"{folder}/.env", os.O_WRONLY | os.O_TRUNC)
    os.write(fd, b'A="first\n')
    os.write(fd, b'second"\nB=1\n')
    os.close(fd)
    want.update({"A": b"first\nsecond", "B": b"1"})
    assert keys() == want
    cut_anywhere(".env", b"export A='x\n'\n export  B=\"y\\\"\" # c\r\n")
    want.update({"A": b"x\n", "B": b'y"'})
    assert keys() == want
    shown = get(".env")
    assert write(".env", shown) is None
    assert keys() == want and get(".env") == shown


def cmd_atomic():
    rounds = int(sys.argv[3])
    assert write(".json", '{"user": "u0", "password": "p0"}') is None
    stop, bad, reads = threading.Event(), [], [0, 0]

    def by_json():
        while not stop.is_set():
            got = json.loads(get(".json"))
            if got["user"][1:] != got["password"][1:]:
                bad.append(str(got))
            reads[0] += 1

    def by_env():
        while not stop.is_set():
            got = dict(line.split("=") for line in get(".env", "r").split())
            if got["user"][1:] != got["password"][1:]:
                bad.append(str(got))
            reads[1] += 1

    threads = [threading.Thread(target=by_json), threading.Thread(target=by_json), threading.Thread(target=by_env)]
    for t in threads:
        t.start()
    for i in range(1, rounds + 1):
        # Lengths change, too.
        n = f"{i}" * (i % 7 + 1)
        if i % 2:
            assert write(".json", json.dumps({"user": f"u{n}", "password": f"p{n}"})) is None
        else:
            assert write(".env", f"user=u{n}\npassword=p{n}\n") is None
        assert (get("user"), get("password")) == (f"u{n}".encode(), f"p{n}".encode())
    stop.set()
    for t in threads:
        t.join()
    assert not bad, bad[:3]
    assert min(reads) > 10, reads


{"json": cmd_json, "write": cmd_write, "large": cmd_large, "env": cmd_env, "envwrite": cmd_envwrite, "atomic": cmd_atomic}[command]()
