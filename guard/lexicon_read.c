/* SPDX-License-Identifier: MIT
 * lexicon_read.c - the reader of a text in pieces: character by character, so that no cut shows.
 */
#include <string.h>

#include "arena.h"
#include "lexicon.h"
#include "policy.h"
#include "utf8.h"

surefoot_status sf_lexicon_open(struct sf_lexicon **out, struct sf_policy_section *s,
                                const struct sf_policy_env *env, bool signed_weights,
                                surefoot_error *err) {
    int line;
    char *text;
    size_t n = 0;
    *out = NULL;
    const char *file = sf_policy_value(s, "file", &line);
    if (!file) return sf_policy_fail(err, line, "[%s] has no `file`", s->name);
    SF_TRY(sf_policy_read(&text, &n, env, file, line, SF_LEXICON_MAX_BYTES, err));
    surefoot_status status = sf_lexicon_parse(out, text, n, file, signed_weights, err);
    sf_free(text);
    return status;
}

enum { MIN_HOLD = 64 }; /* an encoded run is held up to its 24th character, and some slack */

size_t sf_lexicon_hold(const struct sf_lexicon *x) {
    size_t need = sf_max((size_t)x->longest + 4, MIN_HOLD);
    return sf_max(need, SF_GUARD_MAX_HOLD);
}

/* ---------------------------------------------------------------------------------- the reader */

enum { MAX_INVISIBLE = 16 }; /* in a row: no honest text has more; flags of regions have 6 */

void sf_lexicon_begin(struct sf_lexicon_state *s) {
    memset(s, 0, sizeof *s);
}

static void finish(const struct sf_lexicon *x, struct sf_lexicon_state *s, struct sf_sink *sink) {
    const struct sf_step step = {
        .x = x, .sink = sink, .begin = s->bytes, .end = s->bytes, .guess = true};
    sf_lane_end(&s->plain, &step);
    s->invisible = 0;
}

/* Matches that lie further back than may be held are not given up: they are unsafe. In the prompt,
 * which is free, they go on as if they began here: what an answer adds to them still counts. */
static void check_lag(struct sf_lexicon_state *s, const struct sf_step *step) {
    uint64_t held = sf_lane_held(&s->plain);
    if (held >= s->bytes || s->bytes - held <= SF_GUARD_MAX_HOLD) return;
    if (step->sink->mute) {
        sf_lane_forget(&s->plain, s->bytes);
        return;
    }
    if (step->sink->charges) sf_charges_add(step->sink->charges, SF_COST_UNSAFE, held, s->bytes);
    uint8_t prev = s->plain.prev;
    sf_lane_begin(&s->plain);
    s->plain.prev = prev;
}

static void read_char(const struct sf_lexicon *x, struct sf_lexicon_state *s, uint32_t cp, size_t n,
                      struct sf_sink *sink) {
    struct sf_fold_char c[SF_FOLD_MAX];
    struct sf_step step = {.x = x,
                           .sink = sink,
                           .begin = s->bytes,
                           .end = s->bytes + n,
                           .anchor = s->bytes,
                           .raw = cp,
                           .guess = true};
    int k = sf_fold(cp, c);
    s->bytes += n;
    if (k > 0) {
        s->invisible = 0;
    } else if (s->invisible <= MAX_INVISIBLE && ++s->invisible > MAX_INVISIBLE) {
        if (sink->charges && !sink->mute)
            sf_charges_add(sink->charges, SF_COST_UNSAFE, step.begin, step.end);
    }
    sf_lane_read(&s->plain, &step, c, k);
    check_lag(s, &step);
}

void sf_lexicon_read(const struct sf_lexicon *x, struct sf_lexicon_state *s, const char *text,
                     size_t n, bool boundary, struct sf_sink *sink) {
    if (boundary) finish(x, s, sink);
    for (size_t i = 0; i < n;) {
        uint32_t cp = 0xFFFD;
        int k = sf_utf8_decode((const unsigned char *)text + i, n - i, &cp);
        if (k == 0) k = 1, cp = 0xFFFD; /* cannot be: the text is repaired before */
        read_char(x, s, cp, (size_t)k, sink);
        i += (size_t)k;
    }
}

void sf_lexicon_end(const struct sf_lexicon *x, struct sf_lexicon_state *s, struct sf_sink *sink) {
    finish(x, s, sink);
}

uint64_t sf_lexicon_settled(const struct sf_lexicon_state *s) {
    uint64_t held = sf_lane_held(&s->plain);
    return held < s->bytes ? held : s->bytes;
}
