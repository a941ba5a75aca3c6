/* SPDX-License-Identifier: MIT
 * vector_avx512vnni.c - norm, rope, SwiGLU, add, div, exp. The AVX2 kernels serve here too.
 */
#include "avx512.h"

void sf_fill_vector_avx512vnni(struct sf_kernels *k) {
    SF_UNUSED(k);
}
