/* SPDX-License-Identifier: MIT
 * unpack_arm.h - packed weights to signed bytes, four rows at a time. Included by the base and by
 * the dot-product kernels, so that each gets it compiled with its own flags.
 *
 * A register holds one 4-byte word of four rows (a quad) of the 16 in a group: byte 4 r + i belongs
 * to row r of the quad. A chunk is 32 weights of each row: eight such registers, register j holding
 * weights 4 j .. 4 j + 3, which is the order activations are read in, whatever the file's order.
 *
 *     words of a group:  | word 0: row 0, row 1, .. row 15 | word 1: row 0, .. | ..   64 bytes each
 *     quad 2 of word 0:                 ^^^^^ rows 8 - 11, 16 bytes
 */
#ifndef SF_UNPACK_ARM_H
#define SF_UNPACK_ARM_H

#include "arm.h"

enum {
    SF_QUADS = SF_PACK_ROWS / 4, /* registers that hold one word of all rows */
    SF_WORD = 4 * SF_PACK_ROWS,  /* bytes from a word to the next            */
};

/* What a tile needs to know of a type, constant after inlining. */
static const struct {
    uint16_t block, bytes;
    uint8_t n_half;
} sf_arm_types[SF_T_COUNT] = {
#define SF_QTYPE(id, name, gguf, block, bytes, act, n_half, h0, h1)                                \
    [SF_T_##id] = {block, bytes, n_half},
#include "types.def"
#undef SF_QTYPE
};

/* How far an unpacked byte lies above its weight. Repaired once per dot by -offset * (sum of the
 * activations), which is exact and cheaper than a subtraction from every weight. */
SF_INLINE int sf_arm_offset(enum sf_type t) {
    return t == SF_T_Q4_0 ? 8 : t == SF_T_Q5_0 ? 16 : t == SF_T_Q3_K ? 4 : t == SF_T_Q6_K ? 32 : 0;
}

/* How many products of an unpacked byte and an activation (|q| <= 127) an int16 can hold:
 *     2 x 128 x 127 = 32512   Q8_0 (a file may hold -128), IQ4_NL
 *     4 x  63 x 127 = 32004   Q6_K
 *     8 x  31 x 127 = 31496   the rest, at most 5 bits         (all below 32768) */
SF_INLINE int sf_arm_depth(enum sf_type t) {
    return t == SF_T_Q8_0 || t == SF_T_IQ4_NL ? 2 : t == SF_T_Q6_K ? 4 : 8;
}

/* Logical shift left by n, right by -n; n may vary at run time, unlike in the intrinsics with _n. */
SF_INLINE uint8x16_t sf_shift(uint8x16_t v, int n) {
    return n ? vshlq_u8(v, vdupq_n_s8((int8_t)n)) : v;
}
SF_INLINE uint8x16_t sf_nibble(uint8x16_t v, bool high) {
    return high ? vshrq_n_u8(v, 4) : vandq_u8(v, vdupq_n_u8(15));
}
SF_INLINE uint8x16_t sf_and(uint8x16_t v, int mask) {
    return vandq_u8(v, vdupq_n_u8((uint8_t)mask));
}
SF_INLINE uint8x16_t sf_word(const uint8_t *p, size_t i) {
    return vld1q_u8(p + i * SF_WORD);
}

/* Bit 4 j + i of a row's 32 becomes bit 4 of byte i of w[j]: the fifth bits of Q5_0 and Q5_1. */
SF_INLINE void sf_fifth_bits(uint8x16_t w[8], uint8x16_t bits) {
    static const uint8_t spread[16] = {0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12};
    const uint8x16_t first = vreinterpretq_u8_u32(vdupq_n_u32(0x08040201u));
    const uint8x16_t second = vreinterpretq_u8_u32(vdupq_n_u32(0x80402010u));
    const uint8x16_t index = vld1q_u8(spread);
    for (int i = 0; i < 4; i++) { /* byte i of each row's bits: words 2 i and 2 i + 1 */
        uint8x16_t b = vqtbl1q_u8(bits, vaddq_u8(index, vdupq_n_u8((uint8_t)i)));
        w[2 * i] = vorrq_u8(w[2 * i], sf_and(vtstq_u8(b, first), 16));
        w[2 * i + 1] = vorrq_u8(w[2 * i + 1], sf_and(vtstq_u8(b, second), 16));
    }
}

/* Chunk c of a quad's block to bytes (weight + offset). p: the quad's first word. */
SF_INLINE void sf_unpack(enum sf_type t, int8x16_t out[8], const uint8_t *p, size_t c) {
    uint8x16_t w[8];
    size_t half = c / 4; /* of a 256-block: 128 weights                       */
    int part = (int)(c % 4);
    switch (t) {
    case SF_T_Q8_0:
        for (size_t j = 0; j < 8; j++) w[j] = sf_word(p, j);
        break;
    case SF_T_Q4_0: /* low nibbles are weights 0 - 15, high ones 16 - 31 */
    case SF_T_Q4_1:
    case SF_T_Q5_0:
    case SF_T_Q5_1:
    case SF_T_IQ4_NL:
        for (size_t j = 0; j < 4; j++) {
            uint8x16_t v = sf_word(p, j + (t == SF_T_Q5_0 || t == SF_T_Q5_1));
            w[j] = sf_and(v, 15);
            w[j + 4] = vshrq_n_u8(v, 4);
        }
        if (t == SF_T_Q5_0 || t == SF_T_Q5_1) sf_fifth_bits(w, sf_word(p, 0));
        if (t == SF_T_IQ4_NL)
            for (int j = 0; j < 8; j++)
                w[j] = vqtbl1q_u8(vreinterpretq_u8_s8(vld1q_s8(sf_iq4_nl_values)), w[j]);
        break;
    case SF_T_Q2_K: /* 2 bits: 32 bytes hold 4 chunks, one per bit pair */
        for (size_t j = 0; j < 8; j++)
            w[j] = sf_and(sf_shift(sf_word(p, 4 + 8 * half + j), -2 * part), 3);
        break;
    case SF_T_Q3_K: /* the same, and bit c of 32 mask bytes is bit 2 */
        for (size_t j = 0; j < 8; j++) {
            uint8x16_t low = sf_and(sf_shift(sf_word(p, 8 + 8 * half + j), -2 * part), 3);
            w[j] = vbslq_u8(vdupq_n_u8(4), sf_shift(sf_word(p, j), 2 - (int)c), low);
        }
        break;
    case SF_T_Q4_K: /* 32 bytes hold chunk 2 i (low nibbles) and 2 i + 1 */
        for (size_t j = 0; j < 8; j++) w[j] = sf_nibble(sf_word(p, 3 + 8 * (c / 2) + j), c % 2);
        break;
    case SF_T_Q5_K: /* the same, and bit c of 32 mask bytes is bit 4 */
        for (size_t j = 0; j < 8; j++) {
            uint8x16_t low = sf_nibble(sf_word(p, 11 + 8 * (c / 2) + j), c % 2);
            w[j] = vbslq_u8(vdupq_n_u8(16), sf_shift(sf_word(p, 3 + j), 4 - (int)c), low);
        }
        break;
    case SF_T_Q6_K: /* 64 bytes: chunks 0, 1 low nibbles, 2, 3 high; 32 bytes: 2 bits of each */
        for (size_t j = 0; j < 8; j++) {
            uint8x16_t low = sf_nibble(sf_word(p, 16 * half + 8 * (c % 2) + j), part >= 2);
            uint8x16_t high = sf_shift(sf_word(p, 32 + 8 * half + j), 4 - 2 * part);
            w[j] = vbslq_u8(vdupq_n_u8(48), high, low);
        }
        break;
    default: /* plain numbers have no bytes to unpack */
        for (int j = 0; j < 8; j++) w[j] = vdupq_n_u8(0);
    }
    for (int j = 0; j < 8; j++) out[j] = vreinterpretq_s8_u8(w[j]);
}

/* Integer scales and minima of a 256-block, one byte per row and sub-block: byte i % 4 of s[i / 4]
 * is sub-block i (16 of 16 weights, or 8 of 32 for Q4_K and Q5_K). */
struct sf_subs {
    uint32x4_t s[4], m[4];
};
SF_INLINE uint32x4_t sf_mask32(uint32x4_t v, uint32_t mask) {
    return vandq_u32(v, vdupq_n_u32(mask));
}
SF_INLINE void sf_unpack_subs(enum sf_type t, struct sf_subs *o, const uint8_t *p) {
    uint32x4_t a[4];
    size_t first = t == SF_T_Q3_K ? 24 : t == SF_T_Q6_K ? 48 : 0;
    size_t count = t == SF_T_Q2_K || t == SF_T_Q6_K ? 4 : 3;
    for (size_t i = 0; i < 4; i++) {
        a[i] = i < count ? vreinterpretq_u32_u8(sf_word(p, first + i)) : vdupq_n_u32(0);
        o->s[i] = o->m[i] = vdupq_n_u32(0);
    }
    if (t == SF_T_Q2_K) { /* scale in the low nibble, minimum in the high one */
        for (int i = 0; i < 4; i++) {
            o->s[i] = sf_mask32(a[i], 0x0f0f0f0fu);
            o->m[i] = sf_mask32(vshrq_n_u32(a[i], 4), 0x0f0f0f0fu);
        }
    } else if (t == SF_T_Q3_K) { /* 16 x 6 bits: nibbles of bytes 0 - 7, bit pairs of bytes 8 - 11 */
        o->s[0] = sf_mask32(a[0], 0x0f0f0f0fu);
        o->s[1] = sf_mask32(a[1], 0x0f0f0f0fu);
        o->s[2] = sf_mask32(vshrq_n_u32(a[0], 4), 0x0f0f0f0fu);
        o->s[3] = sf_mask32(vshrq_n_u32(a[1], 4), 0x0f0f0f0fu);
        o->s[0] = vorrq_u32(o->s[0], vshlq_n_u32(sf_mask32(a[2], 0x03030303u), 4));
        o->s[1] = vorrq_u32(o->s[1], vshlq_n_u32(sf_mask32(a[2], 0x0c0c0c0cu), 2));
        o->s[2] = vorrq_u32(o->s[2], sf_mask32(a[2], 0x30303030u));
        o->s[3] = vorrq_u32(o->s[3], vshrq_n_u32(sf_mask32(a[2], 0xc0c0c0c0u), 2));
        for (int i = 0; i < 4; i++) /* 0 .. 63 means -32 .. 31 */
            o->s[i] = vreinterpretq_u32_s8(
                vsubq_s8(vreinterpretq_s8_u32(o->s[i]), vdupq_n_s8(32)));
    } else if (t == SF_T_Q6_K) {
        for (int i = 0; i < 4; i++) o->s[i] = a[i];
    } else { /* Q4_K, Q5_K: 8 x 6 + 6 bits; the upper four take their two high bits from below */
        o->s[0] = sf_mask32(a[0], 0x3f3f3f3fu);
        o->m[0] = sf_mask32(a[1], 0x3f3f3f3fu);
        o->s[1] = vorrq_u32(sf_mask32(a[2], 0x0f0f0f0fu),
                            sf_mask32(vshrq_n_u32(a[0], 2), 0x30303030u));
        o->m[1] = vorrq_u32(sf_mask32(vshrq_n_u32(a[2], 4), 0x0f0f0f0fu),
                            sf_mask32(vshrq_n_u32(a[1], 2), 0x30303030u));
    }
}
/* Sub-block i of each row as int32, sign extended (scales are signed bytes, minima below 128). */
SF_INLINE int32x4_t sf_sub(const uint32x4_t s[4], size_t i) {
    int32x4_t up = vdupq_n_s32(24 - 8 * (int)(i % 4));
    return vshrq_n_s32(vreinterpretq_s32_u32(vshlq_u32(s[i / 4], up)), 24);
}

#endif
