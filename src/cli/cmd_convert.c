/* SPDX-License-Identifier: MIT
 * cmd_convert.c - `surefoot convert DIR OUT`: a Hugging Face folder (config.json, safetensors, a
 * tokenizer) as one GGUF file, written as it is read.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "convert.h"

surefoot_status sf_cv_json(struct sf_cv *c, json_t **out, const char *file, bool required) {
    char *path = sf_cv_path(c, file), *text = NULL;
    size_t n = 0;
    surefoot_error why = {0};
    if (!path) return sf_fail(c->err, SUREFOOT_E_MEMORY, 0, "no memory for a path");
    surefoot_status s = sf_read_file(&text, &n, path, 8u << 20, &why);
    free(path);
    if (s == SUREFOOT_E_IO && !required) return SUREFOOT_OK;
    if (s != SUREFOOT_OK) return sf_fail(c->err, s, why.where, "%s", why.text);
    json_error_t e;
    struct sf_json whole;
    /* Looked over first: what is nested deeper than any real file is not parsed at all. Numbers as
     * doubles: model_max_length is 10^30 in many folders. */
    *out = sf_json_whole(&whole, text, n) ? json_loadb(text, n, JSON_DECODE_INT_AS_REAL, &e) : NULL;
    sf_free(text);
    if (*out && json_is_object(*out)) return SUREFOOT_OK;
    return sf_fail(c->err, SUREFOOT_E_FILE, 0, "%s: malformed, or no JSON object", file);
}

static surefoot_status open_shard(struct sf_cv *c, const char *file) {
    for (size_t i = 0; i < c->n_shard; i++)
        if (strcmp(c->shard[i].file, file) == 0) return SUREFOOT_OK;
    if (strchr(file, '/') || !*file || c->n_shard == 4096)
        return sf_fail(c->err, SUREFOOT_E_FILE, 0,
                       "model.safetensors.index.json: '%.60s' is no file of the folder", file);
    struct sf_cv_shard *more = realloc(c->shard, (c->n_shard + 1) * sizeof *more);
    if (more) c->shard = more;
    char *path = sf_cv_path(c, file), *name = strdup(file);
    if (!more || !path || !name) {
        free(path);
        free(name);
        return sf_fail(c->err, SUREFOOT_E_MEMORY, 0, "no memory for %zu files", c->n_shard + 1);
    }
    struct sf_cv_shard *s = &c->shard[c->n_shard++];
    *s = (struct sf_cv_shard){.file = name};
    surefoot_error why = {0};
    surefoot_status st = sf_map_open(&s->map, path, &why);
    free(path);
    if (st != SUREFOOT_OK) return sf_fail(c->err, st, 0, "%s", why.text);
    st = sf_safetensors_parse(&s->table, s->map.data, s->map.size, &why);
    if (st != SUREFOOT_OK) return sf_fail(c->err, st, why.where, "'%.50s': %s", file, why.text);
    s->used = calloc(s->table.n + 1, 1);
    if (!s->used)
        return sf_fail(c->err, SUREFOOT_E_MEMORY, 0, "no memory for %zu tensor entries",
                       s->table.n);
    return SUREFOOT_OK;
}

surefoot_status sf_cv_open_shards(struct sf_cv *c) {
    json_t *index = NULL, *v;
    const char *name;
    SF_TRY(sf_cv_json(c, &index, "model.safetensors.index.json", false));
    surefoot_status s = SUREFOOT_OK;
    if (!index) return open_shard(c, "model.safetensors");
    json_object_foreach(json_object_get(index, "weight_map"), name, v) {
        const char *file = json_string_value(v);
        s = file ? open_shard(c, file)
                 : sf_fail(c->err, SUREFOOT_E_FILE, 0,
                           "model.safetensors.index.json: no file for a tensor");
        if (s != SUREFOOT_OK) break;
    }
    if (s == SUREFOOT_OK && c->n_shard == 0)
        s = sf_fail(c->err, SUREFOOT_E_FILE, 0, "model.safetensors.index.json: no 'weight_map'");
    json_decref(index);
    for (size_t i = 0; i < c->n_shard && s == SUREFOOT_OK; i++)
        for (size_t j = 0; j < c->shard[i].table.n && s == SUREFOOT_OK; j++) {
            const struct sf_st_tensor *t = &c->shard[i].table.tensor[j];
            char text[256];
            struct sf_cv_shard *first = NULL;
            if (t->n_name >= sizeof text)
                continue; /* none of ours is that long: left over, refused */
            snprintf(text, sizeof text, "%.*s", (int)t->n_name, t->name);
            sf_cv_find(c, text, &first);
            if (first && first != &c->shard[i])
                s = sf_fail(c->err, SUREFOOT_E_FILE, t->offset, "tensor '%.80s' is in two files",
                            text);
        }
    return s;
}

void sf_cv_close_shards(struct sf_cv *c) {
    for (size_t i = 0; i < c->n_shard; i++) {
        free(c->shard[i].file);
        free(c->shard[i].used);
        sf_safetensors_close(&c->shard[i].table);
        sf_map_close(&c->shard[i].map);
    }
    free(c->shard);
}

/* Rows of the embedding: a vocabulary has as many tokens. */
static void count_rows(struct sf_cv *c) {
    static const char *const names[] = {"model.embed_tokens.weight",
                                        "language_model.model.embed_tokens.weight",
                                        "model.language_model.embed_tokens.weight"};
    for (int i = 0; i < 3; i++) {
        const struct sf_st_tensor *t = sf_cv_find(c, names[i], NULL);
        if (t && t->n_dims == 2 && t->dim[0] <= INT32_MAX) c->n_vocab = (uint32_t)t->dim[0];
    }
}

static surefoot_status convert(struct sf_cv *c, const char *out) {
    SF_TRY(sf_cv_json(c, &c->config, "config.json", true));
    SF_TRY(sf_cv_json(c, &c->tok_config, "tokenizer_config.json", false));
    SF_TRY(sf_cv_json(c, &c->generation, "generation_config.json", false));
    SF_TRY(sf_cv_open_shards(c));
    count_rows(c);
    SF_TRY(sf_gguf_writer_open(&c->out, out, c->err));
    SF_TRY(sf_cv_config(c));
    SF_TRY(sf_cv_tokenizer(c));
    SF_TRY(sf_cv_tensors(c, false));
    SF_TRY(sf_cv_all_used(c));
    SF_TRY(sf_gguf_writer_begin(c->out, c->err));
    SF_TRY(sf_cv_tensors(c, true));
    surefoot_status s = sf_gguf_writer_close(c->out, c->err);
    c->out = NULL;
    return s;
}

int sf_cmd_convert(struct sf_cli *cli) {
    struct stat st;
    surefoot_error err = {0};
    if (cli->n_operand != 2)
        return sf_cli_fail(2, "convert needs a folder and a file: surefoot convert DIR OUT.gguf");
    struct sf_cv c = {.cli = cli, .dir = cli->operand[0], .type = SF_T_F16, .err = &err};
    if (cli->to_type) c.type = sf_type_by_name(cli->to_type);
    if (c.type != SF_T_F16 && c.type != SF_T_BF16 && c.type != SF_T_F32 && c.type != SF_T_Q8_0)
        return sf_cli_fail(2, "--type '%s': f16, bf16, f32 or q8_0", cli->to_type);
    if (stat(c.dir, &st) != 0 || !S_ISDIR(st.st_mode))
        return sf_cli_fail(1, "'%s' is no folder", c.dir);
    if (stat(cli->operand[1], &st) == 0 && !cli->force)
        return sf_cli_fail(1, "'%s' is there already: --force writes over it", cli->operand[1]);
    double began = sf_cli_now();
    surefoot_status s = convert(&c, cli->operand[1]);
    sf_cli_progress_end(cli);
    if (s == SUREFOOT_OK) {
        char a[32];
        stat(cli->operand[1], &st);
        sf_cli_note(cli, "%s -> %s: %s, %s, %.2f s", c.dir, cli->operand[1], c.family,
                    sf_cli_bytes(a, (double)st.st_size), sf_cli_now() - began);
    }
    sf_gguf_writer_drop(c.out);
    sf_cv_close_shards(&c);
    json_decref(c.config);
    json_decref(c.tok_config);
    json_decref(c.generation);
    return s == SUREFOOT_OK ? 0 : sf_cli_file_status(s, &err, c.dir);
}
