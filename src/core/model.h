/* SPDX-License-Identifier: MIT
 * model.h - an open model: hyperparameters, weights (each with its shape), tokenizer, kernels.
 * Immutable after open; shared between threads.
 */
#ifndef SF_MODEL_H
#define SF_MODEL_H

#include "arena.h"
#include "chat.h"
#include "family.h"
#include "file.h"
#include "kernels.h"
#include "sha256.h"
#include "tokenizer.h"

struct sf_tensor {       /* W (rows, cols): y = W x */
    const void *data;    /* NULL: this weight is absent */
    enum sf_type type;
    size_t rows, cols;
    bool packed;         /* pack.h's layout; else the file's, inside the map */
};

struct sf_layer {
    const float *attn_norm;                /* (dim), NULL: attention reads x as it is  */
    struct sf_tensor wq, wk, wv;           /* (q_dim, dim) (kv_dim, dim) (kv_dim, dim) */
    const float *bq, *bk, *bv;             /* (q_dim) (kv_dim) (kv_dim) or NULL        */
    const float *q_norm, *k_norm;          /* (head_dim) or NULL                       */
    const float *q_row_norm, *k_row_norm;  /* (q_dim) (kv_dim) or NULL                 */
    struct sf_tensor wo;                   /* (dim, q_dim)                             */
    const float *attn_post_norm;           /* (dim) or NULL: of what attention adds    */
    const float *ffn_norm;                 /* (dim), NULL: as attn_norm                */
    struct sf_tensor router;               /* (experts, dim); absent: dense            */
    struct sf_tensor gate, up, down;       /* (ff, dim) (ff, dim) (dim, ff); of experts, one below
                                              the other                                */
    const float *ffn_post_norm;            /* (dim) or NULL                            */
    bool local, rotates;                   /* sees a window only; q and k turn         */
};

struct surefoot_model {
    struct sf_config config;
    const struct sf_family *family;
    struct sf_kernels kernels;
    struct sf_tokenizer *tokenizer;
    struct sf_chat_template *chat;         /* NULL: none, or one that cannot be run    */
    const char *chat_name;                 /* the published one it is, or "custom"     */
    bool has_template;
    surefoot_error chat_error;             /* why a template that is there cannot run  */

    struct sf_tensor tok_embd;             /* (vocab, dim), looked up by row           */
    struct sf_tensor output;               /* (vocab, dim); the same data when tied    */
    const float *out_norm;                 /* (dim)                                    */
    /* (n_rot/2) angle per position, factors in: of every layer but the local ones, of those (NULL:
     * the same), and of contexts longer than n_ctx_orig (NULL: the same) */
    const double *rope_freq, *rope_freq_local, *rope_freq_long;
    struct sf_layer *layer;                /* (n_layers)                               */

    uint64_t n_params, weight_bytes, decode_bytes;
    uint32_t acts;                         /* bit 1 << SF_ACT_x: forms some weight needs */
    char name[128], file_type[32], template_name[16];
    struct sf_map map;
    char fingerprint[SF_SHA256_TEXT];      /* "": the map is a file's, and is read when asked  */
    struct sf_arena arena;                 /* norms, biases, packed weights, layers    */
};

/* Accessors for tool commands and the guard's audit. */
const struct sf_tokenizer *sf_model_tokenizer(const surefoot_model *m);

/* Names the weights and their quantisation (not names, templates or vocabulary): SHA-256 over every
 * tensor's name, type, shape and bytes, of tensors above 256 KiB four pieces of 16 KiB. Not a proof of
 * authorship: it keeps a critic from being used with another model by mistake. E_FILE, E_MEMORY. */
surefoot_status sf_model_fingerprint(const surefoot_model *m, char text[SF_SHA256_TEXT],
                                     surefoot_error *err);
void sf_gguf_fingerprint(const struct sf_gguf *g, char text[SF_SHA256_TEXT]);

struct sf_model_need { /* bytes */
    size_t weights;    /* packed matrices, norms; or the mapped file where it is used as it is */
    size_t session;    /* KV cache and scratch at the options' context                         */
    uint64_t decode;   /* weight bytes read for one decoded token                              */
};
/* What opening this file and a session would take, from its tables alone. o may be NULL (defaults);
 * isa as in surefoot_model_options; unpacked: the file is a packed one's copy (packed.h). Everything
 * the loader refuses in tables is refused here too. */
surefoot_status sf_model_measure(struct sf_model_need *out, const struct sf_gguf *g, bool unpacked,
                                 const char *isa, const surefoot_session_options *o,
                                 surefoot_error *err);
/* Memory the system can still give this process: the least of MemAvailable and the cgroup's rest.
 * 0 when unknown. */
uint64_t sf_memory_available(void);

#endif
