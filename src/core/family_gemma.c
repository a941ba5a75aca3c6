/* SPDX-License-Identifier: MIT
 * family_gemma.c - Gemma: embeddings scaled by sqrt(dim), GELU; norm weights are stored as 1 + w.
 */
#include "family.h"

const struct sf_family sf_family_gemma = {
    .name = "gemma",
    .rope_neox = true,
    .gelu = true,
    .embed_sqrt = true,
};
