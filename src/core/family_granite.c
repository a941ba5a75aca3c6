/* SPDX-License-Identifier: MIT
 * family_granite.c - Granite 3: Llama with four multipliers (embeddings, attention, residual, logits).
 */
#include "family.h"

const struct sf_family sf_family_granite = {
    .name = "granite",
    .rope_neox = false,
    .optional = SF_FAM_QKV_BIAS | SF_FAM_ROPE_FREQS,
};
