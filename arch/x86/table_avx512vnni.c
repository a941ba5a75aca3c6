/* SPDX-License-Identifier: MIT
 * table_avx512vnni.c - the AVX-512 overlay, family by family; other slots stay as the level below
 * has them.
 */
#include "avx512.h"

void sf_kernels_avx512vnni(struct sf_kernels *k) {
    sf_fill_matmul_float_avx512vnni(k);
    sf_fill_matmul_q32_avx512vnni(k);
    sf_fill_matmul_q256_avx512vnni(k);
    sf_fill_quant_avx512vnni(k);
    sf_fill_attention_avx512vnni(k);
    sf_fill_vector_avx512vnni(k);
}
