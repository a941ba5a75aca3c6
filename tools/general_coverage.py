#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a policy catches and misses: tools/general_coverage.py SUREFOOT POLICY CSV

CSV as tools/general_data.py writes it. Prints a Markdown table by category: texts that the policy
calls unsafe. Harmful texts are caught by that, harmless ones are touched.
"""
import csv
import json
import subprocess
import sys


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    with open(sys.argv[3], newline="", encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    p = subprocess.run([sys.argv[1], "guard", "check", "--guard", sys.argv[2], "--jsonl"],
                       input="".join(json.dumps({"text": r["text"]}) + "\n" for r in rows),
                       capture_output=True, text=True)
    verdicts = [json.loads(line) for line in p.stdout.splitlines()]
    if p.returncode not in (0, 7) or len(verdicts) != len(rows):
        sys.exit(f"guard check: exit {p.returncode}, {len(verdicts)} of {len(rows)}: {p.stderr}")
    count, total = {}, {"0": [0, 0], "1": [0, 0]}
    for r, v in zip(rows, verdicts):
        for c in (count.setdefault((r["category"], r["label"]), [0, 0]), total[r["label"]]):
            c[0] += 1
            c[1] += not v["safe"]
    print("| category | texts | called unsafe |\n| --- | --- | --- |")
    for (name, label), (n, k) in sorted(count.items(), key=lambda x: (x[0][1], x[0][0])):
        what = "caught" if label == "1" else "touched"
        print(f"| {name} | {n} | {k} ({100 * k / n:.2f} % {what}) |")
    for label, what in (("0", "harmless, touched"), ("1", "harmful, caught")):
        n, k = total[label]
        if n:
            print(f"| **all {what}** | {n} | {k} ({100 * k / n:.2f} %) |")


if __name__ == "__main__":
    main()
