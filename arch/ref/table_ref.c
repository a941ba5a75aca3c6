/* SPDX-License-Identifier: MIT
 * table_ref.c - fills every slot of the kernel table with the plain C reference.
 */
#include <string.h>

#include "ref.h"

void sf_kernels_ref(struct sf_kernels *k) {
    memset(k, 0, sizeof *k);
    sf_fill_matmul_float_ref(k);
    sf_fill_matmul_q32_ref(k);
    sf_fill_matmul_q256_ref(k);
    sf_fill_quant_ref(k);
    sf_fill_attention_ref(k);
    sf_fill_vector_ref(k);
}
