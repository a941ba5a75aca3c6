/* SPDX-License-Identifier: MIT
 * family.h - a model family is data and a check; the forward pass never asks which one it runs,
 * only whether a weight is present.
 */
#ifndef SF_FAMILY_H
#define SF_FAMILY_H

#include "gguf.h"

/* Hyperparameters, all checked: no product of two of them overflows 64 bits. */
struct sf_config {
    uint32_t n_layers, dim, ff_dim;        /* blocks, residual width, SwiGLU width        */
    uint32_t n_heads, n_kv_heads;          /* query heads; KV heads (divides n_heads)     */
    uint32_t head_dim;                     /* may differ from dim / n_heads               */
    uint32_t n_rot;                        /* leading values of a head that rotate, even  */
    uint32_t n_vocab, n_ctx_train;
    uint32_t window;                       /* sliding window in tokens, 0: none           */
    float eps;                             /* RMSNorm                                     */
    double rope_base, rope_scale;          /* angle = pos * rope_scale * base^(-2i/n_rot) */
    bool rope_neox;                        /* pairs (i, i + n_rot/2) instead of (2i, 2i+1) */
};

enum { /* per-layer extras */
    SF_FAM_QKV_BIAS = 1,  /* attn_{q,k,v}.bias                              */
    SF_FAM_QK_NORM = 2,   /* attn_{q,k}_norm.weight (head_dim)              */
    SF_FAM_ROPE_FREQS = 4 /* rope_freqs.weight (n_rot/2) divides each angle */
};

struct sf_family {
    const char *name;    /* general.architecture and key prefix */
    bool rope_neox;
    unsigned required;   /* extras that must be there */
    unsigned optional;   /* extras that may be there  */
    /* Refuses what this family's files may ask for and we do not compute; may be NULL. */
    surefoot_status (*check)(const struct sf_gguf *g, const struct sf_config *c,
                             surefoot_error *err);
};

/* From families.def; NULL if there is none of that name. */
const struct sf_family *sf_family_find(struct sf_str name);
/* "llama, qwen2, qwen3": for messages. */
const char *sf_family_list(void);
/* Reads and checks the hyperparameters. E_FILE, E_UNSUPPORTED. */
surefoot_status sf_config_read(struct sf_config *c, const struct sf_family *f,
                               const struct sf_gguf *g, surefoot_error *err);

#define SF_FAMILY(id) extern const struct sf_family sf_family_##id;
#include "families.def"
#undef SF_FAMILY

#endif
