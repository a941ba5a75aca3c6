/* SPDX-License-Identifier: MIT
 * matmul_q32_avx2.c - the types with blocks of 32 at level avx2; the tile is in matmul_q32_x86.h.
 */
#include "matmul_avx2.h"

SF_INLINE int sf_q32_above(enum sf_type t) {
    return sf_offset(t);
}
SF_INLINE void sf_q32_dot(enum sf_type t, const int nt, sf_pair isum[SF_TOKENS], const uint8_t *p,
                          const int8_t *q, size_t k) {
    const sf_pair one[2] = {sf_set(_mm256_set1_epi16(1)), sf_set(_mm256_set1_epi16(1))};
    sf_dot32(t, nt, isum, p, 0, 0, one, q, k);
}

#include "matmul_q32_x86.h"

void sf_fill_matmul_q32_avx2(struct sf_kernels *k) {
    sf_q32_fill(k);
}
