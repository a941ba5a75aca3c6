/* SPDX-License-Identifier: MIT
 * check.c - the verdict on a finished text, by the cost model alone: the audit of guard.h's promise.
 * It shares the cost model and the safety state with the guard, and nothing else. surefoot_check
 * reads a prompt and a text; surefoot_audit reads the tokens of both, as the guard read them, and
 * comes to the guard's own numbers.
 */
#include <math.h>
#include <string.h>

#include "arena.h"
#include "guard.h"
#include "model.h"
#include "safety.h"
#include "utf8.h"

struct audit {
    const struct surefoot_policy *p;
    void *state;
    struct sf_safety safety;
    uint64_t gamma;
    uint64_t text, answer; /* bytes read; where the answer begins */
    uint64_t index;        /* pieces of the answer read: the t of gamma^t */
    bool answering, safe;
    bool marker; /* a role marker stands before what comes next */
    surefoot_check_fn fn;
    void *user;
    struct sf_charges charges;
    surefoot_charge told[SF_MAX_CHARGES];
};

/* Books the charges of one piece (or of the end) and tells the caller. */
static void book(struct audit *a, const char *piece, size_t n) {
    size_t told = 0;
    for (int i = 0; i < a->charges.n; i++) {
        const struct sf_charge *c = &a->charges.c[i];
        if (c->end <= a->answer) continue; /* wholly in the prompt: free */
        sf_safety_charge(&a->safety, c->amount);
        a->told[told++] =
            (surefoot_charge){.token = a->index,
                              .begin = c->begin > a->answer ? c->begin - a->answer : 0,
                              .end = c->end - a->answer,
                              .amount = c->amount,
                              .spent = a->safety.spent};
    }
    if (a->charges.overflow) sf_safety_charge(&a->safety, SF_COST_UNSAFE);
    if (!sf_safe(a->safety.spent, a->p->budget)) a->safe = false;
    uint64_t s = a->p->cost->ops->settled(a->p->cost, a->state);
    if (a->fn)
        a->fn(a->user, piece, n, a->safety.spent, s > a->answer ? s - a->answer : 0, a->told, told);
}

static surefoot_status read_piece(struct audit *a, const char *bytes, size_t n, int32_t token,
                                  surefoot_error *err) {
    struct sf_piece piece = {.bytes = bytes, .n = n, .token = token, .prompt = !a->answering};
    piece.boundary = a->marker && n > 0;
    if (n > 0) a->marker = false;
    a->charges.n = 0;
    a->charges.overflow = false;
    SF_TRY(a->p->cost->ops->read(a->p->cost, a->state, &piece, &a->charges, err));
    a->text += n;
    if (!a->answering) {
        a->answer = a->text;
        return SUREFOOT_OK;
    }
    book(a, bytes, n);
    sf_safety_step(&a->safety, a->gamma);
    a->index++;
    return SUREFOOT_OK;
}

/* Text without tokens: one piece a character, as finely as a token could cut it. */
static surefoot_status read_text(struct audit *a, const char *text, size_t n, surefoot_error *err) {
    struct sf_utf8 u = {0};
    char out[SF_UTF8_OUT(1)];
    for (size_t i = 0; i <= n; i++) {
        size_t o = i < n ? sf_utf8_feed(&u, text + i, 1, out) : sf_utf8_end(&u, out);
        if (o > 0) SF_TRY(read_piece(a, out, o, -1, err));
    }
    return SUREFOOT_OK;
}

/* Where the ids of an answer are compared with the text that was shown of them. */
struct shown {
    const char *text; /* NULL: nothing to compare with */
    size_t n, at;
};

static surefoot_status compare(struct shown *t, const char *bytes, size_t n, size_t i,
                               surefoot_error *err) {
    if (!t || !t->text) return SUREFOOT_OK;
    if (n > t->n - t->at || memcmp(t->text + t->at, bytes, n) != 0)
        return sf_fail(err, SUREFOOT_E_USAGE, i, "token %zu is not what the text has at byte %zu",
                       i, t->at);
    t->at += n;
    return SUREFOOT_OK;
}

/* Text and states of n tokens; u holds what is left of a character between calls. first: a leading
 * space of the first one is no text. */
static surefoot_status read_ids(struct audit *a, const struct sf_tokenizer *t, struct sf_utf8 *u,
                                const int32_t *ids, size_t n, bool first, struct shown *shown,
                                surefoot_error *err) {
    size_t cap = SF_UTF8_OUT(sf_tokenizer_max_bytes(t));
    char *out = sf_alloc(cap);
    if (!out) return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for a token's text");
    surefoot_status s = SUREFOOT_OK;
    for (size_t i = 0; i < n && s == SUREFOOT_OK; i++) {
        if (ids[i] < 0 || ids[i] >= sf_tokenizer_n_vocab(t)) {
            s = sf_fail(err, SUREFOOT_E_USAGE, i, "token id %d is outside the vocabulary of %d",
                        ids[i], sf_tokenizer_n_vocab(t));
            break;
        }
        struct sf_str b = sf_token_bytes(t, ids[i]);
        if (!a->answering && b.n == 0) a->marker = true;
        if (i == 0 && first && b.n > 0 && b.p[0] == ' ') b.p++, b.n--;
        size_t o = sf_utf8_feed(u, b.p, b.n, out);
        s = compare(shown, out, o, i, err);
        if (s == SUREFOOT_OK) s = read_piece(a, out, o, ids[i], err);
    }
    sf_free(out);
    return s;
}

/* What is left of a character becomes U+FFFD. */
static surefoot_status read_tail(struct audit *a, struct sf_utf8 *u, surefoot_error *err) {
    char out[4];
    size_t n = sf_utf8_end(u, out);
    return n > 0 ? read_piece(a, out, n, -1, err) : SUREFOOT_OK;
}

/* The answer ends: last charges, and the verdict. */
static surefoot_status conclude(struct audit *a, surefoot_verdict *v, surefoot_error *err) {
    const struct sf_cost *cost = a->p->cost;
    a->charges.n = 0;
    a->charges.overflow = false;
    SF_TRY(cost->ops->end(cost, a->state, &a->charges, err));
    uint64_t settled = cost->ops->settled(cost, a->state);
    book(a, "", 0);
    *v = (surefoot_verdict){.safe = a->safe,
                            .spent = a->safety.spent,
                            .budget = a->p->budget,
                            .z = sf_safety_z(&a->safety, a->p->budget),
                            .settled = settled > a->answer ? settled - a->answer : 0,
                            .bytes = a->text - a->answer,
                            .steps = a->index};
    return SUREFOOT_OK;
}

static surefoot_status open_audit(struct audit **out, const surefoot_policy *p,
                                  surefoot_check_fn fn, void *user, surefoot_error *err) {
    struct audit *a = *out = sf_alloc(sizeof *a);
    void *state = sf_alloc(p->cost->ops->state_bytes(p->cost));
    if (!a || !state) {
        sf_free(a);
        sf_free(state);
        return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory to read the text with");
    }
    *a = (struct audit){.p = p, .state = state, .safe = true, .fn = fn, .user = user};
    a->gamma = sf_safety_gamma(p->gamma);
    sf_safety_begin(&a->safety);
    p->cost->ops->begin(p->cost, state);
    return SUREFOOT_OK;
}

static void close_audit(struct audit *a) {
    sf_free(a->state);
    sf_free(a);
}

surefoot_status surefoot_check(const surefoot_policy *p, const surefoot_model *model,
                               const char *prompt, size_t n_prompt, const char *text, size_t n_text,
                               const int32_t *ids, size_t n_ids, surefoot_check_fn fn, void *user,
                               surefoot_verdict *verdict, surefoot_error *err) {
    if (!p || (!prompt && n_prompt) || (!text && n_text) || (!ids && n_ids) || !verdict)
        return sf_fail(err, SUREFOOT_E_USAGE, 0, "surefoot_check: an argument is NULL");
    *verdict = (surefoot_verdict){.budget = p->budget};
    if (ids && !model)
        return sf_fail(err, SUREFOOT_E_USAGE, 0, "token ids have no text without their model (-m)");
    if (!model && !p->cost->ops->text_only(p->cost))
        return sf_fail(err, SUREFOOT_E_USAGE, 0,
                       "cost %s reads more than text: give the model (-m)", p->cost_text);
    struct audit *a;
    struct sf_utf8 u = {0};
    SF_TRY(open_audit(&a, p, fn, user, err));
    surefoot_status s = read_text(a, prompt, n_prompt, err);
    a->answering = true;
    const struct sf_tokenizer *t = model ? sf_model_tokenizer(model) : NULL;
    if (s == SUREFOOT_OK && ids)
        s = read_ids(a, t, &u, ids, n_ids, n_prompt == 0 && sf_tokenizer_space_prefix(t), NULL,
                     err);
    else if (s == SUREFOOT_OK)
        s = read_text(a, text, n_text, err);
    if (s == SUREFOOT_OK) s = read_tail(a, &u, err);
    if (s == SUREFOOT_OK) s = conclude(a, verdict, err);
    close_audit(a);
    return s;
}

void surefoot_transcript_init(surefoot_transcript *t) {
    *t = (surefoot_transcript){.size = sizeof *t, .n_free = SIZE_MAX};
}

/* The answer's turn begins: with what the answers before it spent. */
static void begin_turn(struct audit *a, const surefoot_transcript *t) {
    a->answering = true;
    a->safety.spent = t->spent;
    a->safe = sf_safe(t->spent, a->p->budget);
    for (uint64_t i = 0; i < t->steps && a->safety.power > 1; i++)
        sf_safety_step(&a->safety, a->gamma);
}

/* The prompt, the part of it that is already the answer's, the answer: as the guard reads them. */
static surefoot_status read_transcript(struct audit *a, const struct sf_tokenizer *tok,
                                       const surefoot_transcript *t, surefoot_error *err) {
    struct sf_utf8 u = {0};
    struct shown shown = {t->text, t->n_text, 0};
    size_t n_free = sf_min(t->n_free, t->n_prompt_ids);
    bool first = t->n_prompt_ids == 1 && t->prompt_ids[0] == sf_tokenizer_bos(tok) &&
                 sf_tokenizer_space_prefix(tok);
    SF_TRY(read_ids(a, tok, &u, t->prompt_ids, n_free, false, NULL, err));
    SF_TRY(read_tail(a, &u, err));
    begin_turn(a, t);
    if (n_free < t->n_prompt_ids)
        SF_TRY(read_ids(a, tok, &u, t->prompt_ids + n_free, t->n_prompt_ids - n_free, false, NULL,
                        err));
    SF_TRY(read_tail(a, &u, err));
    SF_TRY(read_ids(a, tok, &u, t->ids, t->n_ids, first, &shown, err));
    if (!t->text) return read_tail(a, &u, err);
    if (shown.at == shown.n) return SUREFOOT_OK;
    const unsigned char *text = (const unsigned char *)t->text;
    uint32_t cp;
    int len;
    for (size_t i = shown.at; i < shown.n; i += (size_t)len)
        if ((len = sf_utf8_decode(text + i, shown.n - i, &cp)) == 0)
            return sf_fail(err, SUREFOOT_E_USAGE, i, "the text is no UTF-8 at byte %zu", i);
    return read_piece(a, t->text + shown.at, shown.n - shown.at, -1, err);
}

surefoot_status surefoot_audit(const surefoot_policy *p, const surefoot_model *model,
                               const surefoot_transcript *t, surefoot_check_fn fn, void *user,
                               surefoot_verdict *verdict, surefoot_error *err) {
    if (!p || !model || !t || t->size != sizeof *t || (!t->prompt_ids && t->n_prompt_ids) ||
        (!t->ids && t->n_ids) || (!t->text && t->n_text) || !verdict)
        return sf_fail(err, SUREFOOT_E_USAGE, 0, "surefoot_audit: an argument is NULL");
    *verdict = (surefoot_verdict){.budget = p->budget};
    if (t->spent < 0) return sf_fail(err, SUREFOOT_E_USAGE, 0, "surefoot_audit: spent is negative");
    struct audit *a;
    SF_TRY(open_audit(&a, p, fn, user, err));
    surefoot_status s = read_transcript(a, sf_model_tokenizer(model), t, err);
    if (s == SUREFOOT_OK) s = conclude(a, verdict, err);
    close_audit(a);
    return s;
}
