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
                       ctx=40960, base=1e6, eps=1e-6, tied=True)}
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


def tensors(m):
    """(name, shape, deviation, mean); deviation None: the rope factors. Two-dimensional: a matrix."""
    q, k, d, f = m["heads"] * m["hd"], m["kv"] * m["hd"], m["dim"], m["ffn"]
    yield "token_embd.weight", (m["vocab"], d), m.get("embd_std", 1.5) / np.sqrt(d), 0
    for i in range(m["layers"]):
        p = "blk.%d." % i
        yield p + "attn_norm.weight", (d,), 0.2, 1
        yield p + "attn_q.weight", (q, d), 1.4 / np.sqrt(d), 0
        yield p + "attn_k.weight", (k, d), 1.4 / np.sqrt(d), 0
        yield p + "attn_v.weight", (k, d), 1 / np.sqrt(d), 0
        yield p + "attn_output.weight", (d, q), 1 / np.sqrt(q), 0
        if m["family"] == "qwen2":
            for c, n in (("q", q), ("k", k), ("v", k)):
                yield p + "attn_%s.bias" % c, (n,), 0.3, 0
        if m["family"] == "qwen3":
            for c in "qk":
                yield p + "attn_%s_norm.weight" % c, (m["hd"],), 0.2, 1
        yield p + "ffn_norm.weight", (d,), 0.2, 1
        yield p + "ffn_gate.weight", (f, d), 1.5 / np.sqrt(d), 0
        yield p + "ffn_up.weight", (f, d), 1 / np.sqrt(d), 0
        yield p + "ffn_down.weight", (d, f), 1.5 / np.sqrt(f), 0
    yield "output_norm.weight", (d,), 0.2, 1
    if not m["tied"]:
        yield "output.weight", (m["vocab"], d), 2 / np.sqrt(d), 0
    if m.get("factors"):
        yield "rope_freqs.weight", (m["hd"] // 2,), None, None


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
        for key in ("attention.key_length", "attention.value_length", "rope.dimension_count"):
            w.meta(a + "." + key, gf.U32, m["hd"])
    w.meta("tokenizer.ggml.model", gf.STR, "llama")
    w.meta("tokenizer.ggml.tokens", gf.ARR, vocab[0], gf.STR)
    w.meta("tokenizer.ggml.scores", gf.ARR, vocab[1], gf.F32)
    w.meta("tokenizer.ggml.token_type", gf.ARR, vocab[2], gf.I32)
    for key, i in (("bos", 1), ("eos", 2), ("unknown", 0)):
        w.meta("tokenizer.ggml.%s_token_id" % key, gf.U32, i)
    w.meta("tokenizer.ggml.add_bos_token", gf.BOOL, True)
    for tensor, shape, std, mean in tensors(m):
        t = (kinds or {}).get(tensor.split(".")[-2], kind) if len(shape) == 2 else "F32"
        if shape[-1] % gf.TYPES[t][1]:
            t = INSTEAD.get(t, t)
        w.tensor(tensor, shape, t, blocks(m, tensor, t, seed, std, mean, len(shape)))
    w.save(path)


def blocks(m, tensor, t, seed, std, mean, dims):
    mix = seed << 32 | zlib.crc32(tensor.encode())

    def make(first, n):
        if std is None:
            return llama3_factors(m["hd"], m["base"])[first:first + n].astype("<f4")
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
