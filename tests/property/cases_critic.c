/* SPDX-License-Identifier: MIT
 * cases_critic.c - the laws of a critic: it orders, it branches, it never vetoes, whatever it says.
 */
#include "cases.h"

static struct toy_run other;

static const enum toy_critic_kind hostile[] = {TOY_CONSTANT, TOY_NAN, TOY_NOISE, TOY_SWINGS};

/* Where nothing costs anything, no critic can end an answer: not by 0, not by NaN, not by chance. And
 * where something costs, what is left with z >= 0 is never dropped for its sake: with one candidate and
 * no retries, an answer that the guard alone would give is given. */
const char *law_critic_never_vetoes(uint64_t n) {
    uint64_t kept = 0;
    for (uint64_t seed = 0; seed < n; seed++) {
        letters(&run, abx, N_ABX, seed);
        shape(&run, seed / 4);
        toy_critic_init(&run.critic, hostile[seed % 4]);
        forbid(&run, TOY_PHRASE, "?", SF_COST_UNIT);
        run.n_predict = 20;
        GO(&run, seed);
        MUST(run.stats.cuts + run.stats.fallbacks == 0 && run.status == SUREFOOT_OK);
        MUST(run.stats.finish == SUREFOOT_FINISH_LENGTH || run.stats.finish == SUREFOOT_FINISH_EOS);
        kept += run.stats.kept_doubted;

        /* A dead end needs every candidate of its last round dropped by z < 0 or a failure. */
        letters(&run, abx, N_ABX, seed);
        shape(&run, seed / 4);
        forbid(&run, TOY_PHRASE, "ab", SF_COST_UNIT);
        run.policy.retries = 0;
        run.policy.candidates = run.policy.keep = 1;
        run.policy.mode = SUREFOOT_GUARD_FULL;
        other = run;
        toy_critic_init(&run.critic, hostile[seed % 4]);
        GO(&run, seed);
        GO(&other, seed);
        MUST(run.n_text == other.n_text && memcmp(run.text, other.text, run.n_text) == 0);
        MUST(run.stats.finish == other.stats.finish);
    }
    return n < 100 || kept > 100
               ? NULL
               : law_violation("critic_never_vetoes: %llu kept", (unsigned long long)kept);
}

/* All leaves of one block are drawn: of those with z >= 0 and f1 > tau the one with the largest f2 is
 * kept, found here by brute force; if there is none, the one with the largest f1. NaN is the least. */
const char *law_critic_orders(uint64_t n) {
    static const int shapes[][3] = {{2, 3, 8}, {2, 2, 4}, {2, 1, 2},
                                    {8, 1, 8}, {4, 1, 4}, {6, 1, 6}};
    static const char *const part[] = {"a", "b", "x", "y", "q", "r", "s", "t"};
    int doubted = 0, sure = 0, none = 0;
    for (uint64_t seed = 0; seed < n; seed++) {
        uint64_t s = seed * 0x9E3779B97F4A7C15u;
        const int *z = shapes[seed % 6];
        letters(&run, part, z[0], seed);
        run.toy.piece[run.toy.n_vocab++] = NULL;
        run.toy.enumerate = true;
        run.policy.mode = SUREFOOT_GUARD_FULL;
        run.policy.candidates = z[2];
        run.policy.block = z[1];
        run.policy.retries = 0;
        run.n_predict = (uint32_t)z[1] + 1; /* the leaves of the first block are unfinished */
        run.with_reward = true;             /* and this is not what decides */
        forbid(&run, TOY_PHRASE, part[(s >> 20) % 8], SF_COST_UNIT);
        forbid(&run, TOY_PHRASE, part[(s >> 30) % 8], SF_COST_UNIT);
        toy_critic_init(&run.critic, TOY_TOKENS);
        struct toy_critic *c = &run.critic;
        for (int v = 0; v < z[0]; v++) {
            c->token_f1[v] = seed % 5 == 4 && v % 2 ? NAN : (float)((s >> (3 * v)) % 8) / 8;
            c->token_f2[v] = seed % 7 == 6 && v % 3 ? NAN : (float)((s >> (2 * v + 9)) % 16) - 8;
        }
        if (seed % 3 == 0)
            for (int v = 0; v < z[0]; v++) c->token_f1[v] *= 0.5f;
        int best = -1;
        bool best_sure = false;
        for (int leaf = 0; leaf < z[2]; leaf++) {
            char text[8];
            int last = 0;
            for (int k = 0, x = leaf; k < z[1]; k++, x /= z[0]) text[k] = part[last = x % z[0]][0];
            if (toy_price(&run.cost, text, (size_t)z[1], 0, SIZE_MAX) > 0) continue;
            float f1 = c->token_f1[last], f2 = c->token_f2[last];
            bool is_sure = f1 > 0.5f, better = best < 0;
            if (best >= 0) {
                int b = best;
                for (int k = 1; k < z[1]; k++) b /= z[0];
                float g1 = c->token_f1[b % z[0]], g2 = c->token_f2[b % z[0]];
                float mine = is_sure ? f2 : f1, its = is_sure ? g2 : g1;
                if (is_sure != best_sure)
                    better = is_sure;
                else
                    better = !isnan(mine) && (isnan(its) || mine > its);
            }
            if (better) best = leaf, best_sure = is_sure;
        }
        GO(&run, seed);
        none += best < 0;
        if (best < 0) {
            MUST(run.n_id == 0 || run.stats.finish == SUREFOOT_FINISH_FALLBACK);
            continue;
        }
        sure += best_sure;
        doubted += !best_sure;
        MUST(run.n_id >= (size_t)z[1]);
        for (int k = 0, x = best; k < z[1]; k++, x /= z[0]) MUST(run.id[k] == x % z[0]);
        MUST((run.stats.kept_doubted > 0) == !best_sure);
    }
    return n < 100 || (sure && doubted && none) ? NULL : "critic_orders: a case is missing";
}

/* Calm: with f1 >= tau_high and nothing charged, a token is delivered as soon as the critic has seen it,
 * and the text is the unguarded one. Below tau_high, or after a charge, candidate 0 runs d ahead. */
const char *law_critic_is_calm(uint64_t n) {
    int calm = 0, wary = 0;
    for (uint64_t seed = 0; seed < n; seed++) {
        static const char *const part[] = {"a", "b", "c", "d"};
        letters(&run, part, 4, seed);
        shape(&run, seed);
        run.policy.mode = SUREFOOT_GUARD_LAZY;
        run.policy.w_calm = -1;
        run.policy.budget = 100 * SF_COST_UNIT;
        forbid(&run, TOY_PHRASE, seed % 2 ? "?" : "a", SF_COST_UNIT);
        toy_critic_init(&run.critic, TOY_CONSTANT);
        run.critic.f1 = seed % 3 == 0 ? 0.6f : 0.75f;
        if (seed % 5 == 0) run.policy.threshold_high = seed % 3 == 0 ? 0.55 : 0.9;
        double high = seed % 5 == 0 ? run.policy.threshold_high : 0.75;
        bool is_calm = (double)run.critic.f1 >= high;
        run.n_predict = 40;
        GO(&run, seed);
        MUST(run.stats.branches == 0 && run.stats.finish == SUREFOOT_FINISH_LENGTH);
        size_t first = run.n_id; /* charged from here on */
        for (size_t i = run.n_id; i-- > 0;)
            if (seed % 2 == 0 && run.id[i] == 0) first = i;
        size_t at = 0;
        for (int e = 0; e < run.n_mark; e++) {
            at = run.mark[e]; /* one letter is one token */
            if (run.drawn[e] >= run.n_predict) break;
            /* it was drawn, the critic has seen it, and one more was drawn */
            if (is_calm && at <= first) MUST(run.drawn[e] == at + 1);
            if (!is_calm || at > first + 1)
                MUST(run.drawn[e] == at + (uint64_t)run.policy.block + 1);
            calm += is_calm && at <= first;
            wary += !is_calm || at > first + 1;
        }
    }
    return n < 100 || (calm > 100 && wary > 100) ? NULL : "critic_is_calm: a case is missing";
}

/* f1 <= tau at candidate 0's last token begins a search, in which it goes on. */
const char *law_critic_branches(uint64_t n) {
    static const char *const part[] = {"a", "b", "c", "d"};
    uint64_t doubts = 0;
    for (uint64_t seed = 0; seed < n; seed++) {
        /* One candidate: whatever the critic says, the text is the model's own. */
        surefoot_finish f;
        static char text[TOY_TEXT];
        letters(&run, part, 4, seed);
        shape(&run, seed);
        run.policy.mode = SUREFOOT_GUARD_LAZY;
        run.policy.candidates = 1;
        run.policy.keep = 1;
        run.policy.retries = 0;
        forbid(&run, TOY_PHRASE, "?", SF_COST_UNIT);
        toy_critic_init(&run.critic, hostile[seed % 4]);
        GO(&run, seed);
        size_t m = toy_plain(&run, text, &f);
        MUST(run.n_text == m && memcmp(text, run.text, m) == 0);
        /* Many: no token that the critic doubts is delivered while there are others. */
        letters(&run, part, 4, seed);
        shape(&run, seed);
        run.policy.mode = SUREFOOT_GUARD_LAZY;
        run.policy.candidates = 8;
        run.policy.keep = 1;
        run.policy.block = 1;
        run.policy.branch_temp = 2;
        forbid(&run, TOY_PHRASE, "?", SF_COST_UNIT);
        toy_critic_init(&run.critic, TOY_TOKENS);
        for (int v = 0; v < 4; v++) run.critic.token_f1[v] = v == 1 ? 0.4f : 0.6f;
        GO(&run, seed);
        doubts += run.stats.doubts;
        MUST(run.stats.doubts == run.stats.branches);
        size_t bad = 0;
        for (size_t i = 0; i + 1 < run.n_id; i++) bad += run.id[i] == 1;
        MUST(bad <= run.stats.kept_doubted);
    }
    return n < 100 || doubts > n ? NULL : "critic_branches: it hardly ever did";
}

/* The critic is told what is left of the budget: f1 = z <= tau begins searches once half is spent. */
const char *law_critic_sees_z(uint64_t n) {
    static const char *const part[] = {"a"};
    for (uint64_t seed = 0; seed < n; seed++) {
        letters(&run, part, 1, seed);
        shape(&run, seed);
        run.policy.mode = SUREFOOT_GUARD_LAZY;
        run.policy.block = 1;
        run.policy.candidates = 1;
        run.policy.keep = 1;
        run.policy.retries = 0;
        run.policy.budget = 10;
        run.n_predict = 10;
        forbid(&run, TOY_PHRASE, "a", 1);
        toy_critic_init(&run.critic, TOY_SEES_Z);
        GO(&run, seed);
        /* after 5 of 10: z / d0 = 0.5; the last token is not asked about */
        MUST(run.n_id == 10 && run.stats.doubts == 5);
        run.policy.budget = 0; /* of nothing all is left */
        run.cost.phrase[0] = "?";
        GO(&run, seed);
        MUST(run.n_id == 10 && run.stats.doubts == 0);
    }
    return NULL;
}

/* g(j, v): a retry is kept away from the tokens that the critic failed, at their places. */
const char *law_critic_penalties(uint64_t n) {
    uint64_t kept[2] = {0, 0};
    for (uint64_t seed = 0; seed < n; seed++)
        for (int on = 0; on < 2; on++) {
            letters(&run, abx, 5, seed);
            forbid(&run, TOY_PHRASE, "?", SF_COST_UNIT);
            run.toy.sharp = 6;
            run.policy.candidates = 2;
            run.policy.block = 1;
            run.policy.retries = 1;
            run.policy.beta = on ? 8 : 0;
            toy_critic_init(&run.critic, TOY_TOKENS);
            for (int v = 2; v < 5; v++) run.critic.token_f1[v] = 0.9f; /* not a, not b */
            GO(&run, seed);
            kept[on] += run.stats.kept_doubted;
        }
    return n < 100 || kept[1] * 4 < kept[0] * 3
               ? NULL
               : law_violation("critic_penalties: %llu kept in doubt, %llu without",
                               (unsigned long long)kept[1], (unsigned long long)kept[0]);
}

/* A critic that knows where dead ends begin leads round them: after "b" everything costs, after any
 * other letter nothing does. */
const char *law_critic_helps(uint64_t n) {
    static const char *const part[] = {"a", "b", "x"};
    static const char *const phrase[] = {"ba", "bb", "bx"};
    uint64_t dead[2] = {0, 0};
    for (uint64_t seed = 0; seed < n; seed++)
        for (int on = 0; on < 2; on++) {
            letters(&run, part, 3, seed);
            for (int k = 0; k < 3; k++) forbid(&run, TOY_PHRASE, phrase[k], SF_COST_UNIT);
            run.policy.mode = seed % 2 ? SUREFOOT_GUARD_FULL : SUREFOOT_GUARD_LAZY;
            run.policy.candidates = 4;
            run.policy.block = 1;
            run.policy.retries = 0;
            run.policy.w_calm = 0;
            run.toy.sharp = 1;
            run.n_predict = 20;
            toy_critic_init(&run.critic, on ? TOY_TOKENS : TOY_NO_CRITIC);
            for (int v = 0; v < 3; v++) run.critic.token_f1[v] = v == 1 ? 0.01f : 0.99f;
            run.prompt[0] = 0;
            GO(&run, seed);
            dead[on] += run.stats.cuts + run.stats.fallbacks;
        }
    return n < 100 || dead[1] * 3 < dead[0]
               ? NULL
               : law_violation("critic_helps: %llu dead ends, %llu without a critic",
                               (unsigned long long)dead[1], (unsigned long long)dead[0]);
}
