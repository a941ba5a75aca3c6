#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""gguf_format.py - GGUF files in numpy, written from the published formats and sharing no code with
the library, so that each can be checked against the other. A module: make_golden.py, make_shapes.py
and compare_logits.py use it.

    TYPES[name]      gguf id, weights per block, bytes per block
    random_blocks()  blocks of random bits whose scales are bounded, for every block type
    decode()         blocks -> float64, exactly as the format defines them
    Writer, Reader   GGUF version 3
"""
import mmap
import struct

import numpy as np

TYPES = {  # name: (gguf id, weights per block, bytes per block)
    "F32": (0, 1, 4), "F16": (1, 1, 2), "BF16": (30, 1, 2), "Q8_0": (8, 32, 34),
    "Q4_0": (2, 32, 18), "Q4_1": (3, 32, 20), "Q5_0": (6, 32, 22), "Q5_1": (7, 32, 24),
    "IQ4_NL": (20, 32, 18), "Q2_K": (10, 256, 84), "Q3_K": (11, 256, 110),
    "Q4_K": (12, 256, 144), "Q5_K": (13, 256, 176), "Q6_K": (14, 256, 210)}
NAME_OF = {v[0]: k for k, v in TYPES.items()}
FILE_TYPE = {"F32": 0, "F16": 1, "BF16": 32, "Q8_0": 7, "Q4_0": 2, "Q4_1": 3, "Q5_0": 8, "Q5_1": 9,
             "IQ4_NL": 25, "Q2_K": 10, "Q3_K": 12, "Q4_K": 15, "Q5_K": 17, "Q6_K": 18}
IQ4_NL = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], np.float64)


# ---------------------------------------------------------------- random numbers
def bits(seed, n, start=0):
    """n 64-bit numbers, counter-based (splitmix64): the same on every machine and numpy version."""
    with np.errstate(over="ignore"):
        z = (np.arange(start + 1, start + n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
             + np.uint64(seed & 0xFFFFFFFFFFFFFFFF))
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def uniform(seed, n, start=0):
    return (bits(seed, n, start) >> np.uint64(11)).astype(np.float64) * 2.0 ** -53


def bell(seed, n, start=0):
    """Mean 0, deviation 1, within +-3.5: the sum of four 16-bit uniform numbers."""
    parts = bits(seed, n, start).view(np.uint16).reshape(n, 4).astype(np.float64)
    return (parts.sum(axis=1) - 2 * 65535) * (np.sqrt(3.0) / 65536)


def random_blocks(kind, seed, n, std, start=0):
    """n blocks of random bits; weights of deviation about std, of mean about 0."""
    _, block, size = TYPES[kind]
    if block == 1:
        x = (bell(seed, n, start) * std).astype(np.float32)
        if kind == "F32":
            return x.view(np.uint8).reshape(n, 4)
        if kind == "F16":
            return x.astype(np.float16).view(np.uint8).reshape(n, 2)
        u = x.view(np.uint32)
        return ((u + 0x7FFF + ((u >> 16) & 1)) >> 16).astype(np.uint16).view(np.uint8).reshape(n, 2)
    words = (size + 7) // 8
    raw = bits(seed, n * words, start * words).view(np.uint8).reshape(n, words * 8)[:, :size].copy()
    jitter = uniform(seed ^ 0x5CA1E, 2 * n, 2 * start).reshape(n, 2)
    size_of = {"Q8_0": 74, "Q4_0": 4.6, "Q4_1": 4.6, "Q5_0": 9.2, "Q5_1": 9.2, "IQ4_NL": 70,
               "Q2_K": 14, "Q3_K": 42, "Q4_K": 254, "Q5_K": 517, "Q6_K": 1360}[kind]  # deviation at d = 1
    d = std / size_of * (0.6 + 0.8 * jitter[:, 0])
    offset = {"Q4_1": -7.5, "Q5_1": -15.5, "Q2_K": 1.5, "Q4_K": 7.5, "Q5_K": 15.5}.get(kind)
    if offset is None:  # symmetric: the scale may be negative
        d = np.where(raw[:, -1] & 1, d, -d) if kind in ("Q3_K", "Q6_K", "Q8_0", "IQ4_NL") else d * np.where(jitter[:, 1] < 0.5, 1, -1)
    at = {"Q2_K": 80, "Q3_K": 108, "Q6_K": 208}.get(kind, 0)
    raw[:, at:at + 2] = d.astype(np.float16).view(np.uint8).reshape(n, 2)
    if offset is not None:
        m = d * offset * (0.9 + 0.2 * jitter[:, 1])
        raw[:, at + 2:at + 4] = m.astype(np.float16).view(np.uint8).reshape(n, 2)
    return raw


# ---------------------------------------------------------------- blocks -> numbers
def half(raw, at):
    return np.ascontiguousarray(raw[:, at:at + 2]).view(np.float16).astype(np.float64)


def nibbles(qs):
    """(n, 16) bytes -> (n, 32): low nibbles first, then the high ones."""
    return np.concatenate([qs & 15, qs >> 4], axis=1).astype(np.float64)


def fifth_bits(raw, at):
    qh = np.ascontiguousarray(raw[:, at:at + 4]).view("<u4")
    return ((qh >> np.arange(32, dtype=np.uint32)) & 1).astype(np.float64) * 16


def scales_k4(b):
    """12 bytes -> eight 6-bit scales and eight 6-bit minima (Q4_K, Q5_K)."""
    low, mid, top = b[:, 0:4], b[:, 4:8], b[:, 8:12]
    sc = np.concatenate([low & 63, (top & 15) | ((low >> 6) << 4)], axis=1)
    mn = np.concatenate([mid & 63, (top >> 4) | ((mid >> 6) << 4)], axis=1)
    return sc.astype(np.float64), mn.astype(np.float64)


def decode_q2_k(r):
    n = len(r)
    sc = r[:, :16].reshape(n, 2, 4, 2, 1)  # (128-half, shift, 16-half)
    qs = r[:, 16:80].reshape(n, 2, 1, 2, 16)
    q = (qs >> np.arange(0, 8, 2, dtype=np.uint8).reshape(1, 1, 4, 1, 1)) & 3
    d, m = half(r, 80).reshape(n, 1, 1, 1, 1), half(r, 82).reshape(n, 1, 1, 1, 1)
    return d * (sc & 15) * q - m * (sc >> 4)


def decode_q3_k(r):
    n = len(r)
    b = r[:, 96:108]
    j = np.arange(16)
    low = np.where(j < 8, b[:, j % 8] & 15, b[:, j % 8] >> 4)
    sc = (low | (((b[:, 8 + j % 4] >> (2 * (j // 4)).astype(np.uint8)) & 3) << 4)).astype(np.float64) - 32
    q = (r[:, 32:96].reshape(n, 2, 1, 2, 16) >> np.arange(0, 8, 2, dtype=np.uint8).reshape(1, 1, 4, 1, 1)) & 3
    bit = np.arange(8, dtype=np.uint8).reshape(1, 2, 4, 1, 1)
    high = (r[:, :32].reshape(n, 1, 1, 2, 16) >> bit) & 1
    return half(r, 108).reshape(n, 1, 1, 1, 1) * sc.reshape(n, 2, 4, 2, 1) * (q.astype(np.float64) - 4 * (1 - high.astype(np.float64)))


def decode_q45_k(r, five):
    n = len(r)
    sc, mn = scales_k4(r[:, 4:16])
    qs = r[:, 48 if five else 16:].reshape(n, 4, 1, 32)
    q = ((qs >> np.array([0, 4], np.uint8).reshape(1, 1, 2, 1)) & 15).astype(np.float64)
    if five:
        bit = np.arange(8, dtype=np.uint8).reshape(1, 4, 2, 1)
        q += 16.0 * ((r[:, 16:48].reshape(n, 1, 1, 32) >> bit) & 1)
    d, m = half(r, 0).reshape(n, 1, 1, 1), half(r, 2).reshape(n, 1, 1, 1)
    return d * sc.reshape(n, 4, 2, 1) * q - m * mn.reshape(n, 4, 2, 1)


def decode_q6_k(r):
    n = len(r)
    ql, qh = r[:, :128].reshape(n, 2, 1, 2, 32), r[:, 128:192].reshape(n, 2, 1, 1, 32)
    low = (ql >> np.array([0, 4], np.uint8).reshape(1, 1, 2, 1, 1)) & 15  # (half, nibble, 32-part)
    high = (qh >> np.array([0, 2, 4, 6], np.uint8).reshape(1, 1, 2, 2, 1)) & 3
    q = (low | (high << 4)).astype(np.float64).reshape(n, 16, 16) - 32
    return half(r, 208).reshape(n, 1, 1) * r[:, 192:208].copy().view(np.int8).astype(np.float64).reshape(n, 16, 1) * q


def decode(kind, raw):
    """Bytes of whole blocks -> float64, flat."""
    _, _, size = TYPES[kind]
    r = np.frombuffer(raw, np.uint8).reshape(-1, size)
    if kind == "F32":
        y = r.reshape(-1).view("<f4")
    elif kind == "F16":
        y = r.reshape(-1).view("<f2")
    elif kind == "BF16":
        y = (r.reshape(-1).view("<u2").astype(np.uint32) << 16).view(np.float32)
    elif kind == "Q8_0":
        y = half(r, 0) * np.ascontiguousarray(r[:, 2:]).view(np.int8)
    elif kind == "Q4_0":
        y = half(r, 0) * (nibbles(r[:, 2:]) - 8)
    elif kind == "Q4_1":
        y = half(r, 0) * nibbles(r[:, 4:]) + half(r, 2)
    elif kind == "Q5_0":
        y = half(r, 0) * (nibbles(r[:, 6:]) + fifth_bits(r, 2) - 16)
    elif kind == "Q5_1":
        y = half(r, 0) * (nibbles(r[:, 8:]) + fifth_bits(r, 4)) + half(r, 2)
    elif kind == "IQ4_NL":
        y = half(r, 0) * IQ4_NL[nibbles(r[:, 2:]).astype(np.intp)]
    else:
        y = {"Q2_K": decode_q2_k, "Q3_K": decode_q3_k, "Q4_K": lambda b: decode_q45_k(b, False),
             "Q5_K": lambda b: decode_q45_k(b, True), "Q6_K": decode_q6_k}[kind](r)
    return y.reshape(-1).astype(np.float64)


# ---------------------------------------------------------------- files
U32, I32, F32, BOOL, STR, ARR, U64 = 4, 5, 6, 7, 8, 9, 10
PACK = {0: "<B", 1: "<b", 2: "<H", 3: "<h", U32: "<I", I32: "<i", F32: "<f", BOOL: "<?", U64: "<Q", 11: "<q", 12: "<d"}
ALIGN = 32


def text(s):
    b = s.encode("utf-8") if isinstance(s, str) else s
    return struct.pack("<Q", len(b)) + b


class Writer:
    """meta(), tensor() for each tensor in order, then save(path): blocks are made while writing."""

    def __init__(self):
        self.kv, self.plan, self.size = [], [], 0

    def meta(self, key, kind, value, item=None):
        out = text(key) + struct.pack("<I", kind)
        if kind == ARR:
            out += struct.pack("<IQ", item, len(value))
            out += b"".join(text(v) if item == STR else struct.pack(PACK[item], v) for v in value)
        else:
            out += text(value) if kind == STR else struct.pack(PACK[kind], value)
        self.kv.append(out)

    def tensor(self, name, shape, kind, blocks):
        """shape: (rows, cols) or (n,); blocks(first, n) -> bytes-like of blocks first .. first+n-1."""
        gid, block, size = TYPES[kind]
        if shape[-1] % block:
            raise ValueError("%s: %d columns are no multiple of %d" % (name, shape[-1], block))
        n = int(np.prod(shape, dtype=np.int64)) // block
        self.plan.append((name, shape, gid, self.size, n, size, blocks))
        self.size += -(-n * size // ALIGN) * ALIGN

    def save(self, path):
        head = b"GGUF" + struct.pack("<IQQ", 3, len(self.plan), len(self.kv)) + b"".join(self.kv)
        for name, shape, gid, offset, _, _, _ in self.plan:
            head += text(name) + struct.pack("<I%dQIQ" % len(shape), len(shape), *shape[::-1], gid, offset)
        with open(path, "wb") as f:
            f.write(head + b"\0" * (-len(head) % ALIGN))
            for _, _, _, _, n, size, blocks in self.plan:
                for first in range(0, n, 1 << 20):
                    f.write(bytes(memoryview(np.ascontiguousarray(blocks(first, min(1 << 20, n - first))))))
                f.write(b"\0" * (-(n * size) % ALIGN))


class Reader:
    """kv: values by key. tensor[name]: (shape, type name); rows() decodes some rows of one."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.map = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
        if self.map[:4] != b"GGUF":
            raise ValueError("%s: no GGUF file" % path)
        self.at = 8
        n_tensors, n_kv = self.number("<Q"), self.number("<Q")
        self.kv, self.tensor = {}, {}
        for _ in range(n_kv):
            key = self.text().decode()
            self.kv[key] = self.value(self.number("<I"))
        for _ in range(n_tensors):
            name = self.text().decode()
            dims = [self.number("<Q") for _ in range(self.number("<I"))]
            gid, offset = self.number("<I"), self.number("<Q")
            self.tensor[name] = (tuple(dims[::-1]), NAME_OF.get(gid, str(gid)), offset)
        align = self.kv.get("general.alignment", ALIGN)
        self.base = -(-self.at // align) * align

    def number(self, fmt):
        v = struct.unpack_from(fmt, self.map, self.at)[0]
        self.at += struct.calcsize(fmt)
        return v

    def text(self):
        n = self.number("<Q")
        self.at += n
        return self.map[self.at - n:self.at]

    def value(self, kind):
        if kind == STR:
            return self.text()
        if kind == ARR:
            item, n = self.number("<I"), self.number("<Q")
            return [self.value(item) for _ in range(n)]
        return self.number(PACK[kind])

    def rows(self, name, first=0, n=None):
        shape, kind, offset = self.tensor[name]
        rows, cols = (1, shape[0]) if len(shape) == 1 else (int(np.prod(shape[:-1])), shape[-1])
        n = rows - first if n is None else n
        _, block, size = TYPES[kind]
        stride = cols // block * size
        begin = self.base + offset + first * stride
        return decode(kind, self.map[begin:begin + n * stride]).reshape(n, cols)
