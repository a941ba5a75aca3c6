/* SPDX-License-Identifier: MIT
 * matmul_avxvnni.h - the packed matmuls of AVX-VNNI: those of AVX2 with vpdpbusd for the dots.
 *
 * vpdpbusd adds four products of an unsigned and a signed byte to an int32, without saturation: the
 * weight is the unsigned one, moved up by sf_above, and the dot starts at -sf_above * (sum of the
 * activations). Exact: |dot| <= 32 * 255 * 127.
 */
#ifndef SF_MATMUL_AVXVNNI_H
#define SF_MATMUL_AVXVNNI_H

#define SF_LEVEL avxvnni
#include "matmul_avx2.h"

void sf_fill_matmul_q32_avxvnni(struct sf_kernels *k);
void sf_fill_matmul_q256_avxvnni(struct sf_kernels *k);

SF_INLINE int sf_above(enum sf_type t) {
    return sf_signed(t) ? 128 : sf_offset(t);
}

/* dot[i] += 4 n_words weights times 4 n_words activations at q + i * k; words as in sf_weights. */
SF_INLINE void sf_dot_vnni(enum sf_type t, const int nt, sf_pair dot[SF_TOKENS], const uint8_t *p,
                           int c, int part, int word0, int n_words, const int8_t *q, size_t k) {
#pragma GCC unroll 8
    for (int w = word0; w < word0 + n_words; w++) {
        sf_pair u = sf_weights(t, p, c, part, w);
        if (sf_signed(t))
            for (int h = 0; h < 2; h++) u.r[h] = _mm256_xor_si256(u.r[h], _mm256_set1_epi8(-128));
#pragma GCC unroll 4
        for (int i = 0; i < nt; i++) {
            const __m256i x = sf_four(q + (size_t)i * k + 4 * w);
#pragma GCC unroll 2
            for (int h = 0; h < 2; h++)
                dot[i].r[h] = _mm256_dpbusd_avx_epi32(dot[i].r[h], u.r[h], x);
        }
    }
}

#endif
