/* SPDX-License-Identifier: MIT
 * bf16.c - BF16: the upper half of a binary32.
 */
#include "blocks.h"

_Static_assert(sizeof(uint16_t) == 2, "BF16: bytes of a number");

void sf_decode_BF16(float *out, const void *blocks, size_t n) {
    const uint8_t *p = blocks;
    for (size_t i = 0; i < n; i++) out[i] = sf_bf16_to_f32(sf_u16_at(p + 2 * i));
}

void sf_encode_BF16(void *blocks, const float *in, size_t n) {
    uint8_t *p = blocks;
    for (size_t i = 0; i < n; i++) sf_u16_put(p + 2 * i, sf_f32_to_bf16(in[i]));
}

bool sf_finite_BF16(const void *blocks, size_t n) {
    const uint8_t *p = blocks;
    for (size_t i = 0; i < n; i++)
        if ((sf_u16_at(p + 2 * i) & 0x7F80) == 0x7F80) return false;
    return true;
}
