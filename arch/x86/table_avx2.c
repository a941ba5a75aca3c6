/* SPDX-License-Identifier: MIT
 * table_avx2.c - the AVX2 overlay: which slots it owns.
 */
#include "kernels.h"

void sf_kernels_avx2(struct sf_kernels *k) {
    SF_UNUSED(k);
}
