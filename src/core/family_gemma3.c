/* SPDX-License-Identifier: MIT
 * family_gemma3.c - Gemma 3 (text): as Gemma 2 without caps; norms on q and k heads; five local layers
 * to a global one, local ones with a RoPE of their own.
 */
#include <math.h>

#include "family.h"

/* As for Gemma 2: only the 27B model scales by dim / heads. */
static surefoot_status check(const struct sf_gguf *g, struct sf_config *c, surefoot_error *err) {
    SF_UNUSED(err);
    if (c->n_layers == 62 && !sf_gguf_find(g, "gemma3.attention.scale"))
        c->attn_scale = 1.0f / sqrtf((float)c->dim / (float)c->n_heads);
    return SUREFOOT_OK;
}

const struct sf_family sf_family_gemma3 = {
    .name = "gemma3",
    .rope_neox = true,
    .required = SF_FAM_POST_NORM | SF_FAM_QK_NORM,
    .window = 1024,
    .window_every = 6,
    .gelu = true,
    .embed_sqrt = true,
    .rope_base_local = 10000,
    .check = check,
};
