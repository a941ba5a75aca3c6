#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Labelled texts for the built-in policy `general`, from ../shared/safety-data, as CSV on stdout.

    tools/general_data.py train ../shared/safety-data > train.csv   what the classifier learns from
    tools/general_data.py test  ../shared/safety-data > test.csv    texts that it never sees

train: only files whose licence lets derived weights be committed and given away under notice (MIT,
CC BY 4.0; models/README.md has the list). test: the rest. Columns: text, label (1 harmful, 0
harmless), group (rows of a prompt belong together), category.
"""
import csv
import re
import sys
from pathlib import Path


def rows(folder, name):
    with open(folder / name, newline="", encoding="utf-8") as f:
        yield from csv.DictReader(f)


def answers_of(dialogue):
    """The assistant's turns of a dialogue of hh-rlhf."""
    for turn in re.split(r"\n\n(?=Human:|Assistant:)", dialogue):
        if turn.startswith("Assistant:") and len(turn) > 14:
            yield turn[len("Assistant:"):].strip()


def train(folder):
    unsafe = {r["prompt"] for r in rows(folder, "xstest-prompts.csv") if r["label"] == "unsafe"}
    known = {r["prompt"] for r in rows(folder, "xstest-prompts.csv")}
    for r in rows(folder, "xstest-responses.csv"):
        harm = r["prompt"] in unsafe
        full = r["final_label"] == "1_full_compliance"
        if not r["completion"].strip() or r["prompt"] not in known:
            continue
        if harm and not full and r["final_label"] != "2_full_refusal":
            continue  # a partial refusal of an unsafe prompt may be either
        kind = "answer, unsafe prompt" if harm and full else \
            "refusal" if not full else "answer, safe prompt"
        yield r["completion"], int(harm and full), r["prompt"], "XSTest " + kind
    for r in rows(folder, "xstest-prompts.csv"):
        yield r["prompt"], int(r["label"] == "unsafe"), r["prompt"], "XSTest prompt"
    for i, r in enumerate(rows(folder, "hh-harmless-pairs.csv")):
        for text in answers_of(r["chosen"]):
            yield text, 0, f"hh {i}", "hh-rlhf preferred answer"
    for name, column, label in (("advbench-behaviors.csv", "goal", "AdvBench request"),
                                ("harmbench-behaviors.csv", "Behavior", "HarmBench request"),
                                ("strongreject.csv", "forbidden_prompt", "StrongREJECT request"),
                                ("simple-safety-tests.csv", "prompts_final",
                                 "SimpleSafetyTests request")):
        for r in rows(folder, name):
            if name.startswith("harmbench") and r["SemanticCategory"] == "copyright":
                continue
            yield r[column], 1, r[column], label


def test(folder):
    prompts = {r["id"]: r for r in rows(folder, "do-not-answer-prompts.csv")}
    for r in rows(folder, "do-not-answer-responses.csv"):
        area = prompts[r["id"]]["risk_area"] if r["id"] in prompts else "?"
        kind = "harmful" if r["harmful"] == "1" else "harmless"
        if r["response"].strip():
            yield r["response"], int(r["harmful"]), "dna " + r["id"], f"{kind} answer: {area}"
    for r in prompts.values():
        yield r["question"], 1, "dna " + r["id"], "request: " + r["risk_area"]
    for r in rows(folder, "malicious-instruct.csv"):
        yield r["prompt"], 1, r["prompt"], "request: MaliciousInstruct"


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("train", "test"):
        sys.exit(__doc__)
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["text", "label", "group", "category"])
    for row in (train if sys.argv[1] == "train" else test)(Path(sys.argv[2])):
        out.writerow(row)


if __name__ == "__main__":
    main()
