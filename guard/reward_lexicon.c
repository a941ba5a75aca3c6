/* SPDX-License-Identifier: MIT
 * reward_lexicon.c - `kind = lexicon` as a reward: the sum of the weights (positive or negative) of
 * the phrases in the answer. A phrase counts once its boundary is proved, or at the text's end.
 */
#include "arena.h"
#include "lexicon.h"
#include "policy.h"

struct lexicon_reward {
    struct sf_reward base;
    struct sf_lexicon *lexicon;
};
struct state {
    struct sf_lexicon_state reader;
    int64_t sum; /* millionths */
};

static const struct sf_lexicon *lexicon_of(const struct sf_reward *m) {
    return ((const struct lexicon_reward *)m)->lexicon;
}

static size_t state_bytes(const struct sf_reward *m) {
    SF_UNUSED(m);
    return sizeof(struct state);
}

static void begin(const struct sf_reward *m, void *state) {
    SF_UNUSED(m);
    struct state *s = state;
    sf_lexicon_begin(&s->reader);
    s->sum = 0;
}

static surefoot_status read(const struct sf_reward *m, void *state, const struct sf_piece *p,
                            float logprob, surefoot_error *err) {
    SF_UNUSED(logprob);
    SF_UNUSED(err);
    struct state *s = state;
    struct sf_sink sink = {.sum = s->sum, .mute = p->prompt};
    sf_lexicon_read(lexicon_of(m), &s->reader, p->bytes, p->n, p->boundary, &sink);
    s->sum = sink.sum;
    return SUREFOOT_OK;
}

static double value(const struct sf_reward *m, const void *state) {
    struct state end = *(const struct state *)state;
    struct sf_sink sink = {.sum = end.sum};
    sf_lexicon_end(lexicon_of(m), &end.reader, &sink);
    return (double)sink.sum / SF_COST_UNIT;
}

static void close_lexicon(struct sf_reward *m) {
    sf_lexicon_free(((struct lexicon_reward *)m)->lexicon);
    sf_free(m);
}

surefoot_status sf_reward_lexicon_open(struct sf_reward **out, struct sf_policy_section *s,
                                       const struct sf_policy_env *env, surefoot_error *err) {
    static const struct sf_reward_ops ops = {"lexicon", state_bytes, begin,        read,
                                             value,     false,       close_lexicon};
    struct lexicon_reward *m = sf_alloc(sizeof *m);
    if (!m) return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for a reward model");
    m->base.ops = &ops;
    surefoot_status status = sf_lexicon_open(&m->lexicon, s, env, true, err);
    if (status != SUREFOOT_OK) {
        sf_free(m);
        return status;
    }
    *out = &m->base;
    return SUREFOOT_OK;
}
