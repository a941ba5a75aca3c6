/* SPDX-License-Identifier: MIT
 * test_bad_files.c - every file of golden/bad is refused as its expected.tsv says: status, position
 * and a message of its own; the valid one opens; and no shortened form of it does.
 */
#include <stdlib.h>

#include "harness.h"

#include "arena.h"
#include "file.h"
#include "gguf.h"

#define BAD SUREFOOT_SOURCE "/tests/golden/bad/"

struct row {
    char file[64], text[160], stage[16], where[32];
    int exit;
    char message[256]; /* what was said */
};
static struct row rows[128];
static size_t n_rows;

static int read_table(void **state) {
    SF_UNUSED(state);
    FILE *f = fopen(BAD "expected.tsv", "r");
    char line[400];
    if (!f) return -1;
    while (fgets(line, sizeof line, f)) {
        struct row *r = &rows[n_rows];
        if (line[0] == '#') continue;
        if (n_rows == SF_COUNT(rows) || sscanf(line, "%63[^\t]\t%d\t%159[^\t]\t%15[^\t]\t%31[^\n]",
                                               r->file, &r->exit, r->text, r->stage, r->where) != 5)
            return -1;
        n_rows++;
    }
    fclose(f);
    return n_rows >= 21 ? 0 : -1; /* twenty bad ones at least */
}

/* On a block of exactly its size, so that a read past the end is seen. */
static surefoot_status parse_copy(const void *data, size_t n, surefoot_error *err) {
    struct sf_gguf g;
    unsigned char *copy = malloc(n ? n : 1);
    if (n) memcpy(copy, data, n);
    surefoot_status s = sf_gguf_parse(&g, copy, n, err);
    if (s != SUREFOOT_OK) {
        assert_null(g.kv);
        assert_null(g.arena.base);
    }
    sf_gguf_close(&g);
    free(copy);
    return s;
}

static void check_row(struct row *r) {
    char path[512], *data;
    size_t n;
    surefoot_error e = {0};
    snprintf(path, sizeof path, BAD "%s", r->file);
    assert_ok(sf_read_file(&data, &n, path, 1 << 20, err));
    surefoot_status s = parse_copy(data, n, &e);
    sf_free(data);
    if (strcmp(r->stage, "model") == 0) {
        if (s != SUREFOOT_OK) fail_msg("%s: the reader refused it: %s", r->file, e.text);
        surefoot_model *m;
        s = surefoot_model_open(&m, path, NULL, &e);
        surefoot_model_close(m);
    } else if (s != SUREFOOT_E_FILE) {
        fail_msg("%s: status %d from the reader", r->file, (int)s);
    }
    if (surefoot_status_exit(s) != r->exit || s != e.code)
        fail_msg("%s: status %d, exit %d, not %d: %s", r->file, (int)s, surefoot_status_exit(s),
                 r->exit, e.text);
    if (s == SUREFOOT_OK) return;
    if (!strstr(e.text, r->text)) fail_msg("%s: '%s' lacks '%s'", r->file, e.text, r->text);
    if (strcmp(r->where, "-") != 0 && e.where != strtoull(r->where, NULL, 10))
        fail_msg("%s: at %llu, not %s: %s", r->file, (unsigned long long)e.where, r->where, e.text);
    memcpy(r->message, e.text, sizeof r->message);
}

static void refused(void **state) {
    SF_UNUSED(state);
    for (size_t i = 0; i < n_rows; i++) check_row(&rows[i]);
    for (size_t i = 0; i < n_rows; i++)
        for (size_t j = 0; j < i; j++)
            if (*rows[i].message && !strcmp(rows[i].message, rows[j].message))
                fail_msg("%s and %s: both '%s'", rows[i].file, rows[j].file, rows[i].message);
}

/* Every byte of the valid file is needed, but for the padding behind the last tensor. */
static void cut(void **state) {
    SF_UNUSED(state);
    char *data;
    size_t n;
    struct sf_gguf g;
    assert_ok(sf_read_file(&data, &n, BAD "valid.gguf", 1 << 20, err));
    assert_ok(sf_gguf_parse(&g, data, n, err));
    const struct sf_gguf_tensor *last = &g.tensor[g.n_tensor - 1];
    size_t end = last->offset + last->bytes;
    sf_gguf_close(&g);
    for (size_t k = 0; k <= n; k++) {
        surefoot_error e = {0};
        surefoot_status s = parse_copy(data, k, &e);
        if (s != (k < end ? SUREFOOT_E_FILE : SUREFOOT_OK) || e.where > k)
            fail_msg("%zu bytes of %zu: status %d at %llu: %s", k, n, (int)s,
                     (unsigned long long)e.where, e.text);
    }
    sf_free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(refused), cmocka_unit_test(cut)};
    return cmocka_run_group_tests(tests, read_table, NULL);
}
