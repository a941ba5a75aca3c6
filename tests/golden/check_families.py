#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""check_families.py SUREFOOT FOLDER - a guarded run with the tiny golden model of every family: the guard
is in force, no forbidden word is delivered though each is in the unguarded text, and thread count changes
nothing; inspect says the family runs here. FOLDER holds the golden models."""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

POLICY = "[guard]\nbudget = 0\nfallback = ...\n[cost]\nkind = lexicon\nfile = words.lexicon\n"


def run(*command):
    p = subprocess.run(list(map(str, command)), capture_output=True, check=False)
    return p.returncode, p.stdout.decode("utf-8", "replace"), p.stderr.decode("utf-8", "replace")


def main(binary, folder):
    lines = (pathlib.Path(__file__).resolve().parent / "golden.jsonl").read_text().splitlines()
    models = [(json.loads(o)["family"], json.loads(o)["name"]) for o in lines]
    families, bad = {}, 0
    for family, name in models:
        if not name.startswith("type-"):
            families.setdefault(family, []).append(name)
    names = sorted(n for group in families.values() for n in group)
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        (tmp / "p.ini").write_text(POLICY)
        for name in names:
            model = pathlib.Path(folder) / (name + ".gguf")
            common = ("run", "-m", model, "--raw", "-p", "the sun. ", "-n", "24", "--json", "-q", "--seed", "3", "-c", "256")
            code, out, err = run(binary, *common, "--guard", "off")
            if code:
                bad += 1
                print("FAILED: %s: exit %d: %s" % (name, code, err))
                continue
            # words that begin as the commonest of the unguarded text are forbidden
            letters = [w[0] for w in re.findall(r"[a-z]+", json.loads(out)["text"])]
            letter = max(sorted(set(letters)), key=letters.count) if letters else "e"
            (tmp / "words.lexicon").write_text("%s*\n" % letter)
            texts = []
            for threads in ("1", "2"):
                code, out, err = run(binary, *common, "--guard", tmp / "p.ini", "-t", threads)
                if code:
                    bad += 1
                    print("FAILED: %s guarded: exit %d: %s" % (name, code, err))
                    break
                o = json.loads(out)
                texts.append(o["text"])
                own = o["guard"]["fallbacks"] == 0
                if own and any(w[0] == letter for w in re.findall(r"\w+", o["text"].lower())):
                    bad += 1
                    print("FAILED: %s: a word in %r was delivered in %r" % (name, letter, o["text"]))
            if len(set(texts)) > 1:
                bad += 1
                print("FAILED: %s: another text with another thread count" % name)
            code, out, err = run(binary, "inspect", "-m", model)
            if code or "runs here      yes" not in out:
                bad += 1
                print("FAILED: %s: inspect: %s%s" % (name, out[:300], err))
    print("%d models of %d families under a guard: %d failures" % (len(names), len(families), bad))
    return 1 if bad or len(families) < 12 else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
