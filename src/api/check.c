/* SPDX-License-Identifier: MIT
 * check.c - the verdict on a finished text, by the cost model alone: the audit of guard.h's promise.
 * It shares the cost model and the safety state with the guard, and nothing else.
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
    uint64_t index;        /* piece of the answer */
    bool answering, safe;
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
                                  bool boundary, surefoot_error *err) {
    struct sf_piece piece = {
        .bytes = bytes, .n = n, .token = token, .prompt = !a->answering, .boundary = boundary};
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
        if (o > 0) SF_TRY(read_piece(a, out, o, -1, false, err));
    }
    return SUREFOOT_OK;
}

static surefoot_status read_ids(struct audit *a, const struct sf_tokenizer *t, const int32_t *ids,
                                size_t n, bool first, surefoot_error *err) {
    struct sf_utf8 u = {0};
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
        if (i == 0 && first && b.n > 0 && b.p[0] == ' ') b.p++, b.n--;
        size_t o = sf_utf8_feed(&u, b.p, b.n, out);
        s = read_piece(a, out, o, ids[i], false, err);
    }
    size_t o = s == SUREFOOT_OK ? sf_utf8_end(&u, out) : 0;
    if (o > 0) s = read_piece(a, out, o, -1, false, err);
    sf_free(out);
    return s;
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
    struct audit *a = sf_alloc(sizeof *a);
    void *state = sf_alloc(p->cost->ops->state_bytes(p->cost));
    surefoot_status s = SUREFOOT_OK;
    if (!a || !state) {
        s = sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory to read the text with");
    } else {
        *a = (struct audit){.p = p, .state = state, .safe = true, .fn = fn, .user = user};
        a->gamma = sf_safety_gamma(p->gamma);
        sf_safety_begin(&a->safety);
        p->cost->ops->begin(p->cost, state);
        s = read_text(a, prompt, n_prompt, err);
        a->answering = true;
        const struct sf_tokenizer *t = model ? sf_model_tokenizer(model) : NULL;
        if (s == SUREFOOT_OK)
            s = ids ? read_ids(a, t, ids, n_ids, n_prompt == 0 && sf_tokenizer_space_prefix(t), err)
                    : read_text(a, text, n_text, err);
        a->charges.n = 0;
        a->charges.overflow = false;
        if (s == SUREFOOT_OK) s = p->cost->ops->end(p->cost, state, &a->charges, err);
        if (s == SUREFOOT_OK) {
            uint64_t settled = p->cost->ops->settled(p->cost, state);
            book(a, "", 0);
            verdict->safe = a->safe;
            verdict->spent = a->safety.spent;
            verdict->z = sf_safety_z(&a->safety, p->budget);
            verdict->bytes = a->text - a->answer;
            verdict->settled = settled > a->answer ? settled - a->answer : 0;
        }
    }
    sf_free(a);
    sf_free(state);
    return s;
}
