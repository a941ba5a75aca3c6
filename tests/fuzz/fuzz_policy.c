/* SPDX-License-Identifier: MIT
 * fuzz_policy.c - the first byte chooses:
 *     even   the rest is a policy file, beside the example lexicon (models/)
 *     odd    the rest is "key=value", one a line, set on a policy that is open already
 * Laws: a refusal names a line of the file and leaves nothing; what opens has every value in its
 * range and says the same when read again; its fallback text is free; a refused override changes
 * nothing; numbers mean what they mean to the C library.
 */
#include "fuzz.h"

#include <math.h>

#include "arena.h"
#include "policy.h"

static const char *const dir = SUREFOOT_SOURCE "/models";

static void check_ranges(const struct surefoot_policy *p) {
    FUZZ_CHECK(p->mode == SUREFOOT_GUARD_LAZY || p->mode == SUREFOOT_GUARD_FULL);
    FUZZ_CHECK(p->budget >= 0 && p->budget <= (int64_t)1000000000 * SF_COST_UNIT);
    FUZZ_CHECK(p->gamma > 0 && p->gamma <= 1);
    FUZZ_CHECK(p->candidates >= 1 && p->candidates <= SF_GUARD_MAX_CANDIDATES);
    FUZZ_CHECK(p->keep >= 1 && p->candidates % p->keep == 0);
    FUZZ_CHECK(p->lag >= 0 && p->lag <= SF_GUARD_MAX_LAG);
    FUZZ_CHECK(p->block >= 1 && p->block <= SF_GUARD_MAX_BLOCK);
    FUZZ_CHECK(p->retries >= 0 && p->retries <= SF_GUARD_MAX_RETRIES);
    FUZZ_CHECK(p->threshold >= 0 && p->threshold <= 1 && p->threshold_high <= 1);
    FUZZ_CHECK(p->threshold_high == -1 || p->threshold_high >= p->threshold);
    FUZZ_CHECK(p->w_calm >= -1 && p->w_calm <= p->block);
    FUZZ_CHECK(p->branch_temp >= 0 && p->branch_temp <= 10);
    FUZZ_CHECK(p->beta >= 0 && p->beta <= 1000 && p->deadline_ms >= 0);
    FUZZ_CHECK(strlen(p->fallback) <= SF_POLICY_MAX_FALLBACK);
    FUZZ_CHECK(p->cost && p->reward && p->cost_text && p->reward_text);
    FUZZ_CHECK(p->cost->ops->hold_bytes(p->cost) <= SF_GUARD_MAX_HOLD);
}

/* Reads a text with the cost and the reward model: no surprises. */
static void use(const struct surefoot_policy *p, const char *text, size_t n, bool free_of_charge) {
    const struct sf_cost_ops *cost = p->cost->ops;
    const struct sf_reward_ops *reward = p->reward->ops;
    void *s = malloc(cost->state_bytes(p->cost)), *r = malloc(reward->state_bytes(p->reward));
    static struct sf_charges c;
    const struct sf_piece piece = {.bytes = text, .n = n, .token = 1};
    FUZZ_CHECK(s && r);
    c.n = 0;
    c.overflow = false;
    cost->begin(p->cost, s);
    reward->begin(p->reward, r);
    FUZZ_CHECK(cost->read(p->cost, s, &piece, &c, NULL) == SUREFOOT_OK);
    FUZZ_CHECK(cost->settled(p->cost, s) <= n);
    FUZZ_CHECK(cost->end(p->cost, s, &c, NULL) == SUREFOOT_OK);
    FUZZ_CHECK(cost->settled(p->cost, s) == n);
    if (free_of_charge) FUZZ_CHECK(c.n == 0 && !c.overflow);
    for (int i = 0; i < c.n; i++)
        FUZZ_CHECK(c.c[i].amount > 0 && c.c[i].begin < c.c[i].end && c.c[i].end <= n);
    FUZZ_CHECK(reward->read(p->reward, r, &piece, -1, NULL) == SUREFOOT_OK);
    FUZZ_CHECK(isfinite(reward->value(p->reward, r)));
    char few[8], many[4096];
    if (cost->coverage) {
        size_t a = cost->coverage(p->cost, few, sizeof few);
        size_t b = cost->coverage(p->cost, many, sizeof many);
        FUZZ_CHECK(a == b && cost->coverage(p->cost, NULL, 0) == a);
        FUZZ_CHECK(strlen(few) < sizeof few && strlen(many) == sf_min(b, sizeof many - 1));
    }
    free(s);
    free(r);
}

static void parse(const char *text, size_t n) {
    struct surefoot_policy *p, *again;
    surefoot_error e = {0};
    size_t lines = 1;
    for (size_t i = 0; i < n; i++) lines += text[i] == '\n';
    surefoot_status s = sf_policy_parse(&p, text, n, dir, &e);
    if (s != SUREFOOT_OK) {
        FUZZ_CHECK(!p && e.code == s && *e.text);
        FUZZ_CHECK(s == SUREFOOT_E_POLICY || s == SUREFOOT_E_LIMIT);
        /* A lexicon's line is one of that file's. */
        FUZZ_CHECK(e.where <= lines || strstr(e.text, ".lexicon line "));
        FUZZ_CHECK(sf_policy_parse(&p, text, n, dir, NULL) == s && !p);
        return;
    }
    check_ranges(p);
    use(p, p->fallback, strlen(p->fallback), true);
    use(p, "Shut up, you idiot. I will find you!", 36, false);
    FUZZ_CHECK(sf_policy_parse(&again, text, n, dir, &e) == SUREFOOT_OK);
    FUZZ_CHECK(p->budget == again->budget && p->block == again->block);
    FUZZ_CHECK(strcmp(p->cost_text, again->cost_text) == 0);
    sf_policy_free(again);
    /* Without a folder it may not name files: there is no cost without one. */
    FUZZ_CHECK(sf_policy_parse(&again, text, n, NULL, &e) == SUREFOOT_E_POLICY && !again);
    sf_policy_free(p);
}

/* The C library takes more than we do; where both take it, they agree. */
static void number(const char *text) {
    int64_t down, up, i;
    double d;
    bool is = sf_number_millionths(&down, text, false);
    FUZZ_CHECK(sf_number_millionths(&up, text, true) == is);
    if (is) {
        FUZZ_CHECK(down <= up && up - down <= 1);
        double v = strtod(text, NULL) * 1e6;
        FUZZ_CHECK((double)down <= v + fabs(v) * 1e-15 && (double)up >= v - fabs(v) * 1e-15);
    }
    if (sf_number_double(&d, text)) FUZZ_CHECK(d == strtod(text, NULL));
    if (sf_number_int(&i, text)) FUZZ_CHECK(i == strtoll(text, NULL, 10));
}

static void set(const char *text, size_t n) {
    struct surefoot_policy *p;
    static const char base[] = "[cost]\nkind = lexicon\nfile = household.lexicon\n";
    FUZZ_CHECK(sf_policy_parse(&p, base, sizeof base - 1, dir, NULL) == SUREFOOT_OK);
    for (const char *q = text, *end = text + n; q < end;) {
        const char *nl = memchr(q, '\n', (size_t)(end - q)), *stop = nl ? nl : end;
        const char *eq = memchr(q, '=', (size_t)(stop - q));
        if (eq) {
            char key[32], value[512];
            snprintf(key, sizeof key, "%.*s", (int)sf_min(31, (size_t)(eq - q)), q);
            snprintf(value, sizeof value, "%.*s", (int)sf_min(511, (size_t)(stop - eq - 1)),
                     eq + 1);
            number(value);
            struct surefoot_policy before = *p;
            surefoot_error e = {0};
            surefoot_status s = surefoot_policy_set(p, key, value, &e);
            if (s != SUREFOOT_OK) {
                FUZZ_CHECK(memcmp(p, &before, sizeof before) == 0);
                FUZZ_CHECK(e.code == s && *e.text && e.where == 0);
                FUZZ_CHECK(s == SUREFOOT_E_POLICY || s == SUREFOOT_E_LIMIT);
            }
            check_ranges(p);
            use(p, p->fallback, strlen(p->fallback), true);
        }
        q = stop + 1;
    }
    sf_policy_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    if (data[0] & 1)
        set((const char *)data + 1, size - 1);
    else
        parse((const char *)data + 1, size - 1);
    return 0;
}
