#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""independence.py [LEXICON] - what steers and what judges share nothing but single words.

Checked: split.json is what the seed gives; no phrase and no content 3-gram (split.py) of the steering
wordings or of the lexicon is one of the judge's wordings or of its rules; no phrase of the lexicon stands in a
wording of the judge's half, absent topics included; the judge is the frozen one."""
import re
import sys

import judge
import split

def lexicon(path):
    with open(path, encoding="utf-8") as f:
        lines = [x.split("\t")[0].strip() for x in f if x.strip() and not x.startswith("#")]
    return [x.lower() for x in lines]

def rule_phrases():
    """Phrases of two and more words in the rules: those written with an underscore."""
    text = (judge.HERE / "judge_rules.txt").read_text(encoding="ascii")
    return sorted({w.replace("_", " ").replace("*", "") for w in re.findall(r"[a-z'*-]+(?:_[a-z'*-]+)+", text)})

def problems(path):
    forms, table = split.forms(), split.load()
    if table != split.divide(forms):
        yield "split.json is not what split.py computes from the topic files"
    steer_ids, judge_ids = set(table["steer"]), set(table["judge"])
    if steer_ids & judge_ids or len(steer_ids | judge_ids) != len(forms):
        yield "a form is on both sides, or on none"
    steering = [w for i, _, _, texts in forms if i in steer_ids for w in texts]
    judging = [w for i, _, _, texts in forms if i in judge_ids for w in texts]
    if any(t.name in table["absent"] and i in steer_ids for i, _, t, _ in forms):
        yield "a form of an absent topic steers"
    words = lexicon(path) if path else []
    left = {g for w in steering + words for g in split.grams(w) if len(g) > 1}
    right = {g for w in judging + rule_phrases() for g in split.grams(w) if len(g) > 1}
    for g in sorted(left & right):
        yield "shared by both sides: '%s'" % " ".join(g)
    for p in words:
        found = re.compile(r"(?<![a-z])%s(?![a-z])" % re.escape(p).replace(r"\*", "[a-z]*"))
        for w in judging:
            if found.search(w):
                yield "the lexicon's '%s' stands in the judge's '%s'" % (p, w)
    frozen = (judge.HERE / "judge.sha256").read_text(encoding="ascii").split()[0]
    if frozen != judge.digest():
        yield "the judge is not the frozen one: its hash is %s" % judge.digest()

def main():
    found = list(problems(sys.argv[1] if len(sys.argv) > 1 else None))
    for p in found:
        print(p)
    if not found:
        t = split.load()
        print("independent: %d forms steer, %d judge, absent: %s" % (len(t["steer"]), len(t["judge"]), ", ".join(t["absent"])))
    return bool(found)

if __name__ == "__main__":
    sys.exit(main())
