# SPDX-License-Identifier: MIT
"""cli_harness.py: what the tests of the command share: tiny models and policies, a way to run the
command, and a list of named checks.

    test_cli*.py SUREFOOT [--shared DIR] [--wrap "EMULATOR ..."] [--only WORD] [--list]

Checks named shared_* use real artefacts and are skipped where there are none. Exit 1: a check
failed; 77: nothing could run."""
import argparse
import fnmatch
import json
import os
import pathlib
import pty
import re
import shlex
import subprocess
import sys
import tempfile
import traceback

import cli_tiny

CHECKS = []
COMMANDS = ["run", "chat", "serve", "inspect", "tokenize", "logits", "render", "bench", "perplexity", "doctor",
            "quantize", "convert", "pack", "unpack", "guard check", "guard budget", "guard train", "guard eval"]
# Those without a function in the command's own table.
RESERVED = set(re.findall(r'^SF_COMMAND\(\w+, "([^"]+)", "[^"]+", NULL,',
                          (pathlib.Path(__file__).parents[2] / "src/cli/commands.def").read_text(), re.M))

BIDI = "\u202e\u2066\u200f\u061c"
HOSTILE = "x\x1b[2J\x07\u009b" + BIDI + "y"
CHATML = "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + " \
         "'<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"


def check(f):
    CHECKS.append(f)
    return f


class Skip(Exception):
    pass


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def text(self):
        return self.out.decode()

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def lines(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def fails(self, code, *words):
        """One line on stderr that starts with the program's name and holds every word."""
        assert self.code == code, (code, self.code, self.err)
        lines = [x for x in self.err.splitlines() if not x.startswith("surefoot: note:")]
        assert len(lines) == 1 and lines[0].startswith("surefoot: "), self.err
        for w in words:
            assert w in lines[0], (w, lines[0])
        return self

    def ok(self):
        assert self.code == 0, (self.code, self.err)
        return self


class World:
    """Binary, models and policies that the checks share."""

    def __init__(self, args, folder):
        self.bin, self.dir = shlex.split(args.wrap) + [args.surefoot], pathlib.Path(folder)
        self.shared = pathlib.Path(args.shared) if args.shared else None
        d = self.dir
        special = [("<|im_start|>", 3), ("<|im_end|>", 3)]
        self.plain, self.tokens = cli_tiny.model(d / "plain.gguf")
        self.chatml, _ = cli_tiny.model(d / "chatml.gguf", template=CHATML, extra=special)
        self.strange, _ = cli_tiny.model(d / "strange.gguf", template="{% something else %}", extra=special)
        self.hostile, tokens = cli_tiny.model(d / "hostile.gguf", extra=[(HOSTILE, 1)])
        self.hostile_id = tokens.index(HOSTILE)
        self.vocab, _ = cli_tiny.vocabulary_only(d / "vocab.gguf")
        self.policy = str(d / "p.ini")
        (d / "bad.lexicon").write_text("# words\nsad\ncry*\t2\nvery dark\t0.5\n")
        (d / "p.ini").write_text("[guard]\nbudget = 1\nblock = 8\ncandidates = 4\n[cost]\nkind = lexicon\n"
                                 "file = bad.lexicon\n")

    def run(self, *args, stdin=b"", env=None, timeout=120, **kw):
        e = {k: v for k, v in os.environ.items() if k not in ("SUREFOOT_ISA", "NO_COLOR")}
        e.update(env or {})
        p = subprocess.run(self.bin + [str(a) for a in args], input=stdin, capture_output=True, env=e, timeout=timeout,
                           **kw)
        return Result(p.returncode, p.stdout, p.stderr.decode())

    def gen(self, *args, **kw):
        """run without a guard, raw, greedy"""
        return self.run("run", "-m", self.plain, "--guard", "off", "--raw", "--temp", 0, *args, **kw)

    def terminal(self, *args, env=None):
        """Runs with stdout and stderr on a terminal; what it showed."""
        pid, fd = pty.fork()
        if pid == 0:
            e = {**os.environ, "TERM": "xterm", **(env or {})}
            os.execvpe(self.bin[0], self.bin + [str(a) for a in args], e)
        data = b""
        while True:
            try:
                part = os.read(fd, 65536)
            except OSError:
                part = b""
            if not part:
                break
            data += part
        os.close(fd)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), data

    def need(self, relative):
        if not self.shared or not (self.shared / relative).exists():
            raise Skip("no %s" % relative)
        return self.shared / relative


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("surefoot")
    ap.add_argument("--shared", default="")
    ap.add_argument("--wrap", default="")
    ap.add_argument("--only", default="*")
    ap.add_argument("--list", action="store_true")
    args = ap.parse_args()
    args.surefoot = os.path.abspath(args.surefoot)
    chosen = [c for c in CHECKS if fnmatch.fnmatch(c.__name__, "*%s*" % args.only)]
    if args.list:
        print("\n".join(c.__name__ for c in chosen))
        return 0
    failed = passed = 0
    with tempfile.TemporaryDirectory() as folder:
        w = World(args, folder)
        for c in chosen:
            try:
                c(w)
                passed += 1
                print("ok      %s" % c.__name__)
            except Skip as e:
                print("skipped %s: %s" % (c.__name__, e))
            except Exception:
                failed += 1
                last = traceback.format_exc().strip().splitlines()
                print("FAILED  %s\n    %s" % (c.__name__, "\n    ".join(last[-6:])))
            sys.stdout.flush()
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0 if passed else 77
