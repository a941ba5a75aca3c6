#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""make_golden.py models DIR [NAME...]   write the tiny seeded models (checked against golden.jsonl)
   make_golden.py expect [FILE [NAME...]]  compute golden.jsonl anew, or its lines NAME..., from numpy alone
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
import make_shapes as ms  # noqa: E402
import numpy_forward as nf  # noqa: E402

PROMPT = "the sun set on a hill; \u00e9t\u00e9"
# Activations keep at least this far from a rounding boundary while the prompt is read. Q4_1 and Q5_1
# sum two large parts that nearly cancel, which costs float32 more.
MARGIN = {"Q4_1": 6e-5, "Q5_1": 6e-5}
MARGIN_OF_OTHERS = 2e-5
N_GREEDY = 64
CONTEXT = 256  # tokens that tests make the cache for
VOCAB = 320


def model(family="llama", kind="F32", **k):
    base = dict(family=family, kind=kind, dim=256, ffn=512, layers=2, heads=4, kv=2, hd=64, vocab=VOCAB, ctx=512,
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
# The other families: windows are shorter than the text, layers enough for every pattern.
MODELS.update({
    "llama-window": model(window=24, seed=11),
    "llama-experts": model(kind="F16", ffn=128, experts=(8, 2), seed=12),
    "llama-scale": model(base=1000042.0, hd=128, eps=1e-6, heads=4, kv=2, tied=False, seed=13),
    "qwen3moe-f32": model("qwen3moe", ffn=96, base=1e6, eps=1e-6, heads=4, kv=2, hd=96, experts=(16, 4), seed=14),
    "qwen3moe-q4_0": model("qwen3moe", "Q4_0", ffn=96, base=1e6, eps=1e-6, heads=4, kv=2, experts=(16, 4), seed=15),
    "qwen3moe-q4_k": model("qwen3moe", "Q4_K", ffn=256, base=1e6, eps=1e-6, heads=4, kv=2, experts=(8, 3), seed=16),
    "olmoe-bf16": model("olmoe", "BF16", ffn=64, heads=4, kv=4, hd=64, experts=(16, 5), tied=False, seed=17),
    "gemma-f32": model("gemma", eps=1e-6, heads=2, kv=1, hd=256, embed_std=0.1, seed=18),
    "gemma2-f32": model("gemma2", eps=1e-6, tied=False, layers=4, heads=4, kv=2, hd=128, window=17, score_cap=50.0, logit_cap=30.0,
                        seed=19),
    "gemma2-q8_0": model("gemma2", "Q8_0", eps=1e-6, layers=2, heads=4, kv=2, window=40, score_cap=3.0, logit_cap=5.0,
                         seed=20),
    "gemma3-f16": model("gemma3", "F16", eps=1e-6, tied=False, base=1e6, layers=7, ffn=256, heads=4, kv=1, window=20, linear=8.0, seed=21),
    "gemma3-q5_0": model("gemma3", "Q5_0", eps=1e-6, base=1e6, layers=6, ffn=256, heads=2, kv=1, hd=96, window=64, seed=22),
    "phi3-short": model("phi3", heads=4, kv=4, hd=96, rot=96, window=33, longrope=(4096, 1.19), tied=False, seed=23),
    "phi3-long": model("phi3", "F16", heads=4, kv=2, rot=48, window=0, longrope=(128, 1.19), seed=24),
    "phi3-q6_k": model("phi3", "Q6_K", heads=4, kv=2, seed=25),
    "granite-f32": model("granite", base=5e6, tied=False, scales=(12.0, 0.22, 0.015625, 8.0), seed=26),
    "granite-q8_0": model("granite", "Q8_0", base=5e6, heads=8, kv=4, hd=32, scales=(12.0, 0.22, 0.05, 2.0), seed=27),
    "smollm3-f32": model("smollm3", base=5e6, eps=1e-6, layers=5, ffn=256, seed=28),
    "olmo2-f32": model("olmo2", base=5e5, eps=1e-6, heads=4, kv=4, tied=False, seed=29),
    "olmo2-q4_k": model("olmo2", "Q4_K", base=5e5, eps=1e-6, heads=4, kv=2, tied=False, seed=30)})
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


def write(name, path, seed):
    m = MODELS[name]
    ms.write(path, m, m["kind"], name, seed, vocabulary(m["vocab"]), m["kinds"])


# ---------------------------------------------------------------- what they must say
def short(x):
    return [float("%.6g" % v) for v in x]


def expect(name, path):
    """Seeds are tried from 1000 times the model's own on, until no activation of the prompt is so
    near a boundary that float32 could round it the other way: then `first` is exact for block types."""
    m = MODELS[name]
    prompt = encode(PROMPT, *vocabulary(m["vocab"]))
    for seed in range(1000 * m["seed"], 1000 * m["seed"] + 1000):
        write(name, path, seed)
        run = nf.Model(path, rounded=True, context=CONTEXT)
        logits = run.step(prompt)[-1]
        if run.margin >= MARGIN.get(m["kind"], MARGIN_OF_OTHERS):
            break
    else:
        sys.exit("%s: no seed keeps its margin" % name)
    margin = run.margin
    blocks = any(gf.TYPES[kind][1] > 1 for _, kind, _ in run.file.tensor.values())
    first, greedy, gaps = logits, [], []
    for _ in range(N_GREEDY):
        order = np.argsort(-logits, kind="stable")
        greedy.append(int(order[0]))
        gaps.append(float(logits[order[0]] - logits[order[1]]))
        logits = run.step([greedy[-1]])[0]
    out = {"name": name, "seed": seed, "sha256": hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest(),
           "family": m["family"], "type": m["kind"], "text": PROMPT, "prompt": prompt, "greedy": greedy,
           "gap": [float("%.3g" % g) for g in gaps], "first": short(first), "last": short(logits)}
    if blocks:
        exact = nf.Model(path, context=CONTEXT).step(prompt)[-1]
        out["margin"] = float("%.3g" % margin)
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
        golden = {o["name"]: o for o in map(json.loads, lines)}
        for name in argv[2:] or MODELS:
            path = folder / (name + ".gguf")
            if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != golden[name]["sha256"]:
                write(name, str(path) + ".part", golden[name]["seed"])
                os.replace(str(path) + ".part", path)
            if hashlib.sha256(path.read_bytes()).hexdigest() != golden[name]["sha256"]:
                sys.exit("%s is not the file golden.jsonl speaks of" % path)
        print("%d models in %s" % (len(argv[2:] or MODELS), folder))
    elif argv[:1] == ["expect"]:
        import tempfile
        target = pathlib.Path(argv[1]) if len(argv) > 1 else HERE / "golden.jsonl"
        with tempfile.TemporaryDirectory() as tmp:
            lines = []
            old = {json.loads(o)["name"]: o for o in target.read_text().splitlines()} if argv[2:] else {}
            for name in MODELS:
                if name in old and name not in argv[2:]:
                    lines.append(old[name])
                    continue
                path = os.path.join(tmp, name + ".gguf")
                lines.append(json.dumps(expect(name, path), separators=(",", ":")))
                os.remove(path)
        target.write_text("\n".join(lines) + "\n")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
