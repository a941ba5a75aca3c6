/* SPDX-License-Identifier: MIT
 * rollouts.c - continuations by the base model, charged as the guard charges; see train.h.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "file.h"
#include "philox.h"
#include "reader.h"
#include "train.h"

struct slot {
    bool live;
    int seq;
    struct sf_rollout r;
    const int32_t *force;
    uint32_t number, n_predict;
    int32_t last; /* token that is due, -1: none */
    struct sf_reader reader;
    struct sf_point at;
    struct sf_state state;
    int32_t *forced; /* (max_tokens) */
    float *row;      /* (max_tokens + 1, n_hidden) behind token t */
    int64_t *spent;  /* (max_tokens + 1) */
    uint64_t *power;
};

struct sf_collector {
    struct sf_rollouts *into;
    const struct sf_generator *gen;
    struct surefoot_policy policy; /* with a budget that nothing exceeds */
    int n_slots;
    uint32_t max_tokens;
    struct slot *slot;
    size_t cost_bytes, reward_bytes;
    struct sf_arena arena;
};

/* ------------------------------------------------------------------------------- growing */

static bool grow(void **p, size_t *cap, size_t need, size_t size) {
    size_t to = *cap ? *cap : 256, bytes;
    while (to < need)
        if (!sf_size_mul(&to, to, 2)) return false;
    if (!sf_size_mul(&bytes, to, size)) return false;
    void *q = sf_alloc(bytes);
    if (!q) return false;
    if (*p) memcpy(q, *p, *cap * size);
    sf_free(*p);
    *p = q;
    *cap = to;
    return true;
}

static surefoot_status no_room(surefoot_error *err) {
    return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for more rollouts");
}

static surefoot_status room(struct sf_rollouts *r, size_t n_rollout, size_t n_state,
                            surefoot_error *err) {
    if (n_rollout > r->cap_rollout &&
        !grow((void **)&r->rollout, &r->cap_rollout, n_rollout, sizeof *r->rollout))
        return no_room(err);
    if (n_state > r->cap_state) {
        size_t cap = r->cap_state;
        if (!grow((void **)&r->state, &cap, n_state, sizeof *r->state)) return no_room(err);
        if (!grow((void **)&r->hidden, &r->cap_state, n_state, r->n_hidden * sizeof(float)))
            return no_room(err);
    }
    return SUREFOOT_OK;
}

void sf_rollouts_close(struct sf_rollouts *r) {
    sf_free(r->rollout);
    sf_free(r->state);
    sf_free(r->hidden);
    *r = (struct sf_rollouts){0};
}

enum sf_part sf_rollouts_part(uint64_t seed, uint32_t family) {
    double u = sf_philox_unit(seed, family, 7, 0);
    if (u < 0.25) return SF_PART_TEST;
    if (u < 0.40) return SF_PART_CALIBRATE;
    return u < 0.50 ? SF_PART_CHECK : SF_PART_LEARN;
}

/* ------------------------------------------------------------------------------- open and close */

static void plan(struct sf_collector *c) {
    struct sf_arena *a = &c->arena;
    struct slot *s = sf_arena_take(a, (size_t)c->n_slots, sizeof *s);
    size_t n = (size_t)c->max_tokens + 1, cost = sf_max(c->cost_bytes, 1),
           reward = sf_max(c->reward_bytes, 1);
    for (int i = 0; i < c->n_slots; i++) {
        void *cs = sf_arena_take(a, 1, cost), *rs = sf_arena_take(a, 1, reward);
        void *probe = sf_arena_take(a, 1, cost);
        int32_t *forced = sf_arena_take(a, n, sizeof *forced);
        float *row = sf_arena_take(a, n, c->into->n_hidden * sizeof *row);
        int64_t *spent = sf_arena_take(a, n, sizeof *spent);
        uint64_t *power = sf_arena_take(a, n, sizeof *power);
        if (!s) continue;
        s[i].state = (struct sf_state){cs, rs};
        s[i].reader.probe.cost = probe;
        s[i].forced = forced;
        s[i].row = row;
        s[i].spent = spent;
        s[i].power = power;
    }
    c->slot = s;
}

surefoot_status sf_collector_open(struct sf_collector **out, struct sf_rollouts *into,
                                  const struct surefoot_policy *p, const struct sf_generator *gen,
                                  int first, int n_slots, uint32_t max_tokens,
                                  surefoot_error *err) {
    *out = NULL;
    struct sf_collector *c = sf_alloc(sizeof *c);
    if (!c) return no_room(err);
    *c = (struct sf_collector){.into = into,
                               .gen = gen,
                               .policy = *p,
                               .n_slots = n_slots,
                               .max_tokens = max_tokens,
                               .cost_bytes = p->cost->ops->state_bytes(p->cost),
                               .reward_bytes =
                                   p->reward ? p->reward->ops->state_bytes(p->reward) : 0};
    c->policy.budget = SF_COST_UNSAFE - 1;
    plan(c);
    surefoot_status st = sf_arena_reserve(&c->arena, err);
    if (st != SUREFOOT_OK) {
        sf_free(c);
        return st;
    }
    plan(c);
    for (int i = 0; i < n_slots; i++) {
        struct sf_reader *r = &c->slot[i].reader;
        c->slot[i].seq = first + i;
        r->policy = &c->policy;
        r->gen = gen;
        r->gamma = sf_safety_gamma(p->gamma);
        r->cost_bytes = c->cost_bytes;
        r->reward_bytes = c->reward_bytes;
    }
    *out = c;
    return SUREFOOT_OK;
}

void sf_collector_close(struct sf_collector *c) {
    if (!c) return;
    for (int i = 0; i < c->n_slots; i++) c->gen->drop(c->gen->self, c->slot[i].seq);
    sf_arena_free(&c->arena);
    sf_free(c);
}

int sf_collector_free(const struct sf_collector *c) {
    int n = 0;
    for (int i = 0; i < c->n_slots; i++) n += !c->slot[i].live;
    return n;
}

/* ------------------------------------------------------------------------------- one rollout */

surefoot_status sf_collector_add(struct sf_collector *c, const struct sf_guard_run *run,
                                 uint32_t prompt, uint32_t family, uint32_t number,
                                 const int32_t *force, size_t n_force, surefoot_error *err) {
    struct slot *s = c->slot;
    while (s < c->slot + c->n_slots && s->live) s++;
    if (s == c->slot + c->n_slots || n_force > c->max_tokens)
        return sf_fail(err, SUREFOOT_E_USAGE, 0, "rollouts: no free slot");
    struct sf_safety none;
    sf_safety_begin(&none);
    SF_TRY(sf_stops_init(&s->reader.stops, run->stop, run->n_stop, err));
    s->reader.fault = SUREFOOT_OK;
    s->reader.drop_space = run->drop_space;
    if (!sf_read_prompt(&s->reader, &s->at, &s->state, &none, run->prompt, run->n_prompt,
                        run->n_free)) {
        *err = s->reader.fault_text;
        return s->reader.fault;
    }
    SF_TRY(c->gen->fork(c->gen->self, s->seq, 0, err));
    memcpy(s->forced, force, n_force * sizeof *force);
    s->r = (struct sf_rollout){.prompt = prompt,
                               .family = family,
                               .forced = (uint32_t)n_force,
                               .charged_at = UINT32_MAX,
                               .reward = NAN};
    uint32_t left = c->gen->n_ctx - (uint32_t)sf_min(run->n_prompt, c->gen->n_ctx);
    s->n_predict = (uint32_t)sf_min(sf_min(run->n_predict, c->max_tokens), left);
    s->number = number;
    s->last = -1;
    s->live = true;
    return SUREFOOT_OK;
}

static uint32_t place(uint32_t n, int percent) {
    return (uint32_t)((uint64_t)n * (uint64_t)percent / 100);
}

/* What state t of the finished rollout is kept for. */
static uint32_t use_of(const struct sf_rollouts *all, const struct slot *s, uint32_t t) {
    const struct sf_rollout *r = &s->r;
    uint32_t use = t == 0 ? SF_USE_PROMPT : 0, first = r->forced;
    enum sf_part part = sf_rollouts_part(all->seed, r->family);
    if (t < first) return use;
    uint64_t span = r->n - first;
    for (uint64_t k = 0; k < SF_TRAIN_STATES; k++) { /* one of each eighth of the answer */
        uint64_t a = span * k / SF_TRAIN_STATES, b = span * (k + 1) / SF_TRAIN_STATES;
        double u = sf_philox_unit(all->seed, s->number, (uint32_t)k, 11);
        if (b > a && t == first + a + (uint64_t)(u * (double)(b - a))) use |= SF_USE_LEARN;
    }
    if (r->forced) return use;
    if (part == SF_PART_CALIBRATE) use |= SF_USE_ALL;
    if (t == place(r->n, 25)) use |= SF_USE_25;
    if (t == place(r->n, 50)) use |= SF_USE_50;
    if (t == place(r->n, 75)) use |= SF_USE_75;
    for (int k = 0; k < 3; k++) {
        uint32_t back = 8u << k, bit = (uint32_t)SF_USE_BEFORE_8 << k;
        double u = sf_philox_unit(all->seed, s->number, (uint32_t)k, 12);
        bool safe = r->charged_at > r->n;
        if (safe ? t == (uint32_t)(u * r->n) : t + back == r->charged_at) use |= bit;
    }
    return use;
}

static surefoot_status keep(struct sf_collector *c, struct slot *s, surefoot_error *err) {
    struct sf_rollouts *all = c->into;
    struct sf_rollout *r = &s->r;
    if (r->charged_at == UINT32_MAX) r->charged_at = r->n + 1;
    SF_TRY(room(all, all->n_rollout + 1, all->n_state + r->n, err));
    r->state = (uint32_t)all->n_state;
    for (uint32_t t = 0; t < r->n; t++) {
        uint32_t use = use_of(all, s, t);
        if (!use) continue;
        double power = (double)s->power[t] / (double)SF_POWER_ONE;
        all->state[all->n_state] =
            (struct sf_kept_state){.rollout = (uint32_t)all->n_rollout,
                                   .t = t,
                                   .use = use,
                                   .spent = s->spent[t],
                                   .rem = ((double)r->spent - (double)s->spent[t]) / power};
        memcpy(all->hidden + all->n_state * all->n_hidden, s->row + (size_t)t * all->n_hidden,
               all->n_hidden * sizeof(float));
        all->n_state++;
    }
    r->n_state = (uint32_t)all->n_state - r->state;
    all->rollout[all->n_rollout++] = *r;
    s->live = false;
    c->gen->drop(c->gen->self, s->seq);
    return SUREFOOT_OK;
}

static surefoot_status finish(struct sf_collector *c, struct slot *s, bool cut,
                              surefoot_error *err) {
    struct sf_why why;
    int64_t before = s->at.safety.spent;
    if (s->r.spent != SF_COST_UNSAFE &&
        sf_read_end(&s->reader, &s->at, &s->state, cut, &why) != SF_READ_SAFE)
        s->r.spent = SF_COST_UNSAFE;
    if (s->r.spent != SF_COST_UNSAFE) {
        s->r.spent = s->at.safety.spent;
        s->r.reward = (float)sf_reader_value(&s->reader, &s->at, &s->state);
        if (s->at.safety.spent > before && s->r.charged_at == UINT32_MAX) s->r.charged_at = s->r.n;
    }
    return keep(c, s, err);
}

/* The row behind token t is there: the state is noted, and the next token drawn and read. */
static surefoot_status advance(struct sf_collector *c, struct slot *s, surefoot_error *err) {
    const struct sf_generator *gen = c->gen;
    uint32_t t = s->r.n;
    const float *row = gen->hidden(gen->self, s->seq);
    if (!row) return sf_fail(err, SUREFOOT_E_FAILED, 0, "rollouts: the model has no hidden rows");
    memcpy(s->row + (size_t)t * c->into->n_hidden, row, c->into->n_hidden * sizeof *row);
    s->spent[t] = s->at.safety.spent;
    s->power[t] = s->at.safety.power;
    int32_t id = s->forced[t];
    struct sf_draw draw = {.t = t, .r = 1 + s->number};
    if (t >= s->r.forced) SF_TRY(gen->sample(gen->self, s->seq, &draw, &id, err));
    float logprob = gen->logprob(gen->self, s->seq, id);
    size_t raw;
    bool ends;
    gen->piece(gen->self, id, &raw, &ends);
    s->r.n++;
    if (ends) return finish(c, s, false, err);
    struct sf_why why;
    uint64_t cut;
    enum sf_read is = sf_read_token(&s->reader, &s->at, &s->state, id, logprob, &why, &cut);
    if (is == SF_READ_UNSAFE) s->r.spent = SF_COST_UNSAFE; /* no budget: a model failed */
    if (s->at.safety.spent > 0 && s->r.charged_at == UINT32_MAX) s->r.charged_at = s->r.n;
    s->last = id;
    if (is != SF_READ_SAFE || s->r.n >= s->n_predict) return finish(c, s, is == SF_READ_STOP, err);
    return SUREFOOT_OK;
}

surefoot_status sf_collector_run(struct sf_collector *c, surefoot_error *err) {
    struct sf_gen_row rows[256];
    for (;;) {
        int m = 0;
        for (int i = 0; i < c->n_slots; i++) {
            struct slot *s = &c->slot[i];
            if (s->live) SF_TRY(advance(c, s, err));
            if (s->live && m < 256) rows[m++] = (struct sf_gen_row){s->seq, s->last};
        }
        if (m == 0) return SUREFOOT_OK;
        for (int i = 0; i < m; i += c->gen->max_rows)
            SF_TRY(c->gen->step(c->gen->self, rows + i,
                                (int)sf_min((size_t)(m - i), (size_t)c->gen->max_rows), err));
    }
}

/* ------------------------------------------------------------------------------- on disk */

struct head {
    char magic[8], key[120];
    uint64_t seed;
    uint32_t n_hidden, rollout_bytes, state_bytes, unused;
};

static void head_of(struct head *h, const struct sf_rollouts *r, const char *key) {
    memset(h, 0, sizeof *h);
    memcpy(h->magic, "SFROLL01", 8);
    snprintf(h->key, sizeof h->key, "%s", key);
    h->seed = r->seed;
    h->n_hidden = r->n_hidden;
    h->rollout_bytes = sizeof *r->rollout;
    h->state_bytes = sizeof *r->state;
}

surefoot_status sf_rollouts_append(const struct sf_rollouts *r, size_t from, const char *path,
                                   const char *key, uint32_t done, surefoot_error *err) {
    FILE *f = fopen(path, from ? "ab" : "wb");
    bool good = f != NULL;
    struct head h;
    head_of(&h, r, key);
    if (good && from == 0) good = fwrite(&h, sizeof h, 1, f) == 1;
    for (size_t i = from; good && i < r->n_rollout; i++) {
        const struct sf_rollout *o = &r->rollout[i];
        good = fwrite(o, sizeof *o, 1, f) == 1 &&
               fwrite(r->state + o->state, sizeof *r->state, o->n_state, f) == o->n_state &&
               fwrite(r->hidden + (size_t)o->state * r->n_hidden, r->n_hidden * sizeof(float),
                      o->n_state, f) == o->n_state;
    }
    const struct sf_rollout mark = {.prompt = UINT32_MAX, .n = done};
    if (good) good = fwrite(&mark, sizeof mark, 1, f) == 1;
    if (f && fclose(f) != 0) good = false;
    if (good) return SUREFOOT_OK;
    return sf_fail(err, SUREFOOT_E_IO, 0, "%.120s: cannot write: %s", path, strerror(errno));
}

surefoot_status sf_rollouts_read(struct sf_rollouts *r, const char *path, const char *key,
                                 uint32_t *done, surefoot_error *err) {
    struct head want, have;
    size_t whole = 0, whole_states = 0;
    *done = 0;
    struct sf_rollout o;
    head_of(&want, r, key);
    FILE *f = fopen(path, "rb");
    if (!f) return SUREFOOT_OK; /* nothing to go on with */
    surefoot_status st = SUREFOOT_OK;
    if (fread(&have, sizeof have, 1, f) != 1 || memcmp(&have, &want, sizeof have) != 0)
        st = sf_fail(err, SUREFOOT_E_POLICY, 0,
                     "%.120s holds rollouts of another model, policy or setting: remove it", path);
    while (st == SUREFOOT_OK && fread(&o, sizeof o, 1, f) == 1) {
        if (o.prompt == UINT32_MAX) { /* a batch of prompts is whole */
            *done = o.n;
            whole = r->n_rollout;
            whole_states = r->n_state;
            continue;
        }
        if (o.n_state > o.n || o.n > 1u << 24) {
            st = sf_fail(err, SUREFOOT_E_FILE, 0, "%.120s is damaged: remove it", path);
            break;
        }
        st = room(r, r->n_rollout + 1, r->n_state + o.n_state, err);
        if (st != SUREFOOT_OK) break;
        struct sf_kept_state *s = r->state + r->n_state;
        if (fread(s, sizeof *s, o.n_state, f) != o.n_state ||
            fread(r->hidden + r->n_state * r->n_hidden, r->n_hidden * sizeof(float), o.n_state,
                  f) != o.n_state)
            break; /* killed while it wrote this one */
        o.state = (uint32_t)r->n_state;
        for (uint32_t i = 0; i < o.n_state; i++) s[i].rollout = (uint32_t)r->n_rollout;
        r->rollout[r->n_rollout++] = o;
        r->n_state += o.n_state;
    }
    fclose(f);
    r->n_rollout = whole; /* what was killed while it was written is made again */
    r->n_state = whole_states;
    return st;
}
