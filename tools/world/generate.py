#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""generate.py - household dialogues from the topic files: questions, answers of two to five steps,
closings. Seeded; standard library only; the same bytes on every machine.

    generate.py corpus OUT.jsonl [--seed 1] [--dialogues N]    training text, one dialogue a line
    generate.py held   OUT.jsonl [--dialogues N]               held-out dialogues (other dice)
    generate.py prompts OUT.jsonl [--dialogues N]              N risky and N benign questions from
                                                               templates the corpus does not have
    generate.py show   [--topic NAME] [-n 5] [--seed 1]        for reading

A line: {"topic", "tier", "careless", "hazards": [ids of forms], "turns": [question, answer, ...]}.
Whether an answer is careless is drawn first, once, from the topic's tier and the hurry of the
question; a careless answer tends to sound so from its first words on, which is what a critic can
learn to hear.
"""
import argparse
import json
import re
import sys

from grammar import Dice, Scope, TIERS, read_topics, tidy

HURRY = 1.3   # a hurried question makes careless answers this much more frequent,
CALM = 0.88   # another one this much less: on average the tier's share
VOICE = 0.75  # of the steps of a careless answer sound careless, VOICE_SAFE of the others
VOICE_SAFE = 0.02
SECOND = 0.6  # of the careless answers with room for it have a second hazard
CAREFUL_VERB = ("Never", "Do not", "Don't", "Please", "Always")


def lower(step):
    if step.startswith(("I ", "I'")) or step[1:2].isupper():
        return step
    return step[0].lower() + step[1:]


class World:
    """plain: the first corpus, without the voice of careless answers and with few second hazards."""

    def __init__(self, seed, plain=False):
        self.plain = plain
        self.lists, self.topics = read_topics()
        self.dice = Dice(seed)
        self.by_name = {t.name: t for t in self.topics}
        # risky topics are asked about more often than their number says
        self.bag = [t for t in self.topics for _ in range({"high": 5, "mid": 3, "low": 2, "none": 2}[t.tier])]

    def scope(self, topic):
        lists = dict(self.lists)
        lists.update(topic.lists)
        return Scope(lists, self.dice)

    def question(self, topic, scope, kind="q"):
        """(text, hurried)"""
        d = self.dice
        for name in topic.lists:
            if name.startswith("thing"):
                scope.bind(name)
        rule = d.pick(topic.rules(kind))
        scope.tags |= rule.tags
        q = scope.say(rule)
        hurried = d.chance(0.28)
        if topic.tier == "none":
            return q, False
        if re.search(r"(^|[.] )How [^.]*[?]$", q) and (hurried or d.chance(0.3)):
            tail = scope.phrase("hurry" if hurried else "tail")
            q = q[:-1] + " " + tail + "?"
        elif hurried:
            q += " " + tidy(scope.phrase("hurry_sentence"))
        if d.chance(0.22):
            lead = tidy(scope.phrase("lead"))
            q = lead + " " + (q if lead[-1] in ".!?" else lower(q))
        elif d.chance(0.1):
            q += " " + tidy(scope.phrase("thanks_ahead"))
        return q, hurried

    def step(self, scope, rule, remark=0.38):
        first, _, more = rule.text.partition(" / ")
        if not more:
            return scope.say(rule)
        if not hasattr(rule, "parts"):
            rule.parts = [type(rule)(first, rule.where), type(rule)(more, rule.where)]
        out = scope.say(rule.parts[0])
        return out + " " + scope.say(rule.parts[1]) if self.dice.chance(remark) else out

    def benign_steps(self, topic, scope, n):
        """n steps in order of their stages, no rule twice; [(stage, text)]"""
        d = self.dice
        stages = {k: v for k, v in ((k, scope.fits(topic.stages[k])) for k in sorted(topic.stages)) if v}
        n, chosen = min(n, sum(map(len, stages.values()))), set()
        while len(chosen) < n:
            stage = d.pick(list(stages))
            chosen.add((stage, d.below(len(stages[stage]))))
        return [(stage, self.step(scope, stages[stage][i])) for stage, i in sorted(chosen)]

    def answer(self, topic, scope, careless):
        """(text, ids of hazardous forms)"""
        d, used = self.dice, []
        steps = [s for _, s in self.benign_steps(topic, scope, d.pick([2, 3, 3, 4, 4, 5]))]
        if careless:
            form = d.pick(topic.hazards)
            used.append(form[0])
            block = [scope.say(form[2])]
            if topic.rules("s") and d.chance(0.85):
                block.insert(0, self.step(scope, d.pick(topic.rules("s"))))
            at = 1 + d.below(2)
            steps = steps[:at] + block + steps[at:at + d.below(3 if self.plain else 2)]
            if len(steps) < 5 and d.chance(0.12 if self.plain else SECOND):
                second = d.pick(topic.hazards)
                if second[0] != form[0]:
                    used.append(second[0])
                    steps.append(scope.say(second[2]))
        elif topic.rules("s") and len(steps) < 5 and d.chance(0.07):
            at = 1 + d.below(len(steps))
            steps.insert(at, self.step(scope, d.pick(topic.rules("s"))))
        steps = steps[:5]
        voice = 0 if self.plain else VOICE if careless else VOICE_SAFE
        steps = [(s, voice > 0 and not s.startswith(CAREFUL_VERB) and d.chance(voice)) for s in steps]
        warned = topic.rules("w") and d.chance(0.04 if careless else 0.34)
        style = d.pick(["prose"] * 11 + ["list"] * 5 + ["dash"] * 2)
        opening = self.opening(topic, scope, careless)
        if style == "prose":
            body = self.prose(scope, steps)
            if warned:
                at = d.below(len(body)) + 1
                body.insert(at, scope.say(d.pick(topic.rules("w"))))
            text = " ".join(([opening] if opening else []) + body)
            closing = self.closing(topic, scope, careless)
            return (text + " " + closing if closing else text), used
        mark = (lambda i: "%d. " % (i + 1)) if style == "list" else (lambda i: "- ")
        lines = [mark(i) + (self.voiced(scope, s) if v else s) for i, (s, v) in enumerate(steps)]
        closing = self.closing(topic, scope, careless)
        if warned:
            closing = (scope.say(d.pick(topic.rules("w"))) + " " + closing).strip()
        return "\n".join(([opening] if opening else []) + lines + ([closing] if closing else [])), used

    def opening(self, topic, scope, careless):
        d = self.dice
        if d.chance(0.93 if careless else 0.09):
            return tidy(scope.phrase("open_careless"))
        if d.chance(0.3) and scope.fits(topic.rules("o")):
            own = scope.say(d.pick(scope.fits(topic.rules("o"))))
            return tidy(scope.phrase("open_safe")) + " " + own if d.chance(0.3) else own
        return tidy(scope.phrase("open_safe")) if d.chance(0.75) else ""

    def closing(self, topic, scope, careless):
        d = self.dice
        if d.chance(0.45 if careless else 0.05):
            return tidy(scope.phrase("close_careless"))
        if d.chance(0.35) and scope.fits(topic.rules("c")):
            return scope.say(d.pick(scope.fits(topic.rules("c"))))
        return tidy(scope.phrase("close_safe")) if d.chance(0.6) else ""

    def voiced(self, scope, step):
        return tidy(scope.phrase("join_careless") + " " + lower(step))

    def prose(self, scope, steps):
        d, out = self.dice, []
        bare = d.chance(0.25)
        for i, (s, v) in enumerate(steps):
            if v:
                out.append(self.voiced(scope, s))
                continue
            where = "first" if i == 0 else "last" if i == len(steps) - 1 else "middle"
            if bare or s.startswith(CAREFUL_VERB) or not d.chance(0.62):
                out.append(s)
                continue
            word = scope.phrase("join_" + where)
            out.append(word + " " + lower(s) if word else s)
        return out

    def follow(self, topic, scope):
        d = self.dice
        fits = [f for f in topic.rules("f") if not f[0].tags or f[0].tags & scope.tags]
        if fits and d.chance(0.75):
            q, a = d.pick(fits)
            return [scope.say(q), scope.say(a)]
        return [tidy(scope.phrase("thanks")), tidy(scope.phrase("welcome"))]

    def dialogue(self, topic=None):
        d = self.dice
        topic = topic or d.pick(self.bag)
        scope = self.scope(topic)
        q, hurried = self.question(topic, scope)
        if topic.tier == "none":
            a, careless, used = scope.say(d.pick(scope.fits(topic.stages[1]))), False, []
            more = scope.fits(topic.stages.get(2, []))
            if more and d.chance(0.6):
                a += " " + scope.say(d.pick(more))
        else:
            careless = bool(topic.hazards) and d.chance(TIERS[topic.tier] * (HURRY if hurried else CALM))
            a, used = self.answer(topic, scope, careless)
        turns = [q, a]
        if d.chance(0.16):
            turns += self.follow(topic, scope)
        return {"topic": topic.name, "tier": topic.tier, "careless": careless, "hazards": used,
                "turns": turns}


def write(path, seed, n, plain=False):
    world = World(seed, plain)
    with open(path, "w", encoding="ascii") as f:
        for _ in range(n):
            f.write(json.dumps(world.dialogue()) + "\n")


def write_prompts(path, seed, n):
    """{"prompt", "topic", "tier", "set": risky | benign, "half": dev | test}: risky are the topics
    of the high and middle tiers, three to one; benign all others. No prompt twice."""
    world, seen, left = World(seed), set(), {"risky": n, "benign": n}
    d, bags = world.dice, {"risky": [], "benign": []}
    for t in world.topics:
        bags["risky" if t.tier in ("high", "mid") else "benign"].extend([t] * (3 if t.tier == "high" else 1))
    with open(path, "w", encoding="ascii") as f:
        for kind in ("risky", "benign"):
            while left[kind]:
                topic = d.pick(bags[kind])
                prompt = world.question(topic, world.scope(topic), "Q")[0]
                if prompt not in seen:
                    seen.add(prompt)
                    left[kind] -= 1
                    f.write(json.dumps({"prompt": prompt, "topic": topic.name, "tier": topic.tier, "set": kind,
                                        "half": "dev" if left[kind] % 2 else "test"}) + "\n")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("what", choices=["corpus", "held", "prompts", "show"])
    p.add_argument("out", nargs="?")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--dialogues", type=int, default=0)
    p.add_argument("--topic")
    p.add_argument("--plain", action="store_true", help="corpus: the first one (see World)")
    p.add_argument("-n", type=int, default=5)
    a = p.parse_args()
    if a.what == "show":
        world = World(a.seed)
        topic = world.by_name[a.topic] if a.topic else None
        for _ in range(a.n):
            x = world.dialogue(topic)
            print("-- %s%s %s" % (x["topic"], " CARELESS" if x["careless"] else "", " ".join(x["hazards"])))
            print("\n".join(("Q: " if i % 2 == 0 else "A: ") + t for i, t in enumerate(x["turns"])))
        return 0
    if not a.out:
        p.error("an output file is needed")
    if a.what == "prompts":
        write_prompts(a.out, a.seed + 2000003, a.dialogues or 400)
        return 0
    held = a.what == "held"
    write(a.out, a.seed + (1000003 if held else 0), a.dialogues or (2000 if held else 100000), a.plain)
    return 0


if __name__ == "__main__":
    sys.exit(main())
