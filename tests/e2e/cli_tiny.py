# SPDX-License-Identifier: MIT
"""A GGUF writer in few lines, and tiny llama-family models of random weights, for tests of the
command. Standard library only."""
import random
import struct

U32, F32, BOOL, STR, ARR = 4, 6, 7, 8, 9


def _s(text):
    b = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(b)) + b


def _value(v):
    if isinstance(v, bool):
        return BOOL, struct.pack("<?", v)
    if isinstance(v, int):
        return U32, struct.pack("<I", v)
    if isinstance(v, float):
        return F32, struct.pack("<f", v)
    if isinstance(v, (str, bytes)):
        return STR, _s(v)
    kind = _value(v[0])[0]
    return ARR, struct.pack("<IQ", kind, len(v)) + b"".join(_value(e)[1] for e in v)


def gguf(path, keys, tensors=(), version=3):
    """keys: dict; tensors: list of (name, dims with the fastest first, list of floats)."""
    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(keys))
    for k, v in keys.items():
        kind, data = _value(v)
        out += _s(k) + struct.pack("<I", kind) + data
    at, body = 0, b""
    for name, dims, values in tensors:
        data = struct.pack("<%df" % len(values), *values)
        data += b"\0" * (-len(data) % 32)
        out += _s(name) + struct.pack("<I", len(dims)) + struct.pack("<%dQ" % len(dims), *dims)
        out += struct.pack("<IQ", 0, at)
        at += len(data)
        body += data
    out += b"\0" * (-len(out) % 32)
    with open(path, "wb") as f:
        f.write(out + body)
    return str(path)


BYTES = 3  # id of <0x00>


def vocabulary(extra=()):
    """SPM: <unk> <s> </s>, 256 bytes, letters, then extra (spelling, token type)."""
    tokens = ["<unk>", "<s>", "</s>"] + ["<0x%02X>" % b for b in range(256)]
    types = [2, 3, 3] + [6] * 256
    plain = ["\u2581"] + [chr(c) for c in range(33, 127)] + ["\u2581the", "\u2581a", "th", "he"]
    tokens += plain + [t for t, _ in extra]
    types += [1] * len(plain) + [k for _, k in extra]
    return tokens, types


def tokenizer_keys(tokens, types):
    return {"tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": tokens,
            "tokenizer.ggml.scores": [-float(i) for i in range(len(tokens))],
            "tokenizer.ggml.token_type": types, "tokenizer.ggml.bos_token_id": 1,
            "tokenizer.ggml.eos_token_id": 2, "tokenizer.ggml.unknown_token_id": 0}


def model(path, template=None, extra=(), layers=2, dim=32, ff=64, ctx=512, seed=1, arch="llama"):
    """A model that runs. Returns its path and the list of token spellings."""
    tokens, types = vocabulary(extra)
    n = len(tokens)
    keys = {"general.architecture": arch, "general.name": "tiny",
            arch + ".context_length": ctx, arch + ".embedding_length": dim,
            arch + ".block_count": layers, arch + ".feed_forward_length": ff,
            arch + ".attention.head_count": 2, arch + ".attention.head_count_kv": 1,
            arch + ".attention.layer_norm_rms_epsilon": 1e-5, **tokenizer_keys(tokens, types)}
    if template is not None:
        keys["tokenizer.chat_template"] = template
    rng = random.Random(seed)

    def matrix(name, rows, cols):
        return name, (cols, rows), [rng.gauss(0, 1 / cols**0.5) for _ in range(rows * cols)]

    tensors = [matrix("token_embd.weight", n, dim), ("output_norm.weight", (dim,), [1.0] * dim)]
    for i in range(layers):
        b = "blk.%d." % i
        tensors += [(b + "attn_norm.weight", (dim,), [1.0] * dim),
                    matrix(b + "attn_q.weight", dim, dim), matrix(b + "attn_k.weight", dim // 2, dim),
                    matrix(b + "attn_v.weight", dim // 2, dim), matrix(b + "attn_output.weight", dim, dim),
                    (b + "ffn_norm.weight", (dim,), [1.0] * dim), matrix(b + "ffn_gate.weight", ff, dim),
                    matrix(b + "ffn_up.weight", ff, dim), matrix(b + "ffn_down.weight", dim, ff)]
    return gguf(path, keys, tensors), tokens


def vocabulary_only(path, arch="mamba"):
    tokens, types = vocabulary([("<|special|>", 3)])
    return gguf(path, {"general.architecture": arch, **tokenizer_keys(tokens, types)}), tokens
