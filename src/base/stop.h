/* SPDX-License-Identifier: MIT
 * stop.h - stop strings, matched byte by byte as text arrives. The state is small and is copied with
 * a beam. The text ends before the first stop string that completes.
 */
#ifndef SF_STOP_H
#define SF_STOP_H

#include "base.h"

enum { SF_MAX_STOPS = 16, SF_MAX_STOP_BYTES = 128 };

struct sf_stops { /* the strings (not owned) and their failure tables (Knuth, Morris, Pratt) */
    size_t n;
    const char *s[SF_MAX_STOPS];
    uint8_t len[SF_MAX_STOPS];
    uint8_t fail[SF_MAX_STOPS][SF_MAX_STOP_BYTES];
};
struct sf_stop_state {
    uint8_t at[SF_MAX_STOPS]; /* bytes of each string matched by the end of the text */
};

/* E_USAGE: too many, empty or too long. */
surefoot_status sf_stops_init(struct sf_stops *t, const char *const *stop, size_t n,
                              surefoot_error *err);
/* Feeds n bytes. True when a string completes: *end = bytes of this piece up to and with its last,
 * *len = its length (the longest of those that end there); the state is then of no further use. */
bool sf_stop_feed(const struct sf_stops *t, struct sf_stop_state *s, const char *bytes, size_t n,
                  size_t *end, size_t *len);
/* Bytes at the end of the text that may become a stop string: they must not be shown yet. */
size_t sf_stop_pending(const struct sf_stops *t, const struct sf_stop_state *s);

#endif
