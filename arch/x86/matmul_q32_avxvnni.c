/* SPDX-License-Identifier: MIT
 * matmul_q32_avxvnni.c - the types with blocks of 32 at level avxvnni; the tile is in matmul_q32_x86.h.
 */
#include "matmul_avxvnni.h"

SF_INLINE int sf_q32_above(enum sf_type t) {
    return sf_above(t);
}
SF_INLINE void sf_q32_dot(enum sf_type t, const int nt, sf_pair isum[SF_TOKENS], const uint8_t *p,
                          const int8_t *q, size_t k) {
    sf_dot_vnni(t, nt, isum, p, 0, 0, 0, 8, q, k);
}

#include "matmul_q32_x86.h"

void sf_fill_matmul_q32_avxvnni(struct sf_kernels *k) {
    sf_q32_fill(k);
}
