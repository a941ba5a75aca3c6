/* SPDX-License-Identifier: MIT
 * family_qwen2.c - Qwen2, Qwen2.5: biases on q, k, v; half-split (neox) RoPE.
 */
#include "family.h"

const struct sf_family sf_family_qwen2 = {
    .name = "qwen2",
    .rope_neox = true,
    .required = SF_FAM_QKV_BIAS,
};
