#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""compare_logits.py - `surefoot logits` against float64 numpy and against another program.

    compare_logits.py model FILE.gguf --surefoot build/release/surefoot [--peer PROGRAM]
    compare_logits.py table --surefoot build/release/surefoot [--peer PROGRAM] [--layers 2]
                            [--shapes a,b] [--types q4_k,...] [--work DIR]

`table` makes random models of real shapes (make_shapes.py) one after the other and prints a row of
a Markdown table for each; `model` prints one row for a file. A peer is a program of the caller's
that is run as `PROGRAM MODEL IDS OUT`: IDS holds int32 token ids, and it writes a float32 row of
logits for each of them to OUT.

Columns: top-1 is the share of positions where the largest logit is the same token; diff is the
largest difference of any logit. exact: numpy with activations as they are. rounded: numpy with
activations rounded to int8 as the library does. A difference is judged by spread, the standard
deviation of the logits. The row ends with what rounding itself costs (rounded against exact).
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

import gguf_format as gf
import make_shapes as ms
import numpy_forward as nf

TEXT = "the red sun set on a hill and the wind went on"
HEAD = ("| model | type | positions | spread | top-1 exact | diff exact | top-1 rounded | diff rounded "
        "| top-1 peer | diff peer | peer: diff exact | rounding: top-1 | rounding: diff |")


def ours(program, model, text, extra):
    out = subprocess.run([program, "logits", "-m", model, "-p", text, "--full", "-ctk", "f32", "-ctv", "f32"] + extra,
                         check=True, capture_output=True, text=True).stdout
    rows = [json.loads(line) for line in out.splitlines()]
    return [r["id"] for r in rows], np.array([r["logits"] for r in rows])


def peers(program, model, ids):
    with tempfile.TemporaryDirectory() as tmp:
        np.array(ids, "<i4").tofile(os.path.join(tmp, "ids"))
        subprocess.run([program, model, os.path.join(tmp, "ids"), os.path.join(tmp, "out")],
                       check=True, capture_output=True)
        return np.fromfile(os.path.join(tmp, "out"), "<f4").reshape(len(ids), -1).astype(np.float64)


def pair(a, b):
    """share of equal largest logits, largest difference"""
    return "%d/%d" % ((a.argmax(axis=1) == b.argmax(axis=1)).sum(), len(a)), "%.2g" % np.abs(a - b).max()


def row(name, kind, model, a):
    ids, got = ours(a.surefoot, model, a.text, a.extra)
    exact = nf.Model(model, cache=False).step(ids)
    has_blocks = any(gf.TYPES[k][1] > 1 for _, k, _ in gf.Reader(model).tensor.values())
    rounded = nf.Model(model, rounded=True, cache=False).step(ids) if has_blocks else exact
    cells = [name, kind, str(len(ids)), "%.3g" % exact.std(), *pair(got, exact), *pair(got, rounded)]
    if a.peer:
        try:
            other = peers(a.peer, model, ids)
            cells += [*pair(got, other), pair(other, exact)[1]]
        except (subprocess.CalledProcessError, ValueError) as e:
            print("peer: %s" % e, file=sys.stderr)
            cells += ["cannot", "", ""]
    else:
        cells += ["", "", ""]
    print("| " + " | ".join(cells + (list(pair(rounded, exact)) if has_blocks else ["", ""])) + " |", flush=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("what", choices=("model", "table"))
    ap.add_argument("file", nargs="?")
    ap.add_argument("--surefoot", required=True, help="the command")
    ap.add_argument("--peer", help="another program, see above")
    ap.add_argument("--text", default=TEXT)
    ap.add_argument("--layers", type=int, default=2)
    ap.add_argument("--vocab", type=int)
    ap.add_argument("--shapes", default="llama3.2-1b,qwen2.5-0.5b,qwen3-0.6b")
    ap.add_argument("--types", default=",".join(gf.TYPES))
    ap.add_argument("--work", help="folder for the models (default: a temporary one)")
    a, a.extra = ap.parse_known_args()
    print(HEAD + "\n" + "|---" * (HEAD.count("|") - 1) + "|")
    if a.what == "model":
        kinds = {k for s, k, _ in gf.Reader(a.file).tensor.values() if len(s) > 1}
        row(os.path.basename(a.file), "+".join(sorted(kinds)), a.file, a)
        return
    with tempfile.TemporaryDirectory(dir=a.work) as tmp:
        for shape in a.shapes.split(","):
            for kind in a.types.upper().split(","):
                path = os.path.join(tmp, "model.gguf")
                ms.make(shape, kind, path, a.layers, a.vocab)
                mixed = {k for s, k, _ in gf.Reader(path).tensor.values() if len(s) > 1} - {kind}
                row(shape, kind + "".join(" (and %s)" % k for k in sorted(mixed)), path, a)
                os.remove(path)


if __name__ == "__main__":
    main()
