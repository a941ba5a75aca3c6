/* SPDX-License-Identifier: MIT
 * budget.h - the compute budget, fixed at compile time (CMake cache variables of the same names).
 * A policy may only lower these. `surefoot guard budget` prints them.
 */
#ifndef SF_GUARD_BUDGET_H
#define SF_GUARD_BUDGET_H

#ifndef SF_GUARD_MAX_CANDIDATES
#define SF_GUARD_MAX_CANDIDATES 8 /* N: candidates of one decision */
#endif
#ifndef SF_GUARD_MAX_BLOCK
#define SF_GUARD_MAX_BLOCK 32 /* d: tokens of a block; also bounds w and held-back tokens */
#endif
#ifndef SF_GUARD_MAX_RETRIES
#define SF_GUARD_MAX_RETRIES 2 /* M: retry rounds of one decision */
#endif
#ifndef SF_GUARD_MAX_HOLD
#define SF_GUARD_MAX_HOLD 256 /* bytes the settled length may lag behind the text */
#endif
#define SF_GUARD_MAX_LAG 2 /* K > 1: blocks before a block of the best beam is kept */
/* Tokens one path of the search may hold past the delivered text: held-back tokens, `lag` blocks
 * and the block in progress, the token that made it unsafe, one that a critic has not seen yet. */
#define SF_GUARD_MAX_TOKENS ((2 + SF_GUARD_MAX_LAG) * SF_GUARD_MAX_BLOCK + 4)
/* B = 1 + N (2 + M): base model rows per delivered token, amortised (G4). */
#define SF_GUARD_MAX_EVALS_PER_TOKEN (1 + SF_GUARD_MAX_CANDIDATES * (2 + SF_GUARD_MAX_RETRIES))

_Static_assert(SF_GUARD_MAX_CANDIDATES >= 1 && SF_GUARD_MAX_CANDIDATES <= 128, "N is 1..128");
_Static_assert(SF_GUARD_MAX_BLOCK >= 1 && SF_GUARD_MAX_BLOCK <= 64, "d is 1..64");
_Static_assert(SF_GUARD_MAX_RETRIES >= 0 && SF_GUARD_MAX_RETRIES <= 8, "M is 0..8");
_Static_assert(SF_GUARD_MAX_HOLD >= 16 && SF_GUARD_MAX_HOLD <= 4096, "hold-back is 16..4096 bytes");

#endif
