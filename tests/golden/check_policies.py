#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""check_policies.py SUREFOOT: policies and lexicons through the command. Bad ones, made by hand: each
its own message of one line, naming the line, and its exit status. The examples of docs/policy.md and
of models/ open."""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
COST = "[cost]\nkind = lexicon\nfile = good.lexicon\n"


def lexicon(data):  # a policy that is good, on a lexicon that is not
    return COST.replace("good", "bad"), data


BAD = {  # what is wrong: (policy, exit status, part of the message) or, for lexicons, its bytes instead
    "empty file": (b"", 3, "no [cost] section"),
    "a web page": (b"<!DOCTYPE html>\n<html></html>\n", 3, "line 1"),
    "a pointer of Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", 3, "line 1"),
    "a model file": (b"GGUF\x03\0\0\0\0\0\0\0\0\0\0\0", 3, "not text"),
    "UTF-16": ("[cost]\n".encode("utf-16"), 3, "byte 1 is not text"),
    "cut in a name": (b"[cost", 3, "line 1: '[' without ']'"),
    "key without value": (COST + "weight\n", 3, "line 4: neither"),
    "unknown key": (COST + "[guard]\nbudgett = 1\n", 3, "line 5: unknown key 'budgett'"),
    "key twice": ("[guard]\nbudget = 1\nbudget = 2\n" + COST, 3, "line 3: key 'budget' again: first in line 2"),
    "section twice": (COST + "[cost]\n", 3, "line 4: section [cost] again"),
    "unknown section": (COST + "[gaurd]\n", 3, "unknown section [gaurd]"),
    "NaN": ("[guard]\nbudget = nan\n" + COST, 3, "line 2: budget = nan"),
    "negative": ("[guard]\nbudget = -1\n" + COST, 3, "must not be negative"),
    "overflow": ("[guard]\nbudget = 1e308\n" + COST, 3, "budget = 1e308"),
    "out of range": ("[guard]\ngamma = 1.5\n" + COST, 3, "from 1e-06 to 1"),
    "above the compiled bound": ("[guard]\nblock = 100000\n" + COST, 2, "SF_GUARD_MAX_BLOCK"),
    "lag above the bound": ("[guard]\nlag = 3\n" + COST, 2, "SF_GUARD_MAX_LAG"),
    "off": ("[guard]\nmode = off\n" + COST, 3, "--guard off"),
    "fallback that costs": ("[guard]\nfallback = Do not be sad\n" + COST, 3, "must be free"),
    "unknown kind": ("[cost]\nkind = oracle\n", 3, "kind = oracle: known are"),
    "absolute path": (COST.replace("good", "/etc/good"), 3, "an absolute path is refused"),
    "path upwards": (COST.replace("good", "a/../../good"), 3, "'..' is refused"),
    "no such file": (COST.replace("good", "gone"), 3, "gone.lexicon"),
    "a folder": (COST.replace("good.lexicon", "folder"), 3, "file = folder"),
    "contains itself": ("[cost]\nkind = sum\nparts = a\n[cost.a]\nkind = max\nparts = a\n", 3, "contains itself"),
    "part missing": ("[cost]\nkind = sum\nparts = a\n", 3, "no section [cost.a]"),
    "part unused": (COST + "[cost.a]\nkind = lexicon\n", 3, "no `parts` names 'a'"),
    "part with a bad weight": ("[cost]\nkind = sum\nparts = a\n[cost.a]\nkind = lexicon\nfile = good.lexicon\n"
                               "weight = inf\n", 3, "weight = inf"),
    "a line of a megabyte": ("[guard]\nfallback = " + "a" * 500000 + "\n" + COST, 3, "bytes: at most"),
    "a file of 100 megabytes": (None, 3, "bytes"),
    "lexicon: empty": (lexicon(b""), 3, "it would protect nothing"),
    "lexicon: not UTF-8": (lexicon(b"sad\nm\xfcde\n"), 3, "bad.lexicon line 2: not valid UTF-8"),
    "lexicon: NUL": (lexicon(b"sad\0\n"), 3, "a NUL byte"),
    "lexicon: NaN": (lexicon(b"sad\tnan\n"), 3, "weight 'nan': a decimal"),
    "lexicon: negative": (lexicon(b"sad\t-1\n"), 3, "weight '-1' is negative"),
    "lexicon: overflow": (lexicon(b"sad\t1e308\n"), 3, "weight '1e308'"),
    "lexicon: only a star": (lexicon(b"sad\n\n*\n"), 3, "line 3: the phrase has no letters"),
    "lexicon: symbols": (lexicon(b"a&b\n"), 3, "symbols are not matched"),
    "lexicon: a line of a megabyte": (lexicon(b"a" * 1000000), 3, "longer than 64"),
    "lexicon: a web page": (lexicon(b"<html>\n<p>" + b"x" * 100), 3, "line 2: the phrase is longer"),
}


def run(program, policy, *args):
    r = subprocess.run([program, "guard", "check", "--guard", str(policy), *args], stdin=subprocess.DEVNULL,
                       capture_output=True, timeout=120)
    return r.returncode, r.stdout.decode(), r.stderr.decode()


def bad_files(program, folder):
    (folder / "good.lexicon").write_text("sad\n")
    (folder / "folder").mkdir()
    messages, wrong = {}, []
    for name, (policy, status, says) in BAD.items():
        if isinstance(policy, tuple):
            (folder / "bad.lexicon").write_bytes(policy[1])
            policy = policy[0]
        with open(folder / "p.ini", "wb") as f:
            if policy is None:
                f.truncate(100 << 20)
            else:
                f.write(policy.encode() if isinstance(policy, str) else policy)
        code, out, err = run(program, folder / "p.ini", "-p", "hello")
        lines = [x for x in err.splitlines() if x]
        if code != status or says not in err or len(lines) != 1 or out:
            wrong.append("%s: exit %d, not %d with '%s': %s%s" % (name, code, status, says, err, out[:200]))
        messages.setdefault(err, []).append(name)
    wrong += ["one message for %s: %s" % (", ".join(n), m) for m, n in messages.items() if len(n) > 1]
    return wrong


def train(program, folder, *options):
    p = subprocess.run([program, "guard", "train", "--kind", "ngram", *map(str, options)], cwd=folder,
                       stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return p.returncode, p.stdout, p.stderr


def trains_from_text(program, folder):
    """CSV as RFC 4180 has it and JSON lines give one classifier, bit for bit; bad tables, a line each."""
    wrong = []
    rows = [("Mix the \"poison\",\nthen %d drops" % i, "bad") for i in range(12)]
    rows += [("A warm pot, %d" % i, "good") for i in range(12)]
    quoted = "\r\n".join('%d,"%s",%s' % (i, t.replace('"', '""'), k) for i, (t, k) in enumerate(rows))
    (folder / "rows.csv").write_bytes(("\ufeffid,words,\"kind\"\r\n" + quoted).encode())
    (folder / "rows.jsonl").write_text("".join(json.dumps({"words": t, "kind": k, "id": 3}) + "\n" for t, k in rows))
    options = ["--text", "words", "--label", "kind", "--positive", "bad", "--bits", 10]
    for name, threads in (("csv", 1), ("jsonl", 2)):
        code, out, err = train(program, folder, "--csv", "rows." + name, *options, "-t", threads,
                               "--by", "kind", "--out", "mine." + name)
        if code or err or "rows 24, 12 of them harmful" not in out or "AUROC on rows not trained on 1.0000" not in out:
            wrong.append("guard train of %s: exit %d: %s%s" % (name, code, err, out))
        if not re.search(r"^bad +12 +100.0% +0 ", out, re.M):
            wrong.append("guard train --by: %s" % out)
    if (folder / "mine.csv").read_bytes() != (folder / "mine.jsonl").read_bytes():
        wrong.append("CSV and JSON lines give different classifiers")
    code, out, err = train(program, folder, "--csv", "rows.csv", *options, "--json", "--out", "mine.ngram")
    if code or json.loads(out)["auroc"] != 1:
        wrong.append("guard train --json: %s%s" % (out, err))
    (folder / "open.csv").write_text('words,kind\n"never closed,bad\n')
    (folder / "after.csv").write_text('words,kind\n"a"b,bad\n')
    (folder / "short.csv").write_text("words,kind\nalone\n")
    (folder / "odd.jsonl").write_text('{"words":"a","kind":"b"}\n{"words":["a"],"kind":"b"}\n')
    for name, status, says in (("open.csv", 3, "line 2: a quote that is never closed"),
                               ("after.csv", 3, "line 2: text behind a closing quote"),
                               ("short.csv", 3, "line 2: 1 fields, and 'kind' is column 2"),
                               ("odd.jsonl", 3, "line 2: no text, number or truth value 'words'"),
                               ("gone.csv", 1, "gone.csv")):
        code, out, err = train(program, folder, "--csv", name, *options, "--out", "none.ngram")
        if code != status or says not in err or err.count("\n") != 1 or out or (folder / "none.ngram").exists():
            wrong.append("guard train of %s: exit %d: %s%s" % (name, code, err, out))
    code, out, err = train(program, folder, "--csv", "rows.csv", "--out", "none.ngram")
    if code != 2 or "has no column 'text'" not in err:
        wrong.append("guard train without --text: exit %d: %s" % (code, err))
    return wrong


def good_files(program, folder):
    wrong, examples = [], 0
    wrong += trains_from_text(program, folder)  # and gives the examples their mine.ngram
    blocks = re.findall(r"^```(ini|text)\n(.*?)^```$", (ROOT / "docs/policy.md").read_text(), re.S | re.M)
    for kind, text in blocks:
        m = re.match(r"# (\w+\.lexicon)\b", text)
        if kind == "text" and m:
            (folder / m[1]).write_text(text)
    for kind, text in blocks:
        if kind == "ini":
            examples += 1
            (folder / "example.ini").write_text(text)
            code, out, err = run(program, folder / "example.ini", "--coverage")
            if code or not re.search("lexicon|classifier", out):
                wrong.append("docs/policy.md, example %d: exit %d: %s" % (examples, code, err))
    if examples < 3:
        wrong.append("docs/policy.md: only %d examples" % examples)
    for p in sorted((ROOT / "models").glob("*.ini")):
        code, out, err = run(program, p, "-p", "A nice day for a walk.")
        if code:
            wrong.append("%s: exit %d: %s" % (p, code, err))
    return wrong


def coverage_is_whole(program, folder):
    """As many cost models as a policy has room for: each of them says what it does not read."""
    (folder / "words.lexicon").write_text("sad\n")
    text = "[cost]\nkind = sum\nparts = %s\n" % ", ".join("s%d" % i for i in range(3))
    for i in range(3):
        text += "[cost.s%d]\nkind = sum\nparts = %s\n" % (i, ", ".join("w%d_%d" % (i, j) for j in range(16)))
        for j in range(16):
            text += "[cost.w%d_%d]\nkind = lexicon\nfile = words.lexicon\n" % (i, j)
    (folder / "many.ini").write_text(text)
    wrong = []
    for option in ([], ["--json"]):
        code, out, err = run(program, folder / "many.ini", "--coverage", *option)
        if code or out.count("lexicon of 1 phrases") != 48 or "\0" in out or "u0000" in out:
            wrong.append("--coverage of 48 parts: exit %d, %d of them: %s" % (code, out.count("lexicon of"), err))
    return wrong


def every_key_is_told():
    text = (ROOT / "docs/policy.md").read_text()
    keys = re.findall(r'IS\("(\w+)"\)', (ROOT / "guard/policy_keys.c").read_text())
    return ["docs/policy.md lacks `%s`" % k for k in keys if "| `%s` |" % k not in text]


def main():
    with tempfile.TemporaryDirectory() as a, tempfile.TemporaryDirectory() as b:
        wrong = bad_files(sys.argv[1], pathlib.Path(a)) + good_files(sys.argv[1], pathlib.Path(b))
        wrong += coverage_is_whole(sys.argv[1], pathlib.Path(b))
    wrong += every_key_is_told()
    for w in wrong:
        print(w)
    print("%d bad policies and lexicons, %d complaints" % (len(BAD), len(wrong)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
