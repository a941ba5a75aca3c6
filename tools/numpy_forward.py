#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""numpy_forward.py - the transformer once more, in float64 and numpy, from the papers and the GGUF
key names, sharing no code with the library. A module for make_golden.py and compare_logits.py.

Two modes: rounded=False leaves activations as they are; rounded=True rounds what a matrix of a
block type is multiplied with to int8 as the library does (per 32 or 256 values: d = amax/127,
q = rne(x * (127/amax))), everything else staying in float64. The difference between the modes is
what quantised activations cost; what is left between rounded=True and the library is float32.
"""
import numpy as np

import gguf_format as gf

CHUNK = 1 << 22  # weights decoded at a time


def halves(x, block):
    """How near the values of x come to a rounding boundary, in units of a step: the smallest distance."""
    b = np.abs(x.reshape(len(x), -1, block))
    amax = b.max(axis=2, keepdims=True)
    t = b / np.where(amax == 0, 1, amax) * 127
    return np.abs(t - np.floor(t) - 0.5).min()


def round_acts(x, block):
    """(n, k) -> the values an int8 row stands for; scales and products in float32, as specified."""
    b = x.astype(np.float32).reshape(len(x), -1, block)
    amax = np.abs(b).max(axis=2, keepdims=True)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        inv = np.float32(127) / amax
        q = np.rint(b * inv)
    d = amax / np.float32(127)
    dead = ~np.isfinite(inv)
    return np.where(dead, 0.0, q.astype(np.float64) * d.astype(np.float64)).reshape(x.shape)


class Model:
    """cache: a dict for decoded matrices, e.g. shared by two computations over one file; False: decoded
    anew each time. real: the type to compute in; float32 shows what narrow sums cost by themselves."""

    def __init__(self, path, rounded=False, cache=True, real=np.float64):
        self.real = real
        self.file, self.rounded, self.cached = gf.Reader(path), rounded, {} if cache is True else cache
        kv = self.file.kv
        self.family = a = kv["general.architecture"].decode()
        self.dim, self.layers = kv[a + ".embedding_length"], kv[a + ".block_count"]
        self.heads = kv[a + ".attention.head_count"]
        self.kv_heads = kv.get(a + ".attention.head_count_kv", self.heads)
        self.hd = kv.get(a + ".attention.key_length", self.dim // self.heads)
        self.eps = kv[a + ".attention.layer_norm_rms_epsilon"]
        rot = kv.get(a + ".rope.dimension_count", self.hd)
        self.freq = kv.get(a + ".rope.freq_base", 10000.0) ** (-np.arange(0, rot, 2) / rot)
        if "rope_freqs.weight" in self.file.tensor:
            self.freq = self.freq / self.file.rows("rope_freqs.weight")[0]
        self.pairs = "adjacent" if a == "llama" else "halves"
        self.out = "output.weight" if "output.weight" in self.file.tensor else "token_embd.weight"
        self.margin = 0.5  # smallest distance of a rounded activation from a rounding boundary
        self.start()

    def start(self):
        self.keys = [np.zeros((0, self.kv_heads, self.hd), self.real) for _ in range(self.layers)]
        self.values = [np.zeros((0, self.kv_heads, self.hd), self.real) for _ in range(self.layers)]

    def weight(self, name):
        return self.file.rows(name)[0].astype(self.real)

    def linear(self, name, x, bias=None):
        """x (n, k) -> (n, rows)."""
        shape, kind, _ = self.file.tensor[name]
        block = gf.TYPES[kind][1]
        if self.rounded and block > 1:
            self.margin = min(self.margin, halves(x, block))
            x = round_acts(x, block).astype(self.real)
        if self.cached is not False:
            if name not in self.cached:
                self.cached[name] = self.file.rows(name)
            y = x @ self.cached[name].T.astype(self.real, copy=False)
        else:
            step = max(1, CHUNK // shape[1])
            y = np.concatenate([x @ self.file.rows(name, r, min(step, shape[0] - r)).T.astype(self.real)
                                for r in range(0, shape[0], step)], axis=1)
        return y + self.weight(bias) if bias in self.file.tensor else y

    def norm(self, x, name):
        return x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + self.real(self.eps)) * self.weight(name)

    def rope(self, x, pos):
        """x (n, heads, hd); only the first 2 * len(freq) of each head turn."""
        angle = pos[:, None, None] * self.freq
        c, s = np.cos(angle).astype(self.real), np.sin(angle).astype(self.real)
        r = 2 * len(self.freq)
        y = x.copy()
        a, b = (x[..., 0:r:2], x[..., 1:r:2]) if self.pairs == "adjacent" else (x[..., :r // 2], x[..., r // 2:r])
        first, second = a * c - b * s, a * s + b * c
        if self.pairs == "adjacent":
            y[..., 0:r:2], y[..., 1:r:2] = first, second
        else:
            y[..., :r // 2], y[..., r // 2:r] = first, second
        return y

    def attend(self, q, layer, pos):
        """q (n, heads, hd) against everything kept so far; token i sees positions <= pos[i]."""
        share = self.heads // self.kv_heads
        k, v = self.keys[layer].repeat(share, axis=1), self.values[layer].repeat(share, axis=1)
        score = np.einsum("nhd,phd->hnp", q, k) / self.real(np.sqrt(self.hd))
        score = np.where(np.arange(len(k)) <= pos[:, None], score, -np.inf)
        w = np.exp(score - score.max(axis=2, keepdims=True))
        w /= w.sum(axis=2, keepdims=True)
        return np.einsum("hnp,phd->nhd", w, v).reshape(len(q), -1)

    def step(self, ids):
        """Reads ids after what was read before; logits (n, vocab)."""
        n = len(ids)
        pos = np.arange(len(self.keys[0]), len(self.keys[0]) + n)
        x = np.concatenate([self.file.rows("token_embd.weight", int(i), 1) for i in ids]).astype(self.real)
        for layer in range(self.layers):
            p = "blk.%d." % layer
            h = self.norm(x, p + "attn_norm.weight")
            q, k, v = (self.linear(p + "attn_%s.weight" % c, h, p + "attn_%s.bias" % c).reshape(n, -1, self.hd)
                       for c in "qkv")
            if p + "attn_q_norm.weight" in self.file.tensor:
                q, k = self.norm(q, p + "attn_q_norm.weight"), self.norm(k, p + "attn_k_norm.weight")
            self.keys[layer] = np.concatenate([self.keys[layer], self.rope(k, pos)])
            self.values[layer] = np.concatenate([self.values[layer], v])
            x = x + self.linear(p + "attn_output.weight", self.attend(self.rope(q, pos), layer, pos))
            h = self.norm(x, p + "ffn_norm.weight")
            g, u = self.linear(p + "ffn_gate.weight", h), self.linear(p + "ffn_up.weight", h)
            x = x + self.linear(p + "ffn_down.weight", g / (1 + np.exp(-g)) * u)
        return self.linear(self.out, self.norm(x, "output_norm.weight"))
