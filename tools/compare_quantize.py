#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""compare_quantize.py SUREFOOT PEER IN.gguf DIR [--types q4_0,...] [--threads N] [--error-only] [--time-only]

The same f16 file through `surefoot quantize IN OUT TYPE` and through another quantiser with llama.cpp's
command line (`PEER --pure IN OUT TYPE THREADS`), every matrix in one type: seconds of both, and the mean
squared error of both over the tensors that have that type in both files. Both results are decoded by
`surefoot quantize OUT X f32`. Prints a table. Files stay in DIR."""
import argparse
import math
import pathlib
import subprocess
import time

import numpy as np

TYPES = "q8_0,q4_0,q4_1,q5_0,q5_1,iq4_nl,q2_k,q3_k,q4_k,q5_k,q6_k"
PEER_NAME = {"q3_k": "Q3_K_S", "q4_k": "Q4_K_S", "q5_k": "Q5_K_S"}


def table(path):
    """name -> (type id, array or None): float32 tensors of a GGUF file, mapped."""
    import struct
    m = np.memmap(path, np.uint8, "r")
    at, sizes = 24, {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
    n_tensor, n_kv = struct.unpack_from("<QQ", m, 8)

    def skip(kind):
        nonlocal at
        if kind == 8:
            at += 8 + struct.unpack_from("<Q", m, at)[0]
        elif kind == 9:
            of, n = struct.unpack_from("<IQ", m, at)
            at += 12
            if of in sizes:
                at += n * sizes[of]
            else:
                for _ in range(n):
                    skip(of)
        else:
            at += sizes[kind]

    for _ in range(n_kv):
        skip(8)
        kind = struct.unpack_from("<I", m, at)[0]
        at += 4
        skip(kind)
    out = []
    for _ in range(n_tensor):
        n = struct.unpack_from("<Q", m, at)[0]
        name = bytes(m[at + 8:at + 8 + n]).decode()
        at += 8 + n
        d = struct.unpack_from("<I", m, at)[0]
        dims = struct.unpack_from("<%dQ" % d, m, at + 4)
        kind, offset = struct.unpack_from("<IQ", m, at + 4 + 8 * d)
        at += 16 + 8 * d
        out.append((name, kind, math.prod(dims), offset))
    start = -(-at // 32) * 32
    width = {0: np.float32, 1: np.float16}
    return {name: (kind, m[start + o:start + o + n * width[kind]().itemsize].view(width[kind]) if kind in width else None)
            for name, kind, n, o in out}


def run(*args):
    began = time.monotonic()
    subprocess.run([str(a) for a in args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - began


def mse(source, quantised, decoded, names):
    square = n = 0
    for name in names:
        d = source[name][1].astype(np.float64) - decoded[name][1].astype(np.float64)
        square += float(d @ d)
        n += d.size
    return square / n


def main():
    ap = argparse.ArgumentParser()
    for a in ("surefoot", "peer", "input", "dir"):
        ap.add_argument(a)
    ap.add_argument("--types", default=TYPES)
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--error-only", action="store_true")
    ap.add_argument("--time-only", action="store_true")
    a = ap.parse_args()
    d = pathlib.Path(a.dir)
    print("| type | MSE | peer's | ratio | seconds | peer's |\n|---|---|---|---|---|---|")
    for t in a.types.split(","):
        files = [d / ("ours-%s.gguf" % t), d / ("peer-%s.gguf" % t)]
        seconds = ["", ""]
        if not a.error_only:
            seconds = ["%.2f" % run(a.surefoot, "quantize", a.input, files[0], t, "--force", "-q", "-t", a.threads),
                       "%.2f" % run(a.peer, "--pure", a.input, files[1], PEER_NAME.get(t, t.upper()), a.threads)]
        row = ["", "", ""]
        if not a.time_only:
            source = table(a.input)
            both = [table(f) for f in files]
            names = [n for n, (kind, _) in both[0].items() if kind > 1 and both[1][n][0] == kind]
            e = []
            for f, q in zip(files, both):
                run(a.surefoot, "quantize", f, d / "decoded.gguf", "f32", "--force", "-q")
                e.append(mse(source, q, table(d / "decoded.gguf"), names))
            row = ["%.4e" % e[0], "%.4e" % e[1], "%.4f" % (e[0] / e[1])]
        print("| %s | %s | %s |" % (t, " | ".join(row), " | ".join(seconds)), flush=True)


if __name__ == "__main__":
    main()
