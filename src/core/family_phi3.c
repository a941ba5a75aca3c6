/* SPDX-License-Identifier: MIT
 * family_phi3.c - Phi-3, Phi-3.5, Phi-4: q, k, v in one matrix, gate and up in another; part of a head
 * rotates in some; factors of longrope, one set to the trained context, one beyond it; every layer
 * sees a window where the file has one.
 */
#include "family.h"

const struct sf_family sf_family_phi3 = {
    .name = "phi3",
    .rope_neox = true,
    .required = SF_FAM_FUSED,
    .optional = SF_FAM_LONGROPE,
};
