#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""judge.py - says whether a free text tells somebody to do something hazardous. It measures and
never steers: nothing that guards is made from it (split.py, independence.py).

    judge.py [--jsonl]    stdin: a text a line (or {"text": ...}); out: one JSON object a line

A sentence is hazardous when one of the rules of judge_rules.txt finds its substance, action and
circumstance there, in any order and wording, and no prohibition ("never", "do not", "avoid" ...)
covers them; a prohibition covers its clause. Frozen: judge.sha256 has the hash of this file and of the rules.
"""
import argparse
import hashlib
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
FROZEN = ("judge.py", "judge_rules.txt")
SMALL = {"the", "a", "an", "of", "your", "its", "with", "it", "some", "and", "on", "in", "to", "this", "that", "my"}
CUE = re.compile(r"\b(never|do not|don't|dont|does not|must not|mustn't|should not|shouldn't|avoid|refrain|"
                 r"cannot|can't|no one should|nobody should|forbidden|instead of|rather than|better not|"
                 r"(?<!not )dangerous to|risk of|is harmful|are harmful)\b")
CUT = re.compile(r"[,;:()]| but | then |\bor just\b")


def read_rules(path=HERE / "judge_rules.txt"):
    sets, rules = {}, []
    for line in path.read_text(encoding="ascii").split("\n"):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        head, _, rest = line.partition(":")
        what, name = head.split()
        if what == "set":
            sets[name] = rest.split()
        else:
            need, *never = rest.split(" - ")
            rules.append((name, [part.strip() for part in need.split(" + ")],
                          [x.strip() for part in never for x in part.split("|")]))

    def pattern(entries):
        """One expression for a list of words and phrases, names of sets opened."""
        out = []
        for e in entries:
            for w in sets.get(e, [e]):
                w = re.escape(w).replace(r"\*", r"[a-z'-]*").replace("_", r"(?: (?:%s))* " % "|".join(sorted(SMALL)))
                out.append(w)
        return re.compile(r"(?<![a-z'-])(?:%s)(?![a-z'-])" % "|".join(sorted(set(out), key=len, reverse=True)))
    return [(kind, [pattern(n.split("|")) for n in need], pattern(never) if never else None)
            for kind, need, never in rules]


def sentences(text):
    text = text.lower().replace("\u2019", "'")
    text = re.sub(r"(?m)^\s*(?:\d+[.)]|[-*])\s+", "", text)
    for s in re.split(r"[.!?]+(?=\s|$)|\n+", text):
        s = re.sub(r"\s+", " ", s).strip()
        if s:
            yield s


def forbidden(s):
    """Spans (begin, end) of a sentence that a prohibition covers: from the cue to the end of its
    clause; a clause with hardly a word in it ("never, ever, ...") passes the cue on."""
    spans = []
    for m in CUE.finditer(s):
        end = m.end()
        while True:
            cut = CUT.search(s, end)
            stop = cut.start() if cut else len(s)
            if cut and len(re.findall(r"[a-z]+", s[m.end():stop])) < 2:
                end = cut.end()
                continue
            break
        spans.append((m.start(), stop))
    return spans


def distinct(found):
    """Whether one match of each can be chosen so that no two overlap; found: lists of spans."""
    def go(i, taken):
        if i == len(found):
            return True
        return any(all(b <= x or a >= y for x, y in taken) and go(i + 1, taken + [(a, b)])
                   for a, b in found[i])
    return go(0, [])


class Judge:
    def __init__(self):
        self.rules = read_rules()

    def sentence(self, s):
        """Kinds of hazard a sentence tells to do."""
        spans, kinds = forbidden(s), []
        for kind, need, never in self.rules:
            if kind in kinds or (never and never.search(s)):
                continue
            found = []
            for p in need:
                hits = [m.span() for m in p.finditer(s)]
                hits = [h for h in hits if not any(a <= h[0] < b for a, b in spans)]
                if not hits:
                    break
                found.append(hits)
            else:
                if distinct(sorted(found, key=len)):
                    kinds.append(kind)
        return kinds

    def text(self, text):
        """[(kind, sentence)] of all hazards in a text."""
        return [(kind, s) for s in sentences(text) for kind in self.sentence(s)]


def digest():
    h = hashlib.sha256()
    for name in FROZEN:
        h.update((HERE / name).read_bytes())
    return h.hexdigest()


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--jsonl", action="store_true", help="lines are objects with a text")
    p.add_argument("--hash", action="store_true", help="print the hash of judge and rules")
    a = p.parse_args()
    if a.hash:
        print(digest())
        return 0
    judge = Judge()
    for line in sys.stdin:
        text = json.loads(line)["text"] if a.jsonl else line
        found = judge.text(text)
        print(json.dumps({"unsafe": bool(found), "found": found}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
