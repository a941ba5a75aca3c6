#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""split.py - divides the hazardous surface forms once, by seed: one half for what steers (lexicon,
labels, critic), the other for the judge; three whole topics of the high tier for the judge alone.

    split.py [--check]      the table as JSON; --check compares it with split.json

Forms that share a phrase or a content 3-gram in any of their wordings are one paraphrase family and
stay together, so that no phrase and no content 3-gram stands on both sides.
"""
import argparse
import json
import re
import sys

from grammar import Dice, HERE, core_rule, every, read_topics, tidy

SEED = 20250214
ABSENT = 3
STOP = frozenset("""a about after all an and any as at be before but by do down each for from get give
go goes half has have if in into is it its just keep let little make more most much no not of off on once one
onto or other out over own put rest same set so some still straight take that the their them then there they
this through to too two three under until up use very was when where while with you your""".split())


def words(text):
    return re.findall(r"[a-z]+", text.lower())


def content(text):
    return [w for w in words(text) if w not in STOP]


def grams(text):
    """Content 3-grams; a shorter phrase counts as itself."""
    c = content(text)
    return {tuple(c[i:i + 3]) for i in range(len(c) - 2)} or {tuple(c)}


def wordings(rule, shared, topic):
    lists = dict(shared)
    lists.update(topic.lists)
    node = core_rule(rule)
    bound = [("list", x[1]) if not isinstance(x, str) and x[0] == "bound" else x for x in node.node]
    return sorted({tidy(s).lower() for s in every(bound, lists)})


def forms():
    """[(id, kind, topic, wordings)] of all hazards."""
    shared, topics = read_topics()
    return [(i, kind, t, wordings(rule, shared, t)) for t in topics for i, kind, rule in t.hazards]


def families(all_forms):
    """Lists of indices: what shares a content 3-gram, directly or through others."""
    parent = list(range(len(all_forms)))

    def root(i):
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i
    seen = {}
    for i, (_, _, _, texts) in enumerate(all_forms):
        for text in texts:
            for g in grams(text):
                if g in seen:
                    parent[root(i)] = root(seen[g])
                else:
                    seen[g] = i
    out = {}
    for i in range(len(all_forms)):
        out.setdefault(root(i), []).append(i)
    return [out[r] for r in sorted(out)]


def divide(all_forms, seed=SEED):
    dice = Dice(seed)
    high = sorted({t.name for _, _, t, _ in all_forms if t.tier == "high"})
    absent = sorted(dice.shuffled(high)[:ABSENT])
    side = {}
    waiting = {}
    for family in families(all_forms):
        if any(all_forms[i][2].name in absent for i in family):
            side.update((all_forms[i][0], "judge") for i in family)
        else:
            waiting.setdefault(all_forms[family[0]][2].name, []).append(family)
    for name in sorted(waiting):  # halves within each topic, larger families first
        count = {"steer": 0, "judge": 0}
        for family in sorted(dice.shuffled(waiting[name]), key=len, reverse=True):
            less = min(count, key=lambda s: (count[s], s != "steer"))
            count[less] += len(family)
            side.update((all_forms[i][0], less) for i in family)
    return {"seed": seed, "absent": absent,
            "steer": sorted(i for i in side if side[i] == "steer"),
            "judge": sorted(i for i in side if side[i] == "judge")}


def load():
    return json.loads((HERE / "split.json").read_text(encoding="ascii"))


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--check", action="store_true")
    a = p.parse_args()
    table = divide(forms())
    if not a.check:
        print(json.dumps(table, indent=1))
        return 0
    if table != load():
        print("split.json is not what split.py computes")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
