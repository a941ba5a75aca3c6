#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""make_golden.py models DIR [NAME...]   write the tiny seeded models (checked against golden.jsonl)
   make_golden.py expect [FILE]          compute golden.jsonl anew, from numpy alone
   make_golden.py list                   names of the models

One small model per family and per weight type, random weights from a counter-based generator: the
same bytes everywhere. What they must say is computed by tools/numpy_forward.py, which shares no code
with the library. README.md describes golden.jsonl.
"""
import hashlib
import json
import os
import pathlib
import sys
import zlib

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "tools"))
import gguf_format as gf  # noqa: E402
import numpy_forward as nf  # noqa: E402

PROMPT = "the sun set on a red hill; \u00e9t\u00e9 was near"
N_GREEDY = 64
VOCAB = 320


def model(family="llama", kind="F32", **k):
    base = dict(family=family, kind=kind, dim=256, ffn=512, layers=2, heads=4, kv=2, hd=64, vocab=VOCAB,
                base=10000.0, eps=1e-5, tied=True, factors=False, kinds={}, seed=1)
    return {**base, **k}


# Mixed types as files in the wild have them: some matrices at a finer type than the rest.
MIXED = {"attn_v": "Q6_K", "ffn_down": "Q6_K", "token_embd": "Q4_K", "output": "Q6_K"}
MODELS = {
    "llama-tied": model(),
    "llama-untied": model(tied=False, heads=8, kv=8, hd=32, seed=2),
    "llama-factors": model(factors=True, base=500000.0, seed=3),
    "llama-headsize": model(hd=48, heads=6, kv=3, seed=4),
    "llama-odd": model(kind="Q8_0", dim=288, ffn=352, heads=9, kv=3, hd=32, layers=3, vocab=317, seed=5),
    "llama-mixed": model(kind="Q4_K", tied=False, kinds=MIXED, seed=6),
    "qwen2-bias": model("qwen2", "F16", base=1e6, eps=1e-6, heads=4, kv=2, seed=7),
    "qwen2-q4_0": model("qwen2", "Q4_0", base=1e6, eps=1e-6, heads=8, kv=1, hd=32, tied=False, seed=8),
    "qwen3-norms": model("qwen3", "BF16", base=1e6, eps=1e-6, heads=4, kv=2, hd=128, seed=9),
    "qwen3-q5_k": model("qwen3", "Q5_K", base=1e6, eps=1e-6, heads=8, kv=4, hd=64, seed=10)}
for i, t in enumerate(gf.TYPES):
    if t != "F32":  # llama-tied is that one
        MODELS["type-" + t.lower()] = model(kind=t, kv=1 + i % 2, seed=100 + i)


# ---------------------------------------------------------------- vocabulary
def vocabulary(n):
    """SPM: specials, bytes, letters, then pieces whose halves are pieces too, by falling score."""
    sp = "\u2581"
    letters = "etaonirshdlucm"
    pieces = [sp] + list(letters + "pfgwyb.,;'") + [sp + c for c in "tasowh"]
    pieces += ["th", sp + "th", sp + "the", "he", "in", "an", "re", "er", "ed", "on", sp + "on", sp + "a",
               "ill", "il", "ll", sp + "h", sp + "hill", sp + "s", "et", sp + "set", "un", sp + "sun", sp + "re"]
    tokens = ["<unk>", "<s>", "</s>"] + ["<0x%02X>" % b for b in range(256)]
    pieces = list(dict.fromkeys(pieces))
    for a in letters:
        for b in letters:
            if len(tokens) + len(pieces) < n and a + b not in pieces:
                pieces.append(a + b)
    pieces = pieces[:n - len(tokens)]
    kinds = [2, 3, 3] + [6] * 256 + [1] * len(pieces)
    scores = [0.0] * len(tokens) + [-float(i) for i in range(len(pieces))]
    return tokens + pieces, scores, kinds


def encode(text, tokens, scores, kinds):
    """SPM with byte fallback: merge the neighbours of best score, leftmost first, until none merges."""
    ids = {t: i for i, t in enumerate(tokens)}
    word = []
    for c in "\u2581" + text.replace(" ", "\u2581"):
        word += [ids[c]] if c in ids else [ids["<0x%02X>" % b] for b in c.encode()]
    while True:
        best = None
        for i in range(len(word) - 1):
            j = ids.get(tokens[word[i]] + tokens[word[i + 1]])
            if j is not None and kinds[j] == 1 and (best is None or scores[j] > scores[best[1]]):
                best = (i, j)
        if best is None:
            return [1] + word
        word[best[0]:best[0] + 2] = [best[1]]


# ---------------------------------------------------------------- models
def tensors(m):
    """(name, shape, type, deviation or None for a norm, mean)."""
    q, k = m["heads"] * m["hd"], m["kv"] * m["hd"]
    d, f = m["dim"], m["ffn"]

    def matrix(name, rows, cols, std):
        return name + ".weight", (rows, cols), m["kinds"].get(name.split(".")[-1], m["kind"]), std, 0.0

    def vector(name, n, std, mean):
        return name, (n,), "F32", std, mean

    yield matrix("token_embd", m["vocab"], d, 1.5 / np.sqrt(d))
    for i in range(m["layers"]):
        p = "blk.%d." % i
        yield vector(p + "attn_norm.weight", d, 0.2, 1)
        yield matrix(p + "attn_q", q, d, 1.4 / np.sqrt(d))
        yield matrix(p + "attn_k", k, d, 1.4 / np.sqrt(d))
        yield matrix(p + "attn_v", k, d, 1 / np.sqrt(d))
        yield matrix(p + "attn_output", d, q, 1 / np.sqrt(q))
        if m["family"] == "qwen2":
            for c, n in (("q", q), ("k", k), ("v", k)):
                yield vector(p + "attn_%s.bias" % c, n, 0.3, 0)
        if m["family"] == "qwen3":
            for c in "qk":
                yield vector(p + "attn_%s_norm.weight" % c, m["hd"], 0.2, 1)
        yield vector(p + "ffn_norm.weight", d, 0.2, 1)
        yield matrix(p + "ffn_gate", f, d, 1.5 / np.sqrt(d))
        yield matrix(p + "ffn_up", f, d, 1 / np.sqrt(d))
        yield matrix(p + "ffn_down", d, f, 1.5 / np.sqrt(f))
    yield vector("output_norm.weight", d, 0.2, 1)
    if not m["tied"]:
        yield matrix("output", m["vocab"], d, 2 / np.sqrt(d))
    if m["factors"]:
        yield "rope_freqs.weight", (m["hd"] // 2,), "F32", None, None


def llama3_factors(hd, base, factor=32.0, low=1.0, high=4.0, original=8192.0):
    """What the frequencies are divided by: 1 for short waves, 32 for long ones, between in between."""
    wave = 2 * np.pi * base ** (np.arange(0, hd, 2) / hd)
    smooth = np.clip((original / wave - low) / (high - low), 0, 1)
    return 1 / ((1 - smooth) / factor + smooth)


def write(name, path):
    m = MODELS[name]
    a = m["family"]
    w = gf.Writer()
    for key, kind, value in (
            ("general.architecture", gf.STR, a), ("general.name", gf.STR, name),
            ("general.file_type", gf.U32, gf.FILE_TYPE[m["kind"]]), ("general.quantization_version", gf.U32, 2),
            (a + ".block_count", gf.U32, m["layers"]), (a + ".context_length", gf.U32, 512),
            (a + ".embedding_length", gf.U32, m["dim"]), (a + ".feed_forward_length", gf.U32, m["ffn"]),
            (a + ".attention.head_count", gf.U32, m["heads"]), (a + ".attention.head_count_kv", gf.U32, m["kv"]),
            (a + ".attention.layer_norm_rms_epsilon", gf.F32, m["eps"]), (a + ".rope.freq_base", gf.F32, m["base"])):
        w.meta(key, kind, value)
    if m["hd"] * m["heads"] != m["dim"]:
        for key in ("attention.key_length", "attention.value_length", "rope.dimension_count"):
            w.meta(a + "." + key, gf.U32, m["hd"])
    tokens, scores, kinds = vocabulary(m["vocab"])
    w.meta("tokenizer.ggml.model", gf.STR, "llama")
    w.meta("tokenizer.ggml.tokens", gf.ARR, tokens, gf.STR)
    w.meta("tokenizer.ggml.scores", gf.ARR, scores, gf.F32)
    w.meta("tokenizer.ggml.token_type", gf.ARR, kinds, gf.I32)
    for key, i in (("bos", 1), ("eos", 2), ("unknown", 0)):
        w.meta("tokenizer.ggml.%s_token_id" % key, gf.U32, i)
    w.meta("tokenizer.ggml.add_bos_token", gf.BOOL, True)
    for tensor, shape, kind, std, mean in tensors(m):
        seed = m["seed"] << 32 | zlib.crc32(tensor.encode())
        if std is None:
            data = llama3_factors(m["hd"], m["base"]).astype("<f4").tobytes()
        elif len(shape) == 1:
            data = (gf.bell(seed, shape[0]) * std + mean).astype("<f4").tobytes()
        else:
            data = gf.random_blocks(kind, seed, shape[0] * shape[1] // gf.TYPES[kind][1], std).tobytes()
        size = gf.TYPES[kind][2]
        w.tensor(tensor, shape, kind, lambda first, n, data=data, size=size: np.frombuffer(data, np.uint8)[first * size:(first + n) * size])
    w.save(path)


# ---------------------------------------------------------------- what they must say
def short(x):
    return [float("%.6g" % v) for v in x]


def expect(name, path):
    m = MODELS[name]
    prompt = encode(PROMPT, *vocabulary(m["vocab"]))
    blocks = any(gf.TYPES[k][1] > 1 for _, _, k, _, _ in tensors(m))
    run = nf.Model(path, rounded=blocks)
    logits = run.step(prompt)[-1]
    first, greedy, gaps = logits, [], []
    for _ in range(N_GREEDY):
        order = np.argsort(-logits, kind="stable")
        greedy.append(int(order[0]))
        gaps.append(float(logits[order[0]] - logits[order[1]]))
        logits = run.step([greedy[-1]])[0]
    out = {"name": name, "sha256": hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest(),
           "family": m["family"], "type": m["kind"], "text": PROMPT, "prompt": prompt, "greedy": greedy,
           "gap": [float("%.3g" % g) for g in gaps], "first": short(first), "last": short(logits)}
    if blocks:
        exact = nf.Model(path).step(prompt)[-1]
        out["exact_diff"] = float("%.3g" % np.abs(exact - first).max())
    out["spread"] = float("%.4g" % first.std())
    return out


def main(argv):
    if argv[:1] == ["list"]:
        print("\n".join(MODELS))
    elif argv[:1] == ["models"] and len(argv) > 1:
        folder = pathlib.Path(argv[1])
        folder.mkdir(parents=True, exist_ok=True)
        lines = (HERE / "golden.jsonl").read_text().splitlines()
        sums = {o["name"]: o["sha256"] for o in map(json.loads, lines)}
        for name in argv[2:] or MODELS:
            path = folder / (name + ".gguf")
            if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != sums[name]:
                write(name, str(path) + ".part")
                os.replace(str(path) + ".part", path)
            if hashlib.sha256(path.read_bytes()).hexdigest() != sums[name]:
                sys.exit("%s is not the file golden.jsonl speaks of" % path)
        print("%d models in %s" % (len(argv[2:] or MODELS), folder))
    elif argv[:1] == ["expect"]:
        import tempfile
        target = pathlib.Path(argv[1]) if len(argv) > 1 else HERE / "golden.jsonl"
        with tempfile.TemporaryDirectory() as tmp:
            lines = []
            for name in MODELS:
                path = os.path.join(tmp, name + ".gguf")
                write(name, path)
                lines.append(json.dumps(expect(name, path), separators=(",", ":")))
                os.remove(path)
        target.write_text("\n".join(lines) + "\n")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
