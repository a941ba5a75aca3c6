/* SPDX-License-Identifier: MIT
 * prop_oom.c - what if memory fails? The k-th allocation of opening a model, a session and a guard,
 * and of a generation, is made to fail for every k: a status comes back, nothing leaks (run it
 * under the dev preset), and the next try succeeds.
 *
 *     prop_oom DIR      DIR holds the models make_golden.py writes
 */
#include "harness.h"

#include "arena.h"

static long countdown; /* allocations that still succeed; -1: all */
static long calls;

static bool failing(size_t bytes) {
    SF_UNUSED(bytes);
    calls++;
    return countdown >= 0 && countdown-- == 0;
}

static char path[512];

struct text {
    char bytes[4096];
    size_t n;
};
static int collect(void *user, const char *text, size_t n, const surefoot_token *tok,
                   size_t n_tok) {
    SF_UNUSED(tok);
    SF_UNUSED(n_tok);
    struct text *t = user;
    if (t->n + n > sizeof t->bytes) return 1;
    memcpy(t->bytes + t->n, text, n);
    t->n += n;
    return 0;
}

/* Everything once; the first failure's status. */
static surefoot_status everything(struct text *t) {
    surefoot_model *m = NULL;
    surefoot_session *s = NULL;
    surefoot_model_options mo;
    surefoot_session_options so;
    surefoot_sampling sa;
    surefoot_error err = {0};
    surefoot_model_options_init(&mo);
    surefoot_session_options_init(&so);
    surefoot_sampling_init(&sa);
    mo.n_threads = so.n_threads = 1;
    so.n_ctx = 128;
    sa.n_predict = 20;
    t->n = 0;
    surefoot_status st = surefoot_model_open(&m, path, &mo, &err);
    if (st == SUREFOOT_OK) st = surefoot_session_open(&s, m, &so, &err);
    surefoot_prompt p = {.text = "the sun", .n_text = 7};
    if (st == SUREFOOT_OK) st = surefoot_generate(s, NULL, &p, &sa, collect, t, NULL, &err);
    if (st != SUREFOOT_OK) assert_true(err.code == st && err.text[0]);
    surefoot_session_close(s);
    surefoot_model_close(m);
    return st;
}

static void every_allocation(void **state) {
    SF_UNUSED(state);
    static struct text want, got;
    sf_alloc_hook(failing);
    countdown = -1;
    calls = 0;
    assert_int_equal(everything(&want), SUREFOOT_OK);
    long total = calls;
    assert_true(total > 5 && want.n > 0);
    for (long k = 0; k < total; k++) {
        countdown = k;
        surefoot_status st = everything(&got);
        if (st != SUREFOOT_E_MEMORY)
            fail_msg("allocation %ld of %ld: status %d", k, total, (int)st);
    }
    countdown = -1;
    assert_int_equal(everything(&got), SUREFOOT_OK);
    assert_int_equal(got.n, want.n);
    assert_memory_equal(got.bytes, want.bytes, want.n);
    sf_alloc_hook(NULL);
}

int main(int argc, char **argv) {
    snprintf(path, sizeof path, "%s/llama-mixed.gguf", argc > 1 ? argv[1] : "");
    if (access(path, R_OK) != 0) {
        printf("skipped: %s is not there (python3-numpy makes it)\n", path);
        return SF_SKIP;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
