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

    def __init__(self, path, rounded=False, cache=True, real=np.float64, context=0):
        """context: what the cache is made for, where that decides (longrope)."""
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
        index = np.arange(0, rot, 2) / rot
        self.freq = kv.get(a + ".rope.freq_base", 10000.0) ** -index
        self.local_freq = 10000.0 ** -index if a == "gemma3" else self.freq
        self.freq = self.freq / kv.get(a + ".rope.scaling.factor", 1.0)
        if "rope_freqs.weight" in self.file.tensor:
            self.freq = self.local_freq = self.freq / self.file.rows("rope_freqs.weight")[0]
        length = "long" if context > kv.get(a + ".rope.scaling.original_context_length", 1 << 32) else "short"
        if "rope_factors_%s.weight" % length in self.file.tensor:
            self.freq = self.local_freq = self.freq / self.file.rows("rope_factors_%s.weight" % length)[0]
        self.turn_scale = kv.get(a + ".rope.scaling.attn_factor", 1.0)
        self.pairs = "adjacent" if a in ("llama", "granite", "smollm3") else "halves"
        gemma = a.startswith("gemma")
        self.gelu = gemma
        self.embed_scale = kv.get(a + ".embedding_scale", np.sqrt(np.float32(self.dim)) if gemma else 1.0)
        self.residual_scale = kv.get(a + ".residual_scale", 1.0)
        self.logit_scale = kv.get(a + ".logit_scale", 1.0)
        self.score_scale = kv.get(a + ".attention.scale", 1 / np.sqrt(self.hd))
        self.score_cap = kv.get(a + ".attn_logit_softcapping", 50.0 if a == "gemma2" else 0)
        self.logit_cap = kv.get(a + ".final_logit_softcapping", 30.0 if a == "gemma2" else 0)
        self.window = kv.get(a + ".attention.sliding_window", 0)
        every = {"gemma2": 2, "gemma3": 6}.get(a, self.layers + 1)
        self.local = [self.window > 0 and i % every < every - 1 for i in range(self.layers)]
        self.rotates = [a != "smollm3" or i % 4 != 3 for i in range(self.layers)]
        self.used = kv.get(a + ".expert_used_count", 0)
        self.renormalise = a != "olmoe"
        self.out = "output.weight" if "output.weight" in self.file.tensor else "token_embd.weight"
        self.margin = 0.5  # smallest distance of a rounded activation from a rounding boundary
        self.start()

    def start(self):
        self.keys = [np.zeros((0, self.kv_heads, self.hd), self.real) for _ in range(self.layers)]
        self.values = [np.zeros((0, self.kv_heads, self.hd), self.real) for _ in range(self.layers)]

    def weight(self, name):
        return self.file.rows(name)[0].astype(self.real)

    def linear(self, name, x, bias=None, plane=None, rows=None):
        """x (n, k) -> (n, rows). plane: of a tensor of three dimensions; rows: a part of a matrix's."""
        shape, kind, _ = self.file.tensor[name]
        if plane is not None:
            rows = (plane * shape[1], (plane + 1) * shape[1])
        first, end = rows or (0, int(np.prod(shape[:-1])))
        block = gf.TYPES[kind][1]
        if self.rounded and block > 1:
            self.margin = min(self.margin, halves(x, block))
            x = round_acts(x, block).astype(self.real)
        if self.cached is not False:
            if name not in self.cached:
                self.cached[name] = self.file.rows(name)
            y = x @ self.cached[name][first:end].T.astype(self.real, copy=False)
        else:
            step = max(1, CHUNK // shape[-1])
            y = np.concatenate([x @ self.file.rows(name, r, min(step, end - r)).T.astype(self.real)
                                for r in range(first, end, step)], axis=1)
        return y + self.weight(bias) if bias in self.file.tensor else y

    def norm(self, x, name):
        return x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + self.real(self.eps)) * self.weight(name)

    def rope(self, x, pos, layer):
        """x (n, heads, hd); only the first 2 * len(freq) of each head turn."""
        if not self.rotates[layer]:
            return x
        angle = pos[:, None, None] * (self.local_freq if self.local[layer] else self.freq)
        c, s = ((f(angle) * self.turn_scale).astype(self.real) for f in (np.cos, np.sin))
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
        """q (n, heads, hd) against everything kept so far; token i sees positions <= pos[i], in a local
        layer the last window of them."""
        share = self.heads // self.kv_heads
        k, v = self.keys[layer].repeat(share, axis=1), self.values[layer].repeat(share, axis=1)
        score = np.einsum("nhd,phd->hnp", q, k) * self.real(self.score_scale)
        if self.score_cap:
            score = self.score_cap * np.tanh(score / self.score_cap)
        ago = pos[:, None] - np.arange(len(k))
        score = np.where((ago >= 0) & (ago < (self.window if self.local[layer] else np.inf)), score, -np.inf)
        w = np.exp(score - score.max(axis=2, keepdims=True))
        w /= w.sum(axis=2, keepdims=True)
        return np.einsum("hnp,phd->nhd", w, v).reshape(len(q), -1)

    def qkv(self, p, h):
        if p + "attn_qkv.weight" in self.file.tensor:
            q, k = self.heads * self.hd, self.kv_heads * self.hd
            parts = ((0, q), (q, q + k), (q + k, q + 2 * k))
            out = [self.linear(p + "attn_qkv.weight", h, rows=r) for r in parts]
        else:
            out = [self.linear(p + "attn_%s.weight" % c, h, p + "attn_%s.bias" % c) for c in "qkv"]
        whole = self.family in ("olmo2", "olmoe")
        normed = p + "attn_q_norm.weight" in self.file.tensor
        for i, c in ((0, "q"), (1, "k")):
            if normed and whole:
                out[i] = self.norm(out[i], p + "attn_%s_norm.weight" % c)
        out = [x.reshape(len(h), -1, self.hd) for x in out]
        for i, c in ((0, "q"), (1, "k")):
            if normed and not whole:
                out[i] = self.norm(out[i], p + "attn_%s_norm.weight" % c)
        return out

    def gate(self, g):
        if self.gelu:
            return g / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (g + 0.044715 * g ** 3)))
        return g / (1 + np.exp(-g))

    def feed_forward(self, p, h):
        if p + "ffn_gate_inp.weight" in self.file.tensor:
            return self.experts(p, h)
        if p + "ffn_gate.weight" in self.file.tensor:
            g, u = self.linear(p + "ffn_gate.weight", h), self.linear(p + "ffn_up.weight", h)
        else:
            ff = self.file.tensor[p + "ffn_up.weight"][0][0] // 2
            g, u = (self.linear(p + "ffn_up.weight", h, rows=r) for r in ((0, ff), (ff, 2 * ff)))
        return self.linear(p + "ffn_down.weight", self.gate(g) * u)

    def experts(self, p, h):
        router = self.linear(p + "ffn_gate_inp.weight", h)
        share = np.exp(router - router.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        out = np.zeros_like(h)
        for t in range(len(h)):
            chosen = np.argsort(-share[t], kind="stable")[:self.used]
            weight = share[t][chosen] / (share[t][chosen].sum() if self.renormalise else 1)
            for e, w in zip(chosen, weight):
                g, u = (self.linear(p + "ffn_%s_exps.weight" % c, h[t:t + 1], plane=e) for c in ("gate", "up"))
                out[t] += w * self.linear(p + "ffn_down_exps.weight", self.gate(g) * u, plane=e)[0]
        return out

    def before(self, x, name):
        return self.norm(x, name) if name in self.file.tensor else x

    def after(self, x, y, name):
        """x and what a block adds."""
        return x + self.real(self.residual_scale) * (self.norm(y, name) if name in self.file.tensor else y)

    def step(self, ids):
        """Reads ids after what was read before; logits (n, vocab)."""
        n = len(ids)
        pos = np.arange(len(self.keys[0]), len(self.keys[0]) + n)
        x = np.concatenate([self.file.rows("token_embd.weight", int(i), 1) for i in ids]).astype(self.real)
        x = x * self.real(self.embed_scale)
        for layer in range(self.layers):
            p = "blk.%d." % layer
            q, k, v = self.qkv(p, self.before(x, p + "attn_norm.weight"))
            self.keys[layer] = np.concatenate([self.keys[layer], self.rope(k, pos, layer)])
            self.values[layer] = np.concatenate([self.values[layer], v])
            a = self.linear(p + "attn_output.weight", self.attend(self.rope(q, pos, layer), layer, pos))
            x = self.after(x, a, p + "post_attention_norm.weight")
            h = self.before(x, p + "ffn_norm.weight")
            x = self.after(x, self.feed_forward(p, h), p + "post_ffw_norm.weight")
        y = self.linear(self.out, self.norm(x, "output_norm.weight")) / self.real(self.logit_scale)
        return self.logit_cap * np.tanh(y / self.logit_cap) if self.logit_cap else y
