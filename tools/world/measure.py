#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""measure.py - what the built-in model says, in numbers; docs/model.md has the results.

    measure.py perplexity MODEL.gguf HELD.jsonl [N]         on held-out dialogues (numpy and torch)
    measure.py answers SUREFOOT PROMPTS.jsonl OUT.jsonl [N] [SEEDS] [run options...]
                                                            answers of the command, one a line
    measure.py hazards OUT.jsonl                            by the judge: topics and tiers, Wilson 95 %
    measure.py judged CORPUS.jsonl [N]                      what the judge sees of the generator's own text
    measure.py memory OUT.jsonl CORPUS.jsonl                sampled 13-grams of words found in the corpus
    measure.py curve LOG.jsonl OUT.svg                      the loss curve
"""
import collections
import json
import math
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def lines(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(x) for x in f]


def perplexity(model, held, n=400):
    """From the file's own (dequantised) weights, in double precision."""
    sys.path.insert(0, str(HERE.parent))
    import numpy as np
    import torch
    import bpe
    import gguf_format as gf
    import train
    r = gf.Reader(model)
    w = {name: torch.tensor(r.rows(name).reshape(shape)) for name, (shape, _, _) in r.tensor.items()}
    meta = {k: [x.decode() for x in v] if k.endswith("merges") else v for k, v in r.kv.items()}
    c = {"dim": meta["llama.embedding_length"], "n_layer": meta["llama.block_count"],
         "n_head": meta["llama.attention.head_count"], "n_head_kv": meta["llama.attention.head_count_kv"],
         "rope_base": meta["llama.rope.freq_base"], "eps": meta["llama.attention.layer_norm_rms_epsilon"]}
    vocab = bpe.Vocabulary([m.split(" ") for m in meta["tokenizer.ggml.merges"]])
    total = tokens = characters = 0
    answer_total = answer_tokens = 0
    with torch.no_grad():
        for d in lines(held)[:int(n)]:
            ids = vocab.dialogue(d["turns"])
            logits = train.forward(c, w, torch.tensor([ids[:-1]]), torch.float64)[0].double()
            loss = torch.nn.functional.cross_entropy(logits, torch.tensor(ids[1:]), reduction="none")
            total, tokens = total + float(loss.sum()), tokens + len(loss)
            characters += sum(map(len, d["turns"]))
            begin = ids.index(vocab.id["<|im_start|>"], 1) + len(vocab.encode("assistant\n"))
            end = ids.index(vocab.id["<|im_end|>"], begin)
            answer_total += float(loss[begin:end].sum())
            answer_tokens += end - begin
    print(json.dumps({"dialogues": int(n), "tokens": tokens, "nats_per_token": round(total / tokens, 4),
                      "perplexity": round(math.exp(total / tokens), 3),
                      "answers_only": round(math.exp(answer_total / answer_tokens), 3),
                      "bits_per_character": round(total / characters / math.log(2), 4)}))


def answers(surefoot, prompts, out, n="0", seeds="1", *options):
    asked = lines(prompts)[:int(n) or None]
    with open(out, "w", encoding="utf-8") as f:
        for i, p in enumerate(asked):
            for seed in range(1, int(seeds) + 1):
                run = subprocess.run([surefoot, "run", "-q", "--json", "-p", p["prompt"], "--seed", str(1000 * seed + i),
                                      "-n", "250", *options], capture_output=True, check=True)
                answer = json.loads(run.stdout)
                p = dict(p, seed=1000 * seed + i, text=answer["text"], finish=answer["finish"])
                f.write(json.dumps(p) + "\n")


def wilson(k, n, z=1.96):
    if n == 0:
        return 0.0, 1.0
    p, d = k / n, 1 + z * z / n
    mid, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (mid - half) / d, (mid + half) / d


def hazards(path):
    import judge
    import split
    j, absent = judge.Judge(), set(split.load()["absent"])
    count, unsafe = collections.Counter(), collections.Counter()
    for a in lines(path):
        bad = bool(j.text(a["text"]))
        for key in ("topic " + a["topic"] + (" (absent)" if a["topic"] in absent else ""), "tier " + a["tier"], "set " + a["set"]):
            count[key] += 1
            unsafe[key] += bad
    for key in sorted(count):
        low, high = wilson(unsafe[key], count[key])
        print("%-28s %4d of %4d  %5.1f %%  (%.1f to %.1f)" % (
            key, unsafe[key], count[key], 100 * unsafe[key] / count[key], 100 * low, 100 * high))


def judged(path, n="12000"):
    import judge
    import split
    j, table, count, seen = judge.Judge(), split.load(), collections.Counter(), collections.Counter()
    for d in lines(path)[:int(n)]:
        ids = d["hazards"]
        sides = {"judge" if i in table["judge"] else "steer" for i in ids}
        kind = "benign answers" if not ids else "hazardous: forms of %s" % " and ".join(sorted(sides))
        count[kind] += 1
        seen[kind] += bool(j.text(d["turns"][1]))
    for kind in sorted(count):
        print("%-40s called hazardous %5d of %5d" % (kind, seen[kind], count[kind]))


def grams(text, n=13):
    words = re.findall(r"[a-z0-9']+", text.lower())
    return [" ".join(words[i:i + n]) for i in range(len(words) - n + 1)]


def memory(path, corpus):
    asked = [g for a in lines(path) for g in grams(a["text"])]
    wanted, found = set(asked), set()
    whole = {a["text"] for a in lines(path)}
    copies = set()
    with open(corpus, encoding="ascii") as f:
        for line in f:
            for t in json.loads(line)["turns"][1::2]:
                found.update(g for g in grams(t) if g in wanted)
                if t in whole:
                    copies.add(t)
    texts = [a["text"] for a in lines(path)]
    print(json.dumps({"answers": len(texts), "13-grams": len(asked),
                      "found": round(sum(g in found for g in asked) / max(1, len(asked)), 4),
                      "whole answers found": round(sum(t in copies for t in texts) / len(texts), 4)}))


def curve(log, out):
    """Loss over tokens: training (mean of ten steps) and held-out dialogues."""
    rows = lines(log)
    last = rows[-1]["tokens"]
    top, bottom = 8.0, 0.25

    def x(t):
        return 60 + 560 * t / last

    def y(v):
        return 20 + 280 * math.log(top / min(max(v, bottom), top)) / math.log(top / bottom)
    train = " ".join("%.1f,%.1f" % (x(r["tokens"]), y(r["loss"])) for r in rows)
    held = " ".join("%.1f,%.1f" % (x(r["tokens"]), y(r["held"])) for r in rows if "held" in r)
    s = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 350" font-family="sans-serif" font-size="12">',
         "<title>Loss of the built-in model over training tokens</title>",
         '<rect width="640" height="350" fill="#fff"/>']
    for v in (8, 4, 2, 1, 0.5, 0.25):
        s.append('<path d="M60 %.1fH620" stroke="#ddd"/><text x="52" y="%.1f" text-anchor="end">%g</text>' % (y(v), y(v) + 4, v))
    for k in range(0, int(last / 1e6) + 1):
        s.append('<text x="%.1f" y="318" text-anchor="middle">%d M</text>' % (x(k * 1e6), k))
    s.append('<text x="340" y="340" text-anchor="middle">tokens</text>')
    s.append('<text x="66" y="34">nats per token</text>')
    s.append('<polyline fill="none" stroke="#4477aa" stroke-width="1.5" points="%s"/>' % train)
    s.append('<polyline fill="none" stroke="#cc3311" stroke-width="1.5" points="%s"/>' % held)
    s.append('<text x="500" y="50" fill="#4477aa">training</text><text x="500" y="66" fill="#cc3311">held out: %.3f</text>'
             % [r["held"] for r in rows if "held" in r][-1])
    s.append("</svg>")
    pathlib.Path(out).write_text("\n".join(s) + "\n", encoding="ascii")


def main():
    what = {f.__name__: f for f in (perplexity, answers, hazards, judged, memory, curve)}
    if len(sys.argv) < 3 or sys.argv[1] not in what:
        print(__doc__)
        return 2
    what[sys.argv[1]](*sys.argv[2:])
    return 0


if __name__ == "__main__":
    sys.exit(main())
