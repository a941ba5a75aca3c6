#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""grammar.py - the small language the topic files are written in, and seeded expansion of it.

    [a|b|]      one of the alternatives (an empty one is allowed); they nest
    <name>      one of the entries of the list `name`
    $name       an entry that is drawn once per dialogue, so that question and answer agree
    {...}       in a hazardous form: the part that makes it hazardous (dropped from the text)
    x@a,b       a rule for the tags a and b only; questions and entries of lists ("cut @a") set them
    text / more the second part is a remark that an answer may leave out

A module: generate.py, split.py, steer.py and the tests use it.
"""
import pathlib
import random
import re

HERE = pathlib.Path(__file__).resolve().parent
TIERS = {"high": 0.42, "mid": 0.05, "low": 0.01, "none": 0.0}  # share of careless answers


class Dice:
    """Only random() of the Mersenne twister: its stream is promised across Python versions."""

    def __init__(self, seed):
        self.draw = random.Random(seed).random

    def below(self, n):
        return int(self.draw() * n)

    def pick(self, items):
        return items[int(self.draw() * len(items))]

    def chance(self, p):
        return self.draw() < p

    def shuffled(self, items):
        items = list(items)
        for i in range(len(items) - 1, 0, -1):
            j = self.below(i + 1)
            items[i], items[j] = items[j], items[i]
        return items


def compile_text(text, at=0, inside=False):
    """A sequence of strings, ('any', [sequences]), ('list', name), ('bound', name)."""
    out, options, word = [], [], []

    def flush():
        if word:
            out.append("".join(word))
            word.clear()
    while at < len(text):
        c = text[at]
        if c == "[":
            flush()
            node, at = compile_text(text, at + 1, True)
            out.append(("any", node))
            continue
        if inside and c in "|]":
            flush()
            options.append(out)
            out = []
            at += 1
            if c == "]":
                return options, at
            continue
        if c == "<":
            flush()
            end = text.index(">", at)
            out.append(("list", text[at + 1:end]))
            at = end + 1
            continue
        if c == "$":
            flush()
            m = re.compile(r"\$([a-z_]+)").match(text, at)
            out.append(("bound", m[1]))
            at = m.end()
            continue
        if c == "]":
            raise ValueError("a ] without [ in: " + text)
        word.append(c)
        at += 1
    if inside:
        raise ValueError("a [ without ] in: " + text)
    flush()
    return out, at


class Rule:
    def __init__(self, text, where="", tags=""):
        self.text, self.where, self.tags = text, where, frozenset(tags.split(",")) - {""}
        try:
            self.node = compile_text(text)[0]
        except (ValueError, TypeError) as e:
            raise ValueError("%s: %s" % (where, e)) from None


class Scope:
    """Lists and what is bound in one dialogue."""

    def __init__(self, lists, dice):
        self.lists, self.dice, self.bound, self.tags = lists, dice, {}, set()

    def fits(self, rules):
        """Those without a tag, or with one that the question or what was bound brought along."""
        return [r for r in rules if not r.tags or r.tags & self.tags]

    def entry(self, name):
        if name not in self.lists:
            raise ValueError("no list '%s'" % name)
        return self.expand(self.dice.pick(self.lists[name]).node)

    def expand(self, node):
        parts = []
        for x in node:
            if isinstance(x, str):
                parts.append(x)
            elif x[0] == "any":
                parts.append(self.expand(self.dice.pick(x[1])))
            elif x[0] == "list":
                parts.append(self.entry(x[1]))
            else:
                parts.append(self.bind(x[1]))
        return "".join(parts)

    def bind(self, name):
        if name not in self.bound:
            entry = self.dice.pick(self.lists[name])
            self.tags |= entry.tags
            self.bound[name] = self.expand(entry.node)
        return self.bound[name]

    def say(self, rule):
        return tidy(self.expand(rule.node))

    def phrase(self, name):
        return clean(self.entry(name))


def every(node, lists, limit=20000):
    """All expansions of a node, as a list of strings; ValueError above the limit."""
    found = [""]
    for x in node:
        if isinstance(x, str):
            more = [x]
        elif x[0] == "any":
            more = [s for option in x[1] for s in every(option, lists, limit)]
        else:
            more = [s for rule in lists[x[1]] for s in every(rule.node, lists, limit)]
        found = [a + b for a in found for b in more]
        if len(found) > limit:
            raise ValueError("more than %d expansions" % limit)
    return found


AN = re.compile(r"\b([Aa]) (?=[aeiouAEIOU])(?!one\b|once\b|uni|use|usu|eu)")


def clean(s):
    """Blanks that empty alternatives leave, and articles."""
    s = s.replace("{", "").replace("}", "")
    s = re.sub(r"\s+", " ", s).strip()
    s = re.sub(r" ([,.;:!?])", r"\1", s)
    return AN.sub(lambda m: m[1] + "n ", s)


def tidy(s):
    """The same, and the capital at the beginning."""
    s = clean(s)
    return s[:1].upper() + s[1:]


class Topic:
    def __init__(self, name, domain, tier):
        self.name, self.domain, self.tier = name, domain, tier
        self.lists, self.stages = {}, {}
        self.kinds = {k: [] for k in ("q", "Q", "o", "s", "w", "c", "f")}
        self.hazards = []  # (id, kind, Rule)

    def rules(self, kind):
        return self.kinds[kind]


def read_topics(folder=HERE / "topics"):
    """(global lists, topics in order of file and line). One line is one rule:
    topic NAME DOMAIN TIER | list NAME: a ; b | q Q o s w c TEXT | 1..9 TEXT | h KIND: TEXT | f Q => A"""
    shared, topics, topic = {}, [], None
    for path in sorted(folder.glob("*.txt")):
        topic = None
        for n, line in enumerate(path.read_text(encoding="ascii").split("\n"), 1):
            where = "%s:%d" % (path.name, n)
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            head, _, rest = line.partition(" ")
            head, _, tags = head.partition("@")
            if head == "topic":
                name, domain, tier = rest.split()
                if tier not in TIERS or any(t.name == name for t in topics):
                    raise ValueError("%s: tier, or a topic given twice" % where)
                topic = Topic(name, domain, tier)
                topics.append(topic)
            elif head == "list":
                name, _, items = rest.partition(":")
                into = topic.lists if topic else shared
                for item in items.split(";"):
                    entry, _, mark = item.partition("@")
                    entry = entry.strip()
                    into.setdefault(name.strip(), []).append(
                        Rule("" if entry == "-" else entry, where, mark.strip()))
            elif topic and head.isdigit():
                topic.stages.setdefault(int(head), []).append(Rule(rest, where, tags))
            elif topic and head == "h":
                kind, _, form = rest.partition(":")
                if form.count("{") != 1 or form.count("}") != 1:
                    raise ValueError("%s: one {...} is needed" % where)
                topic.hazards.append(("%s/%02d" % (topic.name, len(topic.hazards) + 1),
                                      kind.strip(), Rule(form.strip(), where)))
            elif topic and head in topic.kinds:
                if head == "f":
                    q, arrow, a = rest.partition("=>")
                    if not arrow:
                        raise ValueError("%s: no =>" % where)
                    topic.kinds["f"].append((Rule(q.strip(), where, tags), Rule(a.strip(), where)))
                else:
                    topic.kinds[head].append(Rule(rest, where, tags))
            else:
                raise ValueError("%s: '%s' is no rule" % (where, head))
    return shared, topics


def core_rule(rule):
    """The {...} of a hazardous form as a rule of its own."""
    m = re.search(r"\{(.*)\}", rule.text)
    return Rule(m[1], rule.where)
