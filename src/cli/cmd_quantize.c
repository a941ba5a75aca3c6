/* SPDX-License-Identifier: MIT
 * cmd_quantize.c - `surefoot quantize IN OUT TYPE`: a GGUF file with its matrices in another type.
 * Tensors stream through a buffer of a few rows; the result appears whole or not at all.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "gguf.h"
#include "packed.h"
#include "quantize.h"
#include "threads.h"

#define PIECE ((size_t)4 << 20) /* weights that are under way at a time, about */

struct job {
    struct sf_cli *cli;
    const struct sf_recipe *recipe;
    struct sf_map map;
    struct sf_gguf g;
    struct sf_gguf_writer *out;
    enum sf_type *to; /* (n_tensor) SF_T_COUNT: copied */
    int n_threads;
    uint64_t done, total; /* bytes of the source */
    uint64_t bytes;       /* of the result's tensors */
    double square, norm;  /* of all that was changed */
    bool stopped;
};

/* ------------------------------------------------------------------------------------- options */

static int names_of_types(const char *given) {
    char list[256] = "";
    size_t used = 0;
    for (size_t i = 0; sf_recipe_at(i); i++) {
        const char *name = sf_recipe_at(i)->name;
        if (used + strlen(name) + 3 > sizeof list) break;
        if (i) used += (size_t)(stpcpy(list + used, ", ") - (list + used));
        used += (size_t)(stpcpy(list + used, name) - (list + used));
    }
    return sf_cli_fail(2, "'%.40s' is no type to quantize to; there are %s", given, list);
}

static int check(struct job *j) {
    const struct sf_cli *c = j->cli;
    struct stat in, out;
    if (c->n_operand != 3)
        return sf_cli_fail(2, "quantize needs two files and a type: surefoot quantize IN OUT TYPE");
    j->recipe = sf_recipe_by_name(c->operand[2]);
    if (!j->recipe) return names_of_types(c->operand[2]);
    int code = sf_cli_path("IN", c->operand[0]);
    if (code || stat(c->operand[1], &out)) return code;
    if (!stat(c->operand[0], &in) && in.st_dev == out.st_dev && in.st_ino == out.st_ino)
        return sf_cli_fail(2, "quantize: IN and OUT are the same file '%s'", c->operand[1]);
    if (!c->force)
        return sf_cli_fail(1, "'%s' is there already: --force writes over it", c->operand[1]);
    return 0;
}

/* --------------------------------------------------------------------------------------- plan */

static uint32_t layers(const struct sf_gguf *g) {
    struct sf_str family = {0};
    char key[128];
    uint64_t n = 0;
    bool found = false;
    if (sf_gguf_get_str(g, "general.architecture", &family, &found, NULL) != SUREFOOT_OK ||
        !found || family.n > 64)
        return 0;
    snprintf(key, sizeof key, "%.*s.block_count", (int)family.n, family.p);
    sf_gguf_get_u64(g, key, UINT32_MAX, &n, &found, NULL);
    return (uint32_t)n;
}

/* The type of every tensor; what cannot be read is refused before anything is written. */
static surefoot_status plan(struct job *j, surefoot_error *err) {
    const struct sf_gguf *g = &j->g;
    uint32_t n_layers = layers(g);
    bool tied = !sf_gguf_tensor_find(g, "output.weight"), lossy = false;
    j->to = malloc((g->n_tensor + 1) * sizeof *j->to);
    if (!j->to)
        return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for %zu tensor entries", g->n_tensor);
    size_t fewer = 0;
    for (size_t i = 0; i < g->n_tensor; i++) {
        const struct sf_gguf_tensor *t = &g->tensor[i];
        enum sf_type from = sf_type_by_gguf(t->type);
        if (from == SF_T_COUNT)
            return sf_fail(err, SUREFOOT_E_UNSUPPORTED, t->offset,
                           "tensor '%.*s' has type %s, which cannot be read", (int)t->name.n,
                           t->name.p,
                           sf_gguf_type_name(t->type) ? sf_gguf_type_name(t->type) : "unknown");
        j->to[i] =
            sf_recipe_type(j->recipe, t->name.p, t->name.n, t->n_dims, t->dim[0], n_layers, tied);
        if (j->to[i] == from) j->to[i] = SF_T_COUNT;
        if (j->to[i] == SF_T_COUNT) continue;
        fewer += j->to[i] != j->recipe->most && sf_qtypes[j->recipe->most].block > 1 &&
                 t->dim[0] % sf_qtypes[j->recipe->most].block != 0;
        lossy = lossy || sf_qtypes[from].block > 1;
    }
    if (lossy)
        sf_cli_note(j->cli,
                    "%s is quantized already: what it lost does not come back; use the f16 "
                    "or f32 file where there is one",
                    j->cli->operand[0]);
    if (fewer)
        sf_cli_note(j->cli,
                    "%zu tensors have rows that do not fill blocks of %u: they get a type "
                    "with shorter blocks",
                    fewer, sf_qtypes[j->recipe->most].block);
    return SUREFOOT_OK;
}

static bool rows_of(const struct sf_gguf_tensor *t, size_t *rows) {
    size_t n = 1;
    for (uint32_t d = 1; d < t->n_dims; d++)
        if (!sf_size_mul(&n, n, (size_t)t->dim[d])) return false;
    *rows = n;
    return true;
}

static surefoot_status declare(struct job *j, surefoot_error *err) {
    const struct sf_gguf *g = &j->g;
    for (size_t i = 0; i < g->n_kv; i++) {
        const struct sf_str k = g->kv[i].key;
        bool ours = (k.n == 17 && !memcmp(k.p, "general.file_type", 17)) ||
                    (k.n == 28 && !memcmp(k.p, "general.quantization_version", 28)) ||
                    (k.n >= 6 && !memcmp(k.p, "split.", 6));
        if (!ours) sf_gguf_put_kv(j->out, g, &g->kv[i]);
    }
    sf_gguf_put_u32(j->out, "general.file_type", j->recipe->file_type);
    sf_gguf_put_u32(j->out, "general.quantization_version", 2);
    for (size_t i = 0; i < g->n_tensor; i++) {
        const struct sf_gguf_tensor *t = &g->tensor[i];
        char name[SF_GGUF_MAX_NAME + 1];
        size_t rows, bytes = t->bytes;
        memcpy(name, t->name.p, t->name.n);
        name[t->name.n] = 0;
        uint32_t type = j->to[i] == SF_T_COUNT ? t->type : sf_qtypes[j->to[i]].gguf_id;
        if (j->to[i] != SF_T_COUNT &&
            (!rows_of(t, &rows) || !sf_type_size(&bytes, j->to[i], rows, (size_t)t->dim[0])))
            return sf_fail(err, SUREFOOT_E_FILE, t->offset, "tensor '%s' is too large", name);
        sf_gguf_put_tensor(j->out, name, type, t->n_dims, t->dim, bytes);
        j->total += t->bytes;
        j->bytes += bytes;
    }
    return sf_gguf_writer_begin(j->out, err);
}

/* ---------------------------------------------------------------------------------------- work */

static bool go_on(struct job *j, size_t bytes) {
    j->done += bytes;
    j->stopped = sf_cli_progress(j->cli, "quantize", j->done, j->total) != 0;
    return !j->stopped;
}

static surefoot_status stopped(surefoot_error *err) {
    return sf_fail(err, SUREFOOT_E_ABORTED, 0, "stopped on request");
}

static surefoot_status copy(struct job *j, const struct sf_gguf_tensor *t, surefoot_error *err) {
    for (size_t at = 0; at < t->bytes; at += PIECE) {
        size_t n = sf_min(t->bytes - at, PIECE);
        SF_TRY(sf_gguf_writer_data(j->out, j->g.data + t->offset + at, n, err));
        if (!go_on(j, n)) return stopped(err);
    }
    return SUREFOOT_OK;
}

static void tell(struct job *j, const struct sf_gguf_tensor *t, enum sf_type from, enum sf_type to,
                 size_t n, const struct sf_quantize_error *e) {
    double rmse = n ? sqrt(e->square / (double)n) : 0;
    double share = e->norm > 0 ? sqrt(e->square / e->norm) : 0;
    j->square += e->square;
    j->norm += e->norm;
    if (!j->cli->json && j->cli->quiet) return;
    sf_cli_progress_end(j->cli);
    if (j->cli->json) {
        sf_out_str("{\"tensor\":");
        sf_out_json_str(t->name.p, t->name.n);
        sf_outf(",\"from\":\"%s\",\"to\":\"%s\",\"n\":%zu,\"rmse\":%.9g,\"relative\":%.6g,"
                "\"max\":%.9g}\n",
                sf_qtypes[from].name, sf_qtypes[to].name, n, rmse, share, (double)e->largest);
    } else {
        char name[3 * SF_GGUF_MAX_NAME + 1];
        size_t len = sf_cli_clean(t->name.p, t->name.n, name);
        sf_outf("%-32.*s %6s -> %-6s rmse %.3e (%.3f %%)  max %.3e\n", (int)len, name,
                sf_qtypes[from].name, sf_qtypes[to].name, rmse, 100 * share, (double)e->largest);
    }
    sf_out_flush();
}

static surefoot_status convert(struct job *j, size_t i, surefoot_error *err) {
    const struct sf_gguf_tensor *t = &j->g.tensor[i];
    enum sf_type from = sf_type_by_gguf(t->type), to = j->to[i];
    size_t rows = 0, cols = (size_t)t->dim[0];
    rows_of(t, &rows);
    size_t step = sf_max(sf_min(PIECE / sf_max(cols, 1), rows), 1);
    size_t src_row = cols / sf_qtypes[from].block * sf_qtypes[from].bytes;
    size_t dst_row = cols / sf_qtypes[to].block * sf_qtypes[to].bytes;
    size_t scratch = sf_quantize_scratch(cols, step, j->n_threads);
    void *dst = malloc(sf_max(step * dst_row, 1)), *work = malloc(scratch);
    struct sf_quantize_error e = {.finite = true};
    surefoot_status s = SUREFOOT_OK;
    if (!dst || !work)
        s = sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for %zu rows of %zu weights", step, cols);
    for (size_t r = 0; r < rows && s == SUREFOOT_OK; r += step) {
        size_t n = sf_min(rows - r, step);
        sf_quantize_rows(dst, to, j->g.data + t->offset + r * src_row, from, n, cols, j->n_threads,
                         work, &e);
        if (!e.finite)
            s = sf_fail(err, SUREFOOT_E_FILE, t->offset,
                        "tensor '%.*s' holds a number that is not finite", (int)t->name.n,
                        t->name.p);
        if (s == SUREFOOT_OK) s = sf_gguf_writer_data(j->out, dst, n * dst_row, err);
        if (s == SUREFOOT_OK && !go_on(j, n * src_row)) s = stopped(err);
    }
    free(dst);
    free(work);
    if (s == SUREFOOT_OK) tell(j, t, from, to, rows * cols, &e);
    sf_map_release(&j->map, t->offset, t->bytes);
    return s;
}

static surefoot_status run(struct job *j, surefoot_error *err) {
    const char *in = j->cli->operand[0];
    SF_TRY(sf_map_open(&j->map, in, err));
    if (sf_packed_is(&j->map))
        return sf_fail(err, SUREFOOT_E_USAGE, 0,
                       "'%s' is packed: surefoot unpack makes it a GGUF "
                       "file that can be quantized",
                       in);
    SF_TRY(sf_gguf_parse(&j->g, j->map.data, j->map.size, err));
    SF_TRY(sf_gguf_join(&j->g, &j->map, in, err));
    SF_TRY(plan(j, err));
    SF_TRY(sf_gguf_writer_open(&j->out, j->cli->operand[1], err));
    SF_TRY(declare(j, err));
    for (size_t i = 0; i < j->g.n_tensor; i++)
        SF_TRY(j->to[i] == SF_T_COUNT ? copy(j, &j->g.tensor[i], err) : convert(j, i, err));
    struct sf_gguf_writer *out = j->out;
    j->out = NULL;
    return sf_gguf_writer_close(out, err);
}

int sf_cmd_quantize(struct sf_cli *c) {
    struct job j = {.cli = c};
    surefoot_error err = {0};
    int code = check(&j);
    if (code) return code;
    j.n_threads = c->threads == SF_CLI_UNSET ? sf_default_threads() : (int)c->threads;
    double began = sf_cli_now();
    surefoot_status s = run(&j, &err);
    sf_cli_progress_end(c);
    if (s != SUREFOOT_OK) {
        code = sf_cli_file_status(s, &err,
                                  s == SUREFOOT_E_IO && j.out ? c->operand[1] : c->operand[0]);
    } else {
        char a[32], b[32];
        sf_cli_note(
            c, "%s: %s of tensors become %s (%.1f %%), error %.3f %% of the weights, %.2f s",
            c->operand[1], sf_cli_bytes(a, (double)j.total), sf_cli_bytes(b, (double)j.bytes),
            j.total ? 100 * (double)j.bytes / (double)j.total : 0,
            j.norm > 0 ? 100 * sqrt(j.square / j.norm) : 0, sf_cli_now() - began);
    }
    sf_gguf_writer_drop(j.out);
    free(j.to);
    sf_gguf_close(&j.g);
    sf_map_close(&j.map);
    return code;
}
