/* SPDX-License-Identifier: MIT
 * prop_guard.c - the laws of the guard (docs/guard.md, G1 to G5) on scripted processes.
 *     prop_guard [TREES] [LAW] [FIRST]
 * TREES: how many random trees (default: a short run); FIRST: the first seed (default 0)
 */
#include "harness.h"

#include <stdlib.h>

#include "laws.h"

static uint64_t trees;
static const char *only;

static void law(void **state) {
    const struct law *l = *state;
    const char *v = l->holds(strcmp(l->name, "random_trees") == 0 && trees ? trees : l->n);
    if (v) fail_msg("%s", v);
}

int main(int argc, char **argv) {
    struct CMUnitTest tests[128];
    size_t n = 0;
    if (argc > 1) trees = strtoull(argv[1], NULL, 10);
    if (argc > 2) only = argv[2];
    if (argc > 3) law_first_seed = strtoull(argv[3], NULL, 10);
    for (size_t i = 0; i < n_laws; i++)
        if (!only || strcmp(only, laws[i].name) == 0)
            tests[n++] = (struct CMUnitTest){laws[i].name, law, NULL, NULL, (void *)&laws[i]};
    int failed = _cmocka_run_group_tests("guard", tests, n, NULL, NULL);
    const struct law_seen *s = &law_seen;
    printf(
        "%llu trees: %llu tokens delivered, %llu rows, %llu branches, %llu drops, %llu retries, "
        "%llu tokens revoked, %llu fallbacks, %llu cuts, %llu faults, %llu ledgers spent, "
        "%llu undisturbed; by critics %llu branches, %llu candidates doubted, %llu of them kept\n",
        (unsigned long long)s->trees, (unsigned long long)s->delivered,
        (unsigned long long)s->evals, (unsigned long long)s->branches, (unsigned long long)s->drops,
        (unsigned long long)s->retries, (unsigned long long)s->revoked,
        (unsigned long long)s->fallbacks, (unsigned long long)s->cuts,
        (unsigned long long)s->faults, (unsigned long long)s->ledger,
        (unsigned long long)s->undisturbed, (unsigned long long)s->doubts,
        (unsigned long long)s->doubted, (unsigned long long)s->kept_doubted);
    printf("finish:");
    for (int f = 0; f < 9; f++) printf(" %d:%llu", f, (unsigned long long)s->finish[f]);
    printf("\n");
    return failed;
}
