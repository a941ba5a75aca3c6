#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""test_cli_perplexity.py: `perplexity` against numbers computed here from `logits --full`, base runs,
refusals. See cli_harness.py."""
import json
import math
import random
import struct
import sys

from cli_harness import check, main

C = 16


def text(w, n=70):
    f = w.dir / "text.txt"
    rng = random.Random(3)
    f.write_text("".join(rng.choice("the a hero ") for _ in range(n)))
    return f


def run(w, f, *args, model=None):
    return w.run("perplexity", "-m", model or w.plain, "-f", f, "-c", C, *args)


@check
def perplexity_is_its_definition(w):
    f = w.dir / "letters.txt"
    rng = random.Random(4)  # words of a window's length and no merges: each window is a text of its own
    f.write_text(" ".join("".join(rng.choice("bqzxwvkjyg") for _ in range(C - 1)) for _ in range(5)))
    r = run(w, f, "--json").ok().json
    ids = w.run("tokenize", "-m", w.plain, "--ids", "-f", f).ok().json
    logits = {}
    nll = []
    for i in range(len(ids) // C):
        window = [1] + ids[i * C + 1:(i + 1) * C]
        key = tuple(window)
        if key not in logits:
            logits[key] = by_ids(w, window)
        for p in range(C // 2, C - 1):
            x = logits[key][p]
            top = max(x)
            nll.append(top + math.log(sum(math.exp(v - top) for v in x)) - x[window[p + 1]])
    m = sum(nll) / len(nll)
    error = math.sqrt((sum(v * v for v in nll) / len(nll) - m * m) / (len(nll) - 1))
    assert r["scored"] == len(nll) == r["windows"] * (C // 2 - 1) and r["n_ctx"] == C
    assert math.isclose(r["nll"], m, rel_tol=1e-6) and math.isclose(r["perplexity"], math.exp(m), rel_tol=1e-6)
    assert math.isclose(r["error"], math.exp(m) * error, rel_tol=1e-5), (r, error)
    assert "perplexity %.4f" % r["perplexity"] in run(w, f).ok().text


def by_ids(w, window):
    """Logits at every position of a window, as those of its text: BOS and the space in front come back."""
    spelled = w.run("tokenize", "-m", w.plain, "--decode", stdin=json.dumps(window[1:]).encode()).ok().text
    lines = w.run("logits", "-m", w.plain, "-p", spelled.lstrip(" "), "--full", "-c", 64).ok().lines
    ids = [x["id"] for x in lines]
    if ids == window:
        return [x["logits"] for x in lines]
    raise AssertionError("the window is not what its text is read as: %r %r" % (ids, window))


@check
def same_for_any_batch_threads_and_cache_of_the_type(w):
    f = text(w)
    a = run(w, f, "--json").ok().json
    assert run(w, f, "--json", "-b", 3, "-t", 1).ok().json == a == run(w, f, "--json", "-t", 3).ok().json
    b = run(w, f, "--json", "-ctk", "f32", "-ctv", "f32").ok().json
    assert abs(b["nll"] - a["nll"]) < 0.05


@check
def a_run_is_no_distance_from_itself_and_some_from_another(w):
    f, base = text(w), w.dir / "base.kl"
    run(w, f, "--kl-base", base).ok()
    assert not list(w.dir.glob("*.tmp-*"))
    a = run(w, f, "--kl", base, "--json").ok().json
    assert 0 <= a["kl"]["max"] < 1e-6 and a["kl"]["same_top"] == 1, a
    assert math.isclose(a["kl"]["base_perplexity"], a["perplexity"], rel_tol=1e-3)
    other = w.dir / "other.gguf"
    w.run("quantize", w.plain, other, "q4_0", "--force").ok()
    b = run(w, f, "--kl", base, "--json", model=other).ok().json
    assert b["kl"]["mean"] > 1e-4 and b["kl"]["median"] <= b["kl"]["p90"] <= b["kl"]["p99"] <= b["kl"]["max"]
    assert "same top" in run(w, f, "--kl", base, model=other).ok().text


@check
def bad_base_files_are_refused(w):
    f, base = text(w), w.dir / "b.kl"
    run(w, f, "--kl-base", base).ok()
    data = base.read_bytes()
    bad = w.dir / "bad.kl"
    for cut in (0, 5, 14, 20, 40, len(data) // 2, len(data) - 1):
        bad.write_bytes(data[:cut])
        run(w, f, "--kl", bad).fails(3, "bad.kl")
    for at, value in ((14, 5), (18, 32), (22, 9)):
        bad.write_bytes(data[:at] + struct.pack("<I", value) + data[at + 4:])
        run(w, f, "--kl", bad).fails(3, "bad.kl", "same text")
    bad.write_bytes(data[:34] + struct.pack("<i", -7) + data[38:])
    run(w, f, "--kl", bad).fails(3, "another text")
    first_row = 14 + 16 + 4 * C * struct.unpack_from("<I", data, 22)[0]
    for lowest in (math.nan, 5.0, -1e9):
        bad.write_bytes(data[:first_row] + struct.pack("<f", lowest) + data[first_row + 4:])
        run(w, f, "--kl", bad).fails(3, "damaged")
    run(w, f, "--kl-base", base).fails(1, "there already")
    assert base.read_bytes() == data
    run(w, f, "--kl", base, "--kl-base", bad).fails(2, "one of them")
    run(w, f, "--kl-base", w.dir / "no" / "such").fails(1, "such")


@check
def short_texts_and_windows_are_refused(w):
    f = w.dir / "short.txt"
    f.write_text("the a")
    run(w, f).fails(2, "longer text")
    w.run("perplexity", "-m", w.plain, "-f", f, "-c", 3).fails(2, "at least 4")
    w.run("perplexity", "-m", w.plain, "-f", "/no/such").fails(1, "/no/such")


if __name__ == "__main__":
    sys.exit(main())
