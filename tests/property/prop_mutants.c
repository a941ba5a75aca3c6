/* SPDX-License-Identifier: MIT
 * prop_mutants.c - the laws are tested: the guard, compiled with its mutation points, must keep all
 * of them when none is active, and break the named one when its mutant is.
 *     prop_mutants [N]     only mutant N, and say what the law found
 *     prop_mutants row N   every law that mutant N breaks
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>

#include "laws.h"

int sf_mutant;

static const struct broken {
    int n;
    const char *law, *what;
} broken[] = {
#define SF_GUARD_BROKEN(n, law, what) {n, law, what},
#include "mutants.def"
#undef SF_GUARD_BROKEN
};

static const char *ask(const char *name, int mutant) {
    const struct law *l = laws;
    while (l < laws + n_laws && strcmp(l->name, name) != 0) l++;
    if (l == laws + n_laws) fail_msg("there is no law '%s'", name);
    sf_mutant = mutant;
    const char *v = l->holds(l->n);
    sf_mutant = 0;
    return v;
}

static void healthy(void **state) {
    SF_UNUSED(state);
    for (size_t i = 0; i < n_laws; i++) {
        const char *v = ask(laws[i].name, 0);
        if (v) fail_msg("%s", v);
    }
}

/* A law that no mutant is named for was never seen to fail. */
static void every_law(void **state) {
    SF_UNUSED(state);
    for (size_t i = 0; i < n_laws; i++) {
        bool named = false;
        for (size_t k = 0; k < SF_COUNT(broken); k++)
            named |= strcmp(broken[k].law, laws[i].name) == 0;
        if (!named) fail_msg("no mutant is there for %s", laws[i].name);
    }
}

static void noticed(void **state) {
    const struct broken *b = *state;
    const char *v = ask(b->law, b->n);
    if (!v) fail_msg("mutant %d (%s) passes %s", b->n, b->what, b->law);
    print_message("           %d: %s\n           -> %s\n", b->n, b->what, v);
}

/* One row of the matrix law x mutant: the laws that mutant n breaks. */
static int row(int n) {
    printf("%d:", n);
    for (size_t i = 0; i < n_laws; i++) {
        const char *v = ask(laws[i].name, n);
        if (v) printf(" %s", laws[i].name);
        fflush(stdout);
    }
    printf("\n");
    return 0;
}

int main(int argc, char **argv) {
    if (argc > 2 && strcmp(argv[1], "row") == 0) return row(atoi(argv[2]));
    struct CMUnitTest tests[SF_COUNT(broken) + 2];
    int only = argc > 1 ? atoi(argv[1]) : -1;
    size_t n = 0;
    if (only <= 0) tests[n++] = (struct CMUnitTest){"no mutant", healthy, NULL, NULL, NULL};
    if (only < 0) tests[n++] = (struct CMUnitTest){"every law", every_law, NULL, NULL, NULL};
    for (size_t i = 0; i < SF_COUNT(broken); i++)
        if (only < 0 || only == broken[i].n)
            tests[n++] =
                (struct CMUnitTest){broken[i].what, noticed, NULL, NULL, (void *)&broken[i]};
    return _cmocka_run_group_tests("mutants", tests, n, NULL, NULL);
}
