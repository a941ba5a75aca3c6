#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""compare_levels.py SUREFOOT [--shapes a,b] [--types q4_k,...] [--layers 1] [--vocab 600]

Random models of real shapes (make_shapes.py), every type: the output of `logits --full` must have the
same bytes at every kernel level this CPU has, for one thread with 64 rows in a pass and for two threads
with one row. Prints a line a model; exit 1 if one differs.
"""
import argparse
import os
import subprocess
import sys
import tempfile

import gguf_format as gf
import make_shapes as ms

TEXT = "the red sun set on a hill and the wind went on and on; "
WAYS = (("-t", "1", "-b", "64"), ("-t", "2", "-b", "1"))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("surefoot")
    ap.add_argument("--shapes", default="llama3.2-1b,qwen2.5-0.5b,qwen3-0.6b")
    ap.add_argument("--types", default=",".join(gf.TYPES))
    ap.add_argument("--layers", type=int, default=1)
    ap.add_argument("--vocab", type=int, default=600)
    ap.add_argument("--work")
    a = ap.parse_args()
    version = subprocess.run([a.surefoot, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()
    levels = next(x for x in version if x.startswith("kernel levels")).split()[2:]
    bad = 0
    with tempfile.TemporaryDirectory(dir=a.work) as tmp:
        model = os.path.join(tmp, "m.gguf")
        for shape in a.shapes.split(","):
            for kind in a.types.upper().split(","):
                ms.make(shape, kind, model, a.layers, a.vocab)
                outputs, ran = set(), []
                for level in levels:
                    for way in WAYS:
                        p = subprocess.run([a.surefoot, "logits", "-m", model, "-p", TEXT, "--full", *way], check=False,
                                           capture_output=True, env={**os.environ, "SUREFOOT_ISA": level})
                        if p.returncode == 5:  # compiled in, but this CPU lacks it
                            continue
                        outputs.add(p.stdout if p.returncode == 0 else p.stderr)
                        bad += p.returncode != 0
                        ran.append(level)
                bad += len(outputs) != 1
                print("%s %s: %s (%s)" % (shape, kind, "equal" if len(outputs) == 1 else "DIFFERENT",
                                          " ".join(dict.fromkeys(ran))), flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
