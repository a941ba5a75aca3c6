#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""check_stories.py SUREFOOT SHARED - real weights (stories260K) say what two independent programs say.

SHARED/models/expected has the texts of llama2.c's run.c and the ids, texts and logits of a numpy
forward pass (README.md there). Exit 77 with a message where they are missing; 1 if a check fails.

    texts    f32, greedy, 200 positions: byte for byte, by `run -f`; ids and texts again by `run --json`
    f16      its own ids, up to the first gap that a 16-bit cache could turn over
    q8_0     the references leave activations as they are, so: a common beginning, and every id and logit
             against numpy that rounds them as the library does
    logits   2e-4 with an F32 cache, 0.05 with the default one; also the likelihood of the whole text
"""
import json
import math
import pathlib
import subprocess
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import numpy_forward as nf  # noqa: E402

POSITIONS = 200  # the prompt's counted
BOS = 1
EXACT = ["-ctk", "f32", "-ctv", "f32"]
# Largest error of a logit. Q8_0: the reference leaves activations unrounded, the program does not.
BOUND = {"f32": {"exact": 2e-4, "default": 0.05}, "f16": {"exact": 2e-4, "default": 0.05},
         "q8_0": {"exact": 0.3, "default": 0.3}}
BOUND_NLL = {"f32": 1e-3, "f16": 1e-3, "q8_0": 0.5}  # of a whole text, natural logarithm
failures = []


def expect(ok, *what):
    if not ok:
        failures.append(" ".join(map(str, what)))
        print("FAILED", *what)


class Stories:
    def __init__(self, program, shared):
        self.program, self.models = program, shared / "models"

    def run(self, command, kind, *args):
        model = self.models / ("stories260K-%s.gguf" % kind)
        p = subprocess.run([self.program, command, "-m", model, *map(str, args)], capture_output=True, check=False)
        expect(p.returncode == 0, command, kind, args, "exit", p.returncode, p.stderr.decode())
        return p.stdout

    def generate(self, kind, *args):
        return self.run("run", kind, "--raw", "--temp", 0, "--guard", "off", "-q", *args)

    def expected(self, name):
        return (self.models / "expected" / name).read_text()

    def greedy(self, kind):
        return [json.loads(line) for line in self.expected("stories260K-%s-greedy.jsonl" % kind).splitlines()]


def new_tokens(ref):
    return POSITIONS - (len(ref["prompt_ids"]) - 1)


def texts(s):
    """Every prompt file, as the bytes another program printed."""
    refs = {r["prompt"].encode(): r for r in s.greedy("f32")}
    files = sorted((s.models / "expected").glob("p*.prompt.txt"))
    same = 0
    for file in files:
        prompt = file.read_bytes()
        ref = refs[prompt]
        got = s.generate("f32", "--echo", "-n", new_tokens(ref), "-f", file)
        expect(got == ref["text"].encode() + b"\n", file.name, "prints", got, "instead of", ref["text"])
        if prompt.isascii():  # run.c's printer drops the single bytes of other letters
            want = file.with_name(file.name.replace(".prompt.txt", ".run-c.txt")).read_bytes()
            expect(got == want, file.name, "prints", got, "run.c", want)
            same += got == want
    expect(len(files) >= 13 and same >= len(files) - 1, "only", same, "texts of", len(files), "compared")
    print("texts: %d prompts, %d byte for byte as run.c" % (len(files), same))


def ids(s, kind, gap, *cache):
    """The ids of every prompt; where min_gap is below `gap` a common beginning is enough."""
    whole = shared = total = 0
    for ref in s.greedy(kind):
        d = json.loads(s.generate(kind, "--json", "-n", new_tokens(ref), "-p", ref["prompt"], *cache))
        expect(d["prompt_ids"] == ref["prompt_ids"], kind, repr(ref["prompt"]), d["prompt_ids"], ref["prompt_ids"])
        got, want = d["ids"], ref["ids"]
        if want[-1] == BOS:  # it ends the text, and is no part of it
            want = want[:-1]
        n = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
        equal = n == len(got) == len(want)
        whole, shared, total = whole + equal, shared + n, total + len(want)
        if ref["min_gap"] >= gap:
            expect(equal, kind, repr(ref["prompt"]), "parts at", n, got[n - 3:n + 3], want[n - 3:n + 3])
            expect(ref["prompt"] + d["text"] == ref["text"], kind, repr(ref["prompt"]), "text", d["text"])
        else:
            expect(n >= 10, kind, repr(ref["prompt"]), "parts at once", got[:12], want[:12])
    print("ids %s: %d of %d texts whole, %d of %d ids" % (kind, whole, len(s.greedy(kind)), shared, total))


def logits(s, kind):
    worst = {}
    for ref in json.loads(s.expected("stories260K-%s-logits.json" % kind)):
        for cache, args in (("exact", EXACT), ("default", [])):
            rows = [json.loads(x) for x in s.run("logits", kind, "-p", ref["text"], "--full", *args).splitlines()]
            expect([r["id"] for r in rows] == ref["ids"], kind, ref["text"], "ids", [r["id"] for r in rows])
            last = rows[-1]["logits"]
            expect(len(last) == len(ref["last_logits"]), kind, ref["text"], len(last), "logits")
            diff = max(abs(a - b) for a, b in zip(last, ref["last_logits"]))
            expect(diff <= BOUND[kind][cache], kind, cache, ref["text"], "logits differ by", diff)
            nll = 0
            for row, following in zip(rows, ref["ids"][1:]):
                top = max(row["logits"])
                nll += top + math.log(sum(math.exp(v - top) for v in row["logits"])) - row["logits"][following]
            bound = BOUND_NLL[kind] if cache == "exact" else max(BOUND_NLL[kind], BOUND[kind][cache])
            expect(abs(nll - ref["nll"]) <= bound, kind, cache, ref["text"], "likelihood", nll, ref["nll"])
            worst[cache] = max(worst.get(cache, 0), diff)
    print("logits %s: off by %.2g with an F32 cache, %.2g with the default one" % (kind, worst["exact"], worst["default"]))


def rounded_activations(s, kind):
    """The program's own ids: each is what numpy with rounded activations chooses, near ties apart."""
    model = nf.Model(str(s.models / ("stories260K-%s.gguf" % kind)), rounded=True)
    tokens = worst = ties = 0
    for ref in s.greedy(kind):
        d = json.loads(s.generate(kind, "--json", "-n", new_tokens(ref), "-p", ref["prompt"], *EXACT))
        model.start()
        want = model.step(d["prompt_ids"] + d["ids"])[len(d["prompt_ids"]) - 1:-1]
        chosen = want[np.arange(len(d["ids"])), d["ids"]]
        behind = want.max(axis=1) - chosen
        tokens, ties, worst = tokens + len(chosen), ties + (behind > 0).sum(), max(worst, behind.max())
        expect(behind.max() <= 0.1, kind, repr(ref["prompt"]), "chooses a token that is", behind.max(), "behind")
    expect(ties <= tokens // 200, kind, ties, "choices differ")
    rows_off = []
    for ref in json.loads(s.expected("stories260K-%s-logits.json" % kind)):
        rows = [json.loads(x) for x in s.run("logits", kind, "-p", ref["text"], "--full", *EXACT).splitlines()]
        model.start()
        rows_off += list(np.abs(model.step(ref["ids"]) - np.array([r["logits"] for r in rows])).max(axis=1))
    # One activation of a text that float32 rounds the other way moves all positions after it.
    near = sum(off <= 1e-4 for off in rows_off)
    expect(near >= 0.7 * len(rows_off) and max(rows_off) <= BOUND[kind]["exact"], kind, "logits differ from numpy with "
           "rounded activations:", rows_off)
    print("rounded %s: %d of %d tokens as numpy, the others %.2g behind; %d of %d rows of logits within 1e-4" % (
        kind, tokens - ties, tokens, worst, near, len(rows_off)))


def first_logits(s, kind):
    """The five best after every prompt of the greedy texts, p11 with its bytes among them."""
    for ref in s.greedy(kind):
        args = ["-p", ref["prompt"]] if ref["prompt"] else ["-f", "/dev/null"]
        rows = [json.loads(x) for x in s.run("logits", kind, *args, "-k", 5, *EXACT).splitlines()]
        expect([r["id"] for r in rows] == ref["prompt_ids"], kind, ref["prompt"], "ids")
        for (token, value, _), (want, wanted) in zip(rows[-1]["top"], ref["top5_first"]):
            near = abs(value - wanted) <= BOUND[kind]["exact"]
            expect(near and (token == want or kind == "q8_0"), kind, repr(ref["prompt"]), "first", token, value, want, wanted)


def main():
    program, shared = sys.argv[1], pathlib.Path(sys.argv[2])
    if not (shared / "models/expected/p00.prompt.txt").exists():
        print("skipped: no reference texts in %s/models/expected" % shared)
        return 77
    s = Stories(program, shared)
    texts(s)
    ids(s, "f32", 0)
    ids(s, "f16", 0, *EXACT)
    ids(s, "f16", 0.02)
    ids(s, "q8_0", 0.3)
    rounded_activations(s, "q8_0")
    for kind in BOUND:
        logits(s, kind)
        first_logits(s, kind)
    print("%d failures" % len(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
