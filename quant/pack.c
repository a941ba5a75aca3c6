/* SPDX-License-Identifier: MIT
 * pack.c - file layout to 16 interleaved rows and back, for every type, from the types table alone.
 *
 * A type is so many binary16 fields at given offsets and, for the rest, units of 4 bytes. Plain
 * number types are one unit of their own size. So there is no code per type here.
 */
#include <string.h>

#include "pack.h"

/* What a block is made of. */
struct shape {
    size_t bytes;      /* of a block in the file       */
    size_t n_half;     /* binary16 fields              */
    size_t at_half[2]; /* their offsets, rising        */
    size_t unit;       /* bytes of each other element  */
    size_t n_unit;
};

static struct shape shape_of(enum sf_type t) {
    const struct sf_qtype *q = &sf_qtypes[t];
    struct shape s = {q->bytes, q->n_half, {q->half[0], q->half[1]}, 4, 0};
    if (q->block == 1) s.unit = q->bytes;
    s.n_unit = (s.bytes - 2 * s.n_half) / s.unit;
    SF_ASSERT(s.n_unit * s.unit + 2 * s.n_half == s.bytes);
    return s;
}

/* Copies the block of row r between its file form and the packed block of 16 rows. */
static inline __attribute__((always_inline)) void
copy_block(const struct shape *s, uint8_t *packed, uint8_t *file, size_t r, bool to_packed) {
    size_t from = 0, u = 0;
    for (size_t h = 0; h <= s->n_half; h++) {
        size_t end = h < s->n_half ? s->at_half[h] : s->bytes;
        for (; from < end; from += s->unit, u++) { /* units before this half (or before the end) */
            uint8_t *p = packed + 2 * SF_PACK_ROWS * s->n_half + s->unit * (SF_PACK_ROWS * u + r);
            memcpy(to_packed ? p : file + from, to_packed ? file + from : p, s->unit);
        }
        if (h < s->n_half) {
            uint8_t *p = packed + 2 * (SF_PACK_ROWS * h + r);
            memcpy(to_packed ? p : file + from, to_packed ? file + from : p, 2);
            from += 2;
        }
    }
}

bool sf_pack_size(size_t *out, enum sf_type t, size_t rows, size_t cols) {
    size_t padded;
    if (!sf_size_add(&padded, rows, SF_PACK_ROWS - 1)) return false;
    padded = padded / SF_PACK_ROWS * SF_PACK_ROWS;
    return sf_type_size(out, t, padded, cols);
}

/* One group of up to 16 rows, row_bytes apart in the file. Inlined once per type with a constant
 * shape, so that each copy is one move. */
static inline __attribute__((always_inline)) void pack_group(const struct shape *s, uint8_t *group,
                                                             uint8_t *file, size_t row_bytes,
                                                             size_t rows, size_t blocks) {
    for (size_t b = 0; b < blocks; b++)
        for (size_t r = 0; r < rows; r++)
            copy_block(s, group + b * SF_PACK_ROWS * s->bytes, file + r * row_bytes + b * s->bytes,
                       r, true);
}

void sf_pack_groups(void *packed, const void *file_rows, enum sf_type t, size_t rows, size_t cols,
                    size_t group0, size_t group1) {
    const size_t blocks = cols / sf_qtypes[t].block, row_bytes = blocks * sf_qtypes[t].bytes;
    for (size_t g = group0; g < group1; g++) {
        uint8_t *group = (uint8_t *)packed + g * SF_PACK_ROWS * row_bytes;
        uint8_t *file = (uint8_t *)file_rows + g * SF_PACK_ROWS * row_bytes;
        size_t here = g * SF_PACK_ROWS < rows ? sf_min(rows - g * SF_PACK_ROWS, SF_PACK_ROWS) : 0;
        if (here < SF_PACK_ROWS) memset(group, 0, SF_PACK_ROWS * row_bytes);
        switch (t) {
#define SF_QTYPE(id, name, gguf, block, bytes, act, n_half, h0, h1)                                \
    case SF_T_##id:                                                                                \
        pack_group(&(const struct shape){bytes, n_half, {h0, h1}, (block) == 1 ? (bytes) : 4, 0},  \
                   group, file, row_bytes, here, blocks);                                          \
        break;
#include "types.def"
#undef SF_QTYPE
        case SF_T_COUNT:
            break;
        }
    }
}

void sf_pack_get_row(void *file_row, const void *packed, enum sf_type t, size_t cols, size_t row) {
    const struct shape s = shape_of(t);
    const size_t blocks = cols / sf_qtypes[t].block, step = SF_PACK_ROWS * s.bytes;
    uint8_t *group = (uint8_t *)packed + row / SF_PACK_ROWS * blocks * step;
    for (size_t b = 0; b < blocks; b++)
        copy_block(&s, group + b * step, (uint8_t *)file_row + b * s.bytes, row % SF_PACK_ROWS,
                   false);
}
