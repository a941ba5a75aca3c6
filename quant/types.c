/* SPDX-License-Identifier: MIT
 * types.c - the table of weight types, names of those we lack, sizes, and the 16-bit floats.
 */
#include "types.h"

#include <string.h>

#include "blocks.h"

const struct sf_qtype sf_qtypes[SF_T_COUNT] = {
#define SF_QTYPE(id, name, gguf, block, bytes, act, n_half, h0, h1)                                \
    [SF_T_##id] = {name,   gguf,     block,          bytes,          SF_ACT_##act,                 \
                   n_half, {h0, h1}, sf_decode_##id, sf_encode_##id, sf_finite_##id},
#include "types.def"
#undef SF_QTYPE
};

/* A kernel walks a row in whole blocks and the rest of a block in 4-byte words. */
#define SF_QTYPE(id, name, gguf, block, bytes, act, n_half, h0, h1)                                \
    _Static_assert((block) == 1 || ((bytes)-2 * (n_half)) % 4 == 0, name ": words");               \
    _Static_assert((block) == 1 || (block) == 32 || (block) == 256, name ": block");
#include "types.def"
#undef SF_QTYPE

enum sf_type sf_type_by_gguf(uint32_t gguf_id) {
    for (int t = 0; t < SF_T_COUNT; t++)
        if (sf_qtypes[t].gguf_id == gguf_id) return (enum sf_type)t;
    return SF_T_COUNT;
}

/* ASCII only, whatever the locale. */
static bool same_name(const char *a, const char *b) {
    for (; *a && *b; a++, b++) {
        char x = *a >= 'a' && *a <= 'z' ? (char)(*a - 32) : *a;
        char y = *b >= 'a' && *b <= 'z' ? (char)(*b - 32) : *b;
        if (x != y) return false;
    }
    return *a == *b;
}

enum sf_type sf_type_by_name(const char *name) {
    for (int t = 0; t < SF_T_COUNT; t++)
        if (same_name(sf_qtypes[t].name, name)) return (enum sf_type)t;
    return SF_T_COUNT;
}

const char *sf_gguf_type_name(uint32_t gguf_id) {
    static const char *const names[] = {
        "F32",   "F16",        "Q4_0",       "Q4_1",       "Q4_2",     "Q4_3",     "Q5_0",
        "Q5_1",  "Q8_0",       "Q8_1",       "Q2_K",       "Q3_K",     "Q4_K",     "Q5_K",
        "Q6_K",  "Q8_K",       "IQ2_XXS",    "IQ2_XS",     "IQ3_XXS",  "IQ1_S",    "IQ4_NL",
        "IQ3_S", "IQ2_S",      "IQ4_XS",     "I8",         "I16",      "I32",      "I64",
        "F64",   "IQ1_M",      "BF16",       "Q4_0_4_4",   "Q4_0_4_8", "Q4_0_8_8", "TQ1_0",
        "TQ2_0", "IQ4_NL_4_4", "IQ4_NL_4_8", "IQ4_NL_8_8", "MXFP4",    "NVFP4",    "Q1_0",
    };
    return gguf_id < SF_COUNT(names) ? names[gguf_id] : NULL;
}

bool sf_type_size(size_t *out, enum sf_type t, size_t rows, size_t cols) {
    const struct sf_qtype *q = &sf_qtypes[t];
    size_t n;
    if (cols % q->block) return false;
    return sf_size_mul(&n, cols / q->block, q->bytes) && sf_size_mul(out, n, rows);
}

bool sf_halves_finite(const void *blocks, size_t n, size_t bytes, int n_half, size_t half0,
                      size_t half1) {
    const uint8_t *p = blocks;
    for (size_t i = 0; i < n; i++, p += bytes) {
        if ((sf_u16_at(p + half0) & 0x7C00) == 0x7C00) return false;
        if (n_half > 1 && (sf_u16_at(p + half1) & 0x7C00) == 0x7C00) return false;
    }
    return true;
}

static float as_float(uint32_t bits) {
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}
static uint32_t as_bits(float f) {
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

float sf_f16_to_f32(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exp = h >> 10 & 31, man = h & 0x3FF;
    if (exp == 31) return as_float(sign | 0x7F800000 | man << 13);
    if (exp) return as_float(sign | (exp + 112) << 23 | man << 13);
    if (!man) return as_float(sign);
    /* subnormal: man * 2^-24, normalised */
    int shift = __builtin_clz(man) - 21; /* brings the leading one to bit 10 */
    return as_float(sign | (uint32_t)(113 - shift) << 23 | (man << shift & 0x3FF) << 13);
}

uint16_t sf_f32_to_f16(float f) {
    uint32_t bits = as_bits(f), mag = bits & 0x7FFFFFFF;
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    if (mag > 0x7F800000) return sign | 0x7E00 | (uint16_t)(mag >> 13 & 0x1FF); /* NaN, quiet */
    if (mag >= 0x477FF000) return sign | 0x7BFF; /* would round to 2^16 or is infinite: 65504 */
    if (mag >= 0x38800000) {                     /* normal: 13 bits go, ties to even */
        uint32_t r = mag - (112u << 23);
        return sign | (uint16_t)((r + 0xFFF + (r >> 13 & 1)) >> 13);
    }
    if (mag < 0x33000000) return sign; /* under 2^-25, half of the smallest subnormal */
    uint32_t man = (mag & 0x7FFFFF) | 0x800000, shift = 126 - (mag >> 23); /* 14..24 bits go */
    return sign | (uint16_t)((man + (1u << (shift - 1)) - 1 + (man >> shift & 1)) >> shift);
}

float sf_bf16_to_f32(uint16_t h) {
    return as_float((uint32_t)h << 16);
}

uint16_t sf_f32_to_bf16(float f) {
    uint32_t bits = as_bits(f);
    if ((bits & 0x7FFFFFFF) > 0x7F800000) return (uint16_t)(bits >> 16 | 0x40); /* NaN, quiet */
    return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}
