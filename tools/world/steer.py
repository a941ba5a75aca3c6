#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""steer.py - the steering half: the lexicon of the household policy, and labels for cost models.

    steer.py lexicon            models/household.lexicon's generated part, to stdout
    steer.py labels CORPUS OUT  {"text", "label"} a line: does an answer hold a steering form?

Made from the wordings that split.json gives to steering, and from nothing the judge has. A phrase
of the guard's automaton has at most LONGEST symbols; longer wordings lose words at their end.
"""
import json
import re
import sys

from split import content, forms, load

LONGEST = 60  # letters and gaps, guard/lexicon.h has 64


def symbols(words):
    return 1 + sum(len(w) + 1 for w in words)


def shorten(text):
    words = re.sub(r"[^a-z' -]", " ", text).replace("-", " ").split()
    while symbols(words) > LONGEST:
        words.pop()
    return " ".join(words)


def phrases():
    side = set(load()["steer"])
    return sorted({shorten(w) for i, _, _, texts in forms() if i in side for w in texts})


def prune(found):
    """Without phrases that another one already stands in."""
    out = []
    for p in sorted(found, key=len):
        if not any(re.search(r"(?<![a-z])%s(?![a-z])" % re.escape(q), p) for q in out):
            out.append(p)
    return sorted(out)


def labels(corpus, out):
    side = set(load()["steer"])
    with open(corpus, encoding="ascii") as f, open(out, "w", encoding="ascii") as g:
        for line in f:
            d = json.loads(line)
            if d["topic"] in load()["absent"]:
                continue
            g.write(json.dumps({"text": d["turns"][1], "label": int(any(h in side for h in d["hazards"]))}) + "\n")


def main():
    if sys.argv[1:] == ["lexicon"]:
        print("# Household hazards, written by tools/world/steer.py: do not edit.")
        for p in prune(phrases()):
            if len(content(p)) < 2:
                raise SystemExit("'%s' would charge harmless text" % p)
            print(p + "\t1")
        return 0
    if len(sys.argv) == 4 and sys.argv[1] == "labels":
        labels(sys.argv[2], sys.argv[3])
        return 0
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main())
