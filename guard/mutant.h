/* SPDX-License-Identifier: MIT
 * mutant.h - places where the tests break the guard on purpose. SF_MUTANT(n, good, bad) is good.
 * Only in the test build with SF_MUTANTS, when sf_mutant is n, it is bad; then a law must notice, or
 * its test is worth nothing (the list: tests/property/mutants.def).
 */
#ifndef SF_MUTANT_H
#define SF_MUTANT_H

#ifdef SF_MUTANTS
extern int sf_mutant; /* 0: none */
#define SF_MUTANT(n, good, bad) (sf_mutant == (n) ? (bad) : (good))
#else
#define SF_MUTANT(n, good, bad) (good)
#endif

#endif
