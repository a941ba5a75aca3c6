#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""compare_logits.py - `surefoot logits` against float64 numpy and against another program.

    compare_logits.py table --surefoot build/release/surefoot [--peer PROGRAM] [--work DIR]
                            [--shapes a,b] [--types q4_k,...] [--layers 2] [--vocab 32000]
    compare_logits.py model FILE.gguf --surefoot build/release/surefoot [--peer PROGRAM]

`table` makes random models of real shapes (make_shapes.py) one after the other and prints a row of
a Markdown table for each (--vocab 0: the whole vocabulary); `model` prints one row for a file.

The peer is a build of llama.cpp's perplexity program or of one of its kin. It is run with
`--kl-divergence-base FILE`, which writes the log-probabilities of the second half of a context, 16
bits each; what is compared with it are log-probabilities too, those of the same positions.

Columns. top-1: the share of positions where the largest logit is the same token. diff: the largest
difference of any logit. numpy: activations as they are. rounded: numpy whose activations are rounded
to int8 as the library does. What rounding costs by itself: rounded against numpy. float32 alone:
rounded numpy in float32 against the same in float64 (some activations are so near a rounding boundary
that the last bit of a sum decides, and one step of one activation moves everything after it). A
difference is judged by spread, the standard deviation of the logits.

Exit 1 if the library is further from numpy than the columns explain.
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

TEXT = ("the red sun set on a hill and the wind went on and on; one day a small dog ran into the wood, sat on a stone "
        "and sang a song of rain, of snow, of long roads and of the sea. no one heard it but the moon, who told it to "
        "the stars; they lit a lamp for each word, and when the dog came home at dawn the whole sky was full of light, "
        "and the sea, the roads and the rain knew the song by heart and sang it to all who came by.")
N = 64  # positions compared with numpy; the second half of them (the last apart) with the peer
HEAD = ("| model | type | spread | numpy: top-1 | diff | rounded: top-1 | diff | rounding alone: top-1 | diff "
        "| peer: top-1 | diff | peer to numpy: top-1 | diff |")


def output(*command, cwd=None):
    p = subprocess.run([str(c) for c in command], capture_output=True, check=False, cwd=cwd)
    if p.returncode:
        raise RuntimeError("%s: exit %d: %s" % (" ".join(map(str, command)), p.returncode, p.stderr.decode()[-400:]))
    return p.stdout


def ours(program, model, text, extra):
    """ids and logits (N, vocab) of the first N tokens of a text"""
    ids = json.loads(output(program, "tokenize", "-m", model, "--ids", "-p", text))
    if len(ids) < 2 * N:
        raise RuntimeError("the text has %d tokens here, less than %d" % (len(ids), 2 * N))
    got, rows = [], []
    command = [program, "logits", "-m", model, "-p", text, "--full", "-k", "1", "-ctk", "f32", "-ctv", "f32", *extra]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
        for line in p.stdout:
            row = json.loads(line)
            got.append(row["id"])
            rows.append(np.array(row["logits"]))
            if len(got) == N:
                break
        p.kill()
        message = p.stderr.read().decode()
    if got != ids[:N]:
        raise RuntimeError("logits of other tokens: %s" % message)
    return got, np.array(rows)


def peers(program, args, model, text, ids):
    """Log-probabilities (N / 2 - 1, vocab) after the tokens N / 2 .. N - 2."""
    with tempfile.TemporaryDirectory() as tmp:
        source, base = os.path.join(tmp, "text"), os.path.join(tmp, "base")
        with open(source, "w", encoding="utf-8") as f:
            f.write(text)
        output(os.path.abspath(program), "-m", os.path.abspath(model), "-f", source, "-c", N, "-b", N, "--chunks", 1, *args,
               "--kl-divergence-base", base, cwd=tmp)  # it leaves a log where it runs
        with open(base, "rb") as f:
            raw = f.read()
    # "_logits_", int32 context, vocabulary, chunks; int32 ids; then rows: float32 step and least
    # log-probability, a uint16 for each token (their count rounded up to be even)
    context, vocab, chunks = np.frombuffer(raw, "<i4", 3, 8)
    other = np.frombuffer(raw, "<i4", context * chunks, 20)
    if raw[:8] != b"_logits_" or context != N or chunks != 1:
        raise RuntimeError("the peer wrote an unknown file")
    if list(other) != ids:
        raise RuntimeError("the peer reads other tokens: %s instead of %s" % (list(other[:16]), ids[:16]))
    even = vocab + vocab % 2
    rows = np.frombuffer(raw, "<u2", offset=20 + 4 * N).reshape(N // 2 - 1, even + 4)
    scale = np.ascontiguousarray(rows[:, :4]).view("<f4").astype(np.float64)
    logprobs = rows[:, 4:4 + vocab] * scale[:, :1] + scale[:, 1:]
    mass = np.exp(logprobs).sum(axis=1)
    if np.abs(mass - 1).max() > 0.01:
        raise RuntimeError("the peer's probabilities add up to %g" % mass[np.abs(mass - 1).argmax()])
    return logprobs


def logprobs_of(logits):
    top = logits.max(axis=1, keepdims=True)
    return logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))


def pair(a, b):
    """share of equal largest logits, largest difference"""
    return ["%d/%d" % ((a.argmax(axis=1) == b.argmax(axis=1)).sum(), len(a)), "%.1e" % np.abs(a - b).max()]


def rms(x):
    return np.sqrt((x * x).mean())


def row(name, kind, model, a):
    ids, got = ours(a.surefoot, model, a.text, a.extra)
    weights = {}  # decoded once for both computations
    exact = nf.Model(model, cache=weights).step(ids)
    has_blocks = any(gf.TYPES[k][1] > 1 for _, k, _ in gf.Reader(model).tensor.values())
    cells = [name, kind, "%.2f" % exact.std(), *pair(got, exact)]
    if has_blocks:
        rounded = nf.Model(model, rounded=True, cache=weights).step(ids)
        narrow = nf.Model(model, rounded=True, cache=weights, real=np.float32).step(ids).astype(np.float64)
        cells += [*pair(got, rounded), *pair(rounded, exact), pair(narrow, rounded)[1]]
        rounding, floats = np.abs(rounded - exact), np.abs(narrow - rounded)
        fair = rms(got - exact) <= 1.1 * rms(rounding) and rms(got - rounded) <= 2 * rms(floats) + 1e-4
    else:
        cells += [""] * 5
        fair = np.abs(got - exact).max() <= 1e-3
    if a.peer:
        try:
            other = peers(a.peer, a.peer_args.split(), model, a.text, ids)
            mine, numpys = (logprobs_of(x[N // 2:N - 1]) for x in (got, exact))
            cells += [*pair(mine, other), *pair(other, numpys)]
        except RuntimeError as e:
            print("peer: %s" % e, file=sys.stderr)
            cells += ["cannot", "", "", ""]
    else:
        cells += [""] * 4
    print("| " + " | ".join(cells) + " |" + ("" if fair else " too far"), flush=True)
    return fair


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("what", choices=("model", "table"))
    ap.add_argument("file", nargs="?")
    ap.add_argument("--surefoot", required=True, help="the command")
    ap.add_argument("--peer", help="another program, see above")
    ap.add_argument("--peer-args", default="-t 2 -no-fa -ctk f32", help="its options (default: %(default)s)")
    ap.add_argument("--text", default=TEXT)
    ap.add_argument("--layers", type=int, default=2)
    ap.add_argument("--vocab", type=int, default=32000)
    ap.add_argument("--shapes", default="llama3.2-1b,qwen2.5-0.5b,qwen3-0.6b")
    ap.add_argument("--types", default=",".join(gf.TYPES))
    ap.add_argument("--work", help="folder for the models (default: a temporary one)")
    a, a.extra = ap.parse_known_args()
    print(HEAD + "\n" + "|---" * (HEAD.count("|") - 1) + "|")
    if a.what == "model":
        kinds = {k for s, k, _ in gf.Reader(a.file).tensor.values() if len(s) > 1}
        return 0 if row(os.path.basename(a.file), "+".join(sorted(kinds)), a.file, a) else 1
    fair = True
    with tempfile.TemporaryDirectory(dir=a.work) as tmp:
        for shape in a.shapes.split(","):
            for kind in a.types.upper().split(","):
                path = os.path.join(tmp, "model.gguf")
                ms.make(shape, kind, path, a.layers, a.vocab)
                mixed = {k for s, k, _ in gf.Reader(path).tensor.values() if len(s) > 1} - {kind}
                fair &= row(shape, kind + "".join(" and %s" % k for k in sorted(mixed)), path, a)
                os.remove(path)
    return 0 if fair else 1


if __name__ == "__main__":
    sys.exit(main())
