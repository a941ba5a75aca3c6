#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""check_tree.py [ROOT]: house rules a machine can see. File names unique; an SPDX line in every
source; sources of a readable length; lines of a readable width; no large files; no
tabs or trailing white space in sources; none of the words that stand where work is missing; no
print, exit, abort or getenv inside the library."""
import pathlib
import re
import subprocess
import sys

MAX_LINES = {".c": 700, ".h": 400, ".def": 300, ".py": 600, ".sh": 200}
LONG = {"surefoot.h": 600}  # named exceptions
COLUMNS = {".h": 120}  # aligned comments; .c files are held to 100 by clang-format
MAX_BYTES = 1 << 20
MODELS = ("models/", 8 << 20)  # the built-in model
REPEATED = {"README.md", "tests.cmake", "CMakeLists.txt", ".gitignore"}  # names allowed twice
MARKS = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|unimpl" r"emented|not impl" r"emented|st" r"ub)\b", re.I)
PATHS = re.compile(r"/(work|farm)/|/tmp/\w+/|/root/|/home/\w")
LIBRARY = ("src/api/", "src/base/", "src/io/", "src/core/", "arch/", "quant/", "guard/")
NEVER = re.compile(r"\b(exit|abort|printf|fprintf|puts|getenv|setenv|system)\s*\(")
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"", re.S)


def tracked(root):
    try:
        out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=root,
                             capture_output=True, check=True)
        return [f for f in out.stdout.decode().split("\0") if f and (root / f).is_file()]
    except (OSError, subprocess.CalledProcessError):  # an unpacked archive: everything but builds
        return [p.relative_to(root).as_posix() for p in root.rglob("*")
                if p.is_file() and not p.relative_to(root).as_posix().startswith(("build/", ".git/"))]


def blank(m):
    return "\n" * m[0].count("\n")


def problems(root):
    seen = {}
    for f in tracked(root):
        p = root / f
        name, suffix = p.name, p.suffix
        if name not in REPEATED and not f.startswith("tests/fuzz/corpus"):
            if name in seen:
                yield f, 0, "has the same name as %s" % seen[name]
            seen[name] = f
        size = p.stat().st_size
        most = MODELS[1] if f.startswith(MODELS[0]) else MAX_BYTES
        if size > most:
            yield f, 0, "%d bytes, more than %d" % (size, most)
        if suffix not in (".c", ".h", ".def", ".py", ".sh", ".cmake", ".md", ".txt", ".ini"):
            continue
        text = p.read_text(encoding="utf-8")
        lines = text.split("\n")
        code = suffix in (".c", ".h", ".def", ".py", ".sh", ".cmake")
        limit = LONG.get(name, MAX_LINES.get(suffix))
        if limit and len(lines) > limit:
            yield f, 0, "%d lines, more than %d: does it do one thing?" % (len(lines), limit)
        if suffix in (".c", ".h", ".py", ".sh") and "SPDX-License-Identifier: MIT" not in "".join(lines[:3]):
            yield f, 1, "no SPDX line"
        for n, line in enumerate(lines, 1):
            if code and MARKS.search(line):
                yield f, n, "a word that stands where work is missing"
            if name != "check_tree.py" and PATHS.search(line):
                yield f, n, "a path of somebody's machine"
            if code and line != line.rstrip():
                yield f, n, "white space at the end of the line"
            if suffix in (".c", ".h") and ("\t" in line or len(line) > COLUMNS.get(suffix, 200)):
                yield f, n, "a tab, or a line that is too wide"
        if suffix in (".c", ".h") and f.startswith(LIBRARY):
            for n, line in enumerate(COMMENT.sub(blank, text).split("\n"), 1):
                if NEVER.search(line):
                    yield f, n, "print, exit, abort or getenv inside the library"


def main(root):
    found = ["%s:%d: %s" % p for p in problems(root)]
    print("\n".join(found) or "%d files in order" % len(tracked(root)))
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
