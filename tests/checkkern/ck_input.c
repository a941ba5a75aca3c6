/* SPDX-License-Identifier: MIT
 * ck_input.c - guarded memory, hostile inputs, comparison. See checkkern.h.
 */
#define _GNU_SOURCE
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "checkkern.h"

/* ------------------------------------------------------------------ guarded memory */

enum { CANARY = 0xC5, POISON = 0xA7, WATCH = 320 };
static struct area {
    uint8_t *map; /* data pages; one page without access on either side */
    size_t cap;
    uint8_t *p;
    size_t bytes;
    bool used, sealed;
    uint64_t hash;
} areas[CK_AREAS];

static uint64_t hash_bytes(const uint8_t *p, size_t n) {
    uint64_t h = 0xcbf29ce484222325u;
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t v;
        memcpy(&v, p, 8);
        h = (h ^ v) * 0x9E3779B97F4A7C15u;
        h ^= h >> 29;
    }
    for (; n; n--, p++) h = (h ^ *p) * 0x100000001b3u;
    return h;
}

static void reserve(struct area *a, size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), cap = (bytes + 4 * WATCH + page) / page * page;
    if (cap <= a->cap) return;
    if (a->map) munmap(a->map - page, a->cap + 2 * page);
    cap += cap / 2 / page * page;
    uint8_t *m = mmap(NULL, cap + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (m == MAP_FAILED || mprotect(m + page, cap, PROT_READ | PROT_WRITE) != 0) {
        perror("checkkern: memory");
        exit(1);
    }
    a->map = m + page;
    a->cap = cap;
}

void *ck_area(struct ck *c, int i, size_t bytes, size_t elem, size_t align) {
    struct area *a = &areas[i];
    reserve(a, bytes);
    if (align < elem) align = elem;
    size_t at, place = ck_below(c, 3), room = a->cap - bytes;
    if (place == 0)
        at = room; /* ends where the guard page begins, if the alignment allows */
    else if (place == 1)
        at = 0;
    else
        at = WATCH + ck_below(c, 2 * WATCH);
    at = at / align * align;
    a->p = a->map + at;
    a->bytes = bytes;
    a->used = true;
    a->sealed = false;
    size_t before = sf_min(at, WATCH), after = sf_min(room - at, WATCH);
    memset(a->p - before, CANARY, before);
    memset(a->p + bytes, CANARY, after);
    memset(a->p, POISON, bytes);
    return a->p;
}

void ck_seal(int i) {
    areas[i].sealed = true;
    areas[i].hash = hash_bytes(areas[i].p, areas[i].bytes);
}

bool ck_intact(struct ck *c) {
    for (int i = 0; i < CK_AREAS; i++) {
        struct area *a = &areas[i];
        if (!a->used) continue;
        size_t at = (size_t)(a->p - a->map), room = a->cap - a->bytes;
        for (size_t j = 1; j <= sf_min(at, WATCH); j++)
            if (a->p[-(ptrdiff_t)j] != CANARY) {
                ck_fail(c, "wrote %zu bytes before a buffer of %zu (area %d)", j, a->bytes, i);
                return false;
            }
        for (size_t j = 0; j < sf_min(room - at, WATCH); j++)
            if (a->p[a->bytes + j] != CANARY) {
                ck_fail(c, "wrote %zu bytes past a buffer of %zu (area %d)", j + 1, a->bytes, i);
                return false;
            }
        if (a->sealed && hash_bytes(a->p, a->bytes) != a->hash) {
            ck_fail(c, "changed an input (area %d)", i);
            return false;
        }
    }
    return true;
}

void ck_begin(struct ck *c) {
    for (int i = 0; i < CK_AREAS; i++) areas[i].used = false;
    c->cases++;
    c->rng = c->seed * 0x2545F4914F6CDD1Du + c->cases;
}

void ck_hash(struct ck *c, const void *bytes, size_t n) {
    if (c->hashing) c->hash = (c->hash ^ hash_bytes(bytes, n)) * 0x100000001b3u;
}

/* ------------------------------------------------------------------ values */

uint64_t ck_rand(struct ck *c) { /* splitmix64 */
    uint64_t z = (c->rng += 0x9E3779B97F4A7C15u);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

float ck_unit(struct ck *c) {
    return (float)(int32_t)(ck_rand(c) >> 32) * 0x1p-31f;
}

static float from_bits(uint32_t u) {
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

/* Any finite float, all exponents alike. */
static float any_finite(struct ck *c) {
    uint32_t u = (uint32_t)ck_rand(c);
    if ((u & 0x7F800000u) == 0x7F800000u) u &= 0xBFFFFFFFu;
    return from_bits(u);
}

void ck_fill_f32(struct ck *c, float *x, size_t n, int pattern) {
    if (pattern < 16) c->spread.patterns[pattern]++;
    c->spread.floats = true;
    float run = 0;
    for (size_t i = 0; i < n; i++) switch (pattern) {
        case CK_F_ZERO:
            x[i] = 0.0f;
            break;
        case CK_F_MAX:
            x[i] = FLT_MAX;
            break;
        case CK_F_MIN:
            x[i] = -FLT_MAX;
            break;
        case CK_F_ALTERNATING:
            x[i] = i % 2 ? -3e4f : 3e4f;
            break;
        case CK_F_SPARSE:
            x[i] = ck_below(c, 16) ? 0.0f : ck_unit(c) * 100;
            break;
        case CK_F_RUNS:
            if (ck_below(c, 7) == 0) run = ck_unit(c) * 8;
            x[i] = run;
            break;
        case CK_F_NORMAL:
            x[i] = ck_unit(c); /* one at a time: the order of operands is the compiler's choice */
            x[i] += ck_unit(c);
            x[i] = (x[i] + ck_unit(c)) * 2;
            break;
        case CK_F_SUBNORMAL:
            x[i] = from_bits((uint32_t)ck_rand(c) & 0x807FFFFFu);
            break;
        case CK_F_WIDE:
            x[i] = any_finite(c);
            break;
        case CK_F_ZEROS_SIGNED:
            x[i] = ck_below(c, 2) ? -0.0f : 0.0f;
            break;
        case CK_F_HALF_EDGE: { /* a binary16 value, the midpoint to the next, or beside one */
            uint16_t h = (uint16_t)(ck_rand(c) % 0x7BFF);
            float mid = (sf_f16_to_f32(h) + sf_f16_to_f32((uint16_t)(h + 1))) / 2;
            size_t k = ck_below(c, 5);
            x[i] = k == 0 ? sf_f16_to_f32(h) : k == 1 ? mid : nextafterf(mid, k == 2 ? 0 : 1e6f);
            if (k == 4) x[i] = 65504.0f + (float)ck_below(c, 40);
            if (ck_below(c, 2)) x[i] = -x[i];
            break;
        }
        case CK_F_SMALL:
            x[i] = ck_unit(c) * 1e-6f;
            break;
        default: { /* everything, NaN and infinity too */
            const float bad[] = {NAN, INFINITY, -INFINITY, -NAN, 1e38f, -1e38f};
            x[i] = ck_below(c, 3) ? ck_unit(c) : bad[ck_below(c, 6)];
        }
        }
}

/* Bytes of the blocks outside the scales. The first ten repeat with period 2, the rest is random
 * in some way. For nibbles 00 is the least, FF the greatest; for int8 80 and 7F. */
static void fill_bytes(struct ck *c, uint8_t *p, size_t n, int pattern) {
    static const uint8_t two[10][2] = {{0x00, 0x00}, {0xFF, 0xFF}, {0x80, 0x80}, {0x7F, 0x7F},
                                       {0x80, 0x7F}, {0x0F, 0xF0}, {0x00, 0xFF}, {0x88, 0x77},
                                       {0x81, 0x01}, {0x3F, 0xC0}};
    uint8_t run = 0;
    for (size_t i = 0; i < n; i++) {
        if (pattern < 10)
            p[i] = two[pattern][i % 2];
        else if (pattern == 10) /* sparse */
            p[i] = ck_below(c, 16) ? 0 : (uint8_t)ck_rand(c);
        else if (pattern == 11) /* runs */
            p[i] = run = ck_below(c, 9) ? run : (uint8_t)ck_rand(c);
        else
            p[i] = (uint8_t)ck_rand(c);
    }
}

/* A finite binary16 scale: zeros, subnormals, the largest, negative ones, ordinary ones. */
static uint16_t any_half(struct ck *c, int kind) {
    uint16_t sign = (uint16_t)(ck_below(c, 2) << 15), r = (uint16_t)ck_rand(c);
    c->spread.halves[kind]++;
    switch (kind) {
    case 0:
        return sign; /* zero           */
    case 1:
        return (uint16_t)(sign | (r % 0x3FF + 1)); /* subnormal      */
    case 2:
        return (uint16_t)(sign | 0x7BFF); /* largest        */
    case 3:
        return (uint16_t)(0x8000 | (0x1000 + r % 0x1000)); /* negative       */
    case 4:
        return (uint16_t)(0x1000 + r % 0x1000); /* ordinary       */
    default:
        return (uint16_t)(sign | r % 0x7C00); /* any finite one */
    }
}

int ck_fill_blocks(struct ck *c, uint8_t *blocks, enum sf_type t, size_t n) {
    const struct sf_qtype *q = &sf_qtypes[t];
    int pattern = (int)ck_below(c, 18), kind = (int)ck_below(c, 8);
    if (c->plain) pattern = 17, kind = 4;
    c->spread.weights = true;
    if (q->block == 1) { /* plain numbers: the float patterns, narrowed, overflow kept finite */
        pattern = c->plain ? CK_F_NORMAL : (int)ck_below(c, CK_F_PATTERNS);
        c->spread.halves[ck_below(c, 6)]++;
        for (size_t i = 0; i < n; i += 64) {
            float x[64];
            size_t m = sf_min(64, n - i);
            ck_fill_f32(c, x, m, pattern);
            if (t == SF_T_F32) {
                memcpy(blocks + 4 * i, x, 4 * m);
                continue;
            }
            for (size_t j = 0; j < m; j++) {
                uint16_t h = t == SF_T_F16 ? sf_f32_to_f16(x[j]) : sf_f32_to_bf16(x[j]);
                if ((h & 0x7F80) == 0x7F80 && t != SF_T_F16) h &= 0xFF7F; /* bf16 rounds to inf */
                memcpy(blocks + 2 * (i + j), &h, 2);
            }
        }
        for (size_t i = 0; i < n * q->bytes; i++) c->spread.bytes[blocks[i]]++;
        return pattern;
    }
    fill_bytes(c, blocks, n * q->bytes, pattern);
    for (size_t i = 0; i < n * q->bytes; i += 1 + i / 512) c->spread.bytes[blocks[i]]++;
    for (size_t b = 0; b < n; b++)
        for (size_t h = 0; h < q->n_half; h++) {
            uint16_t v = any_half(c, kind < 6 ? kind : (int)ck_below(c, 6));
            memcpy(blocks + b * q->bytes + q->half[h], &v, 2);
        }
    return pattern * 10 + kind;
}

void ck_fill_acts(struct ck *c, struct sf_acts *a, enum sf_act form, size_t n, size_t k, int area) {
    memset(a, 0, sizeof *a);
    a->form = form;
    a->n = n;
    a->k = k;
    if (form == SF_ACT_F32) {
        float *f = ck_area(c, area, n * k * sizeof *f, sizeof *f, 0);
        for (size_t t = 0; t < n; t++)
            ck_fill_f32(c, f + t * k, k, c->plain ? CK_F_NORMAL : (int)ck_below(c, CK_F_PATTERNS));
        a->f = f;
        ck_seal(area);
        c->spread.q_min = c->spread.q_max = true;
        return;
    }
    size_t per = form == SF_ACT_Q8_32 ? 32 : 256;
    int8_t *q = ck_area(c, area, n * k, 1, k % SF_ALIGN == 0 ? SF_ALIGN : 1);
    float *d = ck_area(c, area + 1, n * k / per * sizeof *d, sizeof *d, 0);
    int16_t *sum = ck_area(c, area + 2, n * k / 16 * sizeof *sum, sizeof *sum, 0);
    for (size_t t = 0; t < n; t++) {
        size_t pattern = c->plain ? 9 : ck_below(c, 10);
        int8_t run = 0;
        for (size_t i = t * k; i < (t + 1) * k; i++) {
            uint64_t r = ck_rand(c);
            int8_t any = (int8_t)((int)(r % 255) - 127);
            if (pattern == 0)
                q[i] = 127;
            else if (pattern == 1)
                q[i] = -127;
            else if (pattern == 2)
                q[i] = i % 2 ? 127 : -127;
            else if (pattern == 3)
                q[i] = r >> 32 & 15 ? 0 : any;
            else if (pattern == 4)
                q[i] = run = r >> 32 & 7 ? run : any;
            else if (pattern == 5)
                q[i] = 0;
            else
                q[i] = any;
            if (q[i] == 127) c->spread.q_max = true;
            if (q[i] == -127) c->spread.q_min = true;
        }
        size_t scale = c->plain ? 5 : ck_below(c, 6);
        for (size_t i = t * k / per; i < (t + 1) * k / per; i++) {
            if (scale == 0)
                d[i] = 0;
            else if (scale == 1)
                d[i] = from_bits((uint32_t)ck_rand(c) & 0x007FFFFFu);
            else if (scale == 2)
                d[i] = FLT_MAX / 127;
            else if (scale == 3)
                d[i] = fabsf(any_finite(c));
            else
                d[i] = fabsf(ck_unit(c)) / 100;
        }
    }
    for (size_t i = 0; i < n * k / 16; i++) {
        sum[i] = 0;
        for (size_t j = 0; j < 16; j++) sum[i] = (int16_t)(sum[i] + q[16 * i + j]);
    }
    a->q = q;
    a->d = d;
    a->sum = sum;
    for (int i = 0; i < 3; i++) ck_seal(area + i);
}

/* ------------------------------------------------------------------ calling and comparing */

static sigjmp_buf landing;
static volatile sig_atomic_t armed;

static void on_signal(int sig) {
    if (armed) {
        armed = 0;
        siglongjmp(landing, sig);
    }
    signal(sig, SIG_DFL); /* our own bug: die of it */
}

bool ck_call(struct ck *c, ck_fn fn, const struct sf_kernels *k, void *args) {
    static bool ready;
    if (!ready) {
        struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_NODEFER};
        const int signals[] = {SIGILL, SIGSEGV, SIGBUS, SIGFPE, SIGTRAP};
        for (size_t i = 0; i < SF_COUNT(signals); i++) sigaction(signals[i], &a, NULL);
        ready = true;
    }
    int sig = sigsetjmp(landing, 1);
    if (sig == 0) {
        armed = 1;
        fn(k, args);
        armed = 0;
        return true;
    }
    ck_fail(c, "died of signal %d (%s)", sig, strsignal(sig));
    return false;
}

void ck_fail(struct ck *c, const char *fmt, ...) {
    c->fails++;
    if (c->quiet || c->printed++ >= 5) return;
    va_list ap;
    va_start(ap, fmt);
    printf("FAIL %s: case %zu: ", c->name, c->cases);
    vprintf(fmt, ap);
    printf("\n     again: --seed %llu --kernel %s\n", (unsigned long long)c->seed, c->name);
    va_end(ap);
}

static bool same_value(float a, float b) {
    return memcmp(&a, &b, sizeof a) == 0 || (a != a && b != b);
}

bool ck_same(struct ck *c, const float *ref, const float *got, size_t n, const char *what) {
    struct ck_spread *s = &c->spread;
    size_t bad = 0, first = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t u;
        memcpy(&u, ref + i, sizeof u);
        uint32_t h = u * 0x9E3779B1u >> 20;
        s->outputs[h / 64] |= (uint64_t)1 << h % 64;
        if (i < 4096) { /* one large case does not decide */
            s->values++;
            s->zeros += ref[i] == 0;
        }
        if (!same_value(ref[i], got[i]) && bad++ == 0) first = i;
        memcpy(&u, got + i, sizeof u);
        if (got[i] != got[i]) u = 0x7FC00000u; /* which NaN is not specified */
        if (c->hashing) c->hash = (c->hash ^ u) * 0x100000001b3u;
    }
    if (bad)
        ck_fail(c, "%s: %zu of %zu differ, first at %zu: reference %a, kernel %a", what, bad, n,
                first, (double)ref[first], (double)got[first]);
    return bad == 0;
}

void ck_judge_spread(struct ck *c) {
    const struct ck_spread *s = &c->spread;
    size_t bits = 0, bytes = 0, kinds = 0, patterns = 0;
    for (size_t i = 0; i < 64; i++) bits += (size_t)__builtin_popcountll(s->outputs[i]);
    for (size_t i = 0; i < 256; i++) bytes += s->bytes[i] > 0;
    for (size_t i = 0; i < 6; i++) kinds += s->halves[i] > 0;
    for (size_t i = 0; i < CK_F_PATTERNS; i++) patterns += s->patterns[i] > 0;
    if (bits < 256 || s->zeros * 10 > s->values * 9)
        ck_fail(c, "outputs lack variety: %zu hashes, %zu of %zu zero", bits, s->zeros, s->values);
    if (s->weights && (bytes < 250 || kinds < 6))
        ck_fail(c, "weights lack variety: %zu byte values, %zu kinds of scale", bytes, kinds);
    if (s->weights && !(s->q_min && s->q_max)) ck_fail(c, "activations never reach -127 and 127");
    if (s->floats && patterns < CK_F_PATTERNS - 1)
        ck_fail(c, "float inputs lack variety: %zu patterns", patterns);
}
