/* SPDX-License-Identifier: MIT
 * attention_avx512vnni.c - scores, softmax, mix over KV pages. The AVX2 kernels serve here too.
 */
#include "avx512.h"

void sf_fill_attention_avx512vnni(struct sf_kernels *k) {
    SF_UNUSED(k);
}
