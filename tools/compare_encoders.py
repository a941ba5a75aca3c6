#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""compare_encoders.py --ours build/release/tests/encode_file --peer PROGRAM [--types q4_k,...] [--work DIR]

Mean squared error of encoders on the same weights: normal ones, and heavy-tailed ones (Student's t
with 3 degrees of freedom). What each program writes is decoded here (gguf_format.py), so that neither
one's own decoder counts. The peer is run on an F32 model made for it, as PROGRAM --pure IN OUT TYPE.

Prints a row of a Markdown table for each type: error divided by the variance of the weights, and ours
divided by the peer's. Exit 1 if one of those exceeds 1.02.
"""
import argparse
import os
import subprocess
import sys
import tempfile

import numpy as np

import gguf_format as gf
import make_shapes as ms

MODEL = dict(family="llama", dim=1024, ffn=4096, layers=1, heads=16, kv=16, hd=64, vocab=512, ctx=512, base=10000.0,
             eps=1e-5, tied=True)
KINDS = {"normal": lambda r, n: r.standard_normal(n), "heavy-tailed": lambda r, n: r.standard_t(3, n)}
TENSOR = "blk.0.ffn_gate.weight"


def make(path, kind):
    """An F32 model whose matrices are filled from one generator."""
    ms.write(path, MODEL, "F32", "encoders", 1, ms.vocabulary(MODEL["vocab"]))
    file = gf.Reader(path)
    random = np.random.default_rng(7)
    with open(path, "r+b") as f:
        for name, (shape, _, offset) in file.tensor.items():
            if len(shape) == 2:
                x = KINDS[kind](random, int(np.prod(shape))) * 0.02
                f.seek(file.base + offset)
                f.write(x.astype("<f4").tobytes())


def run(*command, cwd):
    p = subprocess.run(command, capture_output=True, check=False, cwd=cwd)
    if p.returncode:
        raise RuntimeError("%s: %s" % (command[0], p.stderr.decode()[-300:]))


def ours(program, x, tmp, kind):
    source, target = os.path.join(tmp, "in.f32"), os.path.join(tmp, "out.blocks")
    x.astype("<f4").tofile(source)
    run(program, kind, source, target, cwd=tmp)
    with open(target, "rb") as f:
        y = gf.decode(kind, f.read()).reshape(x.shape)
    return ((x - y) ** 2).mean() / x.var()


def peers(program, x, source, tmp, kind):
    target = os.path.join(tmp, "out.gguf")
    run(program, "--pure", source, target, kind, cwd=tmp)
    y = gf.Reader(target)
    if y.tensor[TENSOR][1] != kind:
        raise RuntimeError("%s wrote %s instead of %s" % (program, y.tensor[TENSOR][1], kind))
    return ((x - y.rows(TENSOR)) ** 2).mean() / x.var()


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--ours", required=True, help="encode_file of a build")
    ap.add_argument("--peer", required=True, help="another program")
    ap.add_argument("--types", default=",".join(t for t in gf.TYPES if t not in ("F32", "F16", "BF16")))
    ap.add_argument("--work", help="folder for the models (default: a temporary one)")
    a = ap.parse_args()
    fair = True
    print("| weights | type | ours | peer | ours / peer |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(dir=a.work) as tmp:
        tmp = os.path.abspath(tmp)
        for kind in KINDS:
            source = os.path.join(tmp, "in.gguf")
            make(source, kind)
            x = gf.Reader(source).rows(TENSOR)
            for t in a.types.upper().split(","):
                mine = ours(os.path.abspath(a.ours), x, tmp, t)
                other = peers(os.path.abspath(a.peer), x, source, tmp, t)
                fair &= mine <= 1.02 * other
                print("| %s | %s | %.4e | %.4e | %.3f |" % (kind, t, mine, other, mine / other), flush=True)
    return 0 if fair else 1


if __name__ == "__main__":
    sys.exit(main())
