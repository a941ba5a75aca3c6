/* SPDX-License-Identifier: MIT
 * test_mlp.c - the small network: arithmetic to the bit, monotone outputs, training that does not
 * depend on threads, files that are refused.
 */
#include "harness.h"

#include <math.h>
#include <stdlib.h>

#include "file.h"
#include "mlp.h"

static char path[64];
static uint64_t rng = 7;

static float draw(void) { /* -1..1 */
    return (float)((double)(sf_rand(&rng) >> 40) / 8388608.0 - 1);
}

static void fill(struct sf_mlp *m, float scale) {
    for (size_t i = 0; i < m->n_params; i++) m->w[i] = scale * draw();
}

/* ---- the forward pass, written down again from mlp.h */
static float sum16(const float *a, const float *b, int n) {
    volatile float lane[16] = {0};
    for (int i = 0; i < n; i++) {
        volatile float p = a[i] * b[i];
        lane[i % 16] = lane[i % 16] + p;
    }
    for (int step = 8; step; step /= 2)
        for (int k = 0; k < step; k++) lane[k] = lane[k] + lane[k + step];
    return lane[0];
}

static void same_bits(void **state) {
    SF_UNUSED(state);
    static const uint32_t shapes[][4] = {{1, 0, 0, 1},  {5, 1, 3, 2},    {16, 2, 16, 1},
                                         {33, 1, 0, 3}, {192, 1, 48, 2}, {100, 0, 256, 4}};
    for (size_t i = 0; i < SF_COUNT(shapes); i++) {
        struct sf_mlp m;
        const uint32_t *z = shapes[i];
        float x[200], more[8], r[256], out[4];
        assert_ok(sf_mlp_open(&m, z[0], z[1], z[2], z[3], err));
        fill(&m, 2);
        for (int k = 0; k < 200; k++) x[k] = draw() * (k % 7 == 0 ? 1e6f : 1);
        for (int k = 0; k < 8; k++) more[k] = draw();
        sf_mlp_forward(&m, x, more, out);
        for (uint32_t j = 0; j < m.rows; j++) {
            volatile float s = sum16(m.w + (size_t)j * z[0], x, (int)z[0]) + m.b[j];
            for (uint32_t k = 0; k < z[1]; k++) {
                volatile float p = m.m[j * z[1] + k] * more[k];
                s = s + p;
            }
            r[j] = z[2] && s < 0 ? 0 : s;
        }
        for (uint32_t o = 0; o < z[3]; o++) {
            float want = z[2] ? sum16(m.v + (size_t)o * z[2], r, (int)z[2]) + m.c[o] : r[o];
            assert_memory_equal(&want, &out[o], sizeof want);
        }
        sf_mlp_close(&m);
    }
}

static void sigmoid_rises(void **state) {
    SF_UNUSED(state);
    assert_true(sf_mlp_sigmoid(0) == 0.5f);
    assert_true(sf_mlp_sigmoid(1e30f) > 0.99f && sf_mlp_sigmoid(INFINITY) <= 1);
    assert_true(sf_mlp_sigmoid(-INFINITY) >= 0 && sf_mlp_sigmoid(-1e30f) < 0.01f);
    assert_true(isnan(sf_mlp_sigmoid(NAN)));
    float last = 0;
    for (float y = -100; y < 100; y = nextafterf(y, 200) + (rng % 64 ? 1e-4f : 0)) {
        sf_rand(&rng);
        assert_true(sf_mlp_sigmoid(y) >= last);
        last = sf_mlp_sigmoid(y);
    }
}

/* ---- training */
enum { N = 3000, X = 9 };
static float xs[N * X], more[N], ys[N * 2], weight[N * 2];

/* Output 0: more than what two inputs ask for; output 1: a number, known for half of the examples. */
static void world(void) {
    for (int i = 0; i < N; i++) {
        float *x = xs + i * X;
        for (int k = 0; k < X; k++) x[k] = draw() * (float)(1 << k) + (float)(k * 10);
        x[8] = 5; /* tells nothing */
        float a = x[0], b = (x[1] - 10) / 2;
        more[i] = 0.5f + 0.5f * draw();
        ys[2 * i] = a * b > 0 ? (more[i] > 0.7f) : 1.0f;
        ys[2 * i + 1] = 100 + 30 * (a > 0 ? a : 0);
        weight[2 * i] = 1;
        weight[2 * i + 1] = i % 2;
    }
}

static struct sf_mlp_data part(int from, int to) {
    return (struct sf_mlp_data){.n = (size_t)(to - from),
                                .x = xs + from * X,
                                .more = more + from,
                                .y = ys + 2 * from,
                                .weight = weight + 2 * from};
}

static struct sf_mlp_options options(int threads) {
    struct sf_mlp_options o;
    sf_mlp_options_init(&o);
    o.loss[1] = SF_MLP_SQUARED;
    o.monotone[0] = true;
    o.n_threads = threads;
    o.rate = 1e-2f;
    return o;
}

static void learns(void **state) {
    SF_UNUSED(state);
    struct sf_mlp m;
    struct sf_mlp_report r;
    struct sf_mlp_data train = part(0, 2000), check = part(2000, 2500);
    struct sf_mlp_options o = options(0);
    world();
    assert_ok(sf_mlp_open(&m, X, 1, 24, 2, err));
    assert_ok(sf_mlp_train(&m, &train, &check, &o, &r, err));
    int right = 0;
    double error = 0, spread = 0;
    for (int i = 2500; i < N; i++) {
        float out[2];
        sf_mlp_forward(&m, xs + i * X, more + i, out);
        right += (out[0] > 0) == (ys[2 * i] > 0.5f);
        error += pow((double)out[1] - (double)ys[2 * i + 1], 2);
        spread += pow((double)ys[2 * i + 1] - 107.5, 2);
    }
    print_message("%d of 500 right, R2 %.3f, epochs %d\n", right, 1 - error / spread, r.epochs);
    assert_true(right > 440 && error < 0.05 * spread);
    assert_true(r.best > 0 && r.best <= r.epochs && r.check_loss < 0.3);
    /* f never falls while z rises: by its weights, and to the last bit. */
    assert_true(sf_mlp_monotone(&m, 0));
    for (int i = 0; i < N; i++) {
        float last = -INFINITY, out[2], z = 0;
        for (int k = 0; k < 40; k++) {
            sf_mlp_forward(&m, xs + i * X, &z, out);
            assert_true(out[0] >= last && sf_mlp_sigmoid(out[0]) >= sf_mlp_sigmoid(last));
            last = out[0];
            z = k % 2 ? nextafterf(z, 2) : z + 0.05f;
        }
    }
    /* and the test would see a weight that lets it fall */
    m.m[0] = -1;
    m.v[0] = 1;
    assert_false(sf_mlp_monotone(&m, 0));
    sf_mlp_close(&m);
}

static void any_threads(void **state) {
    SF_UNUSED(state);
    struct sf_mlp m[3];
    struct sf_mlp_report r;
    struct sf_mlp_data train = part(0, 1001), check = part(2000, 2300);
    uint32_t row[1001];
    world();
    for (int hidden = 0; hidden <= 8; hidden += 8) {
        for (int i = 0; i < 3; i++) {
            struct sf_mlp_options o = options(i == 0 ? 1 : i == 1 ? 2 : 5);
            o.epochs = 4;
            struct sf_mlp_data d = train;
            for (uint32_t k = 0; k < 1001; k++) row[k] = k;
            if (i == 2) d.row = row;
            assert_ok(sf_mlp_open(&m[i], X, 1, (uint32_t)hidden, 2, err));
            assert_ok(sf_mlp_train(&m[i], &d, &check, &o, &r, err));
        }
        for (int i = 1; i < 3; i++)
            assert_memory_equal(m[0].w, m[i].w, m[0].n_params * sizeof(float));
        assert_true(sf_mlp_monotone(&m[0], 0));
        for (int i = 0; i < 3; i++) sf_mlp_close(&m[i]);
    }
}

/* Logistic regression on two clouds, weights in the units of its inputs. */
static void logistic(void **state) {
    SF_UNUSED(state);
    struct sf_mlp m;
    struct sf_mlp_report r;
    struct sf_mlp_options o;
    static float x[2000 * 2], y[2000];
    for (int i = 0; i < 2000; i++) {
        y[i] = (float)(i % 2);
        x[2 * i] = 1000 + 10 * (draw() + y[i]);
        x[2 * i + 1] = draw();
    }
    struct sf_mlp_data d = {.n = 1500, .x = x, .y = y};
    struct sf_mlp_data check = {.n = 500, .x = x + 3000, .y = y + 1500};
    sf_mlp_options_init(&o);
    o.rate = 1e-2f;
    assert_ok(sf_mlp_open(&m, 2, 0, 0, 1, err));
    assert_ok(sf_mlp_train(&m, &d, &check, &o, &r, err));
    int right = 0;
    for (int i = 1500; i < 2000; i++) {
        float out;
        sf_mlp_forward(&m, x + 2 * i, NULL, &out);
        right += (out > 0) == (y[i] > 0.5f);
    }
    assert_in_range(right, 340, 420); /* the clouds overlap by half: 3 of 4 can be told */
    sf_mlp_close(&m);
}

static int stop_at(void *user, int epoch, double a, double b) {
    SF_UNUSED(a);
    SF_UNUSED(b);
    return epoch == *(int *)user;
}

static void refused(void **state) {
    SF_UNUSED(state);
    struct sf_mlp m;
    struct sf_mlp_report r;
    surefoot_error e;
    assert_int_equal(sf_mlp_open(&m, 0, 0, 1, 1, &e), SUREFOOT_E_USAGE);
    assert_int_equal(sf_mlp_open(&m, 4, 0, SF_MLP_MAX_HIDDEN + 1, 1, &e), SUREFOOT_E_USAGE);
    assert_int_equal(sf_mlp_open(&m, 4, 0, 4, SF_MLP_MAX_OUT + 1, &e), SUREFOOT_E_USAGE);
    sf_mlp_close(&m);
    assert_ok(sf_mlp_open(&m, X, 1, 4, 2, err));
    struct sf_mlp_data none = part(0, 0), some = part(0, 100);
    struct sf_mlp_options o = options(1);
    assert_int_equal(sf_mlp_train(&m, &none, &some, &o, &r, &e), SUREFOOT_E_FAILED);
    assert_int_equal(sf_mlp_train(&m, &some, &none, &o, &r, &e), SUREFOOT_E_FAILED);
    o.batch = 7;
    assert_int_equal(sf_mlp_train(&m, &some, &some, &o, &r, &e), SUREFOOT_E_USAGE);
    o = options(1);
    world();
    float was = xs[3];
    xs[3] = NAN;
    assert_int_equal(sf_mlp_train(&m, &some, &some, &o, &r, &e), SUREFOOT_E_FAILED);
    xs[3] = was;
    int second = 2;
    o.progress = stop_at;
    o.user = &second;
    assert_int_equal(sf_mlp_train(&m, &some, &some, &o, &r, &e), SUREFOOT_E_ABORTED);
    assert_int_equal(r.epochs, 2);
    sf_mlp_close(&m);
}

/* ---- in a file */
static surefoot_status save(const struct sf_mlp *m, const char *prefix) {
    struct sf_gguf_writer *w;
    surefoot_error e;
    surefoot_status s = sf_gguf_writer_open(&w, path, &e);
    if (s != SUREFOOT_OK) return s;
    sf_mlp_put(m, w, prefix);
    s = sf_gguf_writer_begin(w, &e);
    if (s == SUREFOOT_OK) s = sf_mlp_write(m, w, &e);
    if (s == SUREFOOT_OK) return sf_gguf_writer_close(w, &e);
    sf_gguf_writer_drop(w);
    return s;
}

static surefoot_status load(struct sf_mlp *m, const char *prefix, surefoot_error *err) {
    struct sf_map map = {0};
    struct sf_gguf g = {0};
    surefoot_status s = sf_map_open(&map, path, err);
    if (s == SUREFOOT_OK) s = sf_gguf_parse(&g, map.data, map.size, err);
    if (s == SUREFOOT_OK) s = sf_mlp_read(m, &g, prefix, err);
    sf_gguf_close(&g);
    sf_map_close(&map);
    return s;
}

static void files(void **state) {
    SF_UNUSED(state);
    static const uint32_t shapes[][4] = {{7, 1, 4, 2}, {7, 0, 0, 1}, {31, 2, 0, 3}, {1, 0, 1, 1}};
    struct sf_mlp m, back;
    surefoot_error e = {0};
    for (size_t i = 0; i < SF_COUNT(shapes); i++) {
        const uint32_t *z = shapes[i];
        assert_ok(sf_mlp_open(&m, z[0], z[1], z[2], z[3], err));
        fill(&m, 1);
        assert_ok(save(&m, "net"));
        assert_ok(load(&back, "net", err));
        assert_int_equal(back.n_x, z[0]);
        assert_int_equal(back.n_more, z[1]);
        assert_int_equal(back.n_hidden, z[2]);
        assert_int_equal(back.n_out, z[3]);
        assert_memory_equal(m.w, back.w, m.n_params * sizeof(float));
        sf_mlp_close(&back);
        assert_int_equal(load(&back, "other", &e), SUREFOOT_E_FILE);
        m.w[m.n_params - 1] = i % 2 ? INFINITY : NAN;
        assert_ok(save(&m, "net"));
        assert_int_equal(load(&back, "net", &e), SUREFOOT_E_FILE);
        assert_non_null(strstr(e.text, "finite"));
        assert_null(back.w);
        sf_mlp_close(&m);
    }
    /* shapes that do not fit together */
    assert_ok(sf_mlp_open(&m, 7, 1, 4, 2, err));
    uint32_t *field[] = {&m.n_x, &m.n_more, &m.n_hidden, &m.n_out, &m.rows};
    for (size_t i = 0; i < SF_COUNT(field); i++) {
        const uint32_t was = *field[i];
        *field[i] = was > 1 ? was - 1 : was;
        if (*field[i] == was) continue;
        assert_ok(save(&m, "net"));
        surefoot_status s = load(&back, "net", &e);
        if (field[i] == &m.n_x || field[i] == &m.n_out) /* a smaller network is a network */
            assert_int_equal(s, SUREFOOT_OK);
        else
            assert_int_equal(s, SUREFOOT_E_FILE);
        sf_mlp_close(&back);
        *field[i] = was;
    }
    sf_mlp_close(&m);
    unlink(path);
}

static int fail_at;
static bool fails(size_t bytes) {
    SF_UNUSED(bytes);
    return fail_at-- == 0;
}

static void no_memory(void **state) {
    SF_UNUSED(state);
    struct sf_mlp m;
    struct sf_mlp_report r;
    struct sf_mlp_data some = part(0, 100);
    struct sf_mlp_options o = options(1);
    surefoot_error e;
    o.epochs = 1;
    for (int k = 0; k < 2; k++) {
        fail_at = k;
        sf_alloc_hook(fails);
        surefoot_status s = sf_mlp_open(&m, X, 1, 4, 2, &e);
        if (s == SUREFOOT_OK) s = sf_mlp_train(&m, &some, &some, &o, &r, &e);
        sf_alloc_hook(NULL);
        assert_int_equal(s, SUREFOOT_E_MEMORY);
        sf_mlp_close(&m);
    }
}

int main(void) {
    snprintf(path, sizeof path, "test_mlp.%d.gguf", (int)getpid());
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_bits), cmocka_unit_test(sigmoid_rises),
                                       cmocka_unit_test(learns),    cmocka_unit_test(any_threads),
                                       cmocka_unit_test(logistic),  cmocka_unit_test(refused),
                                       cmocka_unit_test(files),     cmocka_unit_test(no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
