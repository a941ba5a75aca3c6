#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""critic_regression.py OUT.rollouts [BUDGET]: what a logistic regression in numpy foresees from the
rollouts that `surefoot guard train` leaves beside a critic: an independent look at how much the
model's rows tell. AUROC on a quarter of the families that it did not learn from, over states with
nothing charged, z = d0. The file's layout is in guard/rollouts.c. BUDGET: d0, default 0.5."""
import struct
import sys

import numpy as np

HEAD, N_HIDDEN, RECORD, MARK = 152, 136, 48, 0xFFFFFFFF  # bytes, offset, bytes, "a batch is whole"
STATE = np.dtype([("row", "<u4"), ("t", "<u4"), ("use", "<u4"), ("pad", "<u4"), ("spent", "<i8"), ("left", "<f8")])
LEARN, QUARTER, HALF, BEFORE_8 = 1, 4, 8, 32  # bits of `use`


def read(path):
    data = open(path, "rb").read()
    width = struct.unpack_from("<I", data, N_HIDDEN)[0]
    at, family, charged, states, rows = HEAD, [], [], [], []
    while at + 40 <= len(data):
        prompt, fam, _, _, first_charge = struct.unpack_from("<5I", data, at)
        n = struct.unpack_from("<2I", data, at + 36)[1]
        at += RECORD
        if prompt == MARK:
            continue
        states.append(np.frombuffer(data, STATE, n, at))
        at += STATE.itemsize * n
        rows.append(np.frombuffer(data, "<f4", n * width, at).reshape(n, width))
        at += 4 * n * width
        family += [fam] * n
        charged += [first_charge] * n
    return np.array(family), np.array(charged), np.concatenate(states), np.concatenate(rows)


def auroc(p, y):
    rank = np.empty(len(p))
    rank[np.argsort(p)] = np.arange(len(p))
    return (rank[y > 0].sum() - y.sum() * (y.sum() - 1) / 2) / (y.sum() * (len(y) - y.sum()))


def regression(x, y, ridge=1e-3):
    mean, sd = x.mean(0), x.std(0) + 1e-9
    z = np.c_[(x - mean) / sd, np.ones(len(x))]
    w = np.zeros(z.shape[1])
    for _ in range(15):  # Newton
        p = 1 / (1 + np.exp(-z @ w))
        w -= np.linalg.solve((z * (p * (1 - p))[:, None]).T @ z / len(y) + ridge * np.eye(len(w)),
                             z.T @ (p - y) / len(y) + ridge * w)
    return lambda rows: np.c_[(rows - mean) / sd, np.ones(len(rows))] @ w


def main(path, budget=0.5):
    family, charged, s, x = read(path)
    families = np.unique(family)
    test = np.isin(family, np.random.default_rng(0).choice(families, len(families) // 4, replace=False))
    living, unsafe = s["spent"] == 0, (s["left"] > budget * 1e6).astype(float)
    learn = living & ~test & ((s["use"] & LEARN) > 0)
    f = regression(x[learn], unsafe[learn])
    for name, bit in (("25 %", QUARTER), ("50 %", HALF), ("8 tokens before", BEFORE_8)):
        q = living & test & ((s["use"] & bit) > 0)
        print("%-16s %5d states, %4d unsafe, AUROC %.3f" % (name, q.sum(), unsafe[q].sum(), auroc(f(x[q]), unsafe[q])))
    q = living & test & ((s["use"] & LEARN) > 0)
    for ahead in (12, 3):
        soon = ((charged - s["t"].astype(int)) <= ahead).astype(float)
        print("a charge within %d tokens: AUROC %.3f" % (ahead, auroc(regression(x[learn], soon[learn])(x[q]), soon[q])))


if __name__ == "__main__":
    main(sys.argv[1], *map(float, sys.argv[2:]))
