/* SPDX-License-Identifier: MIT
 * f16.c - F16: binary16: sign, 5 bits of exponent, 10 of mantissa.
 */
#include "blocks.h"

_Static_assert(sizeof(uint16_t) == 2, "F16: bytes of a number");

void sf_decode_F16(float *out, const void *blocks, size_t n) {
    const uint8_t *p = blocks;
    for (size_t i = 0; i < n; i++) out[i] = sf_f16_to_f32(sf_u16_at(p + 2 * i));
}

void sf_encode_F16(void *blocks, const float *in, size_t n) {
    uint8_t *p = blocks;
    for (size_t i = 0; i < n; i++) sf_u16_put(p + 2 * i, sf_f32_to_f16(in[i]));
}

bool sf_finite_F16(const void *blocks, size_t n) {
    const uint8_t *p = blocks;
    for (size_t i = 0; i < n; i++)
        if ((sf_u16_at(p + 2 * i) & 0x7C00) == 0x7C00) return false;
    return true;
}
