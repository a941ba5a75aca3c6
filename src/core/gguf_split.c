/* SPDX-License-Identifier: MIT
 * gguf_split.c - a model in several files, NAME-00001-of-0000N.gguf and so on: the files are mapped
 * one behind the other, their tables become one. Keys come from the first file, which has them all;
 * split.no, split.count and split.tensors.count say what belongs together.
 */
#include <stdio.h>
#include <string.h>

#include "file.h"
#include "gguf_parts.h"

enum { SUFFIX = 20, MAX_PARTS = 1024 }; /* "-00001-of-00002.gguf" */

struct parts {
    size_t n;
    char **path, *names; /* (n) into names */
    size_t *offset, *bytes;
    struct sf_gguf *g; /* tables of each */
};

static const char *file_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Does path end as part `no` of n does (from 1)? */
static bool is_part(const char *path, unsigned no, unsigned n) {
    char want[SUFFIX + 1];
    const size_t len = strlen(path);
    snprintf(want, sizeof want, "-%05u-of-%05u.gguf", no % 100000, n % 100000);
    return len > SUFFIX && strcmp(path + len - SUFFIX, want) == 0;
}

static surefoot_status names(struct parts *p, const char *path, surefoot_error *err) {
    const size_t len = strlen(path) + 1;
    size_t bytes;
    if (sf_size_mul(&bytes, len, p->n)) p->names = sf_alloc(bytes);
    p->path = sf_alloc(p->n * sizeof *p->path);
    p->offset = sf_alloc(p->n * sizeof *p->offset);
    p->bytes = sf_alloc(p->n * sizeof *p->bytes);
    p->g = sf_alloc(p->n * sizeof *p->g);
    if (!p->names || !p->path || !p->offset || !p->bytes || !p->g)
        return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for the names of %zu parts", p->n);
    memset(p->g, 0, p->n * sizeof *p->g);
    for (size_t i = 0; i < p->n; i++) {
        p->path[i] = p->names + i * len;
        memcpy(p->path[i], path, len);
        snprintf(p->path[i] + len - 1 - SUFFIX, SUFFIX + 1, "-%05u-of-%05u.gguf", (unsigned)i + 1,
                 (unsigned)p->n);
    }
    return SUREFOOT_OK;
}

static void parts_free(struct parts *p) {
    for (size_t i = 0; p->g && i < p->n; i++) sf_gguf_close(&p->g[i]);
    sf_free(p->names);
    sf_free(p->path);
    sf_free(p->offset);
    sf_free(p->bytes);
    sf_free(p->g);
}

/* The tables of part i, which must say that it is that part. */
static surefoot_status read_part(struct parts *p, size_t i, const struct sf_map *m,
                                 surefoot_error *err) {
    surefoot_error why = {0};
    uint64_t no = UINT64_MAX, count = 0;
    surefoot_status s = sf_gguf_parse(&p->g[i], m->data + p->offset[i], p->bytes[i], &why);
    if (s == SUREFOOT_OK) s = sf_gguf_get_u64(&p->g[i], "split.no", UINT64_MAX, &no, NULL, &why);
    if (s == SUREFOOT_OK)
        s = sf_gguf_get_u64(&p->g[i], "split.count", UINT64_MAX, &count, NULL, &why);
    const char *file = file_of(p->path[i]);
    if (s != SUREFOOT_OK) return sf_fail(err, s, why.where, "'%.60s': %s", file, why.text);
    if (no == i && count == p->n) return SUREFOOT_OK;
    if (no == UINT64_MAX || count == 0)
        return sf_fail(err, SUREFOOT_E_FILE, 0, "'%.80s' does not say which part it is (split.no)",
                       file);
    return sf_fail(err, SUREFOOT_E_FILE, 0,
                   "'%.80s' is part %llu of %llu by its own account, not part %zu of %zu", file,
                   (unsigned long long)no + 1, (unsigned long long)count, i + 1, p->n);
}

static int compare_tensor(const void *items, uint32_t a, uint32_t b) {
    const struct sf_gguf_tensor *t = items;
    return sf_str_compare(t[a].name, t[b].name);
}

static void plan(struct sf_gguf *all, uint32_t **spare) {
    struct sf_arena *a = &all->arena;
    all->kv = sf_arena_take(a, all->n_kv, sizeof *all->kv);
    all->kv_order = sf_arena_take(a, all->n_kv, sizeof *all->kv_order);
    all->tensor = sf_arena_take(a, all->n_tensor, sizeof *all->tensor);
    all->tensor_order = sf_arena_take(a, all->n_tensor, sizeof *all->tensor_order);
    *spare = sf_arena_take(a, all->n_tensor, sizeof **spare);
}

/* Which part a place in the joint map lies in. */
static const char *part_at(const struct parts *p, size_t at) {
    size_t i = p->n - 1;
    while (i > 0 && p->offset[i] > at) i--;
    return file_of(p->path[i]);
}

/* One table of the keys of the first part and the tensors of all. */
static surefoot_status merge(struct sf_gguf *all, const struct parts *p, const struct sf_map *m,
                             surefoot_error *err) {
    const struct sf_gguf *first = &p->g[0];
    uint32_t *spare;
    uint64_t promised = UINT64_MAX;
    size_t n = 0;
    *all = (struct sf_gguf){.data = m->data, .size = m->size, .version = first->version};
    all->n_kv = first->n_kv;
    all->data_offset = first->data_offset;
    for (size_t i = 0; i < p->n; i++) all->n_tensor += p->g[i].n_tensor;
    SF_TRY(sf_gguf_get_u64(first, "split.tensors.count", UINT64_MAX, &promised, NULL, err));
    if (promised != UINT64_MAX && promised != all->n_tensor)
        return sf_fail(err, SUREFOOT_E_FILE, 0,
                       "'%.60s' speaks of %llu tensors, the %zu parts have %zu",
                       file_of(p->path[0]), (unsigned long long)promised, p->n, all->n_tensor);
    if (all->n_tensor > SF_GGUF_MAX_ENTRIES)
        return sf_fail(err, SUREFOOT_E_FILE, 0, "%zu tensors are more than the %u allowed",
                       all->n_tensor, SF_GGUF_MAX_ENTRIES);
    plan(all, &spare);
    SF_TRY(sf_arena_reserve(&all->arena, err));
    plan(all, &spare);
    memcpy(all->kv, first->kv, all->n_kv * sizeof *all->kv);
    memcpy(all->kv_order, first->kv_order, all->n_kv * sizeof *all->kv_order);
    for (size_t i = 0; i < p->n; i++)
        for (size_t j = 0; j < p->g[i].n_tensor; j++, n++) {
            all->tensor[n] = p->g[i].tensor[j];
            all->tensor[n].offset += p->offset[i];
            all->tensor_order[n] = (uint32_t)n;
        }
    sf_order(all->tensor_order, spare, n, all->tensor, compare_tensor);
    for (size_t i = 1; i < n; i++) {
        const struct sf_gguf_tensor *t = &all->tensor[all->tensor_order[i]];
        if (compare_tensor(all->tensor, all->tensor_order[i - 1], all->tensor_order[i]) == 0)
            return sf_fail(err, SUREFOOT_E_FILE, t->offset,
                           "tensor '%.*s' of '%.60s' is in another part as well", SF_SHOW(t->name),
                           part_at(p, t->offset));
    }
    return SUREFOOT_OK;
}

static surefoot_status join(struct parts *p, struct sf_gguf *g, struct sf_map *m, const char *path,
                            surefoot_error *err) {
    struct sf_map whole;
    struct sf_gguf all = {0};
    SF_TRY(names(p, path, err));
    SF_TRY(sf_map_open_parts(&whole, p->path, p->n, p->offset, p->bytes, err));
    surefoot_status s = SUREFOOT_OK;
    for (size_t i = 0; i < p->n && s == SUREFOOT_OK; i++) s = read_part(p, i, &whole, err);
    if (s == SUREFOOT_OK) s = merge(&all, p, &whole, err);
    if (s != SUREFOOT_OK) {
        sf_gguf_close(&all);
        sf_map_close(&whole);
        return s;
    }
    sf_gguf_close(g);
    sf_map_close(m);
    *g = all;
    *m = whole;
    return SUREFOOT_OK;
}

surefoot_status sf_gguf_join(struct sf_gguf *g, struct sf_map *m, const char *path,
                             surefoot_error *err) {
    uint64_t count = 1, no = 0;
    SF_TRY(sf_gguf_get_u64(g, "split.count", UINT64_MAX, &count, NULL, err));
    SF_TRY(sf_gguf_get_u64(g, "split.no", UINT64_MAX, &no, NULL, err));
    if (count <= 1) return SUREFOOT_OK;
    if (count > MAX_PARTS || no >= count)
        return sf_fail(err, SUREFOOT_E_FILE, 0,
                       "split.no %llu of split.count %llu: at most %d parts",
                       (unsigned long long)no, (unsigned long long)count, MAX_PARTS);
    const unsigned n = (unsigned)count;
    if (!path || m->borrowed || m->copy)
        return sf_fail(err, SUREFOOT_E_UNSUPPORTED, 0,
                       "this is part %u of %u of a model: parts are read from plain files only",
                       (unsigned)no + 1, n);
    if (no > 0)
        return sf_fail(err, SUREFOOT_E_USAGE, 0,
                       "'%.60s' is part %u of %u: give the first, ...-00001-of-%05u.gguf",
                       file_of(path), (unsigned)no + 1, n, n);
    if (!is_part(path, 1, n))
        return sf_fail(err, SUREFOOT_E_FILE, 0,
                       "'%.60s' is part 1 of %u, but is not named ...-00001-of-%05u.gguf, so the "
                       "others cannot be found",
                       file_of(path), n, n);
    struct parts p = {.n = n};
    surefoot_status s = join(&p, g, m, path, err);
    parts_free(&p);
    return s;
}
