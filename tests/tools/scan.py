# SPDX-License-Identifier: MIT
"""scan.py FOLDER WORD...: looks for each word in every file below FOLDER, as it is and in the encodings in
which a leak might hide. Prints what it finds; exit 1 then."""
import base64
import os
import sys


def forms(word):
    raw = word.encode()
    yield "plain", raw
    yield "lower", raw.lower()
    yield "upper", raw.upper()
    yield "reversed", raw[::-1]
    yield "UTF-16LE", word.encode("utf-16-le")
    yield "UTF-16BE", word.encode("utf-16-be")
    yield "hex", raw.hex().encode()
    yield "HEX", raw.hex().upper().encode()
    for shift in range(3):
        # What the word looks like inside base64 text at each offset, without what its neighbours decide.
        text = base64.b64encode(b"\0" * shift + raw)
        start = (shift * 8 + 5) // 6
        yield f"base64+{shift}", text[start : (shift + len(raw)) * 8 // 6]


def main():
    top, words = sys.argv[1], sys.argv[2:]
    assert words and all(len(word) >= 6 for word in words), "too short to mean anything"
    found = files = 0
    for folder, folders, names in os.walk(top):
        for name in folders + names:
            path = os.path.join(folder, name)
            data = b""
            if name in names:
                with open(path, "rb") as f:
                    data = f.read()
                files += 1
            for word in words:
                for form, needle in forms(word):
                    if needle in data or needle in os.fsencode(name):
                        print(f"{path}: {word} ({form})")
                        found += 1
    print(f"{files} files")
    sys.exit(1 if found or not files else 0)


main()
