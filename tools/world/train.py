#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""train.py - trains the built-in model with Debian's python3-torch: a llama-family transformer on
whole dialogues, seeded, resumable.

    train.py IDS.bin OUT_DIR --tokens N [--held HELD.bin] [--seed 1] [--threads 2]

Rows are single dialogues, grouped by length so that little is padding: what the model sees in
training is what it sees when it answers. Hidden matrices are trained by Muon (orthogonalised
momentum, https://kellerjordan.github.io/posts/muon/), the embedding and the norms by Adam. The
rate rises over WARM tokens, stays, and falls linearly to nothing over the last half of N; before
that half begins a run may be stopped and continued with another N. OUT_DIR/checkpoint.pt is
written every few minutes and continued from; OUT_DIR/log.jsonl gets one line every few steps.
Arithmetic is bf16 with 32-bit master weights.
"""
import argparse
import array
import json
import os
import random
import sys
import time

import torch
import torch.nn.functional as F

END = 0  # <|endoftext|> ends each dialogue in the file, and is the padding of the targets
CONFIG = {"n_vocab": 4096, "dim": 192, "n_layer": 6, "n_head": 6, "n_head_kv": 2, "ffn": 512,
          "rope_base": 10000.0, "eps": 1e-5, "n_ctx": 512}
WARM = 100000


def read_dialogues(path):
    ids = array.array("H")
    with open(path, "rb") as f:
        ids.frombytes(f.read())
    if sys.byteorder == "big":
        ids.byteswap()
    out, at = [], 0
    while at < len(ids):
        end = ids.index(END, at)
        out.append(ids[at:end])
        at = end + 1
    return out


def batches(dialogues, seed, tokens, epoch):
    """Lists of indices, each of about `tokens` tokens: order by seed and epoch alone."""
    dice = random.Random(seed * 1000 + epoch)
    order = sorted(range(len(dialogues)), key=lambda i: (dice.random(), i))
    groups = []
    for at in range(0, len(order), 4096):
        pool = sorted(order[at:at + 4096], key=lambda i: (len(dialogues[i]), i))
        now, longest = [], 0
        part = []
        for i in pool:
            longest = max(longest, len(dialogues[i]))
            if now and longest * (len(now) + 1) > tokens:
                part.append(now)
                now, longest = [], len(dialogues[i])
            now.append(i)
        part.append(now)
        groups += sorted(part, key=lambda b: dice.random())
    return groups


def tensor_of(dialogues, batch):
    width = max(len(dialogues[i]) for i in batch)
    x = torch.zeros(len(batch), width, dtype=torch.long)
    for r, i in enumerate(batch):
        x[r, :len(dialogues[i])] = torch.tensor(dialogues[i], dtype=torch.long)
    return x


# ------------------------------------------------------------------------------------- the model
def init(c, seed):
    """name -> fp32 weight, in GGUF's names; matrices (rows, columns)."""
    g = torch.Generator().manual_seed(seed)
    hd = c["dim"] // c["n_head"]
    kv = c["n_head_kv"] * hd

    def matrix(rows, cols, scale=1.0):
        return torch.randn(rows, cols, generator=g) * (scale / cols ** 0.5)
    w = {"token_embd.weight": torch.randn(c["n_vocab"], c["dim"], generator=g) * 0.05,
         "output_norm.weight": torch.ones(c["dim"])}
    for i in range(c["n_layer"]):
        b = "blk.%d." % i
        w[b + "attn_norm.weight"] = torch.ones(c["dim"])
        w[b + "ffn_norm.weight"] = torch.ones(c["dim"])
        w[b + "attn_q.weight"] = matrix(c["dim"], c["dim"])
        w[b + "attn_k.weight"] = matrix(kv, c["dim"])
        w[b + "attn_v.weight"] = matrix(kv, c["dim"])
        w[b + "attn_output.weight"] = matrix(c["dim"], c["dim"], 0.3)
        w[b + "ffn_gate.weight"] = matrix(c["ffn"], c["dim"])
        w[b + "ffn_up.weight"] = matrix(c["ffn"], c["dim"])
        w[b + "ffn_down.weight"] = matrix(c["dim"], c["ffn"], 0.3)
    return w


def rope_tables(c, n, dtype):
    hd = c["dim"] // c["n_head"]
    f = c["rope_base"] ** (-torch.arange(0, hd, 2, dtype=torch.float64) / hd)
    a = torch.arange(n, dtype=torch.float64)[:, None] * f[None, :]
    return a.cos().to(dtype), a.sin().to(dtype)


def rope(x, cos, sin):
    """x (B, H, T, hd): neighbouring pairs are rotated, as the llama family stores them."""
    p = x.unflatten(-1, (-1, 2))
    a, b = p[..., 0], p[..., 1]
    return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)


class Norm(torch.autograd.Function):
    """RMSNorm in one go: torch 1.13 has none, and its parts cost more than the matrices."""

    @staticmethod
    def forward(ctx, x, w, eps):
        f = x.float()
        r = (f.square().mean(-1, keepdim=True) + eps).rsqrt()
        n = f * r
        ctx.save_for_backward(n, r, w)
        return (n * w).to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        n, r, w = ctx.saved_tensors
        f = g.float()
        gw = (f * n).flatten(0, -2).sum(0)
        f = f * w
        return (r * (f - n * (f * n).mean(-1, keepdim=True))).to(g.dtype), gw, None


def forward(c, w, x, dtype=torch.bfloat16):
    """Logits (B, T, n_vocab) for ids x (B, T)."""
    b, t = x.shape
    nh, nkv = c["n_head"], c["n_head_kv"]
    hd = c["dim"] // nh
    low = {k: v.to(dtype) if v.dim() == 2 else v for k, v in w.items()}
    cos, sin = rope_tables(c, t, dtype)
    mask = torch.full((t, t), float("-inf")).triu(1).to(dtype)
    h = F.embedding(x, low["token_embd.weight"])
    for i in range(c["n_layer"]):
        p = "blk.%d." % i
        n = Norm.apply(h, w[p + "attn_norm.weight"], c["eps"])
        q = F.linear(n, low[p + "attn_q.weight"]).view(b, t, nh, hd).transpose(1, 2)
        k = F.linear(n, low[p + "attn_k.weight"]).view(b, t, nkv, hd).transpose(1, 2)
        v = F.linear(n, low[p + "attn_v.weight"]).view(b, t, nkv, hd).transpose(1, 2)
        q, k = rope(q, cos, sin), rope(k, cos, sin)
        # the nh / nkv query heads of one key head lie side by side: fold them into the rows
        g = nh // nkv
        q = (q * hd ** -0.5).reshape(b * nkv, g * t, hd)
        s = torch.bmm(q, k.reshape(b * nkv, t, hd).transpose(1, 2)).view(b * nkv, g, t, t) + mask
        a = torch.bmm(s.softmax(-1).view(b * nkv, g * t, t), v.reshape(b * nkv, t, hd))
        a = a.view(b, nh, t, hd).transpose(1, 2).reshape(b, t, nh * hd)
        h = h + F.linear(a, low[p + "attn_output.weight"])
        n = Norm.apply(h, w[p + "ffn_norm.weight"], c["eps"])
        m = F.silu(F.linear(n, low[p + "ffn_gate.weight"])) * F.linear(n, low[p + "ffn_up.weight"])
        h = h + F.linear(m, low[p + "ffn_down.weight"])
    h = Norm.apply(h, w["output_norm.weight"], c["eps"])
    return F.linear(h, low["token_embd.weight"])


def loss_of(c, w, x, reduction="mean"):
    real = x[:, 1:] != END
    logits = forward(c, w, x[:, :-1])[real]
    return F.cross_entropy(logits.float(), x[:, 1:][real], reduction=reduction)


# --------------------------------------------------------------------------------- the optimisers
def orthogonal(g):
    """Newton-Schulz: nearest matrices with equal singular values; g (k, rows, cols)."""
    x = g.bfloat16()
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.transpose(1, 2)
    x = x / (x.flatten(1).float().norm(dim=1).view(-1, 1, 1) + 1e-7).bfloat16()
    for _ in range(5):
        a = torch.bmm(x, x.transpose(1, 2))
        x = 3.4445 * x + torch.bmm(-4.7750 * a + 2.0315 * torch.bmm(a, a), x)
    return (x.transpose(1, 2) if tall else x).float()


class Optimiser:
    def __init__(self, w):
        self.w = w
        kinds = sorted({k.split(".", 2)[2] for k, v in w.items() if k.startswith("blk.") and v.dim() == 2})
        self.groups = [sorted(k for k in w if k.startswith("blk.") and k.endswith("." + kind)) for kind in kinds]
        self.adam = [k for k in w if not any(k in g for g in self.groups)]
        self.state = {"momentum": {k: torch.zeros_like(w[k]) for g in self.groups for k in g},
                      "m": {k: torch.zeros_like(w[k]) for k in self.adam},
                      "v": {k: torch.zeros_like(w[k]) for k in self.adam}}

    def step(self, rate, n):
        with torch.no_grad():
            for group in self.groups:
                u = []
                for k in group:
                    m = self.state["momentum"][k]
                    m.mul_(0.95).add_(self.w[k].grad, alpha=0.05)
                    u.append(self.w[k].grad.mul(0.05).add(m, alpha=0.95))
                u = orthogonal(torch.stack(u))
                rows, cols = u.shape[1:]
                for k, d in zip(group, u):
                    self.w[k].mul_(1 - rate * 0.001).add_(d, alpha=-rate * 0.02 * max(1, rows / cols) ** 0.5)
            for k in self.adam:
                m, v, g = self.state["m"][k], self.state["v"][k], self.w[k].grad
                m.mul_(0.9).add_(g, alpha=0.1)
                v.mul_(0.95).addcmul_(g, g, value=0.05)
                size = rate * (0.003 if self.w[k].dim() == 2 else 0.01)
                self.w[k].addcdiv_(m / (1 - 0.9 ** n), (v / (1 - 0.95 ** n)).sqrt_().add_(1e-10), value=-size)
            for k in self.w:
                self.w[k].grad = None


def rate_at(tokens, total):
    if tokens < WARM:
        return max(tokens, 1) / WARM
    return min(1.0, max(0.0, (total - tokens) / (total / 2)))


def held_loss(c, w, held, threads_tokens=8192):
    total = count = 0
    with torch.no_grad():
        for batch in batches(held, 0, threads_tokens, 0):
            x = tensor_of(held, batch)
            total += float(loss_of(c, w, x, "sum"))
            count += int((x[:, 1:] != END).sum())
    return total / count


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("ids")
    p.add_argument("out")
    p.add_argument("--tokens", type=int, required=True)
    p.add_argument("--held")
    p.add_argument("--start", help="a checkpoint whose weights training starts from")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--batch", type=int, default=4096, help="tokens a step")
    p.add_argument("--save-minutes", type=float, default=5)
    p.add_argument("--stop-after-minutes", type=float, default=0, help="stop with a checkpoint")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    os.makedirs(a.out, exist_ok=True)
    c, data = dict(CONFIG), read_dialogues(a.ids)
    held = read_dialogues(a.held)[:400] if a.held else None
    w = init(c, a.seed)
    for v in w.values():
        v.requires_grad_(True)
    opt, tokens, step, epoch, at = Optimiser(w), 0, 0, 0, 0
    if a.start:
        for k, v in torch.load(a.start)["w"].items():
            w[k].data.copy_(v)
    saved = os.path.join(a.out, "checkpoint.pt")
    if os.path.exists(saved):
        s = torch.load(saved)
        for k, v in s["w"].items():
            w[k].data.copy_(v)
        opt.state, tokens, step, epoch, at = s["opt"], s["tokens"], s["step"], s["epoch"], s["at"]
        print("continued at %d tokens, step %d" % (tokens, step), flush=True)
    else:
        print("%d weights, %d dialogues" % (sum(v.numel() for v in w.values()), len(data)), flush=True)

    def save():
        torch.save({"config": c, "w": {k: v.detach() for k, v in w.items()}, "opt": opt.state,
                    "tokens": tokens, "step": step, "epoch": epoch, "at": at}, saved + ".part")
        os.replace(saved + ".part", saved)
    began, last, sums, n_sums, since = time.time(), time.time(), 0.0, 0, (time.time(), tokens)
    log = open(os.path.join(a.out, "log.jsonl"), "a", encoding="ascii")
    order = batches(data, a.seed, a.batch, epoch)
    while tokens < a.tokens:
        if at == len(order):
            epoch, at = epoch + 1, 0
            order = batches(data, a.seed, a.batch, epoch)
        x = tensor_of(data, order[at])
        at += 1
        loss = loss_of(c, w, x)
        loss.backward()
        step += 1
        opt.step(rate_at(tokens, a.tokens), step)
        tokens += int((x != END).sum())
        sums, n_sums = sums + float(loss), n_sums + 1
        done = tokens >= a.tokens
        if step % 10 == 0 or done:
            line = {"step": step, "tokens": tokens, "loss": round(sums / n_sums, 5)}
            if held and (step % 100 == 0 or done):
                line["held"] = round(held_loss(c, w, held), 5)
            now = time.time()
            print(json.dumps(line), "%.0f tokens/s" % ((tokens - since[1]) / (now - since[0])), flush=True)
            log.write(json.dumps(line) + "\n")
            log.flush()
            sums, n_sums, since = 0.0, 0, (time.time(), tokens)
        if done or time.time() - last > 60 * a.save_minutes:
            save()
            last = time.time()
        if a.stop_after_minutes and time.time() - began > 60 * a.stop_after_minutes:
            save()
            print("stopped at %d tokens" % tokens)
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
