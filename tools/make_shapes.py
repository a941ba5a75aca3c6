#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""make_shapes.py SHAPE TYPE OUT.gguf [--layers N] [--vocab N] [--seed S]

A model in the shape of a published one with random weights in any block type: for parity, for
loaders and for timing, where the sizes matter and the meaning does not. The same seed gives the same
bytes everywhere. Where a row is no multiple of the type's block, the type is replaced as quantisers
commonly do (Q2_K, Q3_K: IQ4_NL; Q4_K: Q5_0; Q5_K: Q5_1; Q6_K: Q8_0). The vocabulary is SPM.
"""
import argparse
import sys
import zlib

import numpy as np

import gguf_format as gf

SHAPES = {
    "llama3.2-1b": dict(family="llama", dim=2048, ffn=8192, layers=16, heads=32, kv=8, hd=64, vocab=128256,
                        ctx=131072, base=500000.0, eps=1e-5, tied=True, factors=True),
    "tinyllama-1.1b": dict(family="llama", dim=2048, ffn=5632, layers=22, heads=32, kv=4, hd=64, vocab=32000,
                           ctx=2048, base=10000.0, eps=1e-5, tied=False),
    "smollm2-135m": dict(family="llama", dim=576, ffn=1536, layers=30, heads=9, kv=3, hd=64, vocab=49152,
                         ctx=8192, base=100000.0, eps=1e-5, tied=True),
    "qwen2.5-0.5b": dict(family="qwen2", dim=896, ffn=4864, layers=24, heads=14, kv=2, hd=64, vocab=151936,
                         ctx=32768, base=1e6, eps=1e-6, tied=True),
    "qwen3-0.6b": dict(family="qwen3", dim=1024, ffn=3072, layers=28, heads=16, kv=8, hd=128, vocab=151936,
                       ctx=40960, base=1e6, eps=1e-6, tied=True),
    "gemma-2b": dict(family="gemma", dim=2048, ffn=16384, layers=18, heads=8, kv=1, hd=256, vocab=256000, ctx=8192,
                     base=10000.0, eps=1e-6, tied=True, embed_std=0.03),
    "gemma2-2b": dict(family="gemma2", dim=2304, ffn=9216, layers=26, heads=8, kv=4, hd=256, vocab=256000, ctx=8192,
                      base=10000.0, eps=1e-6, tied=True, embed_std=1.5, window=4096, score_cap=50.0, logit_cap=30.0),
    "gemma3-1b": dict(family="gemma3", dim=1152, ffn=6912, layers=26, heads=4, kv=1, hd=256, vocab=262144, ctx=32768,
                      base=1e6, eps=1e-6, tied=True, window=512),
    "gemma3-4b": dict(family="gemma3", dim=2560, ffn=10240, layers=34, heads=8, kv=4, hd=256, vocab=262208,
                      ctx=131072, base=1e6, eps=1e-6, tied=True, window=1024, linear=8.0),
    "phi3-mini": dict(family="phi3", dim=3072, ffn=8192, layers=32, heads=32, kv=32, hd=96, vocab=32064, ctx=131072,
                      base=10000.0, eps=1e-5, tied=False, window=262144, rot=96, longrope=(4096, 1.19)),
    "phi4-mini": dict(family="phi3", dim=3072, ffn=8192, layers=32, heads=24, kv=8, hd=128, vocab=200064, ctx=131072,
                      base=10000.0, eps=1e-5, tied=True, window=262144, rot=96, longrope=(4096, 1.19)),
    "granite3-2b": dict(family="granite", dim=2048, ffn=8192, layers=40, heads=32, kv=8, hd=64, vocab=49155, ctx=131072,
                        base=5e6, eps=1e-5, tied=True, scales=(12.0, 0.22, 0.015625, 8.0)),
    "smollm3-3b": dict(family="smollm3", dim=2048, ffn=11008, layers=36, heads=16, kv=4, hd=128, vocab=128256,
                       ctx=65536, base=5e6, eps=1e-6, tied=True),
    "olmo2-1b": dict(family="olmo2", dim=2048, ffn=8192, layers=16, heads=16, kv=16, hd=128, vocab=100352, ctx=4096,
                     base=500000.0, eps=1e-6, tied=False),
    "mistral-7b": dict(family="llama", dim=4096, ffn=14336, layers=32, heads=32, kv=8, hd=128, vocab=32000, ctx=32768,
                       base=10000.0, eps=1e-5, tied=False, window=4096),
    "falcon3-1b": dict(family="llama", dim=2048, ffn=8192, layers=18, heads=8, kv=4, hd=256, vocab=131072, ctx=4096,
                       base=1000042.0, eps=1e-6, tied=False),
    "olmoe-1b-7b": dict(family="olmoe", dim=2048, ffn=1024, layers=16, heads=16, kv=16, hd=128, vocab=50304, ctx=4096,
                        base=10000.0, eps=1e-5, tied=False, experts=(64, 8)),
    "qwen3-30b-a3b": dict(family="qwen3moe", dim=2048, ffn=768, layers=48, heads=32, kv=4, hd=128, vocab=151936,
                          ctx=40960, base=1e6, eps=1e-6, tied=False, experts=(128, 8)),
    "mixtral-8x7b": dict(family="llama", dim=4096, ffn=14336, layers=32, heads=32, kv=8, hd=128, vocab=32000,
                         ctx=32768, base=1e6, eps=1e-5, tied=False, experts=(8, 2))}
NO_PRE_NORM = ("olmo2",)
POST_NORM = ("olmo2", "gemma2", "gemma3")
INSTEAD = {"Q2_K": "IQ4_NL", "Q3_K": "IQ4_NL", "Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}


def vocabulary(n):
    """Specials, 256 bytes, printable characters, then pairs, triples ... of letters until n."""
    space, letters = "\u2581", "etaoinshrdlucmfwypvbgkjqxz"
    tokens = ["<unk>", "<s>", "</s>"] + ["<0x%02X>" % b for b in range(256)]
    kinds = [2, 3, 3] + [6] * 256
    pieces = dict.fromkeys([space] + [chr(c) for c in range(33, 127)])
    level = [space] + list(letters)
    while len(pieces) < n - len(tokens):
        level = [a + b for a in level for b in letters]
        pieces.update(dict.fromkeys(level))
    pieces = list(pieces)[:n - len(tokens)]
    scores = [0.0] * len(tokens) + [-float(i) for i in range(len(pieces))]
    return tokens + pieces, scores, kinds + [1] * len(pieces)


def llama3_factors(hd, base, factor=32.0, low=1.0, high=4.0, original=8192.0):
    """What Llama 3.2 divides its frequencies by: 1 for short waves, 32 for long ones, between in between."""
    wave = 2 * np.pi * base ** (np.arange(0, hd, 2) / hd)
    smooth = np.clip((original / wave - low) / (high - low), 0, 1)
    return 1 / ((1 - smooth) / factor + smooth)


def long_factors(hd, long):
    """Factors like Phi-3's: rising from 1, the long ones much further."""
    x = np.linspace(0, 1, hd // 2)
    return 1 + x * (1.8 + 60 * x) if long else 1 + 0.9 * x * x


def tensors(m):
    """(name, shape, deviation, mean); deviation a function: that of the index. More than one dimension: a
    matrix, or one for each expert."""
    q, k, d, f = m["heads"] * m["hd"], m["kv"] * m["hd"], m["dim"], m["ffn"]
    rot, a = m.get("rot", m["hd"]), m["family"]
    yield "token_embd.weight", (m["vocab"], d), m.get("embd_std", 1.5) / np.sqrt(d), 0
    for i in range(m["layers"]):
        p = "blk.%d." % i
        if a not in NO_PRE_NORM:
            yield p + "attn_norm.weight", (d,), 0.2, 1
        if a == "phi3":
            yield p + "attn_qkv.weight", (q + 2 * k, d), 1.3 / np.sqrt(d), 0
        else:
            yield p + "attn_q.weight", (q, d), 1.4 / np.sqrt(d), 0
            yield p + "attn_k.weight", (k, d), 1.4 / np.sqrt(d), 0
            yield p + "attn_v.weight", (k, d), 1 / np.sqrt(d), 0
        yield p + "attn_output.weight", (d, q), 1 / np.sqrt(q), 0
        if a == "qwen2":
            for c, n in (("q", q), ("k", k), ("v", k)):
                yield p + "attn_%s.bias" % c, (n,), 0.3, 0
        if a in ("qwen3", "qwen3moe", "gemma3"):
            for c in "qk":
                yield p + "attn_%s_norm.weight" % c, (m["hd"],), 0.2, 1
        if a in ("olmo2", "olmoe"):
            for c, n in (("q", q), ("k", k)):
                yield p + "attn_%s_norm.weight" % c, (n,), 0.2, 1
        if a in POST_NORM:
            yield p + "post_attention_norm.weight", (d,), 0.2, 1
            yield p + "post_ffw_norm.weight", (d,), 0.2, 1
        if a not in NO_PRE_NORM:
            yield p + "ffn_norm.weight", (d,), 0.2, 1
        if m.get("experts"):
            n = m["experts"][0]
            yield p + "ffn_gate_inp.weight", (n, d), 2 / np.sqrt(d), 0
            yield p + "ffn_gate_exps.weight", (n, f, d), 1.5 / np.sqrt(d), 0
            yield p + "ffn_up_exps.weight", (n, f, d), 1 / np.sqrt(d), 0
            yield p + "ffn_down_exps.weight", (n, d, f), 1.5 / np.sqrt(f), 0
            continue
        if a == "phi3":
            yield p + "ffn_up.weight", (2 * f, d), 1.2 / np.sqrt(d), 0
        else:
            yield p + "ffn_gate.weight", (f, d), 1.5 / np.sqrt(d), 0
            yield p + "ffn_up.weight", (f, d), 1 / np.sqrt(d), 0
        yield p + "ffn_down.weight", (d, f), 1.5 / np.sqrt(f), 0
    yield "output_norm.weight", (d,), 0.2, 1
    if not m["tied"]:
        yield "output.weight", (m["vocab"], d), 2 / np.sqrt(d), 0
    if m.get("factors"):
        yield "rope_freqs.weight", (m["hd"] // 2,), lambda: llama3_factors(m["hd"], m["base"]), None
    if m.get("longrope"):
        yield "rope_factors_long.weight", (rot // 2,), lambda: long_factors(rot, True), None
        yield "rope_factors_short.weight", (rot // 2,), lambda: long_factors(rot, False), None


def meta_of(m):
    """(key without the family, type, value) of what only some models have."""
    if m.get("window") is not None:
        yield "attention.sliding_window", gf.U32, m["window"]
    if m.get("rot") and m["hd"] * m["heads"] == m["dim"]:
        yield "rope.dimension_count", gf.U32, m["rot"]
    if m.get("linear"):
        yield "rope.scaling.type", gf.STR, "linear"
        yield "rope.scaling.factor", gf.F32, m["linear"]
    if m.get("longrope"):
        yield "rope.scaling.original_context_length", gf.U32, m["longrope"][0]
        yield "rope.scaling.attn_factor", gf.F32, m["longrope"][1]
    if m.get("score_cap"):
        yield "attn_logit_softcapping", gf.F32, m["score_cap"]
    if m.get("logit_cap"):
        yield "final_logit_softcapping", gf.F32, m["logit_cap"]
    for key, value in zip(("embedding_scale", "residual_scale", "attention.scale", "logit_scale"), m.get("scales", ())):
        yield key, gf.F32, value
    for key, value in zip(("expert_count", "expert_used_count"), m.get("experts", ())):
        yield key, gf.U32, value
    if m["family"] == "qwen3moe":
        yield "expert_feed_forward_length", gf.U32, m["ffn"]


def write(path, m, kind, name, seed, vocab, kinds=None):
    """m: a row of SHAPES. vocab: (tokens, scores, kinds). kinds: other types by the name's last part."""
    a, w = m["family"], gf.Writer()
    for key, t, value in (
            ("general.architecture", gf.STR, a), ("general.name", gf.STR, name),
            ("general.file_type", gf.U32, gf.FILE_TYPE[kind]), ("general.quantization_version", gf.U32, 2),
            (a + ".block_count", gf.U32, m["layers"]), (a + ".context_length", gf.U32, m["ctx"]),
            (a + ".embedding_length", gf.U32, m["dim"]), (a + ".feed_forward_length", gf.U32, m["ffn"]),
            (a + ".attention.head_count", gf.U32, m["heads"]), (a + ".attention.head_count_kv", gf.U32, m["kv"]),
            (a + ".attention.layer_norm_rms_epsilon", gf.F32, m["eps"]), (a + ".rope.freq_base", gf.F32, m["base"])):
        w.meta(key, t, value)
    if m["hd"] * m["heads"] != m["dim"]:
        for key, n in (("attention.key_length", m["hd"]), ("attention.value_length", m["hd"]),
                       ("rope.dimension_count", m.get("rot", m["hd"]))):
            w.meta(a + "." + key, gf.U32, n)
    for key, t, value in meta_of(m):
        w.meta(a + "." + key, t, value)
    w.meta("tokenizer.ggml.model", gf.STR, "llama")
    w.meta("tokenizer.ggml.tokens", gf.ARR, vocab[0], gf.STR)
    w.meta("tokenizer.ggml.scores", gf.ARR, vocab[1], gf.F32)
    w.meta("tokenizer.ggml.token_type", gf.ARR, vocab[2], gf.I32)
    for key, i in (("bos", 1), ("eos", 2), ("unknown", 0)):
        w.meta("tokenizer.ggml.%s_token_id" % key, gf.U32, i)
    w.meta("tokenizer.ggml.add_bos_token", gf.BOOL, True)
    for tensor, shape, std, mean in tensors(m):
        t = (kinds or {}).get(tensor.split(".")[-2], kind) if len(shape) >= 2 and ".ffn_gate_inp." not in tensor else "F32"
        if shape[-1] % gf.TYPES[t][1]:
            t = INSTEAD.get(t, t)
        w.tensor(tensor, shape, t, blocks(m, tensor, t, seed, std, mean, len(shape)))
    w.save(path)


def blocks(m, tensor, t, seed, std, mean, dims):
    mix = seed << 32 | zlib.crc32(tensor.encode())

    def make(first, n):
        if callable(std):
            return std()[first:first + n].astype("<f4")
        if dims == 1:
            return (gf.bell(mix, n, first) * std + mean).astype("<f4")
        raw = gf.random_blocks(t, mix, n, std, first)
        if t == "Q8_0" and m.get("as_encoded"):  # encoders never write -128, and some programs
            q = raw[:, 2:]                       # compute it wrongly: no parity to be had there
            q[q == 128] = 129
        return raw
    return make


def make(shape, kind, out, layers=None, vocab=None, seed=1):
    m = dict(SHAPES[shape], as_encoded=True)
    m["layers"] = layers or m["layers"]
    m["vocab"] = vocab or m["vocab"]
    write(out, m, kind, "random %s" % shape, seed, vocabulary(m["vocab"]))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("shape", choices=sorted(SHAPES))
    ap.add_argument("type", type=str.upper, choices=sorted(gf.TYPES))
    ap.add_argument("out")
    ap.add_argument("--layers", type=int, help="keep only the first N layers")
    ap.add_argument("--vocab", type=int, help="tokens, at least 354")
    ap.add_argument("--seed", type=int, default=1)
    a = ap.parse_args()
    if a.vocab is not None and a.vocab < 354:
        sys.exit("--vocab must be at least 354")
    make(a.shape, a.type, a.out, a.layers, a.vocab, a.seed)


if __name__ == "__main__":
    main()
