/* SPDX-License-Identifier: MIT
 * lexicon_read.c - the reader of a text in pieces: character by character, so that no cut shows.
 */
#include <string.h>

#include "arena.h"
#include "lexicon.h"
#include "mutant.h"
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

enum { MIN_HOLD = 64 };

size_t sf_lexicon_hold(const struct sf_lexicon *x) {
    size_t need = sf_max((size_t)x->longest + 4, MIN_HOLD);
    return sf_max(need, SF_GUARD_MAX_HOLD);
}

/* ---------------------------------------------------------------------------------- the reader */

enum { MAX_INVISIBLE = 16 }; /* in a row: no honest text has more; flags of regions have 6 */

void sf_lexicon_begin(struct sf_lexicon_state *s) {
    memset(s, 0, sizeof *s);
    s->safe[0] = 1;
}

/* Ending the text behind what was read costs nothing (more). */
static void safe_here(struct sf_lexicon_state *s) {
    s->safe[s->bytes / 8 % SF_LEXICON_SAFE_BYTES] |= (uint8_t)(1u << s->bytes % 8);
}

static void finish(const struct sf_lexicon *x, struct sf_lexicon_state *s, struct sf_sink *sink) {
    const struct sf_step step = {
        .x = x, .sink = sink, .begin = s->bytes, .end = s->bytes, .guess = true};
    sf_lane_end(&s->plain, &step);
    for (enum sf_encoding e = 0; e < SF_ENCODINGS; e++)
        sf_run_end(&s->run[e], e, x, sink, s->bytes);
    s->invisible = 0;
    safe_here(s);
}

/* Where the earliest live match begins; the end of the text if none lives. */
static uint64_t held(const struct sf_lexicon_state *s) {
    uint64_t least = sf_min(s->bytes, sf_lane_held(&s->plain));
    for (int e = 0; e < SF_ENCODINGS; e++) least = sf_min(least, sf_run_held(&s->run[e]));
    return least;
}

/* n bytes have been read: does ending the text here cost anything? None of them but the last is a
 * place to end it. In the prompt, what that costs is free. */
static void mark(const struct sf_lexicon *x, struct sf_lexicon_state *s, size_t n, bool mute) {
    for (uint64_t at = s->bytes - n + 1; at <= s->bytes; at++)
        s->safe[at / 8 % SF_LEXICON_SAFE_BYTES] &= (uint8_t) ~(1u << at % 8);
    if (!mute && held(s) < s->bytes) {
        struct sf_lexicon_state end = *s;
        struct sf_charges c;
        struct sf_sink sink = {.charges = &c};
        c.n = 0;
        c.overflow = false;
        finish(x, &end, &sink);
        if (c.n > 0) return;
    }
    safe_here(s);
}

uint64_t sf_lexicon_settled(const struct sf_lexicon_state *s) {
    uint64_t at = SF_MUTANT(51, held(s), s->bytes),
             least = s->bytes - sf_min(s->bytes, 8 * SF_LEXICON_SAFE_BYTES - 1);
    while (at > least && !(s->safe[at / 8 % SF_LEXICON_SAFE_BYTES] >> at % 8 & 1)) at--;
    return at;
}

/* Matches that lie further back than may be held are not given up: they are unsafe. In the prompt,
 * which is free, they go on as if they began here: what an answer adds to them still counts. */
static void check_lag(struct sf_lexicon_state *s, struct sf_sink *sink) {
    if (held(s) == s->bytes) return;
    uint64_t settled = sf_lexicon_settled(s);
    if (s->bytes - settled <= SF_GUARD_MAX_HOLD) return;
    if (sink->mute) {
        sf_lane_forget(&s->plain, s->bytes);
        for (int e = 0; e < SF_ENCODINGS; e++) sf_lane_forget(&s->run[e].lane, s->bytes);
        return;
    }
    sf_sink_add(sink, SF_COST_UNSAFE, settled, s->bytes);
    s->plain.n = 0;
    for (int e = 0; e < SF_ENCODINGS; e++) s->run[e].lane.n = s->run[e].n_waiting = 0;
    safe_here(s);
}

static void read_char(const struct sf_lexicon *x, struct sf_lexicon_state *s, uint32_t cp, size_t n,
                      struct sf_sink *sink) {
    struct sf_fold_char c[SF_FOLD_MAX];
    struct sf_step step = {
        .x = x, .sink = sink, .begin = s->bytes, .end = s->bytes + n, .guess = true};
    int k = sf_fold(cp, c);
    if (SF_MUTANT(35, false, k == 0)) c[k++] = (struct sf_fold_char){cp, SF_FOLD_LETTER};
    s->bytes += n;
    if (k > 0) {
        s->invisible = 0;
    } else if (s->invisible <= MAX_INVISIBLE && ++s->invisible > MAX_INVISIBLE) {
        sf_sink_add(sink, SF_COST_UNSAFE, step.begin, step.end);
    }
    sf_lane_read(&s->plain, &step, c, k);
    for (enum sf_encoding e = 0; e < SF_ENCODINGS; e++)
        sf_run_read(&s->run[e], e, &step, cp, k > 0);
    if (!sink->charges) return; /* a reward has no settled length */
    mark(x, s, n, sink->mute);
    check_lag(s, sink);
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
