/* SPDX-License-Identifier: MIT
 * table_neon.c - the overlay of base ARMv8: every slot.
 */
#include "arm.h"

void sf_kernels_neon(struct sf_kernels *k) {
    sf_fill_matmul_neon(k);
    sf_fill_quant_neon(k);
    sf_fill_attention_neon(k);
    sf_fill_vector_neon(k);
}
