/* SPDX-License-Identifier: MIT
 * family_qwen3moe.c - Qwen3 as a mixture of experts: the chosen experts' weights add up to 1.
 */
#include "family.h"

const struct sf_family sf_family_qwen3moe = {
    .name = "qwen3moe",
    .rope_neox = true,
    .required = SF_FAM_QK_NORM | SF_FAM_EXPERTS,
    .expert_norm = true,
};
