/* SPDX-License-Identifier: MIT
 * family_olmoe.c - OLMoE: a mixture of experts; norms over the whole rows of q and k; the chosen
 * experts keep the weights that the softmax over all gave them.
 */
#include "family.h"

const struct sf_family sf_family_olmoe = {
    .name = "olmoe",
    .rope_neox = true,
    .required = SF_FAM_QK_NORM_ROW | SF_FAM_EXPERTS,
    .expert_norm = false,
};
