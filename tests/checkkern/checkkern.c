/* SPDX-License-Identifier: MIT
 * checkkern.c - the parity tool: is every fast kernel the reference, bit for bit?
 *
 * Walks the levels of arch/isa.def that this CPU runs. At each, every slot whose pointer the level
 * changed is called with the same hostile inputs as the reference (arch/ref) and compared by bits.
 *
 *   checkkern [--isa LEVEL] [--kernel TEXT] [--seed N] [--repeat N] [--quick]
 *             [--best LEVEL] [--list] [--bench] [--json] [--selftest] [--golden FILE] [--hashes]
 *   checkkern --speed THREADS [--isa LEVEL] [--kernel TYPE] [--json]
 *
 * --isa: only that level; exit 77 if this CPU lacks it.  --best: the level chosen by itself must be
 * this one.  --golden: outputs of the reference and of every level, hashed, are those of FILE (lines
 * "op_what hash"; --hashes prints them), whoever compiled this.  --kernel: only names containing TEXT.  Exit: 0 all equal, 1 not, 2 wrong use.
 */
#define _GNU_SOURCE
#include "checkkern.h"

#include <stdlib.h>
#include <time.h>

#include "cpu.h"

static struct options {
    const char *isa, *kernel, *best, *golden;
    uint64_t seed;
    int repeat, speed;
    bool quick, list, bench, json, selftest, hashes;
} opt = {.repeat = 1};

int ck_slots(struct ck_slot slots[CK_MAX_SLOTS]) {
    memset(slots, 0, CK_MAX_SLOTS * sizeof *slots);
    int n = ck_slots_matmul(slots);
    return n + ck_slots_vector(slots + n);
}

bool ck_slot_differs(const struct ck_slot *s, const struct sf_kernels *a,
                     const struct sf_kernels *b) {
    return memcmp((const char *)a + s->at, (const char *)b + s->at,
                  (size_t)s->pointers * sizeof(void (*)(void))) != 0;
}

void ck_slot_name(char out[96], const struct ck_slot *s, const char *op, const struct sf_kernels *k,
                  const char *suffix) {
    if (s->pointers == 2) {
        char rows[12] = "";
        if (k->mm[s->arg].rows != 1) snprintf(rows, sizeof rows, "r%d", k->mm[s->arg].rows);
        snprintf(out, 96, "sf_%s_%s%s_%s_%s", op ? op : s->op, s->what, rows,
                 sf_qtypes[s->arg].act == SF_ACT_F32 ? "f32" : "q8", suffix);
    } else {
        snprintf(out, 96, "sf_%s_%s_%s", op ? op : s->op, s->what, suffix);
    }
}

/* Every pointer of the table belongs to a slot here, so that a new one cannot go untested. */
static int uncovered(const struct ck_slot *slots, int n) {
    static bool seen[sizeof(struct sf_kernels)];
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < n; i++)
        memset(seen + slots[i].at, 1, (size_t)slots[i].pointers * sizeof(void (*)(void)));
    memset(seen + offsetof(struct sf_kernels, isa), 1, sizeof(const char *));
    memset(seen + offsetof(struct sf_kernels, quant[SF_ACT_F32]), 1, sizeof(void (*)(void)));
    for (int t = 0; t < SF_T_COUNT; t++) /* rows and its padding */
        memset(seen + offsetof(struct sf_kernels, mm) + (size_t)t * sizeof(struct sf_matmul), 1,
               offsetof(struct sf_matmul, gemv));
    for (size_t i = 0; i < sizeof seen; i++)
        if (!seen[i]) {
            printf("FAIL checkkern: the table has a slot at offset %zu that nothing checks\n", i);
            return 1;
        }
    return 0;
}

double ck_time(ck_fn fn, const struct sf_kernels *k, void *args) {
    double best = 1e30;
    size_t calls = 1;
    for (int round = 0; round < 12; round++) {
        struct timespec a, b;
        clock_gettime(CLOCK_MONOTONIC, &a);
        for (size_t i = 0; i < calls; i++) fn(k, args);
        clock_gettime(CLOCK_MONOTONIC, &b);
        double ns = (double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec);
        if (ns < 5e6 && calls < 1u << 24) {
            calls *= 4;
            round = -1;
            continue;
        }
        if (ns / (double)calls < best) best = ns / (double)calls;
    }
    return best;
}

/* Matrix products are timed for one token (GB of weights per second is what counts) and for a
 * prefill's worth (multiplications are). */
static void bench_slot(const struct ck_slot *s, const char *suffix, const struct sf_kernels *ref,
                       const struct sf_kernels *got) {
    const int tokens[] = {1, 4, 32};
    for (int i = 0; i < (s->pointers == 2 ? 3 : 1); i++) {
        char name[96];
        double ns, bytes, ref_ns;
        ck_slot_name(name, s, s->pointers == 2 && i == 0 ? "gemv" : NULL, got, suffix);
        s->bench(ref, s->bench_arg, tokens[i], &ref_ns, &bytes);
        s->bench(got, s->bench_arg, tokens[i], &ns, &bytes);
        if (opt.json)
            printf("{\"kernel\": \"%s\", \"tokens\": %d, \"ns\": %.1f, \"gb_per_s\": %.3f, "
                   "\"times_ref\": %.2f}\n",
                   name, tokens[i], ns, bytes / ns, ref_ns / ns);
        else
            printf("%-32s x %2d %9.0f ns %8.2f GB/s %6.1f x ref\n", name, tokens[i], ns, bytes / ns,
                   ref_ns / ns);
    }
}

static void check_slot(const struct ck_slot *s, struct ck *c) {
    for (int r = 0; r < opt.repeat; r++) {
        c->seed = opt.seed + (uint64_t)r;
        c->hashing = true;
        c->plain = false;
        c->hash = 0;
        memset(&c->spread, 0, sizeof c->spread);
        c->cases = 0;
        c->printed = 0;
        size_t before = c->fails;
        s->check(c, s->arg);
        if (c->fails == before) ck_judge_spread(c);
    }
}

/* Slots that level changed against lower. Returns failures. */
static size_t run_level(const struct ck_slot *slots, int n, const char *level,
                        const struct sf_kernels *ref, const struct sf_kernels *lower,
                        const struct sf_kernels *got) {
    size_t fails = 0;
    int own = 0;
    for (int i = 0; i < n; i++) {
        struct ck c = {.ref = ref, .got = got, .suffix = level, .seed = opt.seed};
        c.quick = opt.quick;
        ck_slot_name(c.name, &slots[i], NULL, got, level);
        if (!ck_slot_differs(&slots[i], lower, got)) {
            if (!opt.json && !opt.list && !opt.kernel)
                printf("  %s_%-*s as below\n", slots[i].op, 35 - (int)strlen(slots[i].op),
                       slots[i].what);
            continue;
        }
        own++;
        if (opt.kernel && !strstr(c.name, opt.kernel)) continue;
        if (opt.list) {
            if (slots[i].pointers == 2) {
                char gemv[96];
                ck_slot_name(gemv, &slots[i], "gemv", got, level);
                printf("%s\n", gemv);
            }
            printf("%s\n", c.name);
            continue;
        }
        if (opt.bench) {
            bench_slot(&slots[i], level, ref, got);
            continue;
        }
        check_slot(&slots[i], &c);
        fails += c.fails;
        if (opt.json)
            printf("{\"kernel\": \"%s\", \"cases\": %zu, \"failures\": %zu}\n", c.name, c.cases,
                   c.fails);
        else
            printf("  %-36s %s (%zu cases)\n", c.name, c.fails ? "FAILED" : "equal", c.cases);
        fflush(stdout);
    }
    if (!opt.json && !opt.list && !opt.bench) printf("%s owns %d of %d slots\n", level, own, n);
    return fails;
}

static int run(void) {
    struct ck_slot slots[CK_MAX_SLOTS];
    int n = ck_slots(slots), levels = 0, ran = 0;
    size_t fails = (size_t)uncovered(slots, n);
    struct sf_cpuid id;
    sf_cpuid_read(&id);
    const unsigned flags = sf_cpu_flags(&id);
    struct sf_kernels ref, lower, got;
    surefoot_error err = {0};
    sf_kernels_ref(&ref);
    ref.isa = "generic";
    lower = ref;
    if (opt.best) {
        if (sf_kernels_init(&got, flags, NULL, &err) != SUREFOOT_OK) return 1;
        printf("level chosen: %s, expected: %s\n", got.isa, opt.best);
        if (strcmp(got.isa, opt.best) != 0) return 1;
    }
    if (opt.list && !opt.isa) {
        struct sf_kernels none;
        memset(&none, 0, sizeof none);
        run_level(slots, n, "ref", &ref, &none, &ref);
    }
    for (int i = 1; sf_isa_name(i); i++, levels++) {
        const char *level = sf_isa_name(i);
        surefoot_status s = sf_kernels_init(&got, flags, level, &err);
        bool wanted = !opt.isa || strcmp(opt.isa, level) == 0;
        if (s != SUREFOOT_OK) {
            if (wanted && !opt.json && !opt.list) printf("%s: %s\n", level, err.text);
            continue;
        }
        if (strcmp(got.isa, level) != 0) { /* the level that runs must be the one asked for */
            printf("FAIL checkkern: asked for %s, got %s\n", level, got.isa);
            fails++;
        }
        if (wanted) {
            ran++;
            fails += run_level(slots, n, level, &ref, &lower, &got);
        }
        lower = got;
    }
    if (opt.isa && !ran) {
        for (int i = 1; sf_isa_name(i); i++)
            if (strcmp(opt.isa, sf_isa_name(i)) == 0) return fails ? 1 : 77;
        printf("checkkern: this build has no level '%s'\n", opt.isa);
        return 2;
    }
    if (!opt.json && !opt.list && !opt.bench)
        printf("%d of %d levels, seed %llu: %zu failures\n", ran, levels,
               (unsigned long long)opt.seed, fails);
    return fails ? 1 : 0;
}

/* Hash of all outputs of a slot for fixed inputs. */
static uint64_t hash_of(const struct ck_slot *s, const struct sf_kernels *ref,
                        const struct sf_kernels *got, const char *level, size_t *fails) {
    struct ck c = {.ref = ref, .got = got, .suffix = level, .quick = true, .seed = 2026};
    c.hashing = true;
    ck_slot_name(c.name, s, NULL, got, level);
    s->check(&c, s->arg);
    *fails += c.fails;
    return c.hash;
}

static int golden(void) {
    struct ck_slot slots[CK_MAX_SLOTS];
    const int n = ck_slots(slots);
    struct sf_cpuid id;
    sf_cpuid_read(&id);
    struct sf_kernels ref, got;
    sf_kernels_ref(&ref);
    size_t fails = 0, compared = 0;
    uint64_t want[CK_MAX_SLOTS] = {0};
    FILE *f = opt.golden ? fopen(opt.golden, "r") : NULL;
    char name[96], key[sizeof slots[0].op + sizeof slots[0].what];
    unsigned long long hash;
    if (opt.golden && !f) {
        perror(opt.golden);
        return 1;
    }
    while (f && fscanf(f, "%95s %llx", name, &hash) == 2)
        for (int i = 0; i < n; i++) {
            snprintf(key, sizeof key, "%.23s_%.23s", slots[i].op, slots[i].what);
            if (strcmp(key, name) == 0) want[i] = hash;
        }
    if (f) fclose(f);
    for (int level = 0; sf_isa_name(level); level++) {
        if (sf_kernels_init(&got, sf_cpu_flags(&id), sf_isa_name(level), NULL) != SUREFOOT_OK)
            continue;
        for (int i = 0; i < n; i++) {
            hash = hash_of(&slots[i], &ref, &got, sf_isa_name(level), &fails);
            if (!opt.golden) {
                printf("%s_%s %016llx\n", slots[i].op, slots[i].what, hash);
                continue;
            }
            compared++;
            if (hash == want[i]) continue;
            fails++;
            printf("FAIL %s_%s at %s: %016llx, expected %016llx (slots with exp: also if SLEEF is "
                   "another version)\n",
                   slots[i].op, slots[i].what, sf_isa_name(level), hash,
                   (unsigned long long)want[i]);
        }
        if (!opt.golden) break;
    }
    if (opt.golden) printf("%zu hashes compared, %zu failures\n", compared, fails);
    return fails || (opt.golden && compared == 0) ? 1 : 0;
}

/* Matrix products against what the machine can do, at one level. */
static int speed(void) {
    struct sf_cpuid id;
    sf_cpuid_read(&id);
    struct sf_kernels k;
    surefoot_error err = {0};
    if (sf_kernels_init(&k, sf_cpu_flags(&id), opt.isa, &err) == SUREFOOT_OK)
        return ck_speed(&k, k.isa, opt.kernel, opt.speed, opt.json);
    printf("%s\n", err.text);
    return 77;
}

/* The value of --name or --name=value; NULL if argv[*i] is another option. */
static const char *value(char **argv, int *i, const char *name) {
    size_t n = strlen(name);
    if (strncmp(argv[*i], name, n) != 0) return NULL;
    if (argv[*i][n] == '=') return argv[*i] + n + 1;
    return argv[*i][n] == 0 && argv[*i + 1] ? argv[++*i] : NULL;
}

int main(int argc, char **argv) {
    opt.seed = (uint64_t)time(NULL);
    bool verbose = false;
    for (int i = 1; i < argc; i++) {
        const char *v;
        if ((v = value(argv, &i, "--isa")))
            opt.isa = v;
        else if ((v = value(argv, &i, "--kernel")))
            opt.kernel = v;
        else if ((v = value(argv, &i, "--best")))
            opt.best = v;
        else if ((v = value(argv, &i, "--golden")))
            opt.golden = v;
        else if ((v = value(argv, &i, "--seed")))
            opt.seed = strtoull(v, NULL, 0);
        else if ((v = value(argv, &i, "--speed")))
            opt.speed = atoi(v);
        else if ((v = value(argv, &i, "--repeat")))
            opt.repeat = atoi(v);
        else if (strcmp(argv[i], "--quick") == 0)
            opt.quick = true;
        else if (strcmp(argv[i], "--hashes") == 0)
            opt.hashes = true;
        else if (strcmp(argv[i], "--list") == 0)
            opt.list = true;
        else if (strcmp(argv[i], "--bench") == 0)
            opt.bench = true;
        else if (strcmp(argv[i], "--json") == 0)
            opt.json = true;
        else if (strcmp(argv[i], "--selftest") == 0)
            opt.selftest = true;
        else if (strcmp(argv[i], "--verbose") == 0)
            verbose = true;
        else {
            fprintf(stderr,
                    "checkkern: unknown option %s\n"
                    "options: --isa L --kernel TEXT --seed N --repeat N --quick --best L --list "
                    "--bench --speed THREADS --json --selftest --golden FILE --hashes --verbose\n",
                    argv[i]);
            return 2;
        }
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (opt.selftest) return ck_selftest(opt.seed, verbose);
    if (opt.speed) return speed();
    return opt.golden || opt.hashes ? golden() : run();
}
