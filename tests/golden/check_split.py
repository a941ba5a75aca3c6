#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""check_split.py SUREFOOT FOLDER - a model in several files (NAME-00001-of-0000N.gguf) says what the
one file says, bit for bit; parts that are missing, damaged, twice there or of another model are named.
FOLDER holds the golden models."""
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "tools"))
import gguf_format as gf  # noqa: E402


def key(name, kind, value):
    return gf.text(name) + struct.pack("<I", kind) + struct.pack({2: "<H", gf.I32: "<i"}[kind], value)


def split(source, stem, n, total=None):
    """Writes the n parts; returns their paths."""
    with open(source, "rb") as f:
        raw = f.read()
    file = gf.Reader(source)
    tables = 24
    at = file.at  # behind the tensor table
    names = list(file.tensor)
    # the bytes of all keys: from the header to the first tensor's name
    first = raw.index(gf.text(names[0]) + struct.pack("<I", len(file.tensor[names[0]][0])), tables)
    keys, n_kv = raw[tables:first], struct.unpack_from("<Q", raw, 16)[0]
    assert first < at
    paths, per = [], -(-len(names) // n)
    for part in range(n):
        mine = names[part * per:(part + 1) * per]
        own = key("split.no", 2, part) + key("split.count", 2, n)
        own += key("split.tensors.count", gf.I32, len(names) if total is None else total)
        head = b"GGUF" + struct.pack("<IQQ", 3, len(mine), 3 + (n_kv if part == 0 else 0))
        head += (keys if part == 0 else b"") + own
        body = b""
        for name in mine:
            shape, kind, offset = file.tensor[name]
            gid, block, size = gf.TYPES[kind]
            count = 1
            for d in shape:
                count *= d
            head += gf.text(name) + struct.pack("<I%dQIQ" % len(shape), len(shape), *shape[::-1], gid, len(body))
            data = raw[file.base + offset:file.base + offset + count // block * size]
            body += data + b"\0" * (-len(data) % 32)
        path = "%s-%05d-of-%05d.gguf" % (stem, part + 1, n)
        with open(path, "wb") as f:
            f.write(head + b"\0" * (-len(head) % 32) + body)
        paths.append(path)
    return paths


def run(*command):
    p = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    return p.returncode, p.stdout, p.stderr


def main(binary, folder):
    bad = 0

    def logits(path):
        return run(binary, "logits", "-m", path, "-p", "the sun set", "--full")

    def expect(what, ok, seen=""):
        nonlocal bad
        if not ok:
            bad += 1
            print("FAILED: %s: %s" % (what, seen))

    def refused(what, path, *parts):
        for command in (("logits", "-p", "a"), ("inspect",), ("tokenize", "-p", "a")):
            code, out, err = run(binary, command[0], "-m", path, *command[1:])
            expect("%s (%s)" % (what, command[0]), code not in (0, 127) and code > 0 and err.count("\n") <= 2
                   and all(p in err for p in parts), "exit %d: %s%s" % (code, out, err))

    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        for model, n in (("llama-tied", 2), ("qwen3-q5_k", 3), ("qwen3moe-q4_0", 7)):
            source = pathlib.Path(folder) / (model + ".gguf")
            parts = split(source, tmp / model, n)
            want, got = logits(source), logits(parts[0])
            expect(model, want[0] == 0 and got[:2] == want[:2], got[2])
            code, out, err = run(binary, "inspect", "-m", parts[0])
            expect(model + " inspect", code == 0, err)
            code, out, err = run(binary, "tokenize", "-m", parts[0], "--ids", "-p", "the sun")
            expect(model + " tokenize", code == 0 and out.startswith("["), err)
        one, two = (str(p) for p in split(pathlib.Path(folder) / "llama-tied.gguf", tmp / "m", 2))
        refused("the second part", two, "part 2 of 2", "first")
        shutil.copy(one, tmp / "other.gguf")
        refused("another name", tmp / "other.gguf", "00001-of-00002")
        shutil.move(two, two + ".away")
        refused("a missing part", one, "m-00002-of-00002.gguf")
        shutil.copy(one, two)
        refused("the first part twice", one, "m-00002-of-00002.gguf", "part 1 of 2")
        shutil.copy(two + ".away", two)
        with open(two, "r+b") as f:
            f.truncate(200)
        refused("a part cut short", one, "m-00002-of-00002.gguf")
        with open(two, "wb"):
            pass
        refused("an empty part", one, "m-00002-of-00002.gguf")
        with open(two, "wb") as f:
            f.write(b"<html>")
        refused("a web page", one, "m-00002-of-00002.gguf", "web page")
        three = split(pathlib.Path(folder) / "llama-tied.gguf", tmp / "t", 3)
        shutil.copy(three[1], two)
        refused("a part of another split", one, "m-00002-of-00002.gguf", "of 3")
        split(pathlib.Path(folder) / "llama-tied.gguf", tmp / "m", 2, total=7)
        refused("another number of tensors", one, "7 tensors")
        split(pathlib.Path(folder) / "llama-tied.gguf", tmp / "m", 2)
        other = split(pathlib.Path(folder) / "llama-tied.gguf", tmp / "x", 2)
        shutil.copy(other[0], two)
        raw = bytearray(pathlib.Path(two).read_bytes())  # the same tensors once more, as part 2
        at = raw.index(gf.text("split.no")) + len(gf.text("split.no")) + 4
        raw[at:at + 2] = struct.pack("<H", 1)
        for p in (one, two):
            whole = bytearray(pathlib.Path(p).read_bytes()) if p == one else raw
            at = whole.index(gf.text("split.tensors.count")) + len(gf.text("split.tensors.count")) + 4
            whole[at:at + 4] = struct.pack("<i", 2 * struct.unpack_from("<Q", raw, 8)[0])
            pathlib.Path(p).write_bytes(whole)
        refused("tensors twice", one, "another part as well")
    print("split files: %s" % ("%d failures" % bad if bad else "all as they should be"))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
