/* SPDX-License-Identifier: MIT
 * f32.c - F32: the numbers themselves, 4 bytes each.
 */
#include <string.h>

#include "blocks.h"

_Static_assert(sizeof(float) == 4, "F32: bytes of a number");

void sf_decode_F32(float *out, const void *blocks, size_t n) {
    memcpy(out, blocks, n * sizeof *out);
}

void sf_encode_F32(void *blocks, const float *in, size_t n) {
    memcpy(blocks, in, n * sizeof *in);
}

bool sf_finite_F32(const void *blocks, size_t n) {
    const uint8_t *p = blocks;
    for (size_t i = 0; i < n; i++)
        if ((sf_u16_at(p + 4 * i + 2) & 0x7F80) == 0x7F80) return false;
    return true;
}
