/* SPDX-License-Identifier: MIT
 * types.h - the weight types: one row of types.def each, and what can be done with a block.
 *
 * A tensor of shape (rows, cols) is stored row by row; a row is cols / block blocks, one after the
 * other, little-endian, no padding. cols is a multiple of block (else the file is refused).
 */
#ifndef SF_TYPES_H
#define SF_TYPES_H

#include "base.h"

enum sf_type {
#define SF_QTYPE(id, name, gguf, block, bytes, act, n_half, h0, h1) SF_T_##id,
#include "types.def"
#undef SF_QTYPE
    SF_T_COUNT
};

/* What a weight row is multiplied with. */
enum sf_act {
    SF_ACT_F32,    /* the floats themselves                                                        */
    SF_ACT_Q8_32,  /* int8 with a float scale and an integer sum per 32                            */
    SF_ACT_Q8_256, /* int8 with a float scale per 256, integer sums per 16                         */
    SF_ACT_COUNT
};

struct sf_qtype {
    const char *name;
    uint32_t gguf_id;
    uint32_t block, bytes; /* weights per block, bytes per block */
    enum sf_act act;
    uint32_t n_half, half[2];
    /* n blocks -> n * block floats, exactly as the format defines them. Reference, plain C. */
    void (*decode)(float *out, const void *blocks, size_t n);
    /* n * block floats -> n blocks; NULL where there is no encoder. Input must be finite. */
    void (*encode)(void *blocks, const float *in, size_t n);
    /* false if any of n blocks holds a scale (or number) that is NaN or infinite. */
    bool (*finite)(const void *blocks, size_t n);
};

/* types[SF_T_x]; const, complete. */
extern const struct sf_qtype sf_qtypes[SF_T_COUNT];

/* SF_T_COUNT if there is none. */
enum sf_type sf_type_by_gguf(uint32_t gguf_id);
enum sf_type sf_type_by_name(const char *name); /* case-insensitive */
/* Name of any type id the GGUF specification lists, also of those we lack; NULL if unknown. */
const char *sf_gguf_type_name(uint32_t gguf_id);
/* Bytes of rows x cols; false if cols is no multiple of the block or the size overflows. */
bool sf_type_size(size_t *out, enum sf_type t, size_t rows, size_t cols);

/* binary16 <-> binary32 in integers: exact one way; nearest-even, subnormals kept, overflow
 * saturating to 65504 the other way (NaN stays NaN). bfloat16 likewise (nearest-even, no saturation). */
float sf_f16_to_f32(uint16_t h);
uint16_t sf_f32_to_f16(float f);
float sf_bf16_to_f32(uint16_t h);
uint16_t sf_f32_to_bf16(float f);

/* The 16 values of IQ4_NL. */
extern const int8_t sf_iq4_nl_values[16];

#endif
