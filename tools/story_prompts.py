#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""story_prompts.py OUT.jsonl: 1,344 openings for a model of children's stories (stories260K), in
families that `guard train` keeps together: twelve openings, sixteen names, things and company put in.
The critic of docs/critic.md that foresees sad words was trained and measured on them."""
import json
import sys

NAMES = "Lily Tom Ben Mia Sue Tim Amy Max Anna Jack Sam Lucy Bob Jane Spot Kitty".split()
THINGS = "ball car hat tree bird box toy boat".split()
WHO = "girl boy dog cat".split()
OPENINGS = [
    "Once upon a time, there was a {who} named {name}.", "One day, {name} went to the park with {other}.",
    "{name} had a red {thing}.", "{name} and {other} liked to play with the {thing}.", "{name} was a little {who}.",
    "{name} wanted a new {thing}.", "There was a big {thing} near the house of {name}.",
    "{name} saw a small {thing} in the garden.", "{name} lost a {thing}.", "{name} and a {who} fell in the park.",
    "It was a rainy day. {name} played with a {thing}.", "{name} had a friend. His name was {other}."]


def prompts():
    for o, opening in enumerate(OPENINGS):
        for i, name in enumerate(NAMES):
            seen = []
            for k in range(8):
                text = opening.format(name=name, other=NAMES[(i + 3 + 5 * k) % 16], thing=THINGS[(i + k) % 8],
                                      who=WHO[(i + k) % 4])
                if text not in seen:
                    seen.append(text)
                    yield {"prompt": text, "family": "%d/%s" % (o, name)}


if __name__ == "__main__":
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        for p in prompts():
            f.write(json.dumps(p) + "\n")
