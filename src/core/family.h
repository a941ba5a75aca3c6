/* SPDX-License-Identifier: MIT
 * family.h - a model family is data and a check; the forward pass never asks which one it runs,
 * only whether a weight is present and what the configuration says.
 */
#ifndef SF_FAMILY_H
#define SF_FAMILY_H

#include "gguf.h"

#define SF_MAX_EXPERTS 1024

/* Hyperparameters, all checked: no product of two of them overflows 64 bits. */
struct sf_config {
    uint32_t n_layers, dim, ff_dim;        /* blocks, residual width, SwiGLU width        */
    uint32_t n_heads, n_kv_heads;          /* query heads; KV heads (divides n_heads)     */
    uint32_t head_dim;                     /* may differ from dim / n_heads               */
    uint32_t n_rot;                        /* leading values of a head that rotate, even  */
    uint32_t n_vocab, n_ctx_train;
    uint32_t window;                       /* local layers see this many tokens, their own included; 0: all */
    uint32_t window_every;                 /* every this many layers one is global; 0: all are local */
    uint32_t nope_every;                   /* every this many layers one does not rotate; 0: all do */
    float eps;                             /* RMSNorm                                     */
    float attn_scale;                      /* of q.k                                      */
    float attn_cap, logit_cap;             /* cap * tanh(x / cap) of scores, of logits; 0: none */
    float embed_scale, residual_scale;     /* of embeddings; of what a block adds         */
    float logit_div;                       /* logits are divided by it                    */
    bool gelu;                             /* GELU (tanh form) instead of SiLU in the gate */
    double rope_base, rope_scale;          /* angle = pos * rope_scale * base^(-2i/n_rot) */
    double rope_base_local;                /* local layers: base, unscaled; 0: as the others */
    double rope_mscale;                    /* of cosines and sines                        */
    uint32_t n_ctx_orig;                   /* longrope: contexts beyond take the long factors */
    bool rope_neox;                        /* pairs (i, i + n_rot/2) instead of (2i, 2i+1) */
    uint32_t n_experts, n_used;            /* 0: dense; n_used of them for each token     */
    bool expert_norm;                      /* weights of the chosen add up to 1           */
};

enum { /* per-layer extras */
    SF_FAM_QKV_BIAS = 1,  /* attn_{q,k,v}.bias                              */
    SF_FAM_QK_NORM = 2,   /* attn_{q,k}_norm.weight (head_dim), a head at a time */
    SF_FAM_ROPE_FREQS = 4,   /* rope_freqs.weight (n_rot/2) divides each angle */
    SF_FAM_QK_NORM_ROW = 8,  /* attn_{q,k}_norm.weight (q_dim, kv_dim), over the whole row */
    SF_FAM_POST_NORM = 16,   /* post_attention_norm.weight, post_ffw_norm.weight (dim) */
    SF_FAM_NO_PRE_NORM = 32, /* no attn_norm, no ffn_norm                      */
    SF_FAM_FUSED = 64,       /* attn_qkv.weight; ffn_up.weight: gate, then up  */
    SF_FAM_LONGROPE = 128,   /* rope_factors_{short,long}.weight (n_rot/2)     */
    SF_FAM_EXPERTS = 256     /* ffn_gate_inp.weight, ffn_{gate,up,down}_exps.weight */
};

struct sf_family {
    const char *name;    /* general.architecture and key prefix */
    bool rope_neox;
    unsigned required;   /* extras that must be there */
    unsigned optional;   /* extras that may be there  */
    uint32_t window, window_every; /* unless the file says otherwise; window 0: none       */
    uint32_t nope_every;
    bool gelu, embed_sqrt;         /* embed_sqrt: embeddings are scaled by sqrt(dim)       */
    bool expert_norm;              /* unless the file says otherwise                       */
    double rope_base_local;
    float attn_cap, logit_cap;     /* unless the file says otherwise                       */
    /* Completes c where a rule of the family's own is needed, and refuses what its files may ask for
     * and we do not compute; may be NULL. */
    surefoot_status (*check)(const struct sf_gguf *g, struct sf_config *c, surefoot_error *err);
};

/* From families.def; NULL if there is none of that name. */
const struct sf_family *sf_family_find(struct sf_str name);
/* "llama, qwen2, qwen3": for messages. */
const char *sf_family_list(void);
/* Layer l of a model with c: does it see c->window tokens only; does it rotate. */
static inline bool sf_layer_local(const struct sf_config *c, uint32_t l) {
    return c->window > 0 && (c->window_every == 0 || (l + 1) % c->window_every != 0);
}
static inline bool sf_layer_rotates(const struct sf_config *c, uint32_t l) {
    return c->nope_every == 0 || (l + 1) % c->nope_every != 0;
}
/* Reads and checks the hyperparameters. E_FILE, E_UNSUPPORTED. */
surefoot_status sf_config_read(struct sf_config *c, const struct sf_family *f,
                               const struct sf_gguf *g, surefoot_error *err);

#define SF_FAMILY(id) extern const struct sf_family sf_family_##id;
#include "families.def"
#undef SF_FAMILY

#endif
