#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""guard_seeds.py BINARY MODEL SEEDS [--tokens N] [--prompt TEXT] [--words a,b,c] [--raw FILE]

What the guard does to the texts of one small model: SEEDS texts unguarded, and the same seeds under
a policy that forbids a few words the model likes to say, in lazy and full search with 1, 4 and 8
candidates; beside them what stopping at the first flag would show. Prints a Markdown table.

Violations are counted by a reader of its own (below), not by the lexicon's code: the words of the
text, without case and accents, compared with the list. A word counts where its last letter is the
answer's. Log-likelihood is the mean over delivered tokens of log P under the unguarded model without
sampling options, as the command reports it; the fallback text's tokens are no choice of the model
and are left out. Only the standard library is used. --raw keeps every answer as a JSON line."""
import argparse
import json
import math
import pathlib
import re
import subprocess
import sys
import tempfile
import unicodedata

POLICY = """[guard]
budget = 0
fallback = {fallback}
[cost]
kind = lexicon
file = words.lexicon
"""
FALLBACK = "The end."


def words_of(text):
    """(word, end, start) of every run of letters, digits and underscores: indices in text."""
    plain, at = "", []
    for i, c in enumerate(text):
        for d in unicodedata.normalize("NFKD", c):
            if not unicodedata.combining(d):
                plain += d.lower()
                at += [i + 1] * len(d.lower())
    return [(m[0], at[m.end() - 1], at[m.start()] - 1) for m in re.finditer(r"\w+", plain)]


def violations(prompt, text, words):
    """Where a forbidden word starts whose end lies in the answer, counted in the answer (so that a
    word which begins in the prompt starts below 0)."""
    return [start - len(prompt) for w, end, start in words_of(prompt + text)
            if w in words and end > len(prompt)]


def run(a, folder, guard, seed):
    cmd = [a.binary, "run", "-m", a.model, "--raw", "-p", a.prompt, "-n", str(a.tokens), "--seed",
           str(seed), "--json", "-q", "--logprobs", "0", "-t", "1", "--guard"]
    cmd += ["off"] if guard is None else [str(folder / "policy.ini")]
    for key in guard or []:
        cmd += ["--guard-set", key]
    out = subprocess.run(cmd, capture_output=True, text=True, encoding="utf-8")
    if out.returncode != 0:
        sys.exit(f"{' '.join(cmd)}: exit {out.returncode}: {out.stderr.strip()}")
    return json.loads(out.stdout)


def own_tokens(r):
    """Log-probabilities of the tokens that are the model's."""
    return [t["logprob"] for t in r["logprobs"] if t["logprob"] is not None]


def row(name, results, prompt, words):
    n = len(results)
    bad = [len(violations(prompt, r["text"], words)) for r in results]
    logs = [x for r in results for x in own_tokens(r)]
    tokens = sum(len(own_tokens(r)) for r in results)
    guard = [r["guard"] for r in results if r.get("guard")]
    evals = sum(g["evals"] for g in guard) if guard else sum(r["n_generated"] - 1 for r in results)
    whole = sum(g["fallbacks"] for g in guard)
    cut = sum(g["cuts"] for g in guard)
    return (f"| {name} | {sum(b > 0 for b in bad)} of {n} | {sum(bad)} | {100 * whole / n:.1f} % | "
            f"{100 * cut / n:.1f} % | {math.fsum(logs) / max(len(logs), 1):.3f} | "
            f"{tokens / n:.1f} | {evals / max(tokens, 1):.2f} |")


def stopped(results, prompt, words):
    """Unguarded text, ended by a reader that flags a word when it is complete. What was sent was
    sent: the word is on the screen. Tokens are cut in proportion to the text."""
    out = []
    for r in results:
        at = violations(prompt, r["text"], words)
        r = dict(r)
        if at:
            end = min(e for w, e, s in words_of(prompt + r["text"]) if s - len(prompt) == at[0])
            keep = end - len(prompt)
            share = keep / max(len(r["text"]), 1)
            r["text"] = r["text"][:keep]
            r["logprobs"] = r["logprobs"][:max(1, round(share * len(r["logprobs"])))]
            r["n_generated"] = len(r["logprobs"])
            r["guard"] = {"evals": len(r["logprobs"]) - 1, "fallbacks": 0, "cuts": 1}
        else:
            r["guard"] = {"evals": r["n_generated"] - 1, "fallbacks": 0, "cuts": 0}
        out.append(r)
    return out


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("binary")
    p.add_argument("model")
    p.add_argument("seeds", type=int)
    p.add_argument("--tokens", type=int, default=200)
    p.add_argument("--prompt", default="Once upon a time")
    p.add_argument("--words", default="sad,cry,lost,dark")
    p.add_argument("--raw")
    a = p.parse_args()
    words = set(a.words.split(","))
    raw = open(a.raw, "w", encoding="utf-8") if a.raw else None
    methods = [("unguarded", None)]
    methods += [(f"{mode}, N = {n}", [f"mode={mode}", f"candidates={n}"])
                for mode in ("lazy", "full") for n in (1, 4, 8)]
    print("| method | texts with a word | words | fallback | cut answers | mean log P | tokens | "
          "evaluations/token |\n|---|---|---|---|---|---|---|---|", flush=True)
    guarded = 0
    with tempfile.TemporaryDirectory() as d:
        folder = pathlib.Path(d)
        (folder / "words.lexicon").write_text("\n".join(sorted(words)) + "\n", encoding="utf-8")
        (folder / "policy.ini").write_text(POLICY.format(fallback=FALLBACK), encoding="utf-8")
        for name, guard in methods:
            results = []
            for seed in range(a.seeds):
                results.append(run(a, folder, guard, seed))
                if raw:
                    print(json.dumps({"method": name, "seed": seed, **results[-1]}), file=raw)
            if guard is None:
                print(row(name, [{**r, "guard": None} for r in results], a.prompt, words))
                print(row("stop at the first flag", stopped(results, a.prompt, words), a.prompt,
                          words), flush=True)
                continue
            guarded += sum(len(violations(a.prompt, r["text"], words)) for r in results)
            print(row(name, results, a.prompt, words), flush=True)
    if guarded:
        sys.exit(f"{guarded} forbidden words were delivered under the guard")


if __name__ == "__main__":
    main()
