/* SPDX-License-Identifier: MIT
 * test_kernels_oracle.c - every slot of the reference, and of each level this CPU runs, against the
 * definitions computed in double precision.
 *
 * Nothing here is shared with arch/ or quant/: block formats are read anew, in the order in which
 * their bytes are laid out. Bounds are those of the arithmetic (one rounding of 2^-24 per operation),
 * not tolerances found by trying; where all numbers are powers of two results must be exact.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "cpu.h"
#include "harness.h"
#include "kernels.h"

/* Floats widened to double are what this file is about. */
#pragma GCC diagnostic ignored "-Wdouble-promotion"

#define U 0x1p-24 /* half a unit in the last place of 1.0f */

static uint64_t rng = 7;
static size_t below(size_t n) {
    return (size_t)(sf_rand(&rng) % n);
}
static float unit(void) { /* [-1, 1) */
    return (float)(int32_t)(sf_rand(&rng) >> 32) * 0x1p-31f;
}

/* The table of each level in turn: 0 is the reference. */
static bool level(struct sf_kernels *k, int i) {
    struct sf_cpuid id;
    sf_cpuid_read(&id);
    return sf_kernels_init(k, sf_cpu_flags(&id), sf_isa_name(i), NULL) == SUREFOOT_OK;
}

/* ------------------------------------------------------------------ formats, read anew */

static double half_at(const uint8_t *p) {
    int bits = p[0] + 256 * p[1], e = bits >> 10 & 31, m = bits & 1023;
    double v = e ? ldexp(1024 + m, e - 25) : ldexp(m, -24);
    return bits >> 15 ? -v : v;
}
static double bf16_at(const uint8_t *p) {
    uint32_t u = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 24;
    float f;
    memcpy(&f, &u, 4);
    return f;
}

/* Six-bit scales and minima of Q4_K and Q5_K, taken from the drawing of the format: the first four
 * of each lie whole in bytes 0-3 and 4-7, the others are split: four bits in bytes 8-11, two above
 * the first ones. */
static void k_scales(const uint8_t *s, int scale[8], int min[8]) {
    for (int i = 0; i < 4; i++) {
        scale[i] = s[i] % 64;
        min[i] = s[4 + i] % 64;
        scale[4 + i] = s[8 + i] % 16 + 16 * (s[i] / 64);
        min[4 + i] = s[8 + i] / 16 + 16 * (s[4 + i] / 64);
    }
}

/* One block: weight i is a[i] - b[i] (b: the part of the minimum). */
static void read_block(enum sf_type t, const uint8_t *p, double *a, double *b) {
    static const int nl[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                               1,    13,   25,  38,  53,  69,  89,  113};
    int n = 0, scale[16], min[8];
    float f;
    double d = half_at(p), m;
    memset(b, 0, 256 * sizeof *b);
    switch (t) {
    case SF_T_F32:
        memcpy(&f, p, 4);
        a[0] = f;
        break;
    case SF_T_F16:
        a[0] = d;
        break;
    case SF_T_BF16:
        a[0] = bf16_at(p);
        break;
    case SF_T_Q8_0:
        for (int i = 0; i < 32; i++) a[i] = d * (p[2 + i] < 128 ? p[2 + i] : p[2 + i] - 256);
        break;
    case SF_T_Q4_0:
        for (int i = 0; i < 32; i++) a[i] = d * (p[2 + i % 16] / (i < 16 ? 1 : 16) % 16 - 8);
        break;
    case SF_T_IQ4_NL:
        for (int i = 0; i < 32; i++) a[i] = d * nl[p[2 + i % 16] / (i < 16 ? 1 : 16) % 16];
        break;
    case SF_T_Q4_1:
        for (int i = 0; i < 32; i++) {
            a[i] = d * (p[4 + i % 16] / (i < 16 ? 1 : 16) % 16);
            b[i] = -half_at(p + 2);
        }
        break;
    case SF_T_Q5_0:
        for (int i = 0; i < 32; i++)
            a[i] = d * (p[6 + i % 16] / (i < 16 ? 1 : 16) % 16 +
                        16 * (p[2 + i / 8] / (1 << i % 8) % 2) - 16);
        break;
    case SF_T_Q5_1:
        for (int i = 0; i < 32; i++) {
            a[i] = d * (p[8 + i % 16] / (i < 16 ? 1 : 16) % 16 +
                        16 * (p[4 + i / 8] / (1 << i % 8) % 2));
            b[i] = -half_at(p + 2);
        }
        break;
    case SF_T_Q2_K: /* scales 16, weights 64, d, dmin; 16 at a time, in the order of scales */
        d = half_at(p + 80);
        m = half_at(p + 82);
        for (int half = 0; half < 2; half++)
            for (int pair = 1; pair < 256; pair *= 4)
                for (int l = 0; l < 32; l++, n++) {
                    a[n] = d * (p[n / 16] % 16) * (p[16 + 32 * half + l] / pair % 4);
                    b[n] = m * (p[n / 16] / 16);
                }
        break;
    case SF_T_Q3_K: /* mask 32, weights 64, scales 12, d */
        d = half_at(p + 108);
        for (int i = 0; i < 8; i++) {
            scale[i] = p[96 + i] % 16;
            scale[8 + i] = p[96 + i] / 16;
        }
        for (int i = 0; i < 16; i++)
            scale[i] += 16 * (p[104 + i % 4] / (1 << 2 * (i / 4)) % 4) - 32;
        for (int half = 0; half < 2; half++)
            for (int run = 0; run < 4; run++)
                for (int l = 0; l < 32; l++, n++) {
                    int w = p[32 + 32 * half + l] / (1 << 2 * run) % 4;
                    if (p[l] / (1 << (4 * half + run)) % 2 == 0) w -= 4;
                    a[n] = d * scale[n / 16] * w;
                }
        break;
    case SF_T_Q4_K: /* d, dmin, scales 12, weights 128 */
    case SF_T_Q5_K: /* d, dmin, scales 12, mask 32, weights 128 */
        m = half_at(p + 2);
        k_scales(p + 4, scale, min);
        for (int chunk = 0; chunk < 8; chunk++)
            for (int l = 0; l < 32; l++, n++) {
                const uint8_t *q = p + (t == SF_T_Q4_K ? 16 : 48) + 32 * (chunk / 2);
                int w = chunk % 2 ? q[l] / 16 : q[l] % 16;
                if (t == SF_T_Q5_K) w += 16 * (p[16 + l] / (1 << chunk) % 2);
                a[n] = d * scale[chunk] * w;
                b[n] = m * min[chunk];
            }
        break;
    case SF_T_Q6_K: /* low 128, high 64, scales 16, d */
        d = half_at(p + 208);
        for (int half = 0; half < 2; half++)
            for (int run = 0; run < 4; run++)
                for (int l = 0; l < 32; l++, n++) {
                    const uint8_t *low = p + 64 * half + 32 * (run % 2);
                    int s = p[192 + n / 16], w = run < 2 ? low[l] % 16 : low[l] / 16;
                    w += 16 * (p[128 + 32 * half + l] / (1 << 2 * run) % 4) - 32;
                    a[n] = d * (s < 128 ? s : s - 256) * w;
                }
        break;
    default:
        fail();
    }
}

/* ------------------------------------------------------------------ products */

static void random_blocks(uint8_t *p, enum sf_type t, size_t n, bool exact) {
    const struct sf_qtype *q = &sf_qtypes[t];
    for (size_t i = 0; i < n * q->bytes; i++) p[i] = (uint8_t)sf_rand(&rng);
    for (size_t b = 0; b < n; b++, p += q->bytes) {
        /* a power of two: binary16 0x2C00 is 1/16 */
        float v = exact ? (float)(1 << below(3)) / 16.0f : unit();
        uint16_t h = t == SF_T_BF16 ? sf_f32_to_bf16(v) : sf_f32_to_f16(v);
        if (t == SF_T_F32) memcpy(p, &v, 4);
        if (t == SF_T_F16 || t == SF_T_BF16) memcpy(p, &h, 2);
        for (size_t i = 0; i < q->n_half; i++) memcpy(p + q->half[i], &h, 2);
    }
}

static void product_case(const struct sf_kernels *k, enum sf_type t, size_t rows, size_t cols,
                         size_t n, bool exact) {
    const struct sf_qtype *q = &sf_qtypes[t];
    const size_t blocks = cols / q->block, per = q->act == SF_ACT_Q8_256 ? 256 : 32;
    size_t packed_bytes;
    assert_true(sf_pack_size(&packed_bytes, t, rows, cols));
    uint8_t *file = malloc(rows * blocks * q->bytes), *packed = malloc(packed_bytes);
    float *f = malloc(n * cols * sizeof *f), *d = malloc(n * cols * sizeof *d);
    float *y = malloc(n * rows * sizeof *y);
    int8_t *qs = malloc(n * cols);
    int16_t *sum = calloc(n * cols, sizeof *sum);
    random_blocks(file, t, rows * blocks, exact);
    sf_pack_groups(packed, file, t, rows, cols, 0, (rows + 15) / 16);
    for (size_t i = 0; i < n * cols; i++) {
        f[i] = exact ? (float)below(9) - 4 : unit();
        qs[i] = (int8_t)((int)below(exact ? 9 : 255) - (exact ? 4 : 127));
        d[i] = exact ? 0.5f : fabsf(unit());
        sum[i / 16] = (int16_t)(sum[i / 16] + qs[i]);
    }
    struct sf_acts x = {.form = q->act, .n = n, .k = cols, .f = f, .q = qs, .d = d, .sum = sum};
    const void *w = k->mm[t].rows == 1 ? file : packed;
    (n == 1 ? k->mm[t].gemv : k->mm[t].gemm)(y, rows, w, &x, n, 0, rows, cols);
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < n; i++) {
            double want = 0, size = 0, a[256], b[256];
            for (size_t at = 0; at < cols; at += q->block) {
                double pa = 0, pb = 0;
                read_block(t, file + (r * blocks + at / q->block) * q->bytes, a, b);
                for (size_t j = 0; j < q->block; j++) {
                    const size_t e = i * cols + at + j;
                    const double v =
                        q->act == SF_ACT_F32 ? (double)f[e] : (double)d[e / per] * qs[e];
                    pa += a[j] * v;
                    pb += b[j] * v;
                }
                want += pa - pb;
                size += fabs(pa) + fabs(pb);
            }
            const double got = y[i * rows + r];
            const double bound = exact ? 0 : U * 1.01 * (double)(2 * blocks + 4) * size + 1e-40;
            if (!(fabs(got - want) <= bound))
                fail_msg("%s at %s, %zu columns, row %zu: %.9g, by definition %.9g, bound %.2g",
                         q->name, k->isa, cols, r, got, want, bound);
        }
    free(file), free(packed), free(f), free(d), free(y), free(qs), free(sum);
}

static void products(void **state) {
    SF_UNUSED(state);
    struct sf_kernels k;
    for (int i = 0; sf_isa_name(i); i++) {
        if (!level(&k, i)) continue;
        for (int t = 0; t < SF_T_COUNT; t++) {
            const size_t block = sf_qtypes[t].block, unit_cols = block == 1 ? 37 : block;
            for (size_t c = 1; c <= 4; c++)
                for (int exact = 0; exact < 2; exact++)
                    product_case(&k, (enum sf_type)t, 1 + below(20), c * unit_cols, 1 + below(5),
                                 exact);
        }
    }
}

/* ------------------------------------------------------------------ activations */

static void activations(void **state) {
    SF_UNUSED(state);
    struct sf_kernels k;
    enum { N = 2048 };
    static float x[N], d[N / 32];
    static int8_t q[N];
    static int16_t sum[N / 16];
    for (int i = 0; sf_isa_name(i); i++) {
        if (!level(&k, i)) continue;
        for (int form = SF_ACT_Q8_32; form <= SF_ACT_Q8_256; form++)
            for (int round = 0; round < 20; round++) {
                const size_t per = form == SF_ACT_Q8_32 ? 32 : 256;
                const float size = ldexpf(1.0f, (int)below(240) - 130);
                for (size_t j = 0; j < N; j++) x[j] = j / per % 7 == 3 ? 0 : unit() * size;
                if (round == 7) x[5] = NAN;
                if (round == 8) x[N - 1] = -INFINITY;
                k.quant[form](q, d, sum, x, N);
                for (size_t j = 0; j < N; j += per) {
                    double amax = 0;
                    bool finite = true;
                    for (size_t e = j; e < j + per; e++) {
                        finite = finite && isfinite(x[e]);
                        amax = fmax(amax, fabs((double)x[e]));
                    }
                    /* double has more than twice the digits: rounding twice is harmless */
                    const float id = amax > 0 ? (float)(127.0 / amax) : 0;
                    const bool zero = amax == 0 || !isfinite(id) || !finite;
                    if (!finite)
                        assert_true(isnan(d[j / per]));
                    else
                        assert_true(d[j / per] == (zero ? 0 : (float)(amax / 127.0)));
                    int total[16] = {0};
                    for (size_t e = j; e < j + per; e++) {
                        const int want =
                            zero ? 0 : (int)nearbyint((float)((double)x[e] * (double)id));
                        assert_int_equal(q[e], want);
                        total[(e - j) / 16] += want;
                    }
                    for (size_t s = 0; s < per / 16; s++)
                        assert_int_equal(sum[j / 16 + s], total[s]);
                }
            }
    }
}

/* ------------------------------------------------------------------ vectors */

static void near(double got, double want, double bound, const char *what, const char *isa) {
    if (!(fabs(got - want) <= bound))
        fail_msg("%s at %s: %.9g, by definition %.9g, bound %.2g", what, isa, got, want, bound);
}

static void vectors(void **state) {
    SF_UNUSED(state);
    struct sf_kernels k;
    enum { N = 300 };
    float x[N], y[N], w[N], z[N];
    for (int i = 0; sf_isa_name(i); i++) {
        if (!level(&k, i)) continue;
        for (size_t n = 1; n <= N; n += 1 + n / 9) {
            double squares = 0;
            for (size_t j = 0; j < n; j++) {
                x[j] = unit() * 5;
                w[j] = unit();
                squares += (double)x[j] * (double)x[j];
            }
            const float eps = 1e-5f;
            k.rmsnorm(y, x, w, n, eps);
            const double r = 1 / sqrt(squares / (double)n + (double)eps);
            for (size_t j = 0; j < n; j++) {
                const double want = (double)x[j] * r * (double)w[j];
                near(y[j], want, fabs(want) * U * ((double)n / 16 + 12), "rmsnorm", k.isa);
            }
            memcpy(z, x, sizeof z);
            k.silu_mul(z, w, n);
            for (size_t j = 0; j < n; j++) {
                const double want = (double)x[j] / (1 + exp(-(double)x[j])) * (double)w[j];
                near(z[j], want, fabs(want) * U * 8 + 1e-44, "silu_mul", k.isa);
            }
            memcpy(z, x, sizeof z);
            k.gelu_mul(z, w, n);
            for (size_t j = 0; j < n; j++) {
                const double g = (double)x[j], c = sqrt(2 / acos(-1.0));
                const double want = g / 2 * (1 + tanh(c * (g + 0.044715 * g * g * g))) * w[j];
                near(z[j], want, fabs(g * w[j]) * U * 16 + 1e-44, "gelu_mul", k.isa);
            }
            memcpy(z, x, sizeof z);
            k.softcap(z, 2.5f, n);
            for (size_t j = 0; j < n; j++)
                near(z[j], 2.5 * tanh((double)x[j] / 2.5), U * 10, "softcap", k.isa);
            memcpy(z, x, sizeof z);
            k.add(z, w, n);
            for (size_t j = 0; j < n; j++)
                assert_true(z[j] == (float)((double)x[j] + (double)w[j]));
            memcpy(z, x, sizeof z);
            k.div(z, 3.7f, n);
            for (size_t j = 0; j < n; j++)
                assert_true(z[j] == (float)((double)x[j] / (double)3.7f));
            /* exp: within one unit in the last place, down to subnormal results */
            for (size_t j = 0; j < n; j++) x[j] = unit() * 95 - 8;
            k.exp_sub(y, x, 0.0f, n);
            for (size_t j = 0; j < n; j++) {
                const double want = exp((double)x[j]);
                near(y[j], want, want * 0x1p-23 * 1.01 + 0x1.1p-149, "exp_sub", k.isa);
            }
            k.exp_sub(y, y, INFINITY, n); /* no distance is that large: all weight gone */
            for (size_t j = 0; j < n; j++) assert_true(y[j] == 0.0f);
        }
    }
}

static void rope(void **state) {
    SF_UNUSED(state);
    struct sf_kernels k;
    enum { N = 96 };
    float x[3 * N], y[3 * N], cs[N];
    for (int i = 0; sf_isa_name(i); i++) {
        if (!level(&k, i)) continue;
        for (int neox = 0; neox < 2; neox++)
            for (size_t pairs = 1; pairs <= N / 2; pairs++) {
                for (size_t j = 0; j < 3 * N; j++) x[j] = y[j] = unit();
                for (size_t j = 0; j < pairs; j++) {
                    const double angle = (double)unit() * 100;
                    cs[j] = (float)cos(angle);
                    cs[pairs + j] = (float)sin(angle);
                }
                (neox ? k.rope_neox : k.rope_norm)(y, cs, pairs, N, 3);
                for (size_t h = 0; h < 3; h++)
                    for (size_t j = 0; j < pairs; j++) {
                        const size_t a = h * N + (neox ? j : 2 * j);
                        const size_t b = neox ? a + pairs : a + 1;
                        const double c = cs[j], s = cs[pairs + j], u = x[a], v = x[b];
                        near(y[a], u * c - v * s, 3 * U, "rope, first of a pair", k.isa);
                        near(y[b], u * s + v * c, 3 * U, "rope, second of a pair", k.isa);
                    }
                for (size_t h = 0; h < 3; h++) /* the rest of a head stays */
                    for (size_t j = 2 * pairs; j < N; j++)
                        assert_true(x[h * N + j] == y[h * N + j]);
            }
    }
}

/* ------------------------------------------------------------------ attention */

/* The value nearest to x that binary16 has, ties to even, at most 65504. */
static double nearest_half(double x) {
    const double m = fabs(x);
    if (m >= 65520) return x < 0 ? -65504 : 65504;
    int e = m > 0 ? ilogb(m) : -14;
    if (e < -14) e = -14;
    return copysign(ldexp(nearbyint(ldexp(m, 10 - e)), e - 10), x);
}

/* What a kind keeps of element d of x (head). */
static double kept(int kind, const float *x, size_t d, size_t head) {
    if (kind == SF_KV_F16) return nearest_half((double)x[d]);
    if (kind == SF_KV_F32) return (double)x[d];
    double amax = 0;
    for (size_t i = d / 32 * 32; i < sf_min(d / 32 * 32 + 32, head); i++)
        if (fabs((double)x[i]) > amax) amax = fabs((double)x[i]);
    const double scale = nearest_half((double)((float)amax / 127.0f));
    const double q = scale > 0 ? nearbyint((double)(x[d] * (1.0f / (float)scale))) : 0;
    return fmax(-127, fmin(127, q)) * scale;
}

/* Softmax(scale q.K) V over n positions as the forward pass calls the slots, against the formula. */
static void attention_case(const struct sf_kernels *k, int kind, size_t head, size_t nq, size_t n) {
    const size_t pages = (n + SF_KV_PAGE - 1) / SF_KV_PAGE;
    const size_t page = sf_kv_page_bytes((enum sf_kv)kind, head);
    uint8_t *kp = calloc(pages, page), *vp = calloc(pages, page);
    float *kf = malloc(n * head * 4), *vf = malloc(n * head * 4), *q = malloc(nq * head * 4);
    float *acc = calloc(nq * head, 4), *s = malloc(nq * SF_TILE * 4);
    float m[16], l[16], corr[16];
    const float scale = 1.0f / sqrtf((float)head);
    for (size_t i = 0; i < n * head; i++) {
        kf[i] = unit() * 3;
        vf[i] = unit() * 2;
    }
    for (size_t i = 0; i < nq * head; i++) q[i] = unit() * 4;
    for (size_t i = 0; i < n; i++) {
        const size_t at = i / SF_KV_PAGE * page;
        k->kv_put_k[kind](kp + at, i % SF_KV_PAGE, kf + i * head, head);
        k->kv_put_v[kind](vp + at, i % SF_KV_PAGE, vf + i * head, head);
    }
    for (size_t h = 0; h < nq; h++) m[h] = -INFINITY, l[h] = 0;
    for (size_t t = 0; t < n; t += SF_TILE) {
        const size_t here = sf_min(SF_TILE, n - t);
        for (size_t p = 0; p < here; p += SF_KV_PAGE)
            k->attn_score[kind](s + p, SF_TILE, q, head, nq, kp + (t + p) / SF_KV_PAGE * page, head,
                                scale);
        for (size_t h = 0; h < nq; h++)
            corr[h] = k->attn_softmax(s + h * SF_TILE, here, &m[h], &l[h]);
        for (size_t p = 0; p < here; p += SF_KV_PAGE)
            k->attn_mix[kind](acc, head, p == 0 ? corr : NULL, s + p, SF_TILE, nq,
                              vp + (t + p) / SF_KV_PAGE * page, sf_min(SF_KV_PAGE, here - p), head);
    }
    double *want = malloc(head * sizeof *want);
    for (size_t h = 0; h < nq; h++) {
        k->div(acc + h * head, l[h], head);
        double total = 0;
        for (size_t d = 0; d < head; d++) want[d] = 0;
        for (size_t i = 0; i < n; i++) {
            double dot = 0;
            for (size_t d = 0; d < head; d++)
                dot += (double)q[h * head + d] * kept(kind, kf + i * head, d, head);
            const double e = exp(dot * (double)scale - (double)m[h]);
            total += e;
            for (size_t d = 0; d < head; d++) want[d] += e * kept(kind, vf + i * head, d, head);
        }
        near(l[h], total, total * 3e-5, "softmax sum", k->isa);
        for (size_t d = 0; d < head; d++)
            near(acc[h * head + d], want[d] / total, 6e-5, "attention", k->isa);
    }
    free(kp), free(vp), free(kf), free(vf), free(q), free(acc), free(s), free(want);
}

static void attention(void **state) {
    SF_UNUSED(state);
    struct sf_kernels k;
    static const size_t heads[] = {4, 8, 64, 80, 128}, lengths[] = {1, 15, 16, 17, 64, 65, 200};
    for (int i = 0; sf_isa_name(i); i++) {
        if (!level(&k, i)) continue;
        for (int kind = 0; kind < SF_KV_COUNT; kind++)
            for (size_t h = 0; h < SF_COUNT(heads); h++)
                for (size_t n = 0; n < SF_COUNT(lengths); n++)
                    attention_case(&k, kind, heads[h], 1 + below(9), lengths[n]);
    }
}

static void halves(void **state) {
    SF_UNUSED(state);
    struct sf_kernels k;
    enum { HEAD = 40 };
    for (int i = 0; sf_isa_name(i); i++) {
        if (!level(&k, i)) continue;
        for (int round = 0; round < 400; round++) {
            float x[HEAD];
            uint16_t kp[HEAD * SF_KV_PAGE] = {0}, vp[HEAD * SF_KV_PAGE] = {0};
            const size_t pos = below(SF_KV_PAGE);
            for (size_t j = 0; j < HEAD; j++) x[j] = ldexpf(unit(), (int)below(48) - 30);
            x[0] = FLT_MAX;
            x[1] = -65519.99f;
            x[2] = 0x1p-25f; /* halfway to the least subnormal: even is zero */
            x[3] = 0x1.8p-24f;
            k.kv_put_k[SF_KV_F16](kp, pos, x, HEAD);
            k.kv_put_v[SF_KV_F16](vp, pos, x, HEAD);
            for (size_t j = 0; j < HEAD; j++) {
                uint16_t kb = kp[j * SF_KV_PAGE + pos], vb = vp[pos * HEAD + j];
                assert_int_equal(kb, vb);
                const uint8_t bytes[2] = {(uint8_t)kb, (uint8_t)(kb >> 8)};
                assert_true(half_at(bytes) == nearest_half(x[j]));
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products), cmocka_unit_test(activations), cmocka_unit_test(vectors),
        cmocka_unit_test(rope),     cmocka_unit_test(attention),   cmocka_unit_test(halves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
