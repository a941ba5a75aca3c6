#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes quant_vectors.bin: for every block type a few blocks of seeded random bits (scales bounded
and finite) and what they mean, decoded here in float64 from the format's definition, independently
of quant/*.c. Per type: name (8 bytes, zero-padded), u32 block, u32 bytes, u32 n; the n blocks;
n * block little-endian float32. Products are exact in float64 and round once to float32.
Then, for the types that are also written, the other way round (name "Q8_0 enc"): the same header,
n * block float32, and the n blocks the published encoders make of them, in numpy's float32.

    python3 make_quant_vectors.py quant_vectors.bin
"""
import struct
import sys

import numpy as np


def f16(b):
    return b.copy().view("<f2").astype(np.float64)  # (n, 1)


def nibbles(q):
    """(n, k) bytes -> (n, 2k): all low nibbles, then all high ones."""
    return np.concatenate([q & 15, q >> 4], axis=1).astype(np.int64)


def bits_le(h):
    """(n, k) bytes -> (n, 8k) bits, least significant first."""
    return np.unpackbits(h, axis=1, bitorder="little").astype(np.int64)


def q4_0(b):
    return f16(b[:, :2]) * (nibbles(b[:, 2:]) - 8)


def q4_1(b):
    return f16(b[:, :2]) * nibbles(b[:, 4:]) + f16(b[:, 2:4])


def q5_0(b):
    return f16(b[:, :2]) * (nibbles(b[:, 6:]) + 16 * bits_le(b[:, 2:6]) - 16)


def q5_1(b):
    return f16(b[:, :2]) * (nibbles(b[:, 8:]) + 16 * bits_le(b[:, 4:8])) + f16(b[:, 2:4])


def q8_0(b):
    return f16(b[:, :2]) * b[:, 2:].view(np.int8)


def iq4_nl(b):
    v = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], np.float64)
    return f16(b[:, :2]) * v[nibbles(b[:, 2:])]


def crumbs(q):
    """(n, 64) bytes, two bits a weight -> (n, 256): per half of 32 bytes, shift 0, 2, 4, 6."""
    h = q.reshape(-1, 2, 1, 32)
    return ((h >> np.array([0, 2, 4, 6]).reshape(1, 1, 4, 1)) & 3).reshape(-1, 256).astype(np.int64)


def planes(h):
    """(n, 32) bytes -> (n, 256): bit p of byte l belongs to weight 32 p + l."""
    return ((h[:, None, :] >> np.arange(8)[None, :, None]) & 1).reshape(-1, 256).astype(np.int64)


def each(s, k):
    return np.repeat(s, k, axis=1)


def q2_k(b):
    s, q = b[:, :16], b[:, 16:80]
    return f16(b[:, 80:82]) * each(s & 15, 16) * crumbs(q) - f16(b[:, 82:84]) * each(s >> 4, 16)


def q3_k(b):
    h, q, s, d = b[:, :32], b[:, 32:96], b[:, 96:108].astype(np.int64), f16(b[:, 108:110])
    low = np.concatenate([s[:, :8] & 15, s[:, :8] >> 4], axis=1)
    top = np.concatenate([(s[:, 8:12] >> k) & 3 for k in (0, 2, 4, 6)], axis=1)
    return d * each(low + 16 * top - 32, 16) * (crumbs(q) + 4 * planes(h) - 4)


def scale_min(s):
    """(n, 12) bytes -> eight scales, eight minima of 6 bits."""
    s = s.astype(np.int64)
    a, m, r = s[:, 0:4], s[:, 4:8], s[:, 8:12]
    return (np.concatenate([a % 64, r % 16 + 16 * (a // 64)], axis=1),
            np.concatenate([m % 64, r // 16 + 16 * (m // 64)], axis=1))


def pairs(q):
    """(n, 128) bytes -> (n, 256): each 32 bytes give 32 low nibbles, then 32 high ones."""
    return nibbles(q.reshape(-1, 32)).reshape(-1, 256)


def q4_k(b):
    sc, mn = scale_min(b[:, 4:16])
    return f16(b[:, :2]) * each(sc, 32) * pairs(b[:, 16:]) - f16(b[:, 2:4]) * each(mn, 32)


def q5_k(b):
    sc, mn = scale_min(b[:, 4:16])
    q = pairs(b[:, 48:]) + 16 * planes(b[:, 16:48])
    return f16(b[:, :2]) * each(sc, 32) * q - f16(b[:, 2:4]) * each(mn, 32)


def q6_k(b):
    low = nibbles(b[:, :128].reshape(-1, 64)).reshape(-1, 256)
    sc = b[:, 192:208].view(np.int8).astype(np.int64)
    return f16(b[:, 208:210]) * each(sc, 16) * (low + 16 * crumbs(b[:, 128:192]) - 32)


#        name     block bytes halves   decoder  blocks in the file
TYPES = [("Q8_0", 32, 34, [0], q8_0, 3), ("Q4_0", 32, 18, [0], q4_0, 3), ("Q4_1", 32, 20, [0, 2], q4_1, 3),
         ("Q5_0", 32, 22, [0], q5_0, 3), ("Q5_1", 32, 24, [0, 2], q5_1, 3), ("IQ4_NL", 32, 18, [0], iq4_nl, 3),
         ("Q2_K", 256, 84, [80, 82], q2_k, 2), ("Q3_K", 256, 110, [108], q3_k, 2),
         ("Q4_K", 256, 144, [0, 2], q4_k, 2), ("Q5_K", 256, 176, [0, 2], q5_k, 2),
         ("Q6_K", 256, 210, [208], q6_k, 2)]


def random_blocks(rng, n, size, halves):
    b = rng.integers(0, 256, (n, size), dtype=np.uint8)
    for at in halves:
        scale = rng.uniform(0.002, 0.2, n) * rng.choice([-1, 1], n)
        b[:, at:at + 2] = scale.astype("<f2").view(np.uint8).reshape(n, 2)
    return b


def encode_q8_0(x):
    d = (np.abs(x).max(axis=1, keepdims=True) / np.float32(127)).astype(np.float32)
    inv = np.divide(np.float32(1), d, out=np.zeros_like(d), where=d != 0)
    t = x * inv
    q = np.trunc(t + np.copysign(np.float32(0.5), t)).astype(np.int8)  # halves away from zero
    return np.concatenate([d.astype("<f2").view(np.uint8), q.view(np.uint8)], axis=1)


def encode_q4_0(x):
    far = np.take_along_axis(x, np.abs(x).argmax(axis=1)[:, None], axis=1)
    d = far / np.float32(-8)
    inv = np.divide(np.float32(1), d, out=np.zeros_like(d), where=d != 0)
    q = np.minimum(np.trunc(x * inv + np.float32(8.5)), 15).astype(np.uint8)
    return np.concatenate([d.astype("<f2").view(np.uint8), q[:, :16] | q[:, 16:] << 4], axis=1)


def encoder_inputs():
    rng = np.random.default_rng([2502, 99])
    x = (rng.standard_normal((8, 32)) * 0.05).astype(np.float32)
    x[1] = 0                                            # scale 0; Q4_0 writes -0
    x[2] = np.arange(-16, 16) * 0.5                     # ties for Q4_0 (d = 1)
    x[3] = np.where(np.arange(32) % 2, 63.5, -0.5)      # ties for Q8_0 (d = 0.5): 127, -1
    x[3, 4] = 0.25
    x[4] = -x[4] * 1000
    x[5, 7], x[5, 21] = 3.0, -3.0                       # two largest: the first counts
    x[6] *= np.float32(1e-6)                            # scale subnormal in binary16
    x[7, 31] = 7.5
    return x


def main():
    with open(sys.argv[1], "wb") as f:
        for i, (name, block, size, halves, decode, n) in enumerate(TYPES):
            b = random_blocks(np.random.default_rng([2502, i]), n, size, halves)
            w = decode(b)
            assert w.shape == (n, block)
            f.write(struct.pack("<8sIII", name.encode(), block, size, n) + b.tobytes()
                    + w.astype("<f4").tobytes())
        x = encoder_inputs()
        for name, size, encode in (("Q8_0 enc", 34, encode_q8_0), ("Q4_0 enc", 18, encode_q4_0)):
            f.write(struct.pack("<8sIII", name.encode(), 32, size, len(x)) + x.astype("<f4").tobytes()
                    + encode(x).tobytes())


if __name__ == "__main__":
    main()
