/* SPDX-License-Identifier: MIT
 * mutant.h - places where the tests break the guard on purpose. SF_MUTANT(n, good, bad) is good.
 * Only in a test build that defines SF_MUTANT_ID as n is it bad; then a property test must fail,
 * or the test is worth nothing (the list with names: tests/property/mutants.def).
 */
#ifndef SF_MUTANT_H
#define SF_MUTANT_H

#ifdef SF_MUTANT_ID
#define SF_MUTANT(n, good, bad) (SF_MUTANT_ID == (n) ? (bad) : (good))
#else
#define SF_MUTANT(n, good, bad) (good)
#endif

#endif
