/* SPDX-License-Identifier: MIT
 * convert.h - what the files of `surefoot convert` share: the folder being read, and the steps.
 * Every step: SUREFOOT_OK, or one line in err.
 */
#ifndef SF_CONVERT_H
#define SF_CONVERT_H

#include <jansson.h>

#include "cli.h"
#include "file.h"
#include "gguf.h"
#include "safetensors.h"
#include "types.h"

struct sf_cv_shard {
    char *file; /* name in the folder */
    struct sf_map map;
    struct sf_safetensors table;
    unsigned char *used; /* (table.n) it has become part of the output */
};

struct sf_cv {
    struct sf_cli *cli;
    const char *dir;
    enum sf_type type;
    json_t *config, *text; /* config.json; its text_config where it has one, else itself */
    json_t *tok_config, *generation; /* tokenizer_config.json, generation_config.json, or NULL */
    struct sf_cv_shard *shard;
    size_t n_shard;
    const char *family, *prefix; /* of GGUF; of the tensors' names: "model." */
    uint32_t layers, dim, heads, kv_heads, head_dim, n_vocab, experts;
    bool tied, permute, gemma;
    struct sf_gguf_writer *out;
    uint64_t done, total; /* bytes of tensors, for the bar */
    surefoot_error *err;
};

/* A file of the folder as a path, malloc'ed. */
char *sf_cv_path(const struct sf_cv *c, const char *file);
/* A JSON file of the folder; NULL where it is not there and not required. */
surefoot_status sf_cv_json(struct sf_cv *c, json_t **out, const char *file, bool required);
/* Numbers of config.json: *out keeps its value where the key is absent or null. */
surefoot_status sf_cv_u32(struct sf_cv *c, const char *key, bool required, uint32_t *out);
surefoot_status sf_cv_real(struct sf_cv *c, json_t *from, const char *key, bool required,
                           double *out);

/* config.json -> family, sizes, keys of the output. */
surefoot_status sf_cv_config(struct sf_cv *c);
/* tokenizer.json or tokenizer.model -> keys. */
surefoot_status sf_cv_tokenizer(struct sf_cv *c);
/* The safetensors files of the folder. */
surefoot_status sf_cv_open_shards(struct sf_cv *c);
void sf_cv_close_shards(struct sf_cv *c);
/* The tensors: once declaring them (write false), once writing them. */
surefoot_status sf_cv_tensors(struct sf_cv *c, bool write);
/* No tensor of the folder was left over. */
surefoot_status sf_cv_all_used(struct sf_cv *c);
const struct sf_st_tensor *sf_cv_find(const struct sf_cv *c, const char *name,
                                      struct sf_cv_shard **shard);

#endif
