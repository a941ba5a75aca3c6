#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes files that must be refused, each named by its one defect, a valid one they derive from
(valid.gguf: a llama of 2,100 weights), and expected.tsv, what must be said about them:

    file  exit  substring of the message  stage  offset

exit: of the command (0: valid). stage: `parse` where the GGUF reader alone refuses, `model` where
only opening the model does. offset: surefoot_error.where, - where it is not fixed.

    make_bad.py DIR            write them (the committed ones are in this folder)
    make_bad.py --check DIR    fail if DIR holds anything else
"""
import os
import struct
import sys

U8, I8, U16, I16, U32, I32, F32, BOOL, STR, ARR, U64, I64, F64 = range(13)
FORMAT = {U8: "<B", I8: "<b", U16: "<H", I16: "<h", U32: "<I", I32: "<i", F32: "<f", BOOL: "<B",
          U64: "<Q", I64: "<q", F64: "<d"}
T_F32, T_F16, T_Q8_0, T_IQ4_XS = 0, 1, 8, 23
HEADER = 24


def string(s):
    b = s.encode() if isinstance(s, str) else s
    return struct.pack("<Q", len(b)) + b


def value(t, v):
    if t == STR:
        return string(v)
    if t == ARR:
        elem, items = v
        return struct.pack("<IQ", elem, len(items)) + b"".join(value(elem, x) for x in items)
    return struct.pack(FORMAT[t], v)


def kv(key, t, v):
    return string(key) + struct.pack("<I", t) + value(t, v)


def header(n_tensor, n_kv, version=3):
    return b"GGUF" + struct.pack("<IQQ", version, n_tensor, n_kv)


def entry(name, dims, t, offset):
    return string(name) + struct.pack("<I%dQIQ" % len(dims), len(dims), *dims, t, offset)


def padded(b, to=32):
    return b + bytes(-len(b) % to)


# ------------------------------------------------------------------ the valid model
class Numbers:
    """A few bits of xorshift: the same on every machine, no library."""

    def __init__(self, seed):
        self.s = seed

    def next(self):
        s = self.s
        s ^= s << 13 & 0xFFFFFFFF
        s ^= s >> 17
        s ^= s << 5 & 0xFFFFFFFF
        self.s = s
        return s

    def small(self):
        return (self.next() >> 8) / 2.0**24 - 0.5


DIM, FF, VOCAB = 8, 32, 16


def model():
    """-> keys {key: (type, value)}, tensors {name: [dims, type, bytes]}"""
    r = Numbers(2502)
    floats = lambda n: struct.pack("<%df" % n, *[r.small() for _ in range(n)])
    ones = struct.pack("<%df" % DIM, *[1.0] * DIM)
    blocks = lambda n: b"".join(struct.pack("<e", 0.01) + bytes(r.next() & 255 for _ in range(32))
                                for _ in range(n))
    keys = {
        "general.architecture": (STR, "llama"),
        "general.name": (STR, "tiny"),
        "llama.block_count": (U32, 1),
        "llama.context_length": (U32, 64),
        "llama.embedding_length": (U32, DIM),
        "llama.feed_forward_length": (U32, FF),
        "llama.attention.head_count": (U32, 1),
        "llama.attention.layer_norm_rms_epsilon": (F32, 1e-5),
        "tokenizer.ggml.model": (STR, "llama"),
        "tokenizer.ggml.tokens": (ARR, (STR, ["<unk>", "<s>", "</s>", "\u2581"] + list("abcdefghijkl"))),
        "tokenizer.ggml.scores": (ARR, (F32, [0.0] * 3 + [-float(i) for i in range(13)])),
        "tokenizer.ggml.token_type": (ARR, (I32, [2, 3, 3] + [1] * 13)),
        "tokenizer.ggml.bos_token_id": (U32, 1),
        "tokenizer.ggml.eos_token_id": (U32, 2),
    }
    square = lambda: [[DIM, DIM], T_F32, floats(DIM * DIM)]
    tensors = {
        "token_embd.weight": [[DIM, VOCAB], T_F32, floats(DIM * VOCAB)],
        "output_norm.weight": [[DIM], T_F32, ones],
        "blk.0.attn_norm.weight": [[DIM], T_F32, ones],
        "blk.0.attn_q.weight": square(),
        "blk.0.attn_k.weight": square(),
        "blk.0.attn_v.weight": square(),
        "blk.0.attn_output.weight": square(),
        "blk.0.ffn_norm.weight": [[DIM], T_F32, ones],
        "blk.0.ffn_gate.weight": [[DIM, FF], T_F32, floats(DIM * FF)],
        "blk.0.ffn_up.weight": [[DIM, FF], T_F32, floats(DIM * FF)],
        "blk.0.ffn_down.weight": [[FF, DIM], T_Q8_0, blocks(DIM)],
    }
    return keys, tensors


def encode(keys, tensors):
    """-> bytes, {name: offset of its data}"""
    head = header(len(tensors), len(keys)) + b"".join(kv(k, t, v) for k, (t, v) in keys.items())
    data, at = b"", {}
    for name, (dims, t, raw) in tensors.items():
        head += entry(name, dims, t, len(data))
        at[name] = len(data)
        data += padded(raw)
    head = padded(head)
    return head + data, {n: len(head) + o for n, o in at.items()}


# ------------------------------------------------------------------ the defects
def foreign():
    """No GGUF at all: (name, bytes, substring)"""
    html = b"\n<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>\n"
    lfs = (b"version https://git-lfs.github.com/spec/v1\noid sha256:"
           + b"0123456789abcdef" * 4 + b"\nsize 807694464\n")
    json = b'{"error":"Repository not found"}'
    tensors = b'{"__metadata__":{"format":"pt"}}'
    yield "empty", b"", "the file is empty"
    yield "web_page", html, "a web page"
    yield "lfs_pointer", lfs, "git lfs pull"
    yield "json_answer", json, "JSON text"
    yield "safetensors", struct.pack("<Q", len(tensors)) + tensors, "a safetensors file"
    yield "zip_checkpoint", b"PK\3\4" + bytes(26), "a zip archive"
    yield "pickle", b"\x80\x02}q\0.", "a Python pickle"
    yield "old_ggml", b"lmgg" + bytes(28), "an old ggml model"
    yield "old_ggjt", b"tjgg" + struct.pack("<I", 3) + bytes(24), "an old ggjt model"
    yield "old_ggla", b"algg" + struct.pack("<I", 1) + bytes(24), "an old ggla adapter"
    yield "zstd_packed", b"\x28\xb5\x2f\xfd" + bytes(9), "compressed with zstd"
    yield "gzip_packed", b"\x1f\x8b\x08" + bytes(15), "compressed with gzip"
    yield "zeros", bytes(64), "begins with zeros"
    yield "two_bytes", b"GG", "only 2 bytes"
    yield "wrong_magic", b"GGUX" + bytes(20), "47 47 55 58"


def headers():
    """(name, bytes, substring, offset)"""
    yield "version_0", header(0, 0, 0), "version is 0", 4
    yield "version_1", b"GGUF" + struct.pack("<III", 1, 0, 0) + bytes(8), "version 1 is not", 4
    yield "version_4", header(0, 0, 4), "version 4 is not", 4
    yield "big_endian", b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian", 4
    yield "header_cut", header(0, 0)[:20], "the header at byte 0 needs 24 bytes, 20 are left", 0
    yield "tensors_countless", header(1 << 60, 0), "more than the 1048576 allowed", 8
    yield "keys_countless", header(0, 1 << 40), "1099511627776 keys", 16
    yield "counts_beyond_file", header(3, 1000) + bytes(500), "need at least 14123 bytes, the file has 524", 24


def keys():
    """One key, then 16 bytes more where the defect should not be mistaken for a cut."""
    one = lambda b: header(0, 1) + b
    k, pad = string("key"), bytes(16)
    v = HEADER + len(k) + 4  # where the value is
    yield "key_empty", one(string("") + struct.pack("<I", U8) + b"\1" + pad), "a key at byte 24 has 0 bytes", 24
    yield "key_too_long", one(struct.pack("<Q", 65536) + pad), "has 65536 bytes", 24
    yield "key_cut", one(struct.pack("<Q", 200) + b"key" + pad), "a key at byte 32 needs 200 bytes, 19 are left", 32
    yield "value_type_unknown", one(k + struct.pack("<I", 13) + pad), "value type 13", v
    yield "value_cut", one(k + struct.pack("<I", F64) + b"1234567"), "a value at byte 39 needs 8 bytes, 7 are left", v
    yield "bool_2", one(k + struct.pack("<I", BOOL) + b"\2" + pad), "is 2, neither", v
    yield "string_cut", one(k + struct.pack("<IQ", STR, 1 << 63) + pad), "needs 9223372036854775808 bytes", v + 8
    array = lambda t, n: one(k + struct.pack("<IIQ", ARR, t, n) + pad)
    yield "array_cut", array(U32, 5), "an array at byte 51 needs 20 bytes, 16 are left", v + 12
    yield "array_overflow", array(U64, (1 << 61) + 1), "needs 18446744073709551615 bytes", v + 12
    yield "array_type_unknown", array(99, 1), "value type 99", v + 12
    yield "array_bool_7", one(kv("key", ARR, (BOOL, [0, 1, 7, 1]))), "is 7, neither", v + 14
    deep = struct.pack("<I", ARR) + struct.pack("<IQ", ARR, 1) * 4
    yield "arrays_deep", one(k + deep + pad), "nested deeper than 4", v + 4 * 12
    two = kv("general.name", STR, "a") + kv("general.type", STR, "b")
    yield ("key_twice", header(0, 3) + two + kv("general.name", STR, "c"),
           "key 'general.name' is there twice", HEADER + len(two) + 8 + 12 + 4)
    for name, t, v2, text in (("alignment_0", U32, 0, "alignment is 0"),
                              ("alignment_24", U32, 24, "alignment is 24"),
                              ("alignment_huge", U64, 1 << 40, "alignment is 1099511627776"),
                              ("alignment_text", STR, "32", "should be an integer, it is string")):
        yield name, one(kv("general.alignment", t, v2)), text, HEADER + 8 + 17 + 4


def tensors():
    """Tensor entries, their defect in the last one; 64 bytes of data."""
    def file(*entries, data=bytes(64)):
        return padded(header(len(entries), 0) + b"".join(entries)) + data
    good = entry("a", [8], T_F32, 0)
    e = HEADER + len(good)  # where a second entry begins
    one = lambda *a: file(entry(*a))
    yield "name_empty", one("", [8], T_F32, 0), "a tensor's name at byte 24 has 0 bytes", 24
    yield "name_too_long", one("n" * 256, [8], T_F32, 0), "a tensor's name at byte 24 has 256 bytes", 24
    yield "dims_none", one("t", [], T_F32, 0), "has 0 dimensions", 33
    yield "dims_five", one("t", [1] * 5, T_F32, 0), "has 5 dimensions", 33
    yield "dim_zero", one("t", [8, 0], T_F32, 0), "dimension 1 of tensor 't' is 0", 45
    yield ("dims_overflow", one("t", [1 << 32, 1 << 32, 1 << 32], T_F32, 0),
           "4294967296 x 4294967296 x 4294967296 x 1 is larger than any file", 24)
    yield ("values_overflow", one("t", [1 << 40, 1 << 30], 9999, 0),
           "1099511627776 x 1073741824 x 1 x 1 is larger than any file", 24)
    yield "bytes_overflow", one("t", [1 << 62], T_F32, 0), "4611686018427387904 x 1 x 1 x 1 is larger", 24
    yield "rows_not_blocks", one("t", [33], T_Q8_0, 0), "rows of 33 values, not a multiple of Q8_0's 32", 24
    yield "entry_cut", header(1, 0) + entry("t", [8, 1, 1], T_F32, 0)[:-9], "a tensor's entry at byte 37 needs 36 bytes, 27 are left", 37
    yield "offset_unaligned", file(good, entry("t", [2], T_F32, 36)), "begins at offset 36, not a multiple of 32", e + 9 + 4 + 8 + 4
    yield ("offset_outside", file(good, entry("t", [2], T_F32, 96)),
           "tensor 't' lies at bytes 192 to 200, the file has 160", e + 9 + 4 + 8 + 4)
    yield "offset_countless", one("t", [8], T_F32, 1 << 63), "should begin 9223372036854775808 bytes", 49
    yield ("data_cut", file(good, entry("tensor", [40], T_F32, 32)),
           "its tensors need 288 bytes, it has 160", 160)
    yield "tensors_overlap", file(entry("a", [16], T_F32, 0), entry("t", [4], T_F32, 32)), "tensors 'a' and 't' overlap at byte 128", 128
    yield "tensor_twice", file(good, entry("b", [8], T_F32, 32), entry("a", [1], T_F32, 32)), "tensor 'a' is there twice", HEADER + 2 * len(good) + 8


def models():
    """Well-formed GGUF that is no model we can run: (name, bytes, substring, exit, offset)"""
    def damaged(change):
        k, t = model()
        change(k, t)
        return encode(k, t)

    def put(raw, at, new):
        return raw[:at] + new + raw[at + len(new):]

    def case(name, change, text, status=3, where=None):
        raw, at = damaged(change)
        return name, raw, text, status, at[where] if where else None

    def rename(k, t):
        for key in [x for x in k if x.startswith("llama.")]:
            k["mamba" + key[5:]] = k.pop(key)
        k["general.architecture"] = (STR, "mamba")

    down, norm = "blk.0.ffn_down.weight", "blk.0.ffn_norm.weight"
    embd, query = "token_embd.weight", "blk.0.attn_q.weight"
    yield case("no_architecture", lambda k, t: k.pop("general.architecture"), "general.architecture")
    yield case("family_unknown", rename, "'mamba' is not supported", 5)
    yield case("experts", lambda k, t: k.update({"llama.expert_count": (U32, 8)}), "expert_used_count", 3)
    yield case("no_layers_key", lambda k, t: k.pop("llama.block_count"), "llama.block_count")
    yield case("layers_text", lambda k, t: k.update({"llama.block_count": (STR, "1")}), "should be an integer")
    yield case("layers_countless", lambda k, t: k.update({"llama.block_count": (U32, 0xFFFFFFFF)}), "4294967295")
    yield case("heads_uneven", lambda k, t: k.update(
        {"llama.attention.head_count": (U32, 4), "llama.attention.head_count_kv": (U32, 3)}), "heads")
    yield case("epsilon_nan", lambda k, t: k.update(
        {"llama.attention.layer_norm_rms_epsilon": (F32, float("nan"))}), "not a finite number")
    yield case("tensor_missing", lambda k, t: t.pop(query), "tensor '%s' is missing" % query)
    yield case("tensor_unknown", lambda k, t: t.update({"blk.0.attn_gate.weight": t[query]}),
               "tensor 'blk.0.attn_gate.weight'", 5, "blk.0.attn_gate.weight")
    yield case("shape_wrong", lambda k, t: t[query].__setitem__(0, [4, 16]),
               "has shape 4 x 16, the metadata asks for 8 x 8", 3, query)
    yield case("embedding_missing", lambda k, t: t.pop(embd), "tensor '%s' is missing" % embd)
    yield case("type_unsupported", lambda k, t: t.update({down: [[256, 1], T_IQ4_XS, bytes(136)]}),
               "is of type IQ4_XS (23), which is not supported", 5, down)
    yield case("type_unknown", lambda k, t: t.update({down: [[FF, DIM], 9999, bytes(272)]}),
               "of type unknown (9999)", 5, down)

    raw, at = damaged(lambda k, t: None)
    yield "scale_nan", put(raw, at[down] + 2 * 34, b"\0\x7e"), down, 3, at[down]
    yield "norm_nan", put(raw, at[norm] + 4, struct.pack("<f", float("nan"))), norm, 3, at[norm]
    yield "matrix_infinite", put(raw, at[query], struct.pack("<f", float("inf"))), query, 3, at[query]
    tokens = "tokenizer.ggml.tokens"
    yield case("tokenizer_missing", lambda k, t: k.pop("tokenizer.ggml.model"), "tokenizer.ggml.model", 5)
    yield case("tokenizer_unknown", lambda k, t: k.update({"tokenizer.ggml.model": (STR, "rwkv")}), "rwkv", 5)
    yield case("tokens_missing", lambda k, t: k.pop(tokens), tokens)
    yield case("scores_short", lambda k, t: k["tokenizer.ggml.scores"][1][1].pop(), "tokenizer.ggml.scores")
    yield case("score_nan", lambda k, t: k["tokenizer.ggml.scores"][1][1].__setitem__(5, float("nan")),
               "tokenizer.ggml.scores")
    yield case("token_type_9", lambda k, t: k["tokenizer.ggml.token_type"][1][1].__setitem__(5, 9),
               "tokenizer.ggml.token_type")
    yield case("eos_outside", lambda k, t: k.update({"tokenizer.ggml.eos_token_id": (U32, 16)}),
               "tokenizer.ggml.eos_token_id")
    yield case("tokens_too_many", lambda k, t: (
        k[tokens][1][1].append("m"), k["tokenizer.ggml.scores"][1][1].append(-13.0),
        k["tokenizer.ggml.token_type"][1][1].append(1)), "the tokenizer has 17 tokens", 3, embd)


def files():
    """-> [(name, bytes, exit, substring, stage, where)]"""
    keys_, tensors_ = model()
    out = [("valid", encode(keys_, tensors_)[0], 0, "-", "model", None)]
    out += [(n, b, 3, text, "parse", 0) for n, b, text in foreign()]
    for group in (headers, keys, tensors):
        out += [(n, b, 3, text, "parse", where) for n, b, text, where in group()]
    out += [(n, b, status, text, "model", where) for n, b, text, status, where in models()]
    return out


def main():
    check = sys.argv[1] == "--check"
    folder = sys.argv[-1]
    want = {n + ".gguf": b for n, b, *_ in files()}
    assert len(want) == len(files()), "a name is used twice"
    rows = ["\t".join([n + ".gguf", str(status), text, stage, "-" if where is None else str(where)])
            for n, b, status, text, stage, where in files()]
    want["expected.tsv"] = ("# file\texit\tsubstring\tstage\toffset (make_bad.py)\n"
                            + "\n".join(rows) + "\n").encode()
    bad = []
    if check:
        for name in sorted(set(want) | {f for f in os.listdir(folder) if f.endswith((".gguf", ".tsv"))}):
            path = os.path.join(folder, name)
            if name not in want or not os.path.exists(path) or open(path, "rb").read() != want[name]:
                bad.append(name)
        print("differ: " + " ".join(bad) if bad else "%d files as expected" % len(want))
        return 1 if bad else 0
    os.makedirs(folder, exist_ok=True)
    for name, b in want.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(b)
    print("%d files, %d bytes" % (len(want), sum(map(len, want.values()))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
