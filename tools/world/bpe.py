#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""bpe.py - a byte-level BPE vocabulary from the corpus, and text to ids with it.

    bpe.py train CORPUS.jsonl VOCAB.json [--size 4096]
    bpe.py encode CORPUS.jsonl VOCAB.json IDS.bin    uint16 ids; every dialogue is one chatml text

Words are split as GPT-2 does (the corpus is ASCII, so the standard library's expressions are
enough). Ids: control tokens, the 256 bytes, then the merges in order. Ties between equally
frequent pairs go to the pair that is smaller as text, so the vocabulary is the same everywhere.
"""
import argparse
import array
import collections
import json
import re
import sys

CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
WORD = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+")


def byte_letters():
    """GPT-2's printable stand-ins for the 256 bytes."""
    keep = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    out, more = {b: chr(b) for b in keep}, 0
    for b in range(256):
        if b not in out:
            out[b] = chr(256 + more)
            more += 1
    return [out[b] for b in range(256)]


LETTERS = byte_letters()


def spell(word):
    return "".join(LETTERS[b] for b in word.encode("utf-8"))


def chatml(turns):
    """The parts of a dialogue: (text, is control)."""
    for i, t in enumerate(turns):
        yield "<|im_start|>", True
        yield ("assistant\n" if i % 2 else "user\n") + t, False
        yield "<|im_end|>", True
        yield "\n", False


def dialogues(path):
    with open(path, encoding="ascii") as f:
        for line in f:
            yield json.loads(line)


def count_words(path):
    words = collections.Counter()
    for d in dialogues(path):
        for text, control in chatml(d["turns"]):
            if not control:
                words.update(WORD.findall(text))
    return words


def merge(parts, a, b):
    out, i = [], 0
    while i < len(parts):
        if i + 1 < len(parts) and parts[i] == a and parts[i + 1] == b:
            out.append(a + b)
            i += 2
        else:
            out.append(parts[i])
            i += 1
    return out


def train(words, size):
    """[(left, right)] until the vocabulary has `size` tokens or no pair occurs twice."""
    split = [[list(spell(w)), n] for w, n in sorted(words.items())]
    pairs, where = collections.Counter(), collections.defaultdict(set)
    for i, (parts, n) in enumerate(split):
        for p in zip(parts, parts[1:]):
            pairs[p] += n
            where[p].add(i)
    merges = []
    while len(CONTROL) + 256 + len(merges) < size:
        best = min(pairs.items(), key=lambda x: (-x[1], x[0]), default=None)
        if not best or best[1] < 2:
            break
        a, b = best[0]
        merges.append((a, b))
        for i in sorted(where[(a, b)]):
            parts, n = split[i]
            for p in zip(parts, parts[1:]):
                pairs[p] -= n
                if pairs[p] <= 0:
                    del pairs[p]
            parts = split[i][0] = merge(parts, a, b)
            for p in zip(parts, parts[1:]):
                pairs[p] += n
                where[p].add(i)
        where.pop((a, b))
    return merges


class Vocabulary:
    def __init__(self, merges):
        self.merges = [tuple(m) for m in merges]
        self.tokens = CONTROL + LETTERS + [a + b for a, b in self.merges]
        self.id = {t: i for i, t in enumerate(self.tokens)}
        self.rank = {m: i for i, m in enumerate(self.merges)}
        self.cache = {}

    @classmethod
    def load(cls, path):
        with open(path, encoding="utf-8") as f:
            return cls(json.load(f)["merges"])

    def word(self, w):
        if w not in self.cache:
            parts = list(spell(w))
            while len(parts) > 1:
                pair = min(zip(parts, parts[1:]), key=lambda p: self.rank.get(p, 1 << 30))
                if pair not in self.rank:
                    break
                parts = merge(parts, *pair)
            self.cache[w] = [self.id[p] for p in parts]
        return self.cache[w]

    def encode(self, text):
        return [i for w in WORD.findall(text) for i in self.word(w)]

    def dialogue(self, turns):
        ids = []
        for text, control in chatml(turns):
            ids.extend([self.id[text]] if control else self.encode(text))
        return ids

    def decode(self, ids):
        back = {c: b for b, c in enumerate(LETTERS)}
        raw = b"".join(bytes(back[c] for c in self.tokens[i]) for i in ids if i >= len(CONTROL))
        return raw.decode("utf-8", "replace")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("what", choices=["train", "encode"])
    p.add_argument("corpus")
    p.add_argument("vocab")
    p.add_argument("out", nargs="?")
    p.add_argument("--size", type=int, default=4096)
    a = p.parse_args()
    if a.what == "train":
        words = count_words(a.corpus)
        merges = train(words, a.size)
        with open(a.vocab, "w", encoding="utf-8") as f:
            json.dump({"merges": merges}, f)
        print("%d distinct words, %d merges" % (len(words), len(merges)))
        return 0
    v, ids, n = Vocabulary.load(a.vocab), array.array("H"), 0
    for d in dialogues(a.corpus):
        ids.extend(v.dialogue(d["turns"]) + [v.id["<|endoftext|>"]])
        n += 1
    if sys.byteorder == "big":
        ids.byteswap()
    with open(a.out, "wb") as f:
        ids.tofile(f)
    print("%d dialogues, %d tokens" % (n, len(ids)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
