/* SPDX-License-Identifier: MIT
 * cases_text.c - laws about text and charges; see cases.c.
 */
#include "cases.h"
#include "lexicon.h"

/* One run whose phrase the unguarded process says (counted) and the guarded one never shows. The
 * prompt is a single letter. */
static const char *never_said(const char *name, uint64_t seed, const char *phrase, int *wanted) {
    char plain[TOY_TEXT];
    surefoot_finish f;
    int32_t first = run.prompt[run.n_prompt - 1];
    forbid(&run, TOY_PHRASE, phrase, SF_COST_UNIT);
    size_t m = toy_plain(&run, plain + 1, &f);
    plain[0] = run.toy.piece[first][0];
    *wanted += holds(plain, m + 1, phrase);
    const char *v = go(&run, name, seed);
    if (v) return v;
    memcpy(plain + 1, run.text, run.n_text);
    size_t shown = run.n_text - (run.stats.finish == SUREFOOT_FINISH_FALLBACK ? 3 : 0);
    return holds(plain, shown + 1, phrase)
               ? law_violation("%s, seed %llu: '%.*s' holds '%s'", name, (unsigned long long)seed,
                               (int)shown + 1, plain, phrase)
               : NULL;
}
#define NEVER_SAID(phrase, wanted)                                                                 \
    do {                                                                                           \
        const char *v_ = never_said(__func__, seed, phrase, wanted);                               \
        if (v_) return v_;                                                                         \
    } while (0)
static const char *enough(uint64_t n, int wanted, const char *name) {
    return n < 100 || wanted > 10 ? NULL : law_violation("%s: the process never said it", name);
}

/* A phrase of several tokens in one block. */
const char *law_phrase_over_tokens(uint64_t n) {
    static const char *const phrase[] = {"abab", "ab", "ba.x", "a b", "xx"};
    int wanted = 0;
    for (uint64_t seed = 0; seed < n; seed++) {
        letters(&run, abx, N_ABX, seed);
        shape(&run, seed);
        if (run.policy.block < 8) run.policy.block = 8;
        run.toy.sharp = 1;
        run.n_predict = 24;
        run.prompt[0] = 3;
        NEVER_SAID(phrase[seed % 5], &wanted);
    }
    return enough(n, wanted, __func__);
}

/* Blocks shorter than the phrase: each of them is harmless. */
const char *law_phrase_over_blocks(uint64_t n) {
    static const char *const phrase[] = {"abab", "aab", "ba.x", "a b", "xax"};
    int wanted = 0;
    for (uint64_t seed = 0; seed < n; seed++) {
        letters(&run, abx, N_ABX, seed);
        shape(&run, seed);
        run.policy.block = 1 + (int)(seed / 2 % 2);
        run.toy.sharp = 1;
        run.n_predict = 24;
        run.prompt[0] = (int32_t)(seed / 5 % 5);
        NEVER_SAID(phrase[seed % 5], &wanted);
    }
    return enough(n, wanted, __func__);
}

/* The prompt holds the phrase's first letter. */
const char *law_phrase_over_prompt(uint64_t n) {
    static const char *const phrase[] = {"ab", "ax", "a.", "a ", "aa"};
    int wanted = 0;
    for (uint64_t seed = 0; seed < n; seed++) {
        letters(&run, abx, N_ABX, seed);
        shape(&run, seed);
        run.toy.sharp = 1;
        run.n_predict = 1 + (uint32_t)(seed % 3);
        run.prompt[0] = 0;
        NEVER_SAID(phrase[seed / 3 % 5], &wanted);
    }
    return enough(n, wanted, __func__);
}

/* The phrase's last letters begin a stop string: held back for the one, they complete the other. */
const char *law_phrase_over_stop(uint64_t n) {
    int wanted = 0, stopped = 0;
    for (uint64_t seed = 0; seed < n; seed++) {
        letters(&run, abx, N_ABX, seed);
        shape(&run, seed);
        run.stop[0] = "b.x";
        run.stop[1] = "xx";
        run.n_stop = 2;
        run.toy.sharp = 1;
        run.n_predict = 24;
        run.prompt[0] = (int32_t)(seed % 5);
        NEVER_SAID(seed % 2 ? "ab" : "bx", &wanted);
        stopped += run.stats.finish == SUREFOOT_FINISH_STOP;
    }
    if (n >= 100 && stopped < 10) return law_violation("%s: no stop string came", __func__);
    return enough(n, wanted, __func__);
}

/* The real lexicon as a cost model of the toy process. */
struct lexical {
    struct sf_cost base;
    struct sf_lexicon *x;
};
static size_t lex_bytes(const struct sf_cost *m) {
    SF_UNUSED(m);
    return sizeof(struct sf_lexicon_state);
}
static void lex_begin(const struct sf_cost *m, void *s) {
    SF_UNUSED(m);
    sf_lexicon_begin(s);
}
static surefoot_status lex_read(const struct sf_cost *m, void *s, const struct sf_piece *p,
                                struct sf_charges *out, surefoot_error *err) {
    SF_UNUSED(err);
    struct sf_sink sink = {.charges = out};
    sf_lexicon_read(((const struct lexical *)m)->x, s, p->bytes, p->n, p->boundary, &sink);
    return SUREFOOT_OK;
}
static surefoot_status lex_end(const struct sf_cost *m, void *s, struct sf_charges *out,
                               surefoot_error *err) {
    SF_UNUSED(err);
    struct sf_sink sink = {.charges = out};
    sf_lexicon_end(((const struct lexical *)m)->x, s, &sink);
    return SUREFOOT_OK;
}
static uint64_t lex_settled(const struct sf_cost *m, const void *s) {
    SF_UNUSED(m);
    return sf_lexicon_settled(s);
}
static size_t lex_hold(const struct sf_cost *m) {
    return sf_lexicon_hold(((const struct lexical *)m)->x);
}
static bool lexical(struct lexical *c, const char *phrases) {
    static const struct sf_cost_ops ops = {.kind = "lexicon",
                                           .state_bytes = lex_bytes,
                                           .begin = lex_begin,
                                           .read = lex_read,
                                           .end = lex_end,
                                           .settled = lex_settled,
                                           .hold_bytes = lex_hold};
    c->base.ops = &ops;
    return sf_lexicon_parse(&c->x, phrases, strlen(phrases), "law", false, NULL) == SUREFOOT_OK;
}

/* A word written with letters that look like its own, or with invisible ones between them, is the
 * word; read here by a list of disguises, not by the folding of the lexicon. */
static const char *disguised(const char *name, uint64_t n, const char *const *part,
                             const char *plain) {
    struct lexical c;
    int wanted = 0;
    if (!lexical(&c, "ab\nbab\n")) return "no lexicon";
    const char *v = NULL;
    for (uint64_t seed = 0; seed < n && !v; seed++) {
        char said[2][TOY_TEXT];
        size_t m[2];
        surefoot_finish f;
        letters(&run, part, 6, seed);
        shape(&run, seed);
        run.real = &c.base;
        run.toy.sharp = 1;
        run.n_predict = 12;
        run.prompt[0] = 5;
        run.cost.lie_at = 1 << 30; /* what the toy's own cost model would say does not count */
        run.cost.lie = TOY_FORGETS;
        m[0] = toy_plain(&run, said[0], &f);
        v = go(&run, name, seed);
        size_t fall = run.stats.finish != SUREFOOT_FINISH_FALLBACK ? 0 : run.stats.cuts ? 5 : 3;
        memcpy(said[1], run.text, m[1] = run.n_text - fall);
        for (int k = 0; k < 2 && !v; k++) {
            char text[TOY_TEXT + 2] = " ";
            size_t at = 1;
            for (size_t i = 0; i < m[k];) {
                int t = 0;
                while (t < 6 && (i + strlen(part[t]) > m[k] ||
                                 memcmp(said[k] + i, part[t], strlen(part[t])) != 0))
                    t++;
                if (t == 6) return law_violation("%s: text of no token", name);
                if (plain[t] != '-') text[at++] = plain[t];
                i += strlen(part[t]);
            }
            text[at++] = ' ';
            bool bad = holds(text, at, " ab ") || holds(text, at, " bab ");
            if (k == 0) wanted += bad;
            if (k == 1 && bad)
                v = law_violation("%s, seed %llu: '%.*s'", name, (unsigned long long)seed,
                                  (int)m[1], said[1]);
        }
    }
    sf_lexicon_free(c.x);
    return v ? v : enough(n, wanted, name);
}
const char *law_look_alike_letters(uint64_t n) { /* Cyrillic a, fullwidth a, mathematical b */
    static const char *const part[] = {"\xD0\xB0", "\xEF\xBD\x81", "\xF0\x9D\x90\x9B", "b", "x",
                                       " "};
    return disguised(__func__, n, part, "aabbx ");
}
const char *law_zero_width_letters(uint64_t n) { /* zero-width space, joiner, soft hyphen */
    static const char *const part[] = {"\xE2\x80\x8B", "a", "\xE2\x80\x8D", "b", "\xC2\xAD", " "};
    return disguised(__func__, n, part, "-a-b- ");
}

/* S of the real lexicon against every continuation of every short text. */
static const char *const bits[] = {"s", "a", "d", " ", "$", "\xE2\x80\x8B", "."};
struct grown { /* a text, what the lexicon said of it, and its state */
    struct sf_lexicon_state s;
    struct sf_charges c;
    char text[64];
    size_t n;
};
static void grow_by(const struct lexical *m, struct grown *to, const struct grown *from,
                    const char *more) {
    size_t k = strlen(more);
    *to = *from;
    memcpy(to->text + to->n, more, k);
    lex_read(&m->base, &to->s, &(struct sf_piece){.bytes = more, .n = k}, &to->c, NULL);
    to->n += k;
}
static int64_t before(const struct sf_charges *c, uint64_t s) {
    int64_t sum = 0;
    for (int i = 0; i < c->n; i++) sum += c->c[i].begin < s ? c->c[i].amount : 0;
    return sum;
}
static const char *continuations(const struct lexical *m, const struct grown *g, uint64_t s,
                                 int64_t known, int depth) {
    struct grown h = *g;
    lex_end(&m->base, &h.s, &h.c, NULL);
    if (before(&h.c, s) != known)
        return law_violation("lexicon_settles: S = %d, but '%.*s' is charged before it", (int)s,
                             (int)g->n, g->text);
    for (size_t b = 0; depth > 0 && b < SF_COUNT(bits); b++) {
        grow_by(m, &h, g, bits[b]);
        if (before(&h.c, s) != known || sf_lexicon_settled(&h.s) < s)
            return law_violation("lexicon_settles: S = %d, but '%.*s' is charged before it or S "
                                 "falls",
                                 (int)s, (int)h.n, h.text);
        const char *v = continuations(m, &h, s, known, depth - 1);
        if (v) return v;
    }
    return NULL;
}
static const char *short_texts(const struct lexical *m, const struct grown *g, int depth,
                               int more) {
    uint64_t s = sf_lexicon_settled(&g->s);
    const char *v = continuations(m, g, s, before(&g->c, s), more);
    struct grown h;
    if (v) return v;
    /* Ending the text at S adds nothing. */
    memset(&h, 0, sizeof h);
    sf_lexicon_begin(&h.s);
    char head[64] = "";
    memcpy(head, g->text, s);
    grow_by(m, &h, &h, head);
    lex_end(&m->base, &h.s, &h.c, NULL);
    if (before(&h.c, UINT64_MAX) != before(&g->c, s))
        return law_violation("lexicon_settles: ending '%.*s' at %d costs something else", (int)g->n,
                             g->text, (int)s);
    for (size_t b = 0; depth > 0 && b < SF_COUNT(bits); b++) {
        grow_by(m, &h, g, bits[b]);
        if ((v = short_texts(m, &h, depth - 1, more))) return v;
    }
    return NULL;
}
const char *law_lexicon_settles(uint64_t n) {
    struct lexical c;
    struct grown g;
    if (!lexical(&c, "sad\na d\t0.5\nas*\t0.25\nsad sad\t2\n")) return "no lexicon";
    memset(&g, 0, sizeof g);
    sf_lexicon_begin(&g.s);
    const char *v = short_texts(&c, &g, (int)n, 3);
    sf_lexicon_free(c.x);
    return v;
}

/* A stop string that cuts a harmless word down to a harmful one. */
const char *law_stop_makes_word(uint64_t n) {
    int stopped = 0;
    for (uint64_t seed = 0; seed < n; seed++) {
        letters(&run, abx, N_ABX, seed);
        shape(&run, seed);
        forbid(&run, TOY_WORD, "a", SF_COST_UNIT);
        forbid(&run, TOY_WORD, "ba", SF_COST_UNIT);
        run.stop[0] = "bx";
        run.stop[1] = seed % 2 ? "x " : "xa";
        run.n_stop = 2;
        run.toy.sharp = 1;
        run.prompt[0] = 3;
        GO(&run, seed);
        stopped += run.stats.finish == SUREFOOT_FINISH_STOP;
    }
    return n < 100 || stopped > 10 ? NULL : "stop_makes_word: no stop string came";
}

/* What costs exactly the budget is allowed, one millionth more is not. */
const char *law_exact_budget(uint64_t n) {
    static const char *const one[] = {"a", "b"};
    for (uint64_t seed = 0; seed < n; seed++) {
        letters(&run, one, 2, seed);
        shape(&run, seed);
        forbid(&run, TOY_PHRASE, "a", 250000);
        forbid(&run, TOY_PHRASE, "b", 250000);
        run.n_predict = 4;
        run.policy.budget = 1000000;
        strcpy(run.policy.fallback, "no");
        GO(&run, seed);
        MUST(run.n_text == 4 && run.stats.finish == SUREFOOT_FINISH_LENGTH);
        MUST(run.stats.spent == 1000000);
        run.policy.budget = 999999;
        GO(&run, seed);
        MUST(run.stats.finish != SUREFOOT_FINISH_LENGTH && run.stats.spent <= 750000);
    }
    return NULL;
}

/* A control token at the prompt's end is a role boundary: no phrase reaches across it. In the
 * answer a control token is no boundary: the text is what is shown. */
const char *law_role_boundary(uint64_t n) {
    static const char *const part[] = {"a", "b", ""};
    bool across = false;
    for (uint64_t seed = 0; seed < n; seed++) {
        letters(&run, part, 3, seed);
        shape(&run, seed);
        forbid(&run, TOY_PHRASE, "ab", SF_COST_UNIT);
        run.prompt[0] = 0;
        run.prompt[1] = 2;
        run.n_prompt = run.n_free = 2;
        run.cost.lie_at = 1 << 30; /* the price of the whole text does not know roles */
        run.cost.lie = TOY_FORGETS;
        GO(&run, seed);
        size_t shown = run.n_text - (run.stats.finish == SUREFOOT_FINISH_FALLBACK ? 3 : 0);
        across |= shown > 0 && run.text[0] == 'b';
        MUST(!holds(run.text, shown, "ab"));
    }
    return n < 100 || across ? NULL : "role_boundary: nothing begins with b";
}

/* An opening that the caller puts into the answer's turn is charged; a prompt is not. */
const char *law_opening(uint64_t n) {
    for (uint64_t seed = 0; seed < n; seed++) {
        letters(&run, abx, N_ABX, seed);
        shape(&run, seed);
        forbid(&run, TOY_PHRASE, "ab", SF_COST_UNIT);
        run.prompt[0] = 0;
        run.prompt[1] = 1;
        run.n_prompt = run.n_free = 2;
        GO(&run, seed);
        MUST(run.stats.finish != SUREFOOT_FINISH_CUT || run.n_text > 0);
        run.n_free = (size_t)(seed % 2);
        GO(&run, seed);
        MUST(run.n_text == 0 && run.stats.finish == SUREFOOT_FINISH_CUT);
    }
    return NULL;
}

/* A fallback text that would cost something where it lands is not shown. */
const char *law_fallback_in_place(uint64_t n) {
    for (uint64_t seed = 0; seed < n; seed++) {
        letters(&run, abx, 5, seed);
        shape(&run, seed);
        for (int i = 0; i < 4; i++) forbid(&run, TOY_PHRASE, abx[i], 5);
        run.toy.piece[3] = run.toy.piece[4] = "b";
        run.cost.phrase[3] = "xno"; /* only across the prompt's end, and within the budget */
        run.cost.weight[3] = 1;
        run.policy.budget = 2;
        run.prompt[0] = 2;
        strcpy(run.policy.fallback, "no");
        GO(&run, seed);
        MUST(run.n_text == 0 && run.stats.finish == SUREFOOT_FINISH_CUT);
        MUST(run.stats.fallbacks == 1);
    }
    return NULL;
}

/* A fallback text of the longest size, one token a byte: more tokens than any path holds. */
const char *law_long_fallback(uint64_t n) {
    static const char *const part[] = {"a", "o", "\n"};
    for (uint64_t seed = 0; seed < n; seed++) {
        letters(&run, part, 3, seed);
        shape(&run, seed);
        forbid(&run, TOY_PHRASE, "a", SF_COST_UNIT);
        run.toy.piece[2] = seed % 2 ? "\n" : "a";
        run.prompt[0] = 1;
        run.toy.nan_token = seed % 3 ? -1 : 1;
        run.toy.fail_with = SUREFOOT_E_NUMERIC;
        run.n_predict = 6;
        memset(run.policy.fallback, 'o', SF_POLICY_MAX_FALLBACK);
        GO(&run, seed);
        if (run.stats.finish != SUREFOOT_FINISH_FALLBACK) continue;
        MUST(run.n_text >= SF_POLICY_MAX_FALLBACK);
        for (size_t i = run.n_text - SF_POLICY_MAX_FALLBACK; i < run.n_text; i++)
            MUST(run.text[i] == 'o');
        if (run.stats.fallbacks) MUST(run.n_id == SF_POLICY_MAX_FALLBACK);
    }
    return NULL;
}

/* gamma in units of 1e-18 is the double's exact value, rounded up; tiny, huge and denormal ones. */
const char *law_gamma_rounds_up(uint64_t n) {
    static const struct {
        double gamma;
        uint64_t want;
    } exact[] = {{1, 1000000000000000000u},
                 {0.5, 500000000000000000u},
                 {0.75, 750000000000000000u},
                 {0x1p-18, 3814697265625u},
                 {0x1p-19, 1907348632813u},
                 {0x1.fffffffffffffp-1, 999999999999999889u},
                 {0.9, 900000000000000023u},
                 {0.999, 999000000000000000u},
                 {0.1, 100000000000000006u},
                 {0x1p-60, 1},
                 {0x1p-59, 2},
                 {1e-300, 1},
                 {4.9406564584124654e-324, 1}};
    SF_UNUSED(n);
    for (size_t i = 0; i < SF_COUNT(exact); i++)
        if (sf_safety_gamma(exact[i].gamma) != exact[i].want)
            return law_violation("gamma_rounds_up: %a is %llu, not %llu", exact[i].gamma,
                                 (unsigned long long)sf_safety_gamma(exact[i].gamma),
                                 (unsigned long long)exact[i].want);
    return NULL;
}
