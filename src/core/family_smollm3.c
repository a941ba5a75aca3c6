/* SPDX-License-Identifier: MIT
 * family_smollm3.c - SmolLM3: Llama where every fourth layer does not rotate.
 */
#include "family.h"

const struct sf_family sf_family_smollm3 = {
    .name = "smollm3",
    .rope_neox = false,
    .optional = SF_FAM_ROPE_FREQS,
    .nope_every = 4,
};
