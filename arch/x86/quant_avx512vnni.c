/* SPDX-License-Identifier: MIT
 * quant_avx512vnni.c - activations to int8. The AVX2 kernels serve here too.
 */
#include "avx512.h"

void sf_fill_quant_avx512vnni(struct sf_kernels *k) {
    SF_UNUSED(k);
}
