/* SPDX-License-Identifier: MIT
 * cmd_pack.c - `surefoot pack` and `surefoot unpack`: a GGUF file as a packed one, and back.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "gguf.h"
#include "packed.h"
#include "types.h"

/* IN and OUT given, IN there, OUT not (or --force), and not the same file. */
static int files(const struct sf_cli *c) {
    struct stat in, out;
    const char *name = c->command->name;
    if (c->n_operand != 2)
        return sf_cli_fail(2, "%s needs two files: surefoot %s IN OUT", name, name);
    int code = sf_cli_path("IN", c->operand[0]);
    if (code) return code;
    if (stat(c->operand[1], &out) != 0) return 0;
    if (stat(c->operand[0], &in) == 0 && in.st_dev == out.st_dev && in.st_ino == out.st_ino)
        return sf_cli_fail(2, "%s: IN and OUT are the same file '%s'", name, c->operand[1]);
    if (!c->force)
        return sf_cli_fail(1, "'%s' is there already: --force writes over it", c->operand[1]);
    return 0;
}

static int by_offset(const void *a, const void *b) {
    const struct sf_gguf_tensor *const *x = a, *const *y = b;
    return ((*x)->offset > (*y)->offset) - ((*x)->offset < (*y)->offset);
}

/* The tables, then each tensor with the padding behind it; records are the blocks of its type. */
static struct sf_packed_part *parts_of(const struct sf_gguf *g, size_t *n) {
    size_t n_tensor = g->n_tensor;
    const struct sf_gguf_tensor **t = malloc((n_tensor + 1) * sizeof *t);
    struct sf_packed_part *part = calloc(n_tensor + 1, sizeof *part);
    for (size_t i = 0; t && i < n_tensor; i++) t[i] = &g->tensor[i];
    if (t) qsort(t, n_tensor, sizeof *t, by_offset);
    *n = n_tensor + 1;
    for (size_t i = 0; t && part && i <= n_tensor; i++) {
        size_t from = i ? t[i - 1]->offset : 0, to = i < n_tensor ? t[i]->offset : g->size;
        enum sf_type type = i ? sf_type_by_gguf(t[i - 1]->type) : SF_T_COUNT;
        part[i].bytes = to - from;
        part[i].stride = type == SF_T_COUNT ? 1 : sf_qtypes[type].bytes;
    }
    bool whole = t && part;
    free(t);
    if (whole) return part;
    free(part);
    return NULL;
}

static struct sf_packed_options options(struct sf_cli *c) {
    return (struct sf_packed_options){.level = c->level == SF_CLI_UNSET ? 3 : (int)c->level,
                                      .n_threads = c->threads == SF_CLI_UNSET ? 0 : (int)c->threads,
                                      .progress = sf_cli_progress,
                                      .user = c,
                                      .what = c->command->name};
}

static void told(const struct sf_cli *c, double from, double to, double seconds) {
    char a[32], b[32];
    sf_cli_note(c, "%s: %s -> %s: %s (%.1f %%), %.2f s", c->operand[0], sf_cli_bytes(a, from),
                c->operand[1], sf_cli_bytes(b, to), 100 * to / from, seconds);
}

int sf_cmd_pack(struct sf_cli *c) {
    struct sf_map map = {0};
    struct sf_gguf g = {0};
    surefoot_error err = {0};
    int code = files(c);
    if (code) return code;
    double began = sf_cli_now();
    surefoot_status s = sf_map_open(&map, c->operand[0], &err);
    if (s == SUREFOOT_OK && sf_packed_is(&map))
        s = sf_fail(&err, SUREFOOT_E_USAGE, 0, "'%s' is packed already", c->operand[0]);
    if (s == SUREFOOT_OK) s = sf_gguf_parse(&g, map.data, map.size, &err);
    size_t n = 0;
    struct sf_packed_part *part = s == SUREFOOT_OK ? parts_of(&g, &n) : NULL;
    if (s == SUREFOOT_OK && !part)
        s = sf_fail(&err, SUREFOOT_E_MEMORY, 0, "no memory for %zu tensor entries", g.n_tensor);
    uint64_t packed = 0;
    struct sf_packed_options o = options(c);
    if (s == SUREFOOT_OK) s = sf_packed_write(c->operand[1], &map, part, n, &o, &packed, &err);
    sf_cli_progress_end(c);
    if (s == SUREFOOT_OK)
        told(c, (double)map.size, (double)packed, sf_cli_now() - began);
    else
        code = sf_cli_file_status(s, &err, c->operand[0]);
    free(part);
    sf_gguf_close(&g);
    sf_map_close(&map);
    return code;
}

int sf_cmd_unpack(struct sf_cli *c) {
    struct sf_map map = {0};
    surefoot_error err = {0};
    int code = files(c);
    if (code) return code;
    double began = sf_cli_now();
    surefoot_status s = sf_map_open(&map, c->operand[0], &err);
    if (s == SUREFOOT_OK && !sf_packed_is(&map))
        s = sf_fail(&err, SUREFOOT_E_FILE, 0, "'%s' is no packed file", c->operand[0]);
    uint64_t size = 0;
    struct sf_packed_options o = options(c);
    if (s == SUREFOOT_OK) s = sf_packed_size(&size, &map, &err);
    if (s == SUREFOOT_OK) s = sf_packed_unpack(c->operand[1], &map, &o, &err);
    sf_cli_progress_end(c);
    if (s == SUREFOOT_OK)
        told(c, (double)map.size, (double)size, sf_cli_now() - began);
    else
        code = sf_cli_file_status(s, &err, c->operand[0]);
    sf_map_close(&map);
    return code;
}
