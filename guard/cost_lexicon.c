/* SPDX-License-Identifier: MIT
 * cost_lexicon.c - `kind = lexicon`: every phrase found costs its weight. It reads only text; the
 * charge is made at the character that proves the find, so it does not depend on how the text is
 * cut. S is the start of the earliest match that may still come true.
 */
#include <stdio.h>
#include <string.h>

#include "arena.h"
#include "file.h"
#include "lexicon.h"
#include "policy.h"

struct lexicon_cost {
    struct sf_cost base;
    struct sf_lexicon *lexicon;
};

static const struct sf_lexicon *lexicon_of(const struct sf_cost *m) {
    return ((const struct lexicon_cost *)m)->lexicon;
}

static bool text_only(const struct sf_cost *m) {
    SF_UNUSED(m);
    return true;
}

static size_t state_bytes(const struct sf_cost *m) {
    SF_UNUSED(m);
    return sizeof(struct sf_lexicon_state);
}

static void begin(const struct sf_cost *m, void *state) {
    SF_UNUSED(m);
    sf_lexicon_begin(state);
}

static surefoot_status read(const struct sf_cost *m, void *state, const struct sf_piece *p,
                            struct sf_charges *out, surefoot_error *err) {
    SF_UNUSED(err);
    /* Whatever is found while the prompt is read lies wholly inside it, and is free. */
    struct sf_sink sink = {.charges = out, .mute = p->prompt};
    sf_lexicon_read(lexicon_of(m), state, p->bytes, p->n, p->boundary, &sink);
    return SUREFOOT_OK;
}

static surefoot_status end(const struct sf_cost *m, void *state, struct sf_charges *out,
                           surefoot_error *err) {
    SF_UNUSED(err);
    struct sf_sink sink = {.charges = out};
    sf_lexicon_end(lexicon_of(m), state, &sink);
    return SUREFOOT_OK;
}

static uint64_t settled(const struct sf_cost *m, const void *state) {
    SF_UNUSED(m);
    return sf_lexicon_settled(state);
}

static size_t hold_bytes(const struct sf_cost *m) {
    return sf_lexicon_hold(lexicon_of(m));
}

static size_t coverage(const struct sf_cost *m, char *text, size_t cap) {
    int n =
        snprintf(text, cap,
                 "lexicon of %u phrases: reads words in any case, with accents, look-alike and "
                 "invisible letters, spelled out, and in runs of %d or more characters of base64, "
                 "hex or percent escapes; not misspellings, other words for the same, other "
                 "languages, ciphers, other encodings, shorter or broken runs, runs encoded "
                 "twice, phrases only half encoded, reversed text, pictures made of characters",
                 lexicon_of(m)->n_phrases, SF_RUN_MIN);
    return n > 0 ? (size_t)n : 0;
}

static void close_lexicon(struct sf_cost *m) {
    sf_lexicon_free(((struct lexicon_cost *)m)->lexicon);
    sf_free(m);
}

surefoot_status sf_cost_lexicon_open(struct sf_cost **out, struct sf_policy_section *s,
                                     const struct sf_policy_env *env, surefoot_error *err) {
    static const struct sf_cost_ops ops = {.kind = "lexicon",
                                           .text_only = text_only,
                                           .state_bytes = state_bytes,
                                           .begin = begin,
                                           .read = read,
                                           .end = end,
                                           .settled = settled,
                                           .hold_bytes = hold_bytes,
                                           .coverage = coverage,
                                           .close = close_lexicon};
    struct lexicon_cost *m = sf_alloc(sizeof *m);
    if (!m) return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for a cost model");
    m->base.ops = &ops;
    surefoot_status status = sf_lexicon_open(&m->lexicon, s, env, false, err);
    if (status != SUREFOOT_OK) {
        sf_free(m);
        return status;
    }
    *out = &m->base;
    return SUREFOOT_OK;
}
