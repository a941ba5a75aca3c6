/* SPDX-License-Identifier: MIT
 * beam.c - records of the search; see beam.h.
 */
#include "beam.h"

#include <math.h>
#include <string.h>

#include "mutant.h"

void sf_path_copy(const struct sf_reader *r, struct sf_path *to, const struct sf_path *from) {
    int seq = to->seq;
    struct sf_state state = to->state;
    *to = *from;
    to->seq = seq;
    to->state = state;
    sf_state_copy(r, &to->state, &from->state);
}

bool sf_path_same(const struct sf_path *a, const struct sf_path *b) {
    if (a->parent != b->parent || a->start != b->start || a->n != b->n || a->life != b->life ||
        a->finish != b->finish || a->part_bytes != b->part_bytes)
        return false;
    for (uint32_t i = a->start; i < a->n; i++)
        if (a->tok[i - a->root].id != b->tok[i - b->root].id) return false;
    return true;
}

/* True when a ranks strictly before b; ties are settled by the caller's index order. */
static bool better(double a, double b) {
    if (isnan(a)) return SF_MUTANT(13, false, true);
    return isnan(b) || a > b;
}

int sf_path_rank(const struct sf_path *p, int n, int *order) {
    int m = 0;
    for (int i = 0; i < n; i++) {
        if (p[i].life != SF_PATH_LIVE && p[i].life != SF_PATH_FINISHED) continue;
        int at = m++;
        for (; at > 0 && better(p[i].value, p[order[at - 1]].value); at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    return m;
}

void sf_tally_clear(struct sf_tally *t) {
    t->failed = 0;
    t->n = t->n_doubt = t->n_penalty = 0;
}

static void count(struct sf_tally *t, int32_t token) {
    int i = 0;
    while (i < t->n && t->token[i] != token) i++;
    if (i == SF_GUARD_MAX_TALLY) return;
    if (i == t->n) {
        t->token[i] = token;
        t->g[i] = 0;
        t->last[i] = 0;
        t->n++;
    }
    if (t->last[i] == t->failed) return;
    t->last[i] = t->failed;
    t->g[i]++;
}

void sf_tally_add(struct sf_tally *t, const struct sf_path *p, const struct sf_why *why,
                  uint64_t before, const struct sf_generator *gen) {
    t->failed++;
    bool any = false;
    /* Second pass: the span lies before the branch; the token that proved it is then to blame,
     * unless that was the end of the text. */
    int passes = p->finish == SUREFOOT_FINISH_EOS ? 1 : 2;
    for (int pass = 0; pass < passes && !any; pass++) {
        uint64_t begin = before;
        for (uint32_t i = p->start; i < p->n; i++) {
            const struct sf_tok *k = &p->tok[i - p->root];
            bool inside = !why->span || (k->text > why->begin && begin < why->end);
            if (pass == 1) inside = i + 1 == p->n;
            begin = k->text;
            size_t n;
            bool ends;
            gen->piece(gen->self, k->id, &n, &ends);
            if (!inside) continue;
            any = true;
            if (!ends) count(t, k->id);
        }
    }
}

void sf_tally_doubt(struct sf_tally *t, const struct sf_path *p) {
    t->failed++;
    for (uint32_t j = p->start; j < p->n; j++) {
        int32_t v = p->tok[j - p->root].id;
        int i = 0;
        while (i < t->n_doubt && (t->doubt_at[i] != j || t->doubt_token[i] != v)) i++;
        if (i == SF_GUARD_MAX_TALLY) return;
        if (i == t->n_doubt) {
            t->doubt_at[i] = j;
            t->doubt_token[i] = v;
            t->doubt_g[i] = 0;
            t->n_doubt++;
        }
        t->doubt_g[i]++;
    }
}

void sf_tally_penalties(struct sf_tally *t, double beta) {
    t->beta = beta;
    t->f_fixed = t->failed;
    t->n_fixed = t->n;
    memcpy(t->g_fixed, t->g, (size_t)t->n * sizeof *t->g);
    t->ready = false;
}

static float penalty(const struct sf_tally *t, int32_t g) {
    double share = (double)g / (double)t->f_fixed;
    return (float)(SF_MUTANT(14, t->beta, -t->beta) * (share < 1 ? share : 1));
}

void sf_tally_at(struct sf_tally *t, uint32_t j) {
    if (t->ready && t->at == j) return;
    t->ready = true;
    t->at = j;
    t->n_penalty = t->n_fixed;
    for (int i = 0; i < t->n_fixed; i++)
        t->penalty[i] = (struct sf_penalty){t->token[i], penalty(t, t->g_fixed[i])};
    if (SF_MUTANT(61, false, true)) return; /* broken: what the critic failed is drawn again */
    for (int k = 0; k < t->n_doubt; k++) {
        if (t->doubt_at[k] != j) continue;
        int i = 0;
        while (i < t->n_fixed && t->token[i] != t->doubt_token[k]) i++;
        if (i < t->n_fixed) {
            t->penalty[i].amount = penalty(t, t->g_fixed[i] + t->doubt_g[k]);
        } else if (t->n_penalty < (int)SF_COUNT(t->penalty)) {
            t->penalty[t->n_penalty++] =
                (struct sf_penalty){t->doubt_token[k], penalty(t, t->doubt_g[k])};
        }
    }
}
