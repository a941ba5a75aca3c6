/* SPDX-License-Identifier: MIT
 * cases_text.c - laws about text and charges; see cases.c.
 */
#include "cases.h"

/* A phrase in pieces: over tokens, over blocks, over the prompt's end. */
const char *law_split_phrase(uint64_t n) {
    static const char *const phrase[] = {"abab", "ab", "ba.x", "a b", "xx"};
    int wanted = 0;
    for (uint64_t seed = 0; seed < n; seed++) {
        char plain[TOY_TEXT];
        surefoot_finish f;
        letters(&run, abx, N_ABX, seed);
        shape(&run, seed);
        forbid(&run, TOY_PHRASE, phrase[seed % 5], SF_COST_UNIT);
        run.toy.sharp = 1;
        run.n_predict = 24;
        run.prompt[0] = (int32_t)(seed / 5 % 5);
        size_t m = toy_plain(&run, plain + 1, &f);
        plain[0] = abx[run.prompt[0]][0];
        wanted += holds(plain, m + 1, phrase[seed % 5]);
        GO(&run, seed);
        memcpy(plain + 1, run.text, run.n_text);
        size_t shown = run.n_text - (run.stats.finish == SUREFOOT_FINISH_FALLBACK ? 3 : 0);
        MUST(!holds(plain, shown + 1, phrase[seed % 5]));
    }
    return n < 100 || wanted > 10 ? NULL : "split_phrase: the process never said it";
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
