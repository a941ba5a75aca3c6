/* SPDX-License-Identifier: MIT
 * family_qwen3.c - Qwen3 (dense): RMSNorm on each q and k head before RoPE; head size apart from
 * dim / heads.
 */
#include "family.h"

const struct sf_family sf_family_qwen3 = {
    .name = "qwen3",
    .rope_neox = true,
    .required = SF_FAM_QK_NORM,
};
