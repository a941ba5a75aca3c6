/* SPDX-License-Identifier: MIT
 * family_gemma2.c - Gemma 2: as Gemma; norms after attention and feed-forward too, every other layer
 * sees a window, scores and logits are capped.
 */
#include <math.h>

#include "family.h"

/* query_pre_attn_scalar is 256 but for the 27B model, where it is dim / heads; files do not say. */
static surefoot_status check(const struct sf_gguf *g, struct sf_config *c, surefoot_error *err) {
    SF_UNUSED(err);
    if (c->n_layers == 46 && !sf_gguf_find(g, "gemma2.attention.scale"))
        c->attn_scale = 1.0f / sqrtf((float)c->dim / (float)c->n_heads);
    return SUREFOOT_OK;
}

const struct sf_family sf_family_gemma2 = {
    .name = "gemma2",
    .rope_neox = true,
    .required = SF_FAM_POST_NORM,
    .window = 4096,
    .window_every = 2,
    .gelu = true,
    .embed_sqrt = true,
    .attn_cap = 50,
    .logit_cap = 30,
    .check = check,
};
