/* SPDX-License-Identifier: MIT
 * table_avxvnni.c - the AVX-VNNI overlay: the matmuls of quantised types. The rest stays as AVX2 has it.
 */
#include "matmul_avxvnni.h"

void sf_kernels_avxvnni(struct sf_kernels *k) {
    sf_fill_matmul_q32_avxvnni(k);
    sf_fill_matmul_q256_avxvnni(k);
}
