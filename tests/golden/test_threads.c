/* SPDX-License-Identifier: MIT
 * test_threads.c MODEL... - one model shared by several threads, each with a session of its own: the
 * same bits as alone, for any number of OpenMP threads; and a stop asked for from another thread.
 * ThreadSanitizer runs this.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "harness.h"

enum { N_IDS = 24, N_CALLERS = 3 };

static const char *model_path;
static surefoot_model *model;
static size_t n_vocab;

struct caller {
    int n_threads;
    size_t rows_per_pass;
    surefoot_status status;
    float *logits; /* (N_IDS, n_vocab) */
};

static int keep(void *user, size_t pos, int32_t id, const float *logits, size_t n) {
    SF_UNUSED(id);
    memcpy((float *)user + pos * n, logits, n * sizeof *logits);
    return 0;
}

/* Opens a session, reads ids twice (the second time after a rewind) and closes it. */
static void *call(void *user) {
    struct caller *c = user;
    surefoot_session_options o;
    surefoot_session *s = NULL;
    int32_t ids[N_IDS];
    for (int i = 0; i < N_IDS; i++) ids[i] = 1 + (37 * i) % 250;
    surefoot_session_options_init(&o);
    o.n_ctx = 64;
    o.n_threads = c->n_threads;
    c->status = surefoot_session_open(&s, model, &o, NULL);
    for (int round = 0; round < 2 && c->status == SUREFOOT_OK; round++) {
        surefoot_session_rewind(s, 0);
        c->status = surefoot_eval(s, ids, N_IDS, c->rows_per_pass, keep, c->logits, NULL);
    }
    surefoot_session_close(s);
    return NULL;
}

static void callers_share_a_model(void **state) {
    SF_UNUSED(state);
    struct caller alone = {.n_threads = 1}, c[N_CALLERS];
    size_t bytes = N_IDS * n_vocab * sizeof(float);
    pthread_t t[N_CALLERS];
    alone.logits = calloc(1, bytes);
    call(&alone);
    assert_int_equal(alone.status, SUREFOOT_OK);
    for (int i = 0; i < N_CALLERS; i++) {
        c[i] = (struct caller){i + 1, (size_t)(1 + 5 * i), SUREFOOT_E_FAILED, calloc(1, bytes)};
        assert_int_equal(pthread_create(&t[i], NULL, call, &c[i]), 0);
    }
    for (int i = 0; i < N_CALLERS; i++) {
        pthread_join(t[i], NULL);
        assert_int_equal(c[i].status, SUREFOOT_OK);
        assert_memory_equal(c[i].logits, alone.logits, bytes);
        free(c[i].logits);
    }
    free(alone.logits);
}

struct stop {
    surefoot_session *s;
    sem_t begun, asked;
    size_t rows;
};

static void *stopper(void *user) {
    struct stop *t = user;
    sem_wait(&t->begun);
    surefoot_session_abort(t->s);
    sem_post(&t->asked);
    return NULL;
}

static int hold(void *user, size_t pos, int32_t id, const float *logits, size_t n) {
    SF_UNUSED(id);
    SF_UNUSED(logits);
    SF_UNUSED(n);
    struct stop *t = user;
    t->rows++;
    if (pos == 2) {
        sem_post(&t->begun);
        sem_wait(&t->asked);
    }
    return 0;
}

static void a_stop_from_another_thread(void **state) {
    SF_UNUSED(state);
    surefoot_session_options o;
    struct stop t = {0};
    pthread_t thread;
    int32_t ids[N_IDS] = {1};
    surefoot_session_options_init(&o);
    o.n_ctx = 64;
    o.n_threads = 2;
    assert_ok(surefoot_session_open(&t.s, model, &o, err));
    sem_init(&t.begun, 0, 0);
    sem_init(&t.asked, 0, 0);
    assert_int_equal(pthread_create(&thread, NULL, stopper, &t), 0);
    surefoot_error e = {0};
    assert_int_equal(surefoot_eval(t.s, ids, N_IDS, 1, hold, &t, &e), SUREFOOT_E_ABORTED);
    assert_int_equal(e.code, SUREFOOT_E_ABORTED);
    pthread_join(thread, NULL);
    assert_int_equal(t.rows, 3); /* the pass after the request does not finish */
    /* The session works on: what was read before stays, and the request is forgotten. */
    surefoot_session_rewind(t.s, 0);
    assert_ok(surefoot_eval(t.s, ids, 4, 0, NULL, NULL, err));
    surefoot_session_close(t.s);
    sem_destroy(&t.begun);
    sem_destroy(&t.asked);
}

static int open_model(void **state) {
    SF_UNUSED(state);
    surefoot_model_options o;
    surefoot_model_info info = {.size = sizeof info};
    surefoot_error e = {0};
    surefoot_model_options_init(&o);
    o.n_threads = 2;
    if (surefoot_model_open(&model, model_path, &o, &e) != SUREFOOT_OK) {
        printf("%s: %s\n", model_path, e.text);
        return -1;
    }
    surefoot_model_describe(model, &info);
    n_vocab = info.n_vocab;
    return n_vocab > 250 ? 0 : -1;
}

static int close_model(void **state) {
    SF_UNUSED(state);
    surefoot_model_close(model);
    return 0;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(callers_share_a_model),
                                       cmocka_unit_test(a_stop_from_another_thread)};
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        model_path = argv[i];
        if (access(model_path, R_OK) != 0) {
            printf("skipped: %s is not there\n", model_path);
            return SF_SKIP;
        }
        failed += cmocka_run_group_tests_name(model_path, tests, open_model, close_model);
    }
    return failed != 0 || argc < 2;
}
