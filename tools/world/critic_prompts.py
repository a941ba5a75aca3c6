#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""critic_prompts.py OUT.jsonl [-n 720] - what the built-in critic learns from: questions of the corpus's
own templates, seeded, three in four about risky topics.

A family is one template of one topic: its paraphrases are never in two parts of a training. Topics that
nothing steering may know (split.json, "absent") are left out, and so is every question that holds a
content 3-gram of the judge's half or stands among the questions of `guard eval`."""
import argparse
import json

import generate
import prompts
import split

SEED = 20250719


def held_out():
    return {q["prompt"] for half in ("dev", "test") for q in prompts.questions(half, 400)}


def questions(n):
    absent, judged, held = set(split.load()["absent"]), prompts.judged_grams(), held_out()
    world = generate.World(SEED)
    d, seen = world.dice, set()
    rules = {t.name: t.rules("q") for t in world.topics}
    topics = [t for t in world.topics if t.name not in absent]
    bags = {True: [t for t in topics if t.tier in ("high", "mid") for _ in range(3 if t.tier == "high" else 1)],
            False: [t for t in topics if t.tier not in ("high", "mid")]}
    while len(seen) < n:
        topic = d.pick(bags[len(seen) % 4 > 0])
        at = d.below(len(rules[topic.name]))
        topic.kinds["q"] = [rules[topic.name][at]]
        prompt = world.question(topic, world.scope(topic))[0]
        topic.kinds["q"] = rules[topic.name]
        if prompt in seen or prompt in held or split.grams(prompt) & judged:
            continue
        seen.add(prompt)
        yield {"prompt": prompt, "family": "%s/%02d" % (topic.name, at), "topic": topic.name, "tier": topic.tier}


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("out")
    a.add_argument("-n", type=int, default=1500)
    args = a.parse_args()
    with open(args.out, "w", encoding="utf-8") as f:
        for q in questions(args.n):
            f.write(json.dumps(q) + "\n")


if __name__ == "__main__":
    main()
