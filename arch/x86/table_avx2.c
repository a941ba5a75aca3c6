/* SPDX-License-Identifier: MIT
 * table_avx2.c - the AVX2 overlay: every slot.
 */
#include "avx2.h"

void sf_kernels_avx2(struct sf_kernels *k) {
    sf_fill_matmul_float_avx2(k);
    sf_fill_matmul_q32_avx2(k);
    sf_fill_matmul_q256_avx2(k);
    sf_fill_quant_avx2(k);
    sf_fill_attention_avx2(k);
    sf_fill_vector_avx2(k);
}
