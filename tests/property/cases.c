/* SPDX-License-Identifier: MIT
 * cases.c - the laws one by one, each with a process made for it, so that its failure has a name:
 * the search, its faults and its books. What concerns text and charges is in cases_text.c.
 */
#include "cases.h"

static struct toy_run other;

/* Every continuation is unsafe: nothing but the fallback is ever shown. */
const char *law_unsafe_everywhere(uint64_t n) {
    for (uint64_t seed = 0; seed < n; seed++) {
        letters(&run, abx, 5, seed);
        shape(&run, seed);
        for (int i = 0; i < 4; i++) forbid(&run, TOY_PHRASE, abx[i], 1);
        run.toy.piece[4] = "b";
        strcpy(run.policy.fallback, "no");
        GO(&run, seed);
        MUST(run.n_text == 2 && memcmp(run.text, "no", 2) == 0);
        MUST(run.stats.finish == SUREFOOT_FINISH_FALLBACK && run.stats.fallbacks == 1);
        MUST(run.status == SUREFOOT_OK);
    }
    return NULL;
}

/* All leaves of one block are drawn: `full` keeps the best safe one, found here by brute force. */
const char *law_best_leaf(uint64_t n) {
    static const int shapes[][3] = {{2, 3, 8}, {2, 2, 4}, {2, 1, 2},
                                    {8, 1, 8}, {4, 1, 4}, {6, 1, 6}};
    static const char *const part[] = {"a", "b", "ab", "x", "ba", "aa", "bx", "."};
    static const char *const phrase[] = {"a", "b", "ab", "aa", "ba", "aba", "bab", "xa", "bb"};
    int lonely = 0, none = 0;
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
        run.n_predict = (uint32_t)z[1];
        run.with_reward = true;
        run.reward.nan = seed % 4 == 3;
        run.policy.budget = (int64_t)(seed % 3) * SF_COST_UNIT / 2;
        run.prompt[0] = (int32_t)((s >> 40) % (unsigned)z[0]);
        for (int k = 0; k < 3; k++)
            forbid(&run, seed % 2 ? TOY_WORD : TOY_PHRASE, phrase[(s >> (8 * k + 8)) % 9],
                   SF_COST_UNIT / 2);
        int best = -1, safe = 0;
        double value = 0;
        char text[64], want[64] = "";
        size_t n0 = strlen(run.toy.piece[run.prompt[0]]), n_want = 0;
        memcpy(text, run.toy.piece[run.prompt[0]], n0);
        for (int leaf = 0; leaf < z[2]; leaf++) {
            size_t m = n0;
            int reward = 0;
            for (int k = 0, x = leaf; k < z[1]; k++, x /= z[0]) {
                const char *p = run.toy.piece[x % z[0]];
                memcpy(text + m, p, strlen(p));
                m += strlen(p);
            }
            for (size_t i = n0; i < m; i++) reward += text[i] == 'a';
            double v = run.reward.nan && reward % 2 ? (double)NAN : reward;
            if (toy_price(&run.cost, text, m, n0, SIZE_MAX) > run.policy.budget) continue;
            safe++;
            if (best >= 0 && (isnan(v) || (!isnan(value) && v <= value))) continue;
            best = leaf;
            value = v;
            n_want = m - n0;
            memcpy(want, text + n0, n_want);
        }
        none += safe == 0;
        lonely += safe == 1;
        GO(&run, seed);
        if (best < 0) {
            MUST(run.stats.finish == SUREFOOT_FINISH_FALLBACK);
            continue;
        }
        MUST(run.stats.finish == SUREFOOT_FINISH_LENGTH);
        MUST(run.n_text == n_want && memcmp(run.text, want, n_want) == 0);
    }
    return n < 100 || (lonely > 0 && none > 0) ? NULL : "best_leaf: no case with one safe leaf";
}

/* No logits are finite after some token, or ever. */
const char *law_nan_logits(uint64_t n) {
    for (uint64_t seed = 0; seed < n; seed++) {
        letters(&run, abx, N_ABX, seed);
        shape(&run, seed);
        forbid(&run, TOY_PHRASE, "xx", SF_COST_UNIT);
        run.toy.nan_token = (int)(seed % 5);
        run.prompt[0] = seed % 3 ? 0 : run.toy.nan_token;
        run.toy.fail_with = SUREFOOT_E_NUMERIC;
        GO(&run, seed);
        if (run.prompt[0] == run.toy.nan_token) {
            MUST(run.status == SUREFOOT_E_NUMERIC);
            MUST(run.stats.finish == SUREFOOT_FINISH_FALLBACK && run.n_text == 3);
        }
        for (size_t i = 0; i + 1 < run.n_id; i++) MUST(run.id[i] != run.toy.nan_token);
    }
    return NULL;
}

/* The cost model fails at its k-th call and from then on, for every k. */
const char *law_failing_cost(uint64_t n) {
    for (uint64_t seed = 0; seed < n; seed++)
        for (int k = 0, calls = 1; k <= calls; k++) {
            letters(&run, abx, N_ABX, seed);
            shape(&run, seed * 7);
            run.n_predict = 10;
            forbid(&run, seed % 2 ? TOY_WORD : TOY_PHRASE, "ab", SF_COST_UNIT);
            run.cost.lie = TOY_FAILS;
            run.cost.lie_at = k == 0 ? 1 << 30 : k - 1;
            GO(&run, seed);
            if (k == 0) {
                calls = run.calls;
                other = run;
                continue;
            }
            /* One failure more: no answer that is not also safe, and never a fallback unread. */
            if (run.stats.finish == SUREFOOT_FINISH_CUT) MUST(run.status != SUREFOOT_OK);
            if (k == 1) MUST(run.n_text == 0);
        }
    return NULL;
}

/* A cost model that breaks its own contract from its first call in the answer on. */
const char *law_lying_cost(uint64_t n) {
    for (uint64_t seed = 0; seed < n; seed++)
        for (int lie = TOY_FAILS; lie <= TOY_INFINITE; lie++) {
            letters(&run, abx, 5, seed);
            shape(&run, seed);
            forbid(&run, TOY_PHRASE, "ab", SF_COST_UNIT);
            run.cost.lie = lie;
            run.policy.budget = 1000; /* small charges are allowed, lies are not */
            run.cost.lie_at = 1;
            run.prompt[0] = 2;
            GO(&run, seed);
            bool caught = run.n_id == 0 || run.status != SUREFOOT_OK;
            if (!(caught || lie == TOY_NEGATIVE || lie == TOY_FORGETS || lie == TOY_S_FALLS))
                return law_violation("lying_cost, seed %llu: lie %d is believed: %d",
                                     (unsigned long long)seed, lie, run.stats.finish);
            if (lie == TOY_FAILS || lie == TOY_S_AHEAD || lie == TOY_OVERFLOW ||
                lie == TOY_INFINITE)
                MUST(run.n_id == 0);
        }
    return NULL;
}

/* Beams whose block cannot be kept, because the cost model says something else when it is asked
 * again or a fork fails, are lost: none of them is drawn on, past its size, later. */
const char *law_lost_beams(uint64_t n) {
    static const int lies[] = {TOY_LATE_CHARGE, TOY_FORGETS, TOY_FAILS};
    for (uint64_t seed = 0; seed < n; seed++)
        for (int k = 4; k < 80; k += 3) {
            letters(&run, abx, N_ABX, seed);
            forbid(&run, TOY_PHRASE, "xx", SF_COST_UNIT / 2);
            run.policy.mode = SUREFOOT_GUARD_FULL;
            run.policy.candidates = 2 + 2 * (int)(seed % 2);
            run.policy.keep = 2;
            run.policy.lag = (int)(seed / 2 % 3);
            run.policy.block = 1 + (int)(seed / 6 % 3);
            run.policy.budget = 2 * SF_COST_UNIT;
            run.n_predict = 24;
            if (seed % 4) {
                run.cost.lie = lies[seed % 3];
                run.cost.lie_at = k;
            } else {
                run.toy.fail_fork = k;
                run.toy.fail_with = SUREFOOT_E_FAILED;
            }
            GO(&run, seed);
        }
    return NULL;
}

/* Ctrl-C at every poll; a client lost at every delivery; a step that fails at every k. */
const char *law_stops_anywhere(uint64_t n) {
    int tries[4] = {0};
    for (uint64_t seed = 0; seed < n; seed++)
        for (int how = 0; how < 4; how++)
            for (int k = -1, most = 0; k < most; k++) {
                letters(&run, abx, N_ABX, seed);
                shape(&run, seed * 5);
                forbid(&run, seed % 2 ? TOY_WORD : TOY_PHRASE, "ab", SF_COST_UNIT);
                run.n_predict = 12;
                run.toy.fail_with = how == 2 ? SUREFOOT_E_ABORTED : SUREFOOT_E_CONTEXT;
                if (k >= 0) {
                    if (how == 0) run.toy.abort_at = k;
                    if (how == 1) run.lose_client = k;
                    if (how >= 2) run.toy.fail_step = k;
                }
                GO(&run, seed);
                if (k < 0) {
                    other = run;
                    most = (int)(how == 0   ? run.toy.polls
                                 : how == 1 ? (uint64_t)run.n_mark
                                            : run.toy.steps);
                    tries[how] += most;
                    continue;
                }
                MUST(run.stats.finish ==
                     (how == 3 ? SUREFOOT_FINISH_CONTEXT : SUREFOOT_FINISH_ABORTED));
                MUST(run.status == (how == 0 || how == 2 ? SUREFOOT_E_ABORTED : SUREFOOT_OK));
                MUST(run.n_text <= other.n_text);
                MUST(memcmp(run.text, other.text, run.n_text) == 0);
                bool mark = run.n_text == 0;
                for (int i = 0; i < other.n_mark; i++) mark |= other.mark[i] == run.n_text;
                MUST(mark);
            }
    for (int how = 0; how < 4; how++) /* a guard that never asks cannot be stopped */
        if (n >= 20 && tries[how] < (int)n)
            return law_violation("stops_anywhere: too few places to stop it (%d)", how);
    return NULL;
}

/* Deadlines from shorter than one step to longer than the answer. */
const char *law_deadlines(uint64_t n) {
    int stopped = 0, missed = 0;
    for (uint64_t seed = 0; seed < n; seed++) {
        letters(&run, abx, N_ABX, seed);
        shape(&run, seed);
        forbid(&run, TOY_PHRASE, "ab", SF_COST_UNIT);
        forbid(&run, TOY_PHRASE, "x", SF_COST_UNIT);
        run.policy.block = 8;
        run.toy.tick = 1;
        run.policy.deadline_ms = seed % 4 == 0 ? 1 : (int)(seed % 7) * 1500;
        GO(&run, seed);
        stopped += run.stats.finish == SUREFOOT_FINISH_DEADLINE;
        missed += run.stats.deadline_misses > 0;
    }
    return n < 100 || (stopped > 0 && missed > 0) ? NULL : "deadlines: none was met";
}

/* Ctrl-C as soon as b bytes are delivered, for every b: the text ends at the next rest, if not at
 * its own end, and is the beginning of what it would have been. */
const char *law_interrupt_at_every_byte(uint64_t n) {
    int stopped = 0;
    for (uint64_t seed = 0; seed < n; seed++)
        for (int b = -1, most = 0; b <= most; b++) {
            letters(&run, abx, N_ABX, seed);
            shape(&run, seed * 5);
            forbid(&run, seed % 2 ? TOY_WORD : TOY_PHRASE, "ab", SF_COST_UNIT);
            run.toy.piece[3] = "\xC3\xA9x";
            run.n_predict = 12;
            run.abort_byte = b;
            if (b >= 0) run.toy.fail_with = SUREFOOT_E_ABORTED;
            if (b == 0) run.toy.abort_at = 0;
            GO(&run, seed);
            if (b < 0) {
                other = run;
                most = (int)run.n_text;
                continue;
            }
            bool ended = run.stats.finish == other.stats.finish && run.n_text == other.n_text;
            stopped += run.stats.finish == SUREFOOT_FINISH_ABORTED;
            MUST(run.stats.finish == SUREFOOT_FINISH_ABORTED || ended);
            MUST(run.n_text >= (size_t)b || ended);
            MUST(run.n_text <= other.n_text && memcmp(run.text, other.text, run.n_text) == 0);
            if (b == 0) MUST(run.n_id <= 1 || ended); /* what needs no step is not asked */
        }
    return n < 20 || stopped > (int)n ? NULL : "interrupt_at_every_byte: it never stopped a text";
}

/* No time at all: every decision finds its deadline over. */
const char *law_deadline_zero(uint64_t n) {
    int stopped = 0;
    for (uint64_t seed = 0; seed < n; seed++) {
        letters(&run, abx, N_ABX, seed);
        shape(&run, seed);
        forbid(&run, TOY_PHRASE, "ab", SF_COST_UNIT);
        run.policy.deadline_ms = 1;
        run.toy.tick = 1000;
        GO(&run, seed);
        stopped += run.stats.finish == SUREFOOT_FINISH_DEADLINE;
        run.toy.clock = 0;
        run.policy.deadline_ms = 0; /* none: the same as without a clock */
        GO(&run, seed);
        MUST(run.stats.finish != SUREFOOT_FINISH_DEADLINE && run.stats.deadline_misses == 0);
    }
    return n < 100 || stopped > 0 ? NULL : "deadline_zero: it never stopped a text";
}

/* One setting at its least, all others in turn. */
static const char *least(const char *name, uint64_t n, int which) {
    for (uint64_t seed = 0; seed < n; seed++) {
        letters(&run, abx, N_ABX, seed);
        shape(&run, seed);
        if (which == 0) run.policy.candidates = run.policy.keep = 1;
        if (which == 1) run.policy.block = 1;
        run.policy.budget = which == 2 ? 0 : SF_COST_UNIT;
        forbid(&run, (enum toy_kind)(seed % 3), "ab", which == 2 ? 1 : SF_COST_UNIT);
        const char *v = go(&run, name, seed);
        if (v) return v;
        if (run.stats.spent > run.policy.budget)
            return law_violation("%s, seed %llu: over budget", name, (unsigned long long)seed);
    }
    return NULL;
}
const char *law_one_candidate(uint64_t n) {
    return least(__func__, n, 0);
}
const char *law_one_token_blocks(uint64_t n) {
    return least(__func__, n, 1);
}
const char *law_budget_zero(uint64_t n) {
    return least(__func__, n, 2);
}

/* An allocator that fails once the guard is open changes no result. */
const char *law_failing_allocator(uint64_t n) {
    for (uint64_t seed = 0; seed < n; seed++) {
        law_random(&run, seed);
        other = run;
        other.no_memory = false;
        if (!toy_go(&run)) continue;
        toy_go(&other);
        MUST(run.failed_allocs == 0 && run.status == other.status);
        MUST(run.n_text == other.n_text && memcmp(run.text, other.text, run.n_text) == 0);
        MUST(run.stats.evals == other.stats.evals && run.stats.finish == other.stats.finish);
    }
    return NULL;
}

/* The smallest search and no budget at all. */
const char *law_smallest(uint64_t n) {
    for (uint64_t seed = 0; seed < n; seed++) {
        letters(&run, abx, N_ABX, seed);
        run.policy.mode = seed % 2 ? SUREFOOT_GUARD_FULL : SUREFOOT_GUARD_LAZY;
        run.policy.candidates = run.policy.block = 1;
        run.policy.retries = (int)(seed / 2 % 3);
        forbid(&run, (enum toy_kind)(seed % 3), "ab", 1);
        GO(&run, seed);
        MUST(run.stats.spent == 0);
    }
    return NULL;
}

/* The same seed gives the same answer, also by a guard that has answered before. */
const char *law_repeats(uint64_t n) {
    for (uint64_t seed = 0; seed < n; seed++) {
        law_random(&run, seed);
        if (run.cost.lie_at >= 0 || run.toy.fail_with || run.lose_client >= 0) continue;
        run.policy.deadline_ms = 0;
        other = run;
        if (!toy_go(&run)) continue;
        other.answers = 3;
        other.others = seed % 2;
        other.toy.fail_step = -1;
        toy_go(&other);
        MUST(run.n_text == other.n_text && memcmp(run.text, other.text, run.n_text) == 0);
        MUST(run.stats.evals == other.stats.evals && run.stats.finish == other.stats.finish);
    }
    return NULL;
}

/* All texts of up to `depth` more bytes: a charge that starts before S was made before S said so,
 * and ending at S adds none. */
static const char *grow(const struct toy_cost *c, char *text, size_t n, size_t settled,
                        int64_t known, int depth) {
    int64_t now = toy_price(c, text, n, 0, settled);
    if (n >= settled && now > known)
        return law_violation("settled: S = %zu of '%.*s' hides a charge", settled, (int)n, text);
    for (const char *b = "abx. "; depth > 0 && *b; b++) {
        text[n] = *b;
        const char *v = grow(c, text, n + 1, settled, known, depth - 1);
        if (v) return v;
    }
    return NULL;
}
static const char *all_texts(const struct toy_cost *c, char *text, size_t n, int depth) {
    const struct sf_cost *m = &c->base;
    _Alignas(16) unsigned char state[256];
    struct sf_charges got = {0};
    m->ops->begin(m, state);
    for (size_t i = 0; i < n; i++)
        m->ops->read(m, state, &(struct sf_piece){.bytes = text + i, .n = 1, .token = -1}, &got,
                     NULL);
    size_t s = (size_t)m->ops->settled(m, state);
    int64_t known = 0;
    for (int i = 0; i < got.n; i++) known += got.c[i].begin < s ? got.c[i].amount : 0;
    if (toy_price(c, text, s, 0, SIZE_MAX) > known)
        return law_violation("settled: ending '%.*s' at S = %zu costs more", (int)n, text, s);
    char more[64];
    memcpy(more, text, n);
    const char *v = grow(c, more, n, s, known, 4);
    for (const char *b = "abx. "; !v && depth > 0 && *b; b++) {
        text[n] = *b;
        v = all_texts(c, text, n + 1, depth - 1);
    }
    return v;
}
const char *law_settled_length(uint64_t n) {
    static const char *const phrase[][3] = {{"ab", "xa", "aab"}, {"aba", "b.a", ". "}};
    int calls = 0;
    for (uint64_t i = 0; i < 2; i++)
        for (int kind = TOY_PHRASE; kind <= TOY_SEGMENT; kind++) {
            char text[64];
            toy_run_init(&run);
            run.cost.calls = &calls;
            for (int k = 0; k < 3; k++) forbid(&run, kind, phrase[kind == TOY_WORD ? 0 : i][k], 1);
            const char *v = all_texts(&run.cost, text, 0, (int)n);
            if (v) return v;
        }
    return NULL;
}

/* Penalties turn retries away from what failed: fewer dead ends than without. */
const char *law_penalties_help(uint64_t n) {
    uint64_t dead[2] = {0, 0};
    for (uint64_t seed = 0; seed < n; seed++)
        for (int on = 0; on < 2; on++) {
            letters(&run, abx, 5, seed);
            forbid(&run, TOY_PHRASE, "a", SF_COST_UNIT);
            forbid(&run, TOY_PHRASE, "b", SF_COST_UNIT);
            run.toy.sharp = 6;
            run.policy.candidates = 2;
            run.policy.block = 3;
            run.policy.retries = 1;
            run.policy.beta = on ? 8 : 0;
            GO(&run, seed);
            dead[on] += run.stats.cuts + run.stats.fallbacks;
        }
    return n < 100 || dead[1] * 4 < dead[0] * 3
               ? NULL
               : law_violation("penalties_help: %llu dead ends, %llu without",
                               (unsigned long long)dead[1], (unsigned long long)dead[0]);
}

/* Only taking back held tokens leads out: the word is complete and whatever follows proves it. */
const char *law_revoke_helps(uint64_t n) {
    static const char *const part[] = {"a", " ", ".", "x"};
    uint64_t dead[2] = {0, 0}, taken = 0;
    for (uint64_t seed = 0; seed < n; seed++)
        for (int on = 0; on < 2; on++) {
            letters(&run, part, 4, seed);
            forbid(&run, TOY_WORD, "a", SF_COST_UNIT);
            forbid(&run, TOY_WORD, "ax", SF_COST_UNIT);
            run.policy.mode = SUREFOOT_GUARD_FULL;
            run.policy.candidates = 2;
            run.policy.block = 1;
            run.policy.retries = on;
            run.n_predict = 8;
            run.prompt[0] = 1;
            GO(&run, seed);
            dead[on] += run.stats.cuts + run.stats.fallbacks;
            taken += run.stats.revoked;
        }
    return n < 100 || (taken > 0 && dead[1] < dead[0])
               ? NULL
               : law_violation("revoke_helps: %llu dead ends, %llu without, %llu revoked",
                               (unsigned long long)dead[1], (unsigned long long)dead[0],
                               (unsigned long long)taken);
}

/* What was delivered stays settled when the tokens that proved it are taken back. */
const char *law_revoke_settles(uint64_t n) {
    static const char *const part[] = {"a", " ", "b", " a"};
    uint64_t taken = 0;
    for (uint64_t seed = 0; seed < n; seed++) {
        letters(&run, part, 4, seed);
        run.toy.sharp = 1;
        forbid(&run, TOY_WORD, "ab", 3 * SF_COST_UNIT);
        forbid(&run, TOY_WORD, "abb", SF_COST_UNIT);
        run.policy.mode = seed % 2 ? SUREFOOT_GUARD_FULL : SUREFOOT_GUARD_LAZY;
        run.policy.w_calm = 0;
        run.policy.budget = (int64_t)(1 + seed % 2) * SF_COST_UNIT;
        run.policy.candidates = 1 + (int)(seed / 4 % 3);
        run.policy.block = 1 + (int)(seed / 12 % 3);
        run.policy.retries = 1;
        run.prompt[0] = 1;
        run.toy.tick = 1; /* a search that ends early may end before it has settled again */
        run.policy.deadline_ms = 1000 * (int)(seed / 36 % 6);
        GO(&run, seed);
        taken += run.stats.revoked;
    }
    return n < 100 || taken > 0 ? NULL : "revoke_settles: nothing was revoked";
}

/* scope = conversation: what one answer spent is missing in the next. */
const char *law_conversation(uint64_t n) {
    static const char *const one[] = {"a"};
    for (uint64_t seed = 0; seed < n; seed++) {
        letters(&run, one, 1, seed);
        shape(&run, seed);
        forbid(&run, TOY_PHRASE, "a", 1);
        run.n_predict = 3;
        run.policy.budget = 3;
        run.answers = 2;
        GO(&run, seed);
        MUST(run.stats.spent == 3 && run.n_id == 3);
        run.policy.scope_conversation = true;
        run.cost.lie_at = 1 << 30;
        run.cost.lie = TOY_FORGETS;
        toy_go(&run);
        MUST(run.n_id == 0 && run.stats.spent == 3);
    }
    return NULL;
}

/* A cost model that settles too late: more than d tokens, or too many bytes, are unsafe. */
const char *law_lag(uint64_t n) {
    static char longest[SF_GUARD_MAX_HOLD / 3];
    memset(longest, 'a', sizeof longest - 1);
    for (uint64_t seed = 0; seed < n; seed++) {
        const char *const part[] = {"a", "ab"};
        letters(&run, part, 2, seed);
        shape(&run, seed);
        forbid(&run, TOY_SEGMENT, "", SF_COST_UNIT); /* settles after 24 bytes */
        run.n_predict = 40;
        GO(&run, seed);
        if (run.policy.block <= 8) MUST(run.n_id == 0);
        const char *const bytes[] = {longest, longest};
        letters(&run, bytes, 2, seed);
        shape(&run, seed);
        forbid(&run, TOY_PHRASE, "x", SF_COST_UNIT);
        run.cost.lie = TOY_STUCK;
        run.policy.block = 16;
        run.n_predict = 6;
        GO(&run, seed);
        MUST(run.n_id == 0);
    }
    return NULL;
}

/* Full search: one step per token for all candidates, one row for the trunk's last token. */
const char *law_one_batch(uint64_t n) {
    static const char *const one[] = {"a", "b"};
    for (uint64_t seed = 0; seed < n; seed++) {
        letters(&run, one, 2, seed);
        forbid(&run, TOY_PHRASE, "x", SF_COST_UNIT);
        run.policy.mode = SUREFOOT_GUARD_FULL;
        run.policy.candidates = 8;
        run.policy.block = 4;
        run.n_predict = 16;
        GO(&run, seed);
        MUST(run.toy.steps == 15 && run.stats.evals == 3 * 8 + 3 * (1 + 3 * 8));
        run.policy.mode = SUREFOOT_GUARD_LAZY;
        GO(&run, seed);
        MUST(run.toy.steps == 15 && run.stats.evals == 15);
    }
    return NULL;
}

/* Beams are distinct: of equal candidates one stays. */
const char *law_no_twins(uint64_t n) {
    static const char *const part[] = {"a", "b", NULL};
    for (uint64_t seed = 0; seed < n; seed++) {
        letters(&run, part, 3, seed);
        run.toy.enumerate = true; /* candidates 0 1 2 3 draw a b a b */
        forbid(&run, TOY_PHRASE, "x", SF_COST_UNIT);
        run.policy.mode = SUREFOOT_GUARD_FULL;
        run.policy.candidates = 4;
        run.policy.keep = 2;
        run.policy.block = 1;
        run.with_reward = true;
        run.n_predict = 6;
        GO(&run, seed);
        MUST(run.toy.twins == 0);
    }
    return NULL;
}

/* A ledger that is spent ends the answer within its bound (a search that wastes rows: a mutant). */
const char *law_ledger(uint64_t n) {
    uint64_t spent = 0;
    for (uint64_t seed = 0; seed < n; seed++) {
        letters(&run, abx, 5, seed);
        forbid(&run, TOY_PHRASE, "ab", SF_COST_UNIT);
        run.policy.mode = SUREFOOT_GUARD_FULL;
        run.policy.candidates = 4;
        run.policy.block = 16;
        run.policy.retries = 0;
        run.n_predict = 100;
        GO(&run, seed);
        spent += run.status == SUREFOOT_E_LIMIT;
        if (run.status == SUREFOOT_E_LIMIT)
            MUST(run.stats.finish == SUREFOOT_FINISH_FALLBACK ||
                 run.stats.finish == SUREFOOT_FINISH_CUT);
    }
    return spent ? law_violation("ledger: spent in %llu answers", (unsigned long long)spent) : NULL;
}

/* Policies beyond the compile-time bounds, and a fallback text that costs, are refused by name. */
const char *law_refused(uint64_t n) {
    uint64_t seed = 0;
    SF_UNUSED(n);
#define REFUSED(change, what)                                                                      \
    do {                                                                                           \
        letters(&run, abx, N_ABX, 1);                                                              \
        forbid(&run, TOY_PHRASE, "xx", 1);                                                         \
        change;                                                                                    \
        MUST(!toy_go(&run));                                                                       \
        MUST(strstr(run.err.text, what) != NULL);                                                  \
    } while (0)
    REFUSED(run.policy.candidates = SF_GUARD_MAX_CANDIDATES + 1, "SF_GUARD_MAX_CANDIDATES");
    REFUSED(run.policy.block = SF_GUARD_MAX_BLOCK + 1, "SF_GUARD_MAX_BLOCK");
    REFUSED(run.policy.retries = SF_GUARD_MAX_RETRIES + 1, "SF_GUARD_MAX_RETRIES");
    REFUSED(run.policy.lag = SF_GUARD_MAX_LAG + 1, "SF_GUARD_MAX_LAG");
    REFUSED(run.cost.hold = SF_GUARD_MAX_HOLD + 1, "SF_GUARD_MAX_HOLD");
    REFUSED(run.policy.keep = 3, "divide");
    REFUSED(run.policy.budget = -1, "budget");
    REFUSED(run.policy.gamma = (double)NAN, "gamma");
    REFUSED(strcpy(run.policy.fallback, "a xx"), "fallback");
#undef REFUSED
    return NULL;
}

const struct law laws[] = {
#define SF_LAW(name, n) {#name, law_##name, n},
#include "laws.def"
#undef SF_LAW
};
const size_t n_laws = SF_COUNT(laws);
